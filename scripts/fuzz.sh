#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh SECONDS - runs each fuzz target with libFuzzer for so long. What it finds is kept in
# build/fuzz/found, its corpus in build/fuzz/corpus.
cd "$(dirname "$0")/.." || exit 1
seconds=${1:-60} n=0 bad=0
cmake --preset fuzz >/dev/null && cmake --build build/fuzz || exit 1
mkdir -p build/fuzz/found
for source in tests/fuzz/fuzz_*.c; do
    [ -e "$source" ] || continue
    name=$(basename "$source" .c)
    seeds=tests/fuzz/seeds/${name#fuzz_}
    mkdir -p "build/fuzz/corpus/$name"
    n=$((n + 1))
    echo "==== $name"
    "build/fuzz/tests/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/found/$name-" \
        "build/fuzz/corpus/$name" "$seeds" >"build/fuzz/$name.log" 2>&1
    status=$?
    grep -E 'number_of_executed_units|INITED|ERROR|SUMMARY' "build/fuzz/$name.log" | tail -n 5
    [ $status -eq 0 ] || { bad=$((bad + 1)); tail -n 30 "build/fuzz/$name.log"; }
done
echo "$n targets, $bad with findings"
[ $n -gt 0 ] && [ $bad -eq 0 ]
