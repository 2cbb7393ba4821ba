#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# exports.sh HEADER LIBRARY - the shared library exports exactly the functions that the header
# declares with PI0_API.
header=$1 library=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# the first name before "(" after each PI0_API that is not its definition
grep -v '^#' "$header" | tr '\n' ' ' | sed 's/PI0_API/\n&/g' |
    sed -n 's/^PI0_API[^(;]*[ *]\(pi0_[a-z0-9_]*\)(.*/\1/p' | LC_ALL=C sort >"$work/declared"
declared=$(wc -l <"$work/declared")
marked=$(grep -c '^PI0_API' "$header")
nm -D --defined-only "$library" | awk '{ sub(/@.*/, "", $NF); print $NF }' |
    LC_ALL=C sort >"$work/exported"

echo "$declared functions declared, $(wc -l <"$work/exported") symbols exported"
[ "$declared" -gt 0 ] || exit 1
if [ "$declared" -ne "$marked" ]; then
    echo "$marked lines begin with PI0_API, but $declared functions were read"
    exit 1
fi
# what is only in one of the two lists
diff "$work/declared" "$work/exported" | sed -n 's/^</declared, not exported:/p
                                                s/^>/exported, not declared:/p' >"$work/wrong"
cat "$work/wrong"
[ ! -s "$work/wrong" ]
