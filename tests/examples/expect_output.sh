#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# expect_output.sh REGEX... -- COMMAND... - the command succeeds and prints a line for each of them
# (basic regular expressions). What it prints is shown.
out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT
patterns=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    patterns="$patterns$1
"
    shift
done
shift
"$@" >"$out"
status=$?
cat "$out"
[ $status -eq 0 ] || { echo "exit status $status"; exit 1; }
printf '%s' "$patterns" | {
    missing=0
    while IFS= read -r pattern; do
        grep -q -e "$pattern" "$out" || { echo "no line like: $pattern"; missing=1; }
    done
    exit $missing
}
