#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs.sh ROOT PI0 CC - what the documents, all *.md of the tree, name is there:
#   `a/path` and `name.c` (.h .md .txt .json .sh .cmake)  a file of the tree, or foreign_paths.txt
#   [text](path)                                  a file of the tree
#   pi0 SUB --option, as `code` or in a sh block  listed by "pi0 --help" and "pi0 SUB --help"
#   make TARGET NAME=...                          a target and a variable of the Makefile
#   cmake --preset NAME, -DPI0_NAME=              a preset, an option
#   a C block with #include "pi0.h"               compiles without a warning
cd "$1" || exit 1
pi0=$2 cc=$3 here=tests/checks
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL

find . \( -name .git -o -path './build*' -o -path ./out \) -prune -o -type f -print |
    sed 's|^\./||' | sort >"$work/files"
sed 's|.*/||' "$work/files" | sort -u >"$work/names"
# (no blanks in the names of files)
# shellcheck disable=SC2046
set -- $(grep '\.md$' "$work/files")
[ $# -gt 0 ] || { echo "no documents"; exit 1; }
"$pi0" --help >"$work/help" 2>&1 || { echo "pi0 --help fails"; exit 1; }

# records "kind<tab>file:line<tab>text"; C blocks go to files of their own
awk -v work="$work" -f $here/markdown.awk "$@" >"$work/records" || exit 1

wrong() {
    echo "$where: $1"
    echo x >>"$work/wrong"
}
count() { echo x >>"$work/$1"; }

# ---- paths ---------------------------------------------------------------------------------
foreign() {
    while read -r pattern; do
        case $pattern in '' | '#'*) continue ;; esac
        # shellcheck disable=SC2254
        case $1 in $pattern) return 0 ;; esac
    done <$here/foreign_paths.txt
    return 1
}
exists() {
    # shellcheck disable=SC2086
    for place in "" "${where%%:*}" src/ include/; do
        case $place in *.md) case $place in */*) place=${place%/*}/ ;; *) place= ;; esac ;; esac
        set -- "$1" $place$1
        [ -e "$2" ] && return 0
    done
    case $1 in */*) return 1 ;; esac
    grep -qxF -e "$1" "$work/names"
}
check_path() {
    path=${1%%:[0-9]*}
    case $path in
    # a placeholder, a product of the build, another machine's folder, an address, a fraction
    *[!A-Za-z0-9_./*+-]* | -* | /* | build/* | out/* | ./build/* | [A-Z]/* | */[A-Z]) return ;;
    [a-z0-9]/[a-z0-9] | [0-9]*/[0-9]*) return ;;
    */* | *.c | *.h | *.cc | *.md | *.txt | *.json | *.sh | *.cmake) ;;
    *) return ;;
    esac
    # DIR/model.safetensors
    case /$path/ in */[A-Z][A-Z]*/*)
        if echo "$path" | grep -qE '(^|/)[A-Z]{2,}(/|$)'; then return; fi ;;
    esac
    count paths
    exists "$path" || foreign "$path" || wrong "\"$path\" is not in the tree"
}

# ---- commands ------------------------------------------------------------------------------
check_pi0() {
    shift
    help=$work/help name=pi0
    case ${1-} in
    '' | -*) ;;
    [a-z]*)
        count commands
        if ! grep -qE "^[ \t]+(pi0 )?$1([ \t]|\$)" "$work/help"; then
            wrong "\"pi0 --help\" does not list \"$1\""
            return
        fi
        name="pi0 $1" help=$work/help_$1
        [ -f "$help" ] || "$pi0" "$1" --help >"$help" 2>&1 || wrong "\"pi0 $1 --help\" fails"
        ;;
    *) return ;;
    esac
    for word; do
        word=$(printf '%s\n' "$word" | sed -n 's/^\[*\(--[a-z][a-z0-9-]*\).*/\1/p')
        [ -n "$word" ] || continue
        count options
        grep -qE -e "(^|[^a-z-])$word([^a-z0-9-]|\$)" "$help" || [ "$word" = --help ] ||
            wrong "\"$name --help\" does not know $word"
    done
}
check_make() {
    shift
    for word; do
        case $word in
        -* | *[!A-Za-z0-9_=./-]*) ;;
        *=*) grep -qE "^${word%%=*} *\??=" Makefile || wrong "the Makefile has no ${word%%=*}" ;;
        *)
            count targets
            grep -qE "^([a-z-]+ )*$word( [a-z-]+)*:" Makefile || wrong "there is no make $word"
            ;;
        esac
    done
}
check_cmake() {
    while [ $# -gt 0 ]; do
        case $1 in
        --preset)
            grep -q "\"name\": \"${2-}\"" CMakePresets.json || wrong "there is no preset ${2-}"
            ;;
        -DPI0_*)
            option=${1#-D} option=${option%%=*}
            grep -qE "(option|set)\(${option}[ )]" CMakeLists.txt || wrong "there is no option $option"
            ;;
        esac
        shift
    done
}
check_command() {
    # shellcheck disable=SC2086
    set -- $1
    while [ $# -gt 0 ]; do
        case $1 in '$' | sudo | *=*) shift ;; *) break ;; esac
    done
    case ${1-} in
    pi0 | */pi0) check_pi0 "$@" ;;
    make) check_make "$@" ;;
    cmake | ctest) check_cmake "$@" ;;
    sh | ./*) [ "${1}" = sh ] && check_path "${2-}" || check_path "${1#./}" ;;
    esac
}

set -f
tab=$(printf '\t')
while IFS=$tab read -r kind where text; do
    case $kind in
    span)
        case $text in
        *' '*) check_command "$text" ;;
        *) check_path "$text" ;;
        esac
        ;;
    command) check_command "$text" ;;
    link)
        count links
        exists "$text" || wrong "link to \"$text\", which is not in the tree"
        ;;
    code)
        count examples
        "$cc" -std=c11 -Wall -Wextra -Werror -Iinclude -fsyntax-only "$text" ||
            wrong "the example does not compile"
        ;;
    esac
done <"$work/records"

total() { if [ -f "$work/$1" ]; then wc -l <"$work/$1"; else echo 0; fi; }
for kind in paths commands options targets links examples; do
    echo "$(total $kind) $kind"
done
echo "$(total wrong) wrong"
[ -f "$work/paths" ] && [ -f "$work/commands" ] && [ -f "$work/targets" ] && [ ! -f "$work/wrong" ]
