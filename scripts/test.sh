#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test.sh [TIER...] - builds and tests with gcc, with clang, with ASan and UBSan, and with TSan the
# tests that use threads; prints a line per tier, then the sum. Exit status 0: nothing failed.
cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || set -- gcc clang asan tsan
jobs=$(nproc 2>/dev/null || echo 2)
passed=0 failed=0 summary=

# some kernels lay out memory so randomly that older sanitizers do not start
fixed_layout=
setarch "$(uname -m)" -R true 2>/dev/null && fixed_layout="setarch $(uname -m) -R"

# attribute NAME FILE: of the whole run in ctest's report
attribute() { sed -n "/<testcase/q; s/.*[ \t]$1=\"\([0-9]*\)\".*/\1/p" "$2"; }

# tier NAME: sets ran, bad, note
tier() {
    dir=build/$1 report=$PWD/build/$1/report.xml
    ran=0 bad=1 note=" (did not build)"
    set -- "$1" --output-on-failure --no-tests=error -j "$jobs" --output-junit "$report"
    targets= prefix=
    case $1 in
    # not again: what does not depend on the compiler, and the command's scripts
    clang) set -- "$@" -LE 'tree|command' ;;
    asan) prefix=$fixed_layout && set -- "$@" -LE tree ;;
    tsan)
        prefix=$fixed_layout targets="--target pi0_thread_tests"
        set -- "$@" -L threads
        ;;
    esac
    cmake --preset "$1" >"build/$1.log" 2>&1 || { cat "build/$1.log"; return; }
    # shellcheck disable=SC2086
    cmake --build "$dir" -j "$jobs" $targets || return
    # ctest's own words go to the terminal, its numbers come from the report
    shift
    rm -f "$report"
    (cd "$dir" && exec $prefix ctest "$@")
    status=$?
    ran=$(attribute tests "$report" 2>/dev/null)
    bad=$(attribute failures "$report" 2>/dev/null)
    skipped=$(attribute skipped "$report" 2>/dev/null)
    if [ -z "$ran" ] || [ -z "$bad" ] || [ -z "$skipped" ]; then
        ran=0 bad=1 note=" (ctest made no report)"
        return
    fi
    note=
    [ "$skipped" -gt 0 ] && note=" ($skipped did not run)"
    # what did not run did not pass
    ran=$((ran - skipped - bad))
    if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1 note="$note (ctest ended with status $status)"
    fi
}

mkdir -p build
for name; do
    start=$(date +%s)
    echo "==== $name"
    tier "$name"
    passed=$((passed + ran)) failed=$((failed + bad))
    summary="$summary$(printf '%-6s %4d passed %4d failed %4d s%s' "$name" "$ran" "$bad" \
        $(($(date +%s) - start)) "$note")
"
done
printf '\n%s%d passed, %d failed\n' "$summary" $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
