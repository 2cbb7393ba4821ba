# SPDX-License-Identifier: Apache-2.0
# mutants.awk - the tables of mutants: read, held against the tree, applied. docs/MUTANTS.md says
# what stands in a table.
#   -v mode=check              every edit must apply to the tree in `root`; nothing is written
#   -v mode=list               one line for each mutant: name, tests, files, what it breaks
#   -v mode=apply -v only=NAME that mutant's files in `root` are changed
# Exit status 1: a table says something that it cannot mean, or an edit does not fit.

function strip(s) { gsub(/^[ \t]+|[ \t\r]+$/, "", s); return s }
function wrong(what) {
    print (n ? at[n] ": " name[n] : FILENAME ":" FNR) ": " what | "cat >&2"
    bad++
}

# ---- tables --------------------------------------------------------------------------------
# a hunk: lines of a file and what stands there instead
function hunk_begins() {
    hunks++
    of[hunks] = n
    path[hunks] = file
    n_old[hunks] = n_new[hunks] = 0
}

FNR == 1 { n_tables++ }
/^[ \t]*(#|$)/ { next }
/^-/ {
    if (last != "-") hunk_begins()
    old[hunks, ++n_old[hunks]] = strip(substr($0, 2))
    last = "-"
    next
}
/^\+/ {
    if (last != "-" && last != "+") wrong("a line \"+\" without a line \"-\" before it")
    new[hunks, ++n_new[hunks]] = strip(substr($0, 2))
    last = "+"
    next
}
{
    value = strip(substr($0, length($1) + 1))
    last = $1
}
$1 == "mutant" {
    if (value in index_of) wrong("\"" value "\" is there twice")
    index_of[value] = ++n
    name[n] = value
    at[n] = FILENAME ":" FNR
    file = ""
    next
}
$1 == "breaks" { breaks[n] = value; next }
$1 == "tests" { tests[n] = value; next }
$1 == "file" {
    file = value
    if (!((n, file) in has)) files[n] = files[n] (files[n] == "" ? "" : " ") file
    has[n, file] = 1
    next
}
{ wrong("\"" $1 "\" at line " FNR " is not mutant, breaks, tests, file, + or -") }

# ---- files ---------------------------------------------------------------------------------
function load(f,    line, i) {
    i = 0
    while ((getline line < (root "/" f)) > 0) text[f, ++i] = line
    close(root "/" f)
    size[f] = i
    return i
}

# does hunk h stand at line i?
function stands(h, f, i,    k) {
    for (k = 1; k <= n_old[h]; k++)
        if (strip(text[f, i + k - 1]) != old[h, k]) return 0
    return 1
}

function apply(h,    f, i, k, found, place, indent, shift, same) {
    f = path[h]
    same = n_old[h] == n_new[h]
    for (k = 1; k <= n_old[h]; k++) same = same && old[h, k] == new[h, k]
    if (same) return wrong("an edit of " f " changes nothing")
    for (i = 1; i + n_old[h] - 1 <= size[f]; i++)
        if (stands(h, f, i)) { found++; place = i }
    if (found != 1)
        return wrong(f " has " found + 0 " places, expected 1, that read: " old[h, 1])
    indent = text[f, place]
    sub(/[^ \t].*/, "", indent)
    shift = n_new[h] - n_old[h]
    if (shift > 0)
        for (i = size[f]; i >= place + n_old[h]; i--) text[f, i + shift] = text[f, i]
    else if (shift < 0)
        for (i = place + n_old[h]; i <= size[f]; i++) text[f, i + shift] = text[f, i]
    size[f] += shift
    for (k = 1; k <= n_new[h]; k++) text[f, place + k - 1] = indent new[h, k]
}

# all hunks of mutant m, on the files as they are in the tree
function mutate(m,    h, i, parts, k) {
    k = split(files[m], parts, " ")
    for (i = 1; i <= k; i++)
        if (!load(parts[i])) wrong(parts[i] " is not there")
    for (h = 1; h <= hunks; h++)
        if (of[h] == m && path[h] != "") apply(h)
}

function exists(f,    line, there) {
    there = (getline line < (root "/" f)) > 0
    close(root "/" f)
    return there
}

# a program of cmocka's, in the folder of its tier
function is_test(t,    n_tiers, tiers, i) {
    n_tiers = split("golden unit fault", tiers, " ")
    for (i = 1; i <= n_tiers; i++)
        if (exists("tests/" tiers[i] "/" t ".c")) return 1
    return 0
}

function check(m,    h, k, parts, i) {
    if (name[m] !~ /^[a-z][a-z0-9_]*$/) wrong("a name is a-z, 0-9 and _")
    if (breaks[m] == "") wrong("no line \"breaks\" says what it breaks")
    k = split(tests[m], parts, " ")
    if (!k) wrong("no line \"tests\"")
    for (i = 1; i <= k; i++)
        if (!is_test(parts[i])) wrong("there is no test " parts[i])
    k = 0
    for (h = 1; h <= hunks; h++)
        if (of[h] == m) {
            k++
            if (path[h] == "") wrong("an edit without a line \"file\" before it")
        }
    if (!k) wrong("no edit")
    mutate(m)
}

function write(m,    parts, k, i, j) {
    k = split(files[m], parts, " ")
    for (i = 1; i <= k; i++) {
        for (j = 1; j <= size[parts[i]]; j++) print text[parts[i], j] > (root "/" parts[i])
        close(root "/" parts[i])
    }
}

END {
    n_all = n
    if (!n_all) { print "no mutants" | "cat >&2"; exit 1 }
    for (m = 1; m <= n_all && mode != "list"; m++)
        if (mode == "check" || name[m] == only) {
            n = m # whom an error is about
            if (mode == "check") check(m)
            else mutate(m)
            if (mode == "apply" && !bad) { write(m); applied = 1 }
        }
    for (m = 1; m <= n_all && mode == "list"; m++)
        print name[m] "\t" tests[m] "\t" files[m] "\t" breaks[m]
    if (mode == "check")
        printf "%d mutants in %d tables, %d edits, %d wrong\n", n_all, n_tables, hunks, bad
    exit bad > 0 || (mode == "apply" && !applied)
}
