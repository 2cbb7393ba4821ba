# SPDX-License-Identifier: Apache-2.0
# includes.awk - the order of includes: those on lines that follow each other are one block, where
# "ours" come before <theirs>, each sorted, none twice; the first include of a file is its own header.
# A blank line or a comment begins another block (kernels and libjpeg's header need an order).
function base(path) {
    sub(/.*\//, "", path)
    sub(/\.[a-z]+$/, "", path)
    return path
}
function wrong(what) {
    printf "%s:%d: %s\n", FILENAME, FNR, what
    bad++
}
FNR == 1 {
    files++
    n = 0
    last = ""
}
/^[ \t]*#[ \t]*include[ \t]*["<]/ {
    total++
    match($0, /["<][^">]*/)
    name = substr($0, RSTART + 1, RLENGTH - 1)
    theirs = substr($0, RSTART, 1) == "<"
    own = !theirs && FILENAME !~ /\.h(pp)?$/ && base(name) == base(FILENAME)
    if (own && n > 0) wrong("\"" name "\" is not the first include")
    if (last != "") {
        if (!theirs && last_theirs) wrong("\"" name "\" stands below <" last ">")
        else if (theirs == last_theirs && name == last) wrong(name " is included twice")
        else if (theirs == last_theirs && name < last && !last_own) wrong(name " stands below " last)
    }
    last = name
    last_theirs = theirs
    last_own = own
    n++
    next
}
{ last = "" }
END {
    printf "%d files, %d includes, %d wrong\n", files, total, bad
    exit !(total > 0 && !bad)
}
