#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test.sh [TIER...] - builds and tests; then a line per tier, what did not run and why, and the sum.
# Exit status 0: nothing failed. With CI=true what did not run has failed. Without names: all tiers;
# --list prints them.
#   tree unit golden fault ...   built with gcc; the list, and which test is where: tests/CMakeLists.txt
#   fuzz                         also each fuzz target with libFuzzer for FUZZ_SECONDS=30
#   clang asan tsan              the same tests, built by clang, with ASan and UBSan, with TSan
#   coverage                     which lines of src they reach in clang's build: 90 % of each folder; alone
#                                it runs the cmocka programs and the seeds there
#   gcc, compilers, sanitizers   all of the first kind; gcc and clang; asan, tsan and memory (valgrind)
cd "$(dirname "$0")/.." || exit 1
builds="clang coverage asan tsan"
labels=$(sed -n 's/^set(tiers \(.*\))$/\1/p' tests/CMakeLists.txt)
jobs=$(nproc 2>/dev/null || echo 2)
tab=$(printf '\t')

# some kernels lay out memory so randomly that older sanitizers do not start
fixed_layout=
setarch "$(uname -m)" -R true 2>/dev/null && fixed_layout="setarch $(uname -m) -R"

# ---- results: one a line: tier, pass or fail or skip or time, name, words ---------------------------
# (of this run: two may go on at once)
results=$(mktemp) || exit 1
trap 'rm -f "$results"' EXIT
trap 'exit 1' HUP INT TERM
say() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$results"; }

# build PRESET [TARGET]
build() {
    cmake --preset "$1" >"build/$1.log" 2>&1 || { cat "build/$1.log"; return 1; }
    cmake --build "build/$1" -j "$jobs" ${2:+--target "$2"} >>"build/$1.log" 2>&1 ||
        { tail -n 50 "build/$1.log"; return 1; }
}

# run_tests PRESET OPTIONS...: all that ctest runs with them, into build/PRESET/tests.tsv
run_tests() {
    dir=$PWD/build/$1
    shift
    rm -f "$dir/report.xml"
    # ctest's own words go to the terminal, its numbers come from the report
    # (a test takes two of its places, one that mostly waits takes one: tests/CMakeLists.txt)
    (cd "$dir" && exec $prefix ctest --output-on-failure --no-tests=error -j $((2 * jobs + 1)) \
        --test-output-size-passed 1000000 --output-junit "$dir/report.xml" "$@")
    status=$?
    awk -v ci="${CI-}" -f scripts/test_report.awk "$dir/report.xml" >"$dir/tests.tsv" ||
        echo "fail${tab}ctest${tab}made no report" >"$dir/tests.tsv"
    # it knows of failures that no test has
    [ $status -eq 0 ] || grep -q ^fail "$dir/tests.tsv" ||
        echo "fail${tab}ctest${tab}ended with status $status" >>"$dir/tests.tsv"
}

# ---- tiers ----------------------------------------------------------------------------------------
# labels LABEL...: one run of ctest for them all, in the gcc build
labels() {
    only=$(echo "$*" | tr ' ' '|')
    build gcc || { say gcc fail build "did not build"; return; }
    run_tests gcc -L "^($only)\$"
    for label; do
        (cd build/gcc && ctest -N -L "^$label\$") | sed -n 's/^ *Test *#[0-9]*: //p' |
            awk -v tier="$label" -F "$tab" 'NR == FNR { mine[$1]; next } $2 in mine { print tier "\t" $0 }' \
                - build/gcc/tests.tsv >>"$results"
    done
    sed -n "s/^\(fail${tab}ctest${tab}\)/gcc$tab\1/p" build/gcc/tests.tsv >>"$results"
    # of a test that CMake's own check did not see
    (cd build/gcc && ctest -N -LE "^($(echo "$labels" | tr ' ' '|'))\$") | grep -q '^Total Tests: 0$' ||
        say gcc fail labels "there are tests of no tier"
}

# other TIER PRESET TARGET OPTIONS...: the tests that another build can change
other() {
    name=$1 preset=$2 target=$3
    shift 3
    build "$preset" "$target" || { say "$name" fail build "did not build"; return; }
    # not what an earlier run reached
    find "build/$preset" -name '*.gcda' -exec rm -f {} +
    run_tests "$preset" "$@"
    sed "s/^/$name$tab/" "build/$preset/tests.tsv" >>"$results"
}

fuzz() {
    sh scripts/fuzz.sh "${FUZZ_SECONDS:-30}" | tee build/fuzz.txt
    sed -n -e "s/^ok \([a-z_]*\): \(.*\)/fuzz${tab}pass${tab}\1$tab\2/p" \
        -e "s/^FAILED \([a-z_]*\): \(.*\)/fuzz${tab}fail${tab}\1$tab\2/p" build/fuzz.txt >>"$results"
    tail -n 1 build/fuzz.txt | grep -q ', 0 with findings$' || say fuzz fail targets "see build/fuzz.txt"
}

coverage() {
    wants clang || other coverage clang "" -L '^(unit|golden|fault|fuzz)$'
    if sh scripts/coverage.sh build/clang >build/coverage.txt; then
        say coverage pass lines
    else
        say coverage fail lines "$(grep ^FAILED build/coverage.txt || tail -n 1 build/coverage.txt)"
    fi
    cat build/coverage.txt
}

timed() {
    name=$1 start=$(date +%s)
    shift
    echo "==== $name"
    "$@"
    say "$name" time "" $(($(date +%s) - start))
}

# ---- which, and the run -----------------------------------------------------------------------------
if [ "${1-}" = --list ]; then
    echo "$labels $builds"
    exit
fi
wanted=
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- gcc $builds
for name; do
    case " $labels $builds gcc compilers sanitizers " in
    *" $name "*) ;;
    *)
        echo "test.sh: no tier \"$name\"; there are: $labels $builds, and gcc" \
            "compilers sanitizers" >&2
        exit 2
        ;;
    esac
    case $name in
    gcc) wanted="$wanted $labels" ;;
    compilers) wanted="$wanted $labels clang" ;;
    sanitizers) wanted="$wanted memory asan tsan" ;;
    *) wanted="$wanted $name" ;;
    esac
done
wants() { case " $wanted " in *" $1 "*) ;; *) return 1 ;; esac; }

mkdir -p build
prefix=
set --
for name in $labels; do
    wants "$name" && set -- "$@" "$name"
done
[ $# -eq 0 ] || timed gcc labels "$@"
wants fuzz && timed fuzz fuzz
# not again: what does not depend on the compiler, and the command's scripts
wants clang && timed clang other clang clang "" -LE '^(once|command|emulated)$'
wants coverage && timed coverage coverage
prefix=$fixed_layout
wants asan && timed asan other asan asan "" -LE '^once$'
wants tsan && timed tsan other tsan tsan pi0_thread_tests -L '^threads$'
awk -F "$tab" -f scripts/test_summary.awk "$results"
