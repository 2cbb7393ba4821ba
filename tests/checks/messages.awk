# SPDX-License-Identifier: Apache-2.0
# messages.awk - what messages.sh compares. Of C files: each message that they can make, a line
# "file:line<tab>message"; of Markdown: each message in the first column of a table, the same. What is
# put in at run time is "…" in both.

BEGIN {
    # whoever takes a format of a message; errors of src/data/st_header.c go through bad()
    makers = "pi0_fail|pi0_fail_errno|pi0_usage_error|pi0_notice|pi0_warn|pi0_policy_warn|pi0_log|" \
             "pi0_st_fail|pi0_verify_fail|pi0_serve_send_error"
}

# "%.*s: %zu bytes" to "…: … bytes"
function plain(format)
{
    gsub(/\\"/, "\"", format)
    gsub(/%[-+ #0-9.*]*(ll|l|z|h|j|t)?[a-zA-Z]/, "…", format)
    gsub(/%%/, "%", format)
    return format
}

# the literal that begins at text[at], with those that follow it; sets at to what comes then
function literal(    c, all, name)
{
    all = ""
    for (;;) {
        # to the closing quote
        for (at++; (c = substr(text, at, 1)) != "\""; at++) {
            all = all c
            if (c == "\\") all = all substr(text, ++at, 1)
        }
        # another one, with a macro between them or none: PRIu64 ends a conversion, others are words
        at++
        match(substr(text, at, 200), /^[ \t\n]*/)
        at += RLENGTH
        if (match(substr(text, at, 60), /^[A-Z][A-Za-z0-9_]*[ \t\n]*"/)) {
            name = substr(text, at, RLENGTH)
            all = all (name ~ /^PRI/ ? "u" : "%s")
            at += RLENGTH - 1
        }
        if (substr(text, at, 1) != "\"") return all
    }
}

# the formats of the call whose arguments begin at text[at]: the first literal, and the other one of a
# choice between two
function formats(where,    depth, c, found)
{
    for (depth = 1; depth > 0 && at <= length(text);) {
        c = substr(text, at, 1)
        if (c == "\"") {
            printf "%s\t%s\n", where, plain(literal())
            found = 1
            # a second one behind ":"
            if (substr(text, at, 1) != ":") return
            continue
        }
        if (c == "'") at += substr(text, at + 1, 1) == "\\" ? 3 : 2
        if (c == "(") depth++
        if (c == ")") depth--
        if (found && c == ",") return
        at++
    }
}

function scan(file,    names, line, rest, done)
{
    names = makers (file ~ /st_header\.c$/ ? "|bad" : "")
    line = 1
    while (match(text, "(" names ")\\(")) {
        rest = substr(text, 1, RSTART - 1)
        done = gsub(/\n/, "\n", rest)
        line += done
        at = RSTART + RLENGTH
        # a longer name that ends so is none of them
        if (rest !~ /[A-Za-z0-9_]$/) formats(file ":" line)
        # on from behind the bracket: calls may stand in calls
        match(text, "(" names ")\\(")
        text = substr(text, RSTART + RLENGTH)
    }
}

FNR == 1 && source != "" { scan(source); text = ""; source = "" }
FILENAME ~ /\.(c|cc)$/ {
    source = FILENAME
    # declarations and definitions make no message
    if ($0 ~ /^[a-z].*\(/) $0 = ""
    text = text $0 "\n"
    next
}

# the first cell of a table's row
/^\| `/ {
    cell = substr($0, 3)
    sub(/ \| .*/, "", cell)
    n = split(cell, span, "`")
    for (i = 2; i <= n; i += 2) printf "%s:%d\t%s\n", FILENAME, FNR, span[i]
}

END { if (source != "") scan(source) }
