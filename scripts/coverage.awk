# SPDX-License-Identifier: Apache-2.0
# coverage.awk - gcov's listings summed up by folder. A line counts once, however many objects it is
# compiled into, and is reached if one of them reached it.
function folder(path) {
    sub(/\/[^\/]*$/, "", path)
    return path
}
{
    # "count:line number:text"
    at = index($0, ":")
    count = substr($0, 1, at - 1)
    number = substr($0, at + 1)
    text = number
    sub(/:.*/, "", number)
    gsub(/ /, "", number)
    gsub(/[ *]/, "", count)
    if (at == 0 || number !~ /^[0-9]+$/) next
    if (number == 0) {
        # the root, or the way to it from the folder of the build
        if (match(text, /:Source:/)) {
            file = substr(text, RSTART + 8)
            if (index(file, root) == 1) file = substr(file, length(root) + 1)
            while (sub(/^\.\.\//, "", file)) {}
        }
        next
    }
    if (count == "-" || file !~ /^(src|tools|demo)\//) next
    key = file ":" number
    if (!(key in lines)) { lines[key] = 0; order[++n] = key }
    if (count ~ /^[0-9]/) lines[key] = 1
}
END {
    printf "" >not_reached
    for (i = 1; i <= n; i++) {
        key = order[i]
        name = folder(key)
        if (!(name in all)) names[++folders] = name
        all[name]++
        reached[name] += lines[key]
        if (!lines[key]) print key >not_reached
        if (name ~ /^src/) { all_src++; reached_src += lines[key] }
    }
    printf "%-18s %8s %8s %7s\n", "folder", "lines", "reached", "%"
    for (i = 1; i <= folders; i++) {
        # (in the order of the alphabet)
        least = ""
        for (name in all) if (!(name in shown) && (least == "" || name < least)) least = name
        shown[least] = 1
        rate = 100 * reached[least] / all[least]
        printf "%-18s %8d %8d %7.1f\n", least, all[least], reached[least], rate
        if (least ~ /^src/ && rate < 90) {
            print "FAILED " least ": less than 90 % of its lines are reached"
            bad++
        }
    }
    if (!all_src) { print "FAILED: no lines of src"; exit 1 }
    printf "%-18s %8d %8d %7.1f\n", "all of src", all_src, reached_src, 100 * reached_src / all_src
    exit bad > 0
}
