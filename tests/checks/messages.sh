#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# messages.sh ROOT - docs/TROUBLESHOOTING.md has an entry for each message that src and tools can
# make, and no entry without a message. An entry quotes a part of the message, with "…" for what is
# put in at run time, or for the rest: the message contains it, letter for letter. Messages that are another's words
# ("%s: %s") have none; message_wrappers.txt lists them.
cd "$1" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL

# shellcheck disable=SC2046
awk -f tests/checks/messages.awk $(find src tools \( -name '*.c' -o -name '*.cc' \) | sort) \
    >"$work/messages"
awk -f tests/checks/messages.awk docs/TROUBLESHOOTING.md >"$work/entries"

awk -F '\t' '
    # letters that say something
    function letters(text) { gsub(/…|[^A-Za-z]/, "", text); return length(text) }
    FILENAME ~ /wrappers/ {
        if ($0 !~ /^#/ && $0 != "") wrapper[$0] = FILENAME ":" FNR
        next
    }
    FILENAME ~ /entries/ {
        # a last "…": it goes on
        sub(/…$/, "", $2)
        entry[++entries] = $2
        place[entries] = $1
        if (letters($2) < 5) { printf "%s: \"%s\" says too little\n", $1, $2; bad++ }
        next
    }
    {
        messages++
        file = $1
        sub(/:[0-9]*$/, "", file)
        if ((file " " $2) in wrapper) { seen[file " " $2]; next }
        found = 0
        for (i = 1; i <= entries; i++) if (index($2, entry[i])) { used[i]; found = 1 }
        if (!found) { printf "%s: no entry in docs/TROUBLESHOOTING.md: %s\n", $1, $2; bad++ }
    }
    END {
        for (i = 1; i <= entries; i++) if (!(i in used)) {
            printf "%s: no message contains \"%s\"\n", place[i], entry[i]
            bad++
        }
        for (w in wrapper) if (!(w in seen)) { printf "%s: no such message\n", wrapper[w]; bad++ }
        printf "%d messages, %d entries, %d wrong\n", messages, entries, bad
        exit !(messages > 500 && entries > 100 && !bad)
    }' tests/checks/message_wrappers.txt "$work/entries" "$work/messages"
