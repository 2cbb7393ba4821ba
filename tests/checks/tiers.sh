#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tiers.sh ROOT - the tiers of scripts/test.sh are those that CONTRIBUTING.md explains and that
# continuous integration runs, each once.
cd "$1" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL

sh scripts/test.sh --list | tr ' ' '\n' | sort >"$work/tiers"
# the rows of the table below "| tier |"
# shellcheck disable=SC2016
sed -n '/^| tier |/,/^$/s/^| \(`.*`\) |.*/\1/p' CONTRIBUTING.md | tr -d '\140,' | tr ' ' '\n' |
    sort >"$work/explained"
# the items of the matrix
sed -n '/^ *tier:$/,/^ *steps:/s/^ *- //p' .github/workflows/ci.yml | tr ' ' '\n' | sort >"$work/run"

bad=0
for list in explained run; do
    if ! diff "$work/tiers" "$work/$list" >"$work/diff"; then
        echo "tiers (<) and those that are $list (>):"
        grep '^[<>]' "$work/diff"
        bad=1
    fi
done
echo "$(wc -l <"$work/tiers") tiers"
[ -s "$work/tiers" ] && [ $bad -eq 0 ]
