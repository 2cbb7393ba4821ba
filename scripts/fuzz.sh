#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh SECONDS - runs each fuzz target with libFuzzer for so long, side by side on all processors;
# says "ok NAME: ..." or "FAILED NAME: ..." of each. What it finds is kept in build/fuzz/found, its
# corpus in build/fuzz/corpus.
cd "$(dirname "$0")/.." || exit 1
seconds=${1:-60} jobs=$(nproc 2>/dev/null || echo 2) started=0
mkdir -p build
log=build/fuzz.log
if ! { cmake --preset fuzz && cmake --build build/fuzz -j "$jobs" --target pi0_fuzz_targets; } >$log 2>&1; then
    tail -n 50 $log
    exit 1
fi
rm -rf build/fuzz/log
mkdir -p build/fuzz/found build/fuzz/log
: >build/fuzz/failed

# fuzz NAME
fuzz() {
    log=build/fuzz/log/$1
    mkdir -p "build/fuzz/corpus/$1"
    "build/fuzz/tests/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/found/$1-" \
        "build/fuzz/corpus/$1" "tests/fuzz/seeds/${1#fuzz_}" >"$log" 2>&1
    status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ $status -eq 0 ] && [ "${runs:-0}" -gt 0 ]; then
        echo "ok $1: $runs inputs in $seconds s"
    else
        tail -n 30 "$log"
        echo "FAILED $1: $(grep -m 1 -E 'ERROR|SUMMARY' "$log" || echo "status $status")"
        echo "$1" >>build/fuzz/failed
    fi
}

for source in tests/fuzz/fuzz_*.c; do
    [ -e "$source" ] || continue
    fuzz "$(basename "$source" .c)" &
    started=$((started + 1))
    [ $((started % jobs)) -eq 0 ] && wait
done
wait
failed=$(wc -l <build/fuzz/failed)
echo "$started targets, $failed with findings"
[ $started -gt 0 ] && [ "$failed" -eq 0 ]
