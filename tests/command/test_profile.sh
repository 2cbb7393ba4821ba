#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_profile.sh - where the time goes: coverage in pi0 inspect, tables of operations in pi0
# bench, traces of infer, bench and serve.
# Prints "ok NAME" or "FAILED NAME" for each; exits 1 if one failed.
. "$(dirname "$0")/tools.sh"
. tests/command/ready.sh

# events FILE CATEGORY N: so many events of it
events() {
    found_events=$(grep -o "\"cat\":\"$2\"" "$1" | wc -l)
    [ "$found_events" -eq "$3" ] || { echo "$found_events of $2, expected $3"; false; }
}
# more A B: A is a larger number
more() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 > b + 0) }' || { echo "$1, $2"; false; }; }

# ---- coverage --------------------------------------------------------------------------------

expect "inspect: coverage" 0 "computed by accelerated kernels" "$pi0" inspect demo/place
check "inspect: what is not accelerated is named" grep -q "plain C: vision patches" "$work/out"
expect "inspect: coverage as JSON" 0 '"coverage"' "$pi0" inspect --json demo/place
check "coverage: modules" is "$(value work.coverage.modules.1.module)" vision
last=$(value work.coverage.modules | grep -o '"module"' | wc -l)
last=$((last - 1))
check "coverage: all" is "$(value work.coverage.modules.$last.module)" all
check "coverage: all FLOP are a kernel's" is "$(value work.coverage.modules.$last.flop)" \
    "$(value work.coverage.modules.$last.flop_on_kernels)"
check "coverage: some copies are not" more "$(value work.coverage.modules.$last.operations)" \
    "$(value work.coverage.modules.$last.operations_on_kernels)"
expect "reference: coverage" 0 "plain C throughout" "$pi0" inspect --backend reference demo/place

# ---- tables of operations --------------------------------------------------------------------

bench="$pi0 bench --model demo/place --reps 2 --steps 3 --threads 2"
# shellcheck disable=SC2086
expect "bench --ops" 0 "linear gate_up" $bench --ops --trace "$work/bench.json"
check "bench --ops: stages" grep -q "^  denoise " "$work/out"
check "bench --ops: measured limits" grep -q "measured in this run: peak .*, memory .* GB/s" \
    "$work/out"
check "bench --trace: stages" events "$work/bench.json" stage 4
check "bench --trace: steps" events "$work/bench.json" step 3
# shellcheck disable=SC2086
expect "bench --ops --json" 0 '"memory_gbps"' $bench --ops --json
check "bench --ops --json: the longest first" more "$(value ops.0.ms)" "$(value ops.5.ms)"
check "bench --ops --json: stages" is "$(value stages.3.name)" denoise
check "bench --ops --json: operations within the stage" more "$(value stages.3.wall_ms)" \
    "$(value stages.3.ops_ms)"
# shellcheck disable=SC2086
expect "bench --trace alone" 0 "fraction of the peak" $bench --trace "$work/alone.json"
check "bench --trace alone: one chunk" events "$work/alone.json" stage 4
expect "bench: no --gemm with --ops" 2 "cannot be with --ops" "$pi0" bench --model d --gemm --ops
expect "bench: no --gemm with --trace" 2 "cannot be with --trace" "$pi0" bench --model d --gemm \
    --trace t.json
# shellcheck disable=SC2086
expect "bench: a file that cannot be written" 1 "/nowhere/t.json.part: cannot write: " $bench \
    --trace /nowhere/t.json

# ---- infer -----------------------------------------------------------------------------------

cat >"$work/observation.json" <<END
{"images": {"observation.images.top": "$PWD/demo/images/scene1.png"},
 "state": {"observation.state": [0.842927, 0.558296, 0]},
 "prompt": "put the red block in the bowl"}
END
infer="$pi0 infer --model demo/place --steps 3 --threads 2"
# shellcheck disable=SC2086
expect "infer --trace" 0 "wrote $work/infer.json" $infer --observation "$work/observation.json" \
    --observation "$work/observation.json" --out "$work/a.npy" --trace "$work/infer.json"
# the policy's inputs and outputs beside the network's four
check "infer --trace: two chunks" events "$work/infer.json" stage 12
check "infer --trace: steps" events "$work/infer.json" step 6
# shellcheck disable=SC2086
expect "infer without a trace" 0 "wrote" $infer --observation "$work/observation.json" \
    --observation "$work/observation.json" --out "$work/b.npy"
check "infer --trace: the same actions" cmp "$work/a.npy" "$work/b.npy"
# shellcheck disable=SC2086
expect "infer --trace --compare" 0 "correlation" $infer --observation "$work/observation.json" \
    --compare reference --trace "$work/compare.json"
check "infer --trace --compare: the first backend's" grep -q '"backend":"cpu"' "$work/compare.json"

# ---- serve -----------------------------------------------------------------------------------

"$pi0" serve --model demo/place --port 0 --steps 3 --threads 2 --trace "$work/serve.json" \
    >"$work/serve.log" 2>&1 &
pid=$!
trap 'kill -9 "$pid" 2>/dev/null; rm -rf "$work"' EXIT
wait_ready serve
expect "serve: a client" 0 "" "$pi0" client --url "$url" --repeat 2 \
    --observation "$work/observation.json"
kill "$pid"
wait "$pid"
trap 'rm -rf "$work"' EXIT
check "serve --trace: two chunks" events "$work/serve.json" stage 12
check "serve --trace: steps" events "$work/serve.json" step 6
[ "$failed" -eq 0 ]
