#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sizes.sh ROOT - no function longer than 60 lines, no file longer than 600, no line longer than
# 100 columns, no two files of one name. A file named tables.* may be as long as its data are.
cd "$1" || exit 1
files=$(find include src demo tools examples tests bench \
    \( -name '*.[ch]' -o -name '*.cc' -o -name '*.hpp' \) -type f 2>/dev/null)
[ -n "$files" ] || { echo "no files"; exit 1; }
status=0

# a function's body starts with "{" in the first column and ends with "}" there; so does a namespace
# or a class
# shellcheck disable=SC2086
LC_ALL=C awk '
    FNR == 1 { files++; body = 0 }
    { line = $0; gsub(/[\200-\277]/, "", line) }  # bytes that continue a character
    length(line) > 100 { printf "%s:%d: longer than 100 columns\n", FILENAME, FNR; bad++ }
    FNR == 601 && FILENAME !~ /\/tables\./ { printf "%s: longer than 600 lines\n", FILENAME; bad++ }
    /^{/ && before !~ /^(namespace|class|template)/ { body = FNR; functions++ }
    /^}/ && body {
        if (FNR - body - 1 > 60) {
            printf "%s:%d: a function of %d lines\n", FILENAME, body, FNR - body - 1
            bad++
        }
        body = 0
    }
    { before = $0 }
    END {
        printf "%d files, %d functions, %d wrong\n", files, functions, bad
        exit !(functions > 0 && bad == 0)
    }' $files || status=1

twice=$(for file in $files; do echo "${file##*/}"; done | sort | uniq -d)
if [ -n "$twice" ]; then
    echo "two files of one name:" $twice
    status=1
fi
exit $status
