#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_quickstart.sh - what docs/QUICKSTART.md tells to type, typed: each block of commands is run by
# the command in $PI0, and prints what the page shows below it. Not compared are lines with fractions
# (numbers, times) and those that name this machine.
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
PATH=${PI0%/*}:$PATH HOME=$work
export PATH HOME
unset OPENPI_DATA_HOME HF_HOME HF_HUB_CACHE XDG_CACHE_HOME
# a port that is hardly taken, and a folder that others do not have
port=$((20000 + $$ % 20000))

# block N into $work/N.sh, the indented lines behind it into $work/N.txt
awk -v work="$work" '
    /^```sh$/ { n++; inside = 1; next }
    /^```$/ { inside = 0; next }
    inside { print >(work "/" n ".sh"); next }
    /^#/ || /^\*\*/ || /^[(A-Z`].*[.:]$/ { shown = 0; if (!/^    /) stopped = n }
    /^    / && n > stopped { print substr($0, 5) >(work "/" n ".txt") }
' docs/QUICKSTART.md

ran=0 lines=0 bad=0
for script in "$work"/*.sh; do
    # how pi0 is built
    if grep -q '^make' "$script"; then continue; fi
    sed "s/8000/$port/g; s/pi0 serve/& --port $port/; s|/tmp/pi05-tiny|$work/tiny|g" "$script" >"$work/run"
    # a doctor who warns ends with 1
    timeout 300 sh "$work/run" >"$work/out" 2>&1
    status=$?
    ran=$((ran + 1))
    if [ $status -gt 1 ] || { [ $status -eq 1 ] && ! grep -q '^pi0 doctor' "$script"; }; then
        echo "FAILED with status $status:"
        sed 's/^/    /' "$script" "$work/out"
        bad=$((bad + 1))
    fi
    sed "s/$port/8000/g; s|$work/tiny|/tmp/pi05-tiny|g" "$work/out" >"$work/said"
    [ -f "${script%.sh}.txt" ] || continue
    grep -v -e '[0-9]\.[0-9]' -e 'instruction set' -e '^ *\.\.\.$' -e '^$' "${script%.sh}.txt" >"$work/shown"
    while IFS= read -r line; do
        lines=$((lines + 1))
        if ! grep -qF -e "$line" "$work/said"; then
            echo "FAILED: docs/QUICKSTART.md shows \"$line\" below"
            sed 's/^/    /' "$script"
            bad=$((bad + 1))
        fi
    done <"$work/shown"
done
echo "$ran blocks run, $lines lines compared, $bad wrong"
[ $ran -ge 7 ] && [ $lines -gt 20 ] && [ $bad -eq 0 ]
