#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mutants.sh [-C TREE] [NAME...] - breaks one named thing at a time in a copy of the tree and shows
# that a test fails for each: docs/MUTANTS.md. The copy is TREE/build/mutants/tree; the tree itself
# is only read. Exit status 0: every mutant was caught.
# mutants.sh [-C TREE] --check [BUILD] - whether every edit still applies; with a build by Ninja
# also whether the .c files compile with it. Nothing is built or run.
tree=$(cd "$(dirname "$0")/.." && pwd)
check=
while [ $# -gt 0 ]; do
    case $1 in
    -C) tree=$(cd "$2" && pwd) || exit 2; shift 2 ;;
    --check) check=1; shift ;;
    -*) echo "mutants: unknown option $1" >&2; exit 2 ;;
    *) break ;;
    esac
done
work=$tree/build/mutants copy=$tree/build/mutants/tree
build=$copy/build/fast log=$work/log
jobs=$(nproc 2>/dev/null || echo 2)
limit=${MUTANTS_TIMEOUT:-600} # seconds of one test
tab=$(printf '\t')

die() { echo "mutants: $*" >&2; exit 2; }

# tables MODE ROOT [NAME]: those of the tree or of the copy
tables() {
    LC_ALL=C awk -v mode="$1" -v root="$2" -v only="${3-}" -f "$2/tests/mutants/mutants.awk" \
        "$2"/tests/mutants/*.txt
}

# ---- the copy ------------------------------------------------------------------------------
# what is below a folder, but for what is built
list_files() {
    (cd "$1" && find . \( -name .git -o -path './build*' -o -path ./out -o -name __pycache__ \) \
        -prune -o \( -type f -o -type l \) -print | sort)
}

copy_file() {
    { mkdir -p "${2%/*}" && cp "$1" "$2"; } || die "cannot copy $1 to $2"
}

# only what differs is written, so that only what depends on it is built again
make_copy() {
    mkdir -p "$copy" || exit 2
    list_files "$tree" >"$work/files"
    while read -r f; do
        cmp -s "$tree/$f" "$copy/$f" && continue
        copy_file "$tree/$f" "$copy/$f"
    done <"$work/files"
    list_files "$copy" | comm -13 "$work/files" - | while read -r f; do rm "$copy/$f"; done
}

# ---- building and testing ------------------------------------------------------------------
configure() {
    cmake -S "$copy" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE=-O2 \
        -DCMAKE_CXX_FLAGS_RELEASE=-O2 >"$log" 2>&1 || { cat "$log"; die "cmake failed"; }
}

# build_tests TEST...: each is a target
build_tests() {
    cmake --build "$build" -j "$jobs" --target "$@" >"$log" 2>&1
}

# run_test TEST: 0 passed, 1 failed, 2 it says nothing; `how` is what failed, with its tier
run_test() {
    set -- "$1" "$(cd "$copy/tests" && echo */"$1".c)"
    (cd "$build" && ctest -R "^$1\$" --no-tests=error --output-on-failure --timeout "$limit") \
        >"$log" 2>&1
    status=$?
    if grep -q '\*\*\*Timeout' "$log"; then
        how="${2%.c} went on for $limit s"
        return 2
    elif grep -q '\*\*\*Skipped\|\*\*\*Not Run\|No tests were found' "$log"; then
        how="${2%.c} did not run"
        return 2
    elif [ $status -eq 0 ]; then
        return 0
    fi
    # the first of the program's tests that failed, or how the program ended
    how=$(sed -n 's/^\[ *FAILED *\] \([A-Za-z0-9_]*\)$/\1/p' "$log" | head -n 1)
    if [ -z "$how" ]; then
        how=$(sed -n 's/.*\*\*\*Exception: *\([A-Z][A-Za-z]*\).*/\1/p' "$log" | head -n 1)
        grep -q 'Subprocess aborted' "$log" && how=aborted
    fi
    how="${2%.c}: ${how:-exit status}"
    return 1
}

# the tree as it is must pass: otherwise a failure says nothing about a mutant
baseline() {
    for t; do
        printf '         %-26s' "$t"
        begin=$(date +%s)
        run_test "$t" || { cat "$log"; die "$t does not pass without any mutant: $how"; }
        echo "passes, $(($(date +%s) - begin)) s"
    done
}

# ---- one mutant ----------------------------------------------------------------------------
# the tests in their order until one fails: sets verdict, how
try_tests() {
    for t; do
        run_test "$t"
        case $? in
        1) verdict=caught; return ;;
        2) verdict=wrong; return ;;
        esac
    done
    verdict=survived how="passed: $*"
}

# mutate NAME "TESTS" "FILES"
mutate() {
    for f in $3; do
        copy_file "$copy/$f" "$work/saved/$f"
    done
    verdict=wrong
    # shellcheck disable=SC2086
    if ! tables apply "$copy" "$1" >"$log" 2>&1; then
        how="does not apply: $(head -n 1 "$log")"
    elif ! build_tests $2; then
        how="does not compile: $(grep -m 1 'error\|undefined reference' "$log")"
    else
        try_tests $2
    fi
    for f in $3; do copy_file "$work/saved/$f" "$copy/$f"; done
}

