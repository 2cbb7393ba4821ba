#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_completion.sh - bash and zsh complete what the command in $PI0 has: every option of every
# subcommand, and in a terminal what a user would see. Without zsh: bash alone, and it says so.
cd "$(dirname "$0")/../.." || exit 1
. tests/support/skip.sh
completions=$PWD/packaging/completions failed=0 skipped=
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
PATH=${PI0%/*}:$PATH
export PATH

# each "--name" that a help page begins a line with
n=0
for sub in $("$PI0" --help=options | cut -f 2); do
    "$PI0" "$sub" --help | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p' >"$work/names"
    { cat "$work/names"; echo --help; } | sort >"$work/expected"
    bash -c '. "$1" && COMP_WORDS=(pi0 "$2" --) COMP_CWORD=2 && _pi0 pi0 &&
        printf "%s\n" "${COMPREPLY[@]}"' bash "$completions/pi0.bash" "$sub" | sort >"$work/offered"
    if diff "$work/expected" "$work/offered"; then
        n=$((n + $(wc -l <"$work/offered")))
    else
        echo "FAILED pi0 $sub: bash offers other options than help shows"
        failed=1
    fi
done
echo "$n options offered by bash"
[ "$n" -gt 0 ] || failed=1

for shell in bash zsh; do
    if ! command -v $shell >/dev/null; then
        skipped=$shell
        continue
    fi
    python3 tests/command/complete.py $shell "$PI0" "$completions" || failed=1
done
[ $failed -eq 0 ] || exit 1
[ -z "$skipped" ] || skip "$skipped is not installed (scripts/setup.sh tests does that)"
