#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# reference.sh ROOT - the comments of the public headers: each function that can fail names its errors,
# each that makes something says whose it is; Doxygen makes the reference of them without a warning.
cd "$1" || exit 1
. tests/support/skip.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

awk '
    function wrong(what) { printf "%s:%d: %s %s\n", FILENAME, FNR, name, what; bad++ }
    /^\/\*/ { comment = "" }
    /^\/\*/, /\*\// { comment = comment " " $0; gsub(/ +\* /, " ", comment); next }
    /^PI0_API/ {
        functions++
        match($0, /pi0_[a-z0-9_]*\(/)
        name = substr($0, RSTART, RLENGTH - 1)
        declaration = $0
        while (declaration !~ /;/ && (getline line) > 0) declaration = declaration line
        if (comment == "") wrong("has no comment")
        if (declaration ~ /pi0_error \*err\)/ && comment !~ /PI0_E|[Ee]rrors: as|and errors/)
            wrong("does not name its errors")
        if (declaration ~ /\*\*[a-z]/ && comment !~ /is the caller/)
            wrong("does not say whose the result is")
        if (declaration ~ /^PI0_API const char/ && comment !~ /string|NULL|The client/)
            wrong("does not say whose the text is")
        if (comment ~ /Source:/) sources++
        comment = ""
    }
    /^$/ { comment = "" }
    END {
        printf "%d functions, %d with their source in openpi or LeRobot, %d wrong\n", functions,
               sources, bad
        exit !(functions > 40 && sources > 10 && !bad)
    }' include/pi0.h include/pi0_client.h || exit 1

command -v doxygen >/dev/null || skip "doxygen is not installed (scripts/setup.sh tests does that)"
sh scripts/reference.sh "$work" || exit 1
pages=$(find "$work/html" -name '*.html' | wc -l)
echo "$pages pages"
[ "$pages" -gt 20 ]
