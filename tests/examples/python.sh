#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# python.sh LIBRARY CC - the Python package: its structs beside include/pi0.h, by the compiler; then,
# installed by pip into a virtual environment, beside the command, whose path is in $PI0.
library=$1 cc=$2
root=$(cd "$(dirname "$0")/../.." && pwd) here=$root/tests/command
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
. "$root/tests/support/check.sh"

# ---- the header: needs nothing but Python ---------------------------------------------------------
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
cp -r "$root/examples/python" "$work/package"
if command -v python3 >/dev/null; then
    python3 "$root/tests/examples/python_header.py" "$work/package" "$root/include/pi0.h" "$cc" "$work" ||
        failed "structs and functions as in pi0.h"
fi

# ---- installed ------------------------------------------------------------------------------------
. "$here/openpi_venv.sh"
site=$work/site python=$venv/bin/python
# (pip fetches setuptools to build it with)
pip_install --no-deps --target "$site" "$work/package" 2>"$work/log" || {
    tail -5 "$work/log"
    grep -qi "could not find a version\|connection" "$work/log" && skip "the package index is not reached"
    echo "FAILED pip install"
    exit 1
}
PYTHONPATH=$site
export PYTHONPATH
find_it() { # VARIABLE...: which library the package takes
    (cd "$work" && env "$@" "$python" -c 'import pi0; print(pi0.library_path())') >"$work/found" 2>&1
    found=$?
}
find_it "PI0_LIBRARY=$library"
check "by PI0_LIBRARY" grep -x "$library" "$work/found"
find_it "LD_LIBRARY_PATH=$(dirname "$library")"
check "by the linker" test $found -eq 0
printf 'libdir=%s\nName: pi0\nDescription: x\nVersion: 0\n' "$(dirname "$library")" >"$work/pi0.pc"
find_it "PKG_CONFIG_PATH=$work"
check "by pkg-config" grep "libpi0.so.0" "$work/found"
cp "$library" "$site/pi0/libpi0.so.0"
find_it
check "a library beside the package" grep -x "$site/pi0/libpi0.so.0" "$work/found"
refused() { # NAME LIBRARY WORDS
    find_it "PI0_LIBRARY=$2"
    check "$1: not taken" test $found -ne 0
    check "$1: why" grep "^OSError: $2.*$3" "$work/found"
}
refused "a library that is not there" /nonexistent/libpi0.so ""
echo 'const char *pi0_version(void) { return "0.9.1"; }' >"$work/other.c"
"$cc" -shared -fPIC "$work/other.c" -o "$work/other.so" && refused "another version" "$work/other.so" "0\.9\.1"
echo 'int nothing;' >"$work/other.c"
"$cc" -shared -fPIC "$work/other.c" -o "$work/none.so" && refused "another library" "$work/none.so" "not libpi0"
rm "$site/pi0/libpi0.so.0"

# ---- at work --------------------------------------------------------------------------------------
PI0_LIBRARY=$library
export PI0_LIBRARY
"$python" "$root/tests/examples/python_policy.py" "$PI0" "$root" "$work" || failed "the policy"
sh "$root/tests/examples/expect_output.sh" "^row  6: hand to 0\.2[4-9] 0\.3[4-9]," \
    "^InvalidArgument: observation.images.top: a picture of shape" -- \
    "$python" "$root/examples/python/act.py" "$root/demo/place" || failed "examples/python/act.py"
echo "$failed failed"
exit $((failed > 0))