# ---- whether edits fit and compile, without building ------------------------------------------
# the command by which the build compiles a file, but for what it writes
compile_command() {
    awk -v file="\"$1\"" '
        $1 == "\"command\":" { command = $0 }
        $1 == "\"file\":" && index($0, file) { print command; exit }' "$scratch/commands" |
        sed 's/^ *"command": "//; s/",$//; s/\\\(["\\]\)/\1/g
            s/ -MD -MT [^ ]* -MF [^ ]*//; s/ -o [^ ]*//'
}

# compiles BUILD NAME FILE...: a mutant's files that are C; headers have no command of their own
compiles() {
    from=$1 name=$2
    shift 2
    for f; do copy_file "$tree/$f" "$scratch/$f"; done
    tables apply "$scratch" "$name" || return 1
    for f; do
        case $f in *.c) ;; *) continue ;; esac
        command=$(compile_command "$tree/$f")
        [ -n "$command" ] || continue
        command=${command%"$tree/$f"}\"$scratch/$f\"
        n=$((n + 1))
        (cd "$from" && eval "$command -fsyntax-only -w -I\"$tree/${f%/*}\"") || return 1
    done
}

# check [BUILD]
check_only() {
    [ -f "${1-}/build.ninja" ] || return 0
    scratch=$(mktemp -d) || exit 2
    trap 'rm -rf "$scratch"' EXIT
    mkdir "$scratch/tests" && cp -r "$tree/tests/mutants" "$scratch/tests/" || exit 2
    (cd "$1" && ninja -t compdb) >"$scratch/commands"
    tables list "$tree" >"$scratch/all"
    n=0 bad=0
    while IFS="$tab" read -r name tests files breaks; do
        # shellcheck disable=SC2086
        compiles "$1" "$name" $files </dev/null ||
            { bad=$((bad + 1)); echo "$name does not compile"; }
    done <"$scratch/all"
    echo "$n edited files compiled, $bad mutants wrong"
    [ "$n" -gt 0 ] && [ $bad -eq 0 ]
}

# ---- all -----------------------------------------------------------------------------------
# choose [NAME...]: the lines of `tables list` that are tried
choose() {
    tables list "$tree" >"$work/all" || exit 1
    for name; do
        grep -q "^$name$tab" "$work/all" || die "there is no mutant \"$name\""
    done
    while IFS= read -r line; do
        name=${line%%"$tab"*}
        case " ${*:-$name} " in *" $name "*) printf '%s\n' "$line" ;; esac
    done <"$work/all" >"$work/chosen"
    total=$(wc -l <"$work/chosen")
}

# count and print what became of a mutant
tell() {
    case $verdict in
    caught) caught=$((caught + 1)) ;;
    survived) survived=$((survived + 1)) ;;
    wrong) wrong=$((wrong + 1)) ;;
    esac
    printf '%-8s %4d s  %-50s %s\n' "$verdict" "$2" "$how" "$3"
    [ "$verdict" = caught ] || how="**$verdict** ($how)"
    echo "| \`$1\` | $3 | $how | $2 |" >>"$work/table.md"
}

try_all() {
    printf '%s\n' '| mutant | what it breaks | caught by | s |' '|---|---|---|---|' >"$work/table.md"
    i=0 caught=0 survived=0 wrong=0
    while IFS="$tab" read -r name tests files breaks <&3; do
        i=$((i + 1)) begin=$(date +%s)
        printf '%3d/%-3d  %-26s ' $i "$total" "$name"
        mutate "$name" "$tests" "$files" 3<&-
        tell "$name" $(($(date +%s) - begin)) "$breaks"
    done 3<"$work/chosen"
}

main() {
    tables check "$tree" || exit 1
    [ -z "$check" ] || { check_only "$@"; exit; }
    mkdir -p "$work" || exit 2
    choose "$@"
    needed=$(cut -f 2 "$work/chosen" | tr ' ' '\n' | sort -u)
    start=$(date +%s)
    echo "mutants: copying and building the tree in build/mutants"
    make_copy
    configure
    # shellcheck disable=SC2086
    build_tests $needed || { cat "$log"; die "the tree does not build"; }
    echo "mutants: built after $(($(date +%s) - start)) s; the tests without any mutant:"
    # shellcheck disable=SC2086
    baseline $needed
    try_all
    echo "mutants: $i tried, $caught caught, $survived survived, $wrong not tried properly;" \
        "$(($(date +%s) - start)) s; the table is build/mutants/table.md"
    [ "$i" -gt 0 ] && [ "$caught" -eq "$i" ]
}
# in one line: the shell has read all of this file before it begins
main "$@"; exit
