#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build_alone.sh BUILD LIBDIR CMAKE CC CXX - what the head of each example says is done, word by
# word, against an installed libpi0: the commands that build it alone, and those that run it. Then
# the program of README.md. (pi0 serve gets any free port instead of 8000.)
build=$1 libdir=$2 cmake=$3 cc=$4 cxx=$5
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/command/serving.sh"

# ---- a user's machine: pi0 installed, the source tree at hand ---------------------------------
prefix=$work/prefix tree=$work/tree
mkdir "$work/bin" "$tree"
ln -s "$cc" "$work/bin/cc"
ln -s "$cxx" "$work/bin/c++"
ln -s "$root/examples" "$root/demo" "$tree"
"$cmake" --install "$build" --prefix "$prefix" >/dev/null || { echo "cmake --install fails"; exit 1; }
PATH=$work/bin:$prefix/bin:$PATH LD_LIBRARY_PATH=$prefix/$libdir
PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
export PATH LD_LIBRARY_PATH PKG_CONFIG_PATH
cd "$tree" || exit 1

# the first indented lines of a file's head
commands() {
    awk '/^ \*     / { sub(/^ \* */, ""); print; seen = 1; next } seen { exit }' "$1"
}

n=0
for source in examples/*.c examples/*/*.c examples/*/*.cc; do
    commands "$source" >"$work/commands"
    [ -s "$work/commands" ] || continue
    n=$((n + 1))
    url=
    if grep '^pi0 serve' "$work/commands" >"$work/serve"; then
        # the words of the command, but for the "&" at its end
        # shellcheck disable=SC2046
        start server $(sed 's/&$//' "$work/serve") --port 0
        sed "/^pi0 serve/d; s|ws://127.0.0.1:8000|$url|" "$work/commands" >"$work/others"
        mv "$work/others" "$work/commands"
    fi
    check "$source" sh -e "$work/commands"
    cat "$work/log"
    [ -z "$url" ] || check "the server stops" stop "$pid" 0
done

# ---- README.md ---------------------------------------------------------------------------------
sed -n '/^```c$/,/^```$/{/^```/d;p}' "$root/README.md" >"$work/readme.c"
if grep -q 'int main' "$work/readme.c"; then
    # shellcheck disable=SC2046
    check "README.md builds" cc -std=c11 -Wall -Wextra -Werror "$work/readme.c" -o "$work/readme" \
        $(pkg-config --cflags --libs pi0)
    check "README.md runs" "$work/readme"
    cat "$work/log"
fi
echo "$n examples built alone, $failed failed"
[ $n -gt 0 ] && [ $failed -eq 0 ]
