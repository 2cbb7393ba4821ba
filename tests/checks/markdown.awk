# SPDX-License-Identifier: Apache-2.0
# markdown.awk - what docs.sh looks at, one record a line: kind, file:line, text (with tabs between)

function record(kind, text)
{
    printf "%s\t%s:%d\t%s\n", kind, FILENAME, FNR, text
}

# a line of a shell: its commands one by one
function commands(line,    part, n, i)
{
    sub(/[ \t]+#.*/, "", line)
    n = split(line, part, /&&|\|\||[|;]/)
    for (i = 1; i <= n; i++) record("command", part[i])
}

# a line of a block that a terminal shows: a command only behind its prompt, or where it looks like
# one of ours; all_of_it: a script
function shown(line, all_of_it)
{
    # a backslash joins lines
    line = joined line
    joined = ""
    if (line ~ /\\$/) {
        joined = substr(line, 1, length(line) - 1)
        return
    }
    sub(/^[ \t]+/, "", line)
    if (all_of_it || line ~ /^\$ / || line ~ /^([.A-Za-z0-9_\/-]*\/)?(pi0|make|cmake|ctest) /)
        commands(line)
}

FNR == 1 { fence = ""; joined = ""; blank = 1; indented = 0 }

# a fenced block begins or ends
/^[ \t]*(```|~~~)/ {
    mark = $0
    sub(/^[ \t]*/, "", mark)
    if (fence == "") {
        fence = substr(mark, 1, 3)
        language = substr(mark, 4)
        gsub(/[`~ \t]/, "", language)
        is_c = language == "c"
        text = ""
    } else if (substr(mark, 1, 3) == fence) {
        if (is_c && text ~ /#include [<"]pi0\.h[>"]/) {
            file = work "/example" ++examples ".c"
            printf "%s", text >file
            close(file)
            record("code", file)
        }
        fence = ""
    }
    next
}

fence != "" {
    if (is_c) text = text $0 "\n"
    if (language !~ /^(|sh|bash|shell|console)$/) next
    shown($0, language ~ /^(sh|bash|shell)$/)
    next
}

# a block that is indented begins after an empty line
/^(    |\t)/ && (blank || indented) {
    indented = 1
    shown($0, 0)
    next
}
{
    blank = /^[ \t]*$/
    if (!blank) indented = 0
}

{
    # `code` in the text
    n = split($0, piece, "`")
    for (i = 2; i <= n; i += 2) if (piece[i] != "") record("span", piece[i])
    # links, but not addresses
    rest = $0
    while (match(rest, /\]\([^)# ]+/)) {
        target = substr(rest, RSTART + 2, RLENGTH - 2)
        if (target !~ /^[a-z]+:/) record("link", target)
        rest = substr(rest, RSTART + RLENGTH)
    }
}
