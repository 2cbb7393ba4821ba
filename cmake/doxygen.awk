# SPDX-License-Identifier: Apache-2.0
# doxygen.awk - Doxygen's input filter for the public headers, whose comments are plain ones: which of
# them document what.
#   the file's head                      the page of the file; of pi0.h the main page
#   / * ---- title ---- * /              a group, with the comment behind it that stands alone
#   a comment right above something      that thing
#   a comment behind a member            that member
# What Doxygen would take for a command or a tag is escaped, except in lines that are indented: code.

{ line[NR] = $0 }

function escaped(text)
{
    if (text ~ /^ \*     /) return text # an indented block
    gsub(/[\\@<>#&%]/, "\\\\&", text)
    return text
}

# a comment to its end, without its marks at both ends; what it says begins in line i at a column;
# sets last
function comment(i, at,    text)
{
    text = escaped(substr(line[i], at))
    for (last = i; line[last] !~ /\*\//; text = text "\n" escaped(line[++last])) continue
    sub(/[ \t]*\*\/[ \t]*$/, "", text)
    return text
}

# a member with its comment, which may go on in the next lines; two members of one line have both
function member(i,    at, before, text, type, names, n, k)
{
    at = index(line[i], "/* ")
    before = substr(line[i], 1, at - 1)
    text = comment(i, at + 3)
    if (before ~ /,.*;/) {
        match(before, /^ *(const )?[a-z0-9_]+ /)
        type = substr(before, 1, RLENGTH)
        before = substr(before, RLENGTH + 1)
        sub(/;.*/, "", before)
        n = split(before, names, /, /)
        for (k = 1; k <= n; k++) printf "%s%s; /**< %s */%s", type, names[k], text, k < n ? " " : "\n"
    } else {
        printf "%s/**< %s */\n", before, text
    }
}

END {
    for (i = 1; i <= NR; i = last + 1) {
        last = i
        if (line[i] ~ /^\/\* SPDX/) {
            print ""
        } else if (line[i] ~ /^\/\* [a-z0-9_]*\.h - /) {
            name = substr(line[i], 4)
            sub(/ - .*/, "", name)
            text = comment(i, 3)
            sub(/^[^-]*- /, "", text)
            text = toupper(substr(text, 1, 1)) substr(text, 2)
            if (name == "pi0.h")
                printf "/** @file */\n/** @mainpage libpi0 and libpi0_client\n *\n * %s\n *\n" \
                       " * The functions in groups: <a href=\"modules.html\">Modules</a>. What asks a policy" \
                       " server in this process's place: pi0_client.h. */\n", text
            else
                printf "/** @file\n * %s */\n", text
        } else if (line[i] ~ /^\/\* ----/) {
            title = line[i]
            gsub(/^\/\* -+ | -+ \*\/$/, "", title)
            group = title
            title = toupper(substr(title, 1, 1)) substr(title, 2)
            gsub(/[^a-z0-9]+/, "_", group)
            if (open) print "/** @} */"
            open = 1
            printf "/** @defgroup %s %s\n", group, title
            if (line[i + 1] == "" && line[i + 2] ~ /^\/\* /) {
                text = comment(i + 2, 3)
                # it stands alone: nothing is right below it
                if (line[last + 1] == "") printf " *\n *%s\n", text
                else last = i
            }
            print " * @{ */"
        } else if (line[i] ~ /^\/\* /) {
            text = comment(i, 3)
            printf "/%s%s */\n", line[last + 1] == "" ? "*" : "**", text
        } else if (line[i] ~ /^    .*[;,] +\/\* / || line[i] ~ /^    PI0_[A-Z0-9_]* = .* \/\* /) {
            member(i)
        } else if (open && line[i] ~ /^#ifdef __cplusplus/) {
            print "/** @} */"
            open = 0
            print line[i]
        } else {
            print line[i]
        }
    }
}
