# SPDX-License-Identifier: Apache-2.0
# tools.sh - read by the scripts beside it, which run the command whose path is in $PI0: goes to the
# source tree, makes a folder $work that is removed at the end, builds the tests' own programs into it.
pi0=${PI0-}
cd "$(dirname "$0")/../.." || exit 2
[ -x "$pi0" ] || { echo "PI0 is not the path of the command: \"$pi0\"" >&2; exit 2; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
helper=$work/helper

# caches in which a tokenizer might lie
mkdir "$work/home" && HOME=$work/home && export HOME
unset OPENPI_DATA_HOME HF_HOME HF_HUB_CACHE XDG_CACHE_HOME

# ---- tools of the tests ----------------------------------------------------------------------

. tests/support/check.sh

# expect NAME STATUS TEXT command...: it ends with STATUS and says TEXT (a fixed string)
expect() {
    expected_name=$1 expected=$2 expected_text=$3
    shift 3
    "$@" >"$work/out" 2>"$work/err"
    found=$?
    cat "$work/out" "$work/err" >"$work/log"
    echo "(exit status $found, expected $expected and: $expected_text)" >>"$work/log"
    if [ $found -eq "$expected" ] && cat "$work/out" "$work/err" | grep -qF -e "$expected_text"; then
        ok "$expected_name"
    else
        failed "$expected_name"
    fi
}

value() { "$helper" json "$1" <"$work/out" 2>&1; }
is() { [ "$1" = "$2" ] || { echo "$1, expected $2"; false; }; }

library="src/data/safetensors.c src/data/st_header.c src/data/json.c src/data/npy.c
    src/data/npy_write.c src/core/error.c src/core/file.c"
flags="-std=c11 -D_DEFAULT_SOURCE -O1 -Iinclude -Isrc -Itools"
# shellcheck disable=SC2086
${CC:-cc} $flags tests/command/helper.c $library -o "$helper" -ljansson -lpng -lm &&
    ${CC:-cc} $flags tests/command/check_image.c tools/image_*.c $library -o "$work/check_image" \
        -ljansson -lpng -ljpeg || { echo "FAILED to build the tests' own programs"; exit 1; }

