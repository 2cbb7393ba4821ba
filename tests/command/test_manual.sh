#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_manual.sh - the manual pages of the command in $PI0: one for each subcommand, with every option
# that its help page has, and nothing that mandoc or groff would warn of.
cd "$(dirname "$0")/../.." || exit 1
. tests/support/skip.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n=0 bad=0 skipped=
wrong() {
    echo "FAILED $1"
    bad=$((bad + 1))
}

# names of options as the page has them, in bold: \fB\-\-cpu\-mask\fR
options_of() { sed -n 's/^\\fB\\-\\-\([a-z0-9\\-]*\)\\fR.*/--\1/p' "$1" | sed 's/\\//g' | sort -u; }

"$PI0" --help=man >"$work/pi0.1" || wrong "pi0 --help=man"
for sub in $("$PI0" --help=options | cut -f 2); do
    page=$work/pi0-$sub.1
    "$PI0" "$sub" --help=man >"$page" || wrong "pi0 $sub --help=man"
    grep -qF "BR pi0\\-$sub (1)" "$work/pi0.1" || wrong "pi0(1) does not name pi0-$sub(1)"
    for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
        grep -qx ".SH $section" "$page" || wrong "pi0-$sub(1) has no section $section"
    done
    {
        "$PI0" "$sub" --help | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p'
        echo --help
    } | sort >"$work/expected"
    options_of "$page" | grep -v -x -e '--help=man' >"$work/options"
    diff "$work/expected" "$work/options" || wrong "pi0-$sub(1) has other options than its help page"
    n=$((n + $(wc -l <"$work/options")))
done
echo "$(find "$work" -name '*.1' | wc -l) pages, $n options"
[ "$n" -gt 0 ] || bad=1

# what two formatters say
for page in "$work"/*.1; do
    if command -v mandoc >/dev/null; then
        mandoc -T lint "$page" || wrong "${page##*/}: mandoc warns"
    else
        skipped=mandoc
    fi
    if command -v groff >/dev/null; then
        groff -man -ww -Tutf8 -z "$page" 2>"$work/warnings"
        ! grep . "$work/warnings" || wrong "${page##*/}: groff warns"
    else
        skipped=groff
    fi
done
[ $bad -eq 0 ] || exit 1
[ -z "$skipped" ] || skip "$skipped is not installed (scripts/setup.sh tests does that)"
