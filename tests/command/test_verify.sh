#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_verify.sh - pi0 verify from outside: command lines, tables, JSON, exit status.
. "$(dirname "$0")/tools.sh"

golden=tests/golden/openpi
libero=$golden/pi0_libero droid=$golden/pi05_droid
lerobot=tests/golden/lerobot/lerobot_pi0

usage() { # NAME TEXT options...
    name=$1 text=$2
    shift 2
    expect "$name" 2 "$text" "$pi0" verify "$@"
}
expect "help" 0 "Usage: pi0 verify" "$pi0" verify --help
usage "no model" "--model DIR" --synthetic 1
usage "two sources" "contradict each other" --model d --synthetic 1 --against f
usage "views without synthetic" "--views belongs to --synthetic" --model d --against f --views 1
usage "reference beside itself" "what the other one is compared with" --model d --backend reference
usage "against and config" "--config contradicts it" --model d --against f --config pi0_libero
expect "unknown module lists all" 1 "no module vison; there are common.time" \
    "$pi0" verify --model $libero --modules vison

# ---- what is right ---------------------------------------------------------------------------

expect "synthetic" 0 "PASS: " "$pi0" verify --model $libero --steps 2
for title in "SigLIP patch embedding" "SigLIP attention" "Gemma values" "state projection" \
    "expert MLP" "final norm" "lengths instead of masks" "final actions"; do
    check "the table has $title" grep -q "^  $title .* PASS" "$work/out"
done
check "coverage by module" grep -q "^  prefix  *[0-9]* *[0-9.]* *[0-9.]* *100.0 " "$work/out"
check "nothing fails" sh -c "! grep -q FAIL '$work/out'"
expect "all layers" 0 "  prefix.L01.attention " "$pi0" verify --model $libero --steps 1 --all

expect "a robot's observation" 0 "PASS: " "$pi0" verify --model $droid --config pi05_droid \
    --tokenizer $golden/tokenizer.model --observation $droid/observation.msgpack --steps 2
check "robot actions in units" grep -q "^Robot actions, joint velocities" "$work/out"
check "each action of the robot" grep -q "^  joint_7 .* PASS" "$work/out"
expect "a LeRobot folder, made up" 0 "robot actions" "$pi0" verify --model $lerobot \
    --tokenizer tests/golden/lerobot/tokenizer --synthetic 2 --steps 1 --precision f32
expect "no tokenizer is told" 0 "no tokenizer was found" "$pi0" verify --model $lerobot --steps 1

# ---- JSON ------------------------------------------------------------------------------------

expect "JSON" 0 '{"module":"' "$pi0" verify --model $libero --modules vision,prefix.k --json
"$helper" rows <"$work/out" >"$work/rows" 2>&1 || failed "JSON is read"
check "JSON: attention alone" grep -q "^vision.1.L01.attention alone \[256,96\] pass" "$work/rows"
check "JSON: keys accumulated" grep -q "^prefix.L02.k accumulated \[528,16\] pass" "$work/rows"
check "JSON: only what was asked for" sh -c "! grep -qv '^vision\|^prefix.L0..k' '$work/rows'"

# ---- another runtime's tensors ---------------------------------------------------------------

for case in $libero $droid $lerobot; do
    expect "against ${case##*/}" 0 "The reference flow against the file" \
        "$pi0" verify --model "$case" --against "$case/expected.safetensors"
done
expect "against openpi: each stage" 0 "  step9.v " \
    "$pi0" verify --model $droid --against $droid/expected.safetensors --all
# another checkpoint's tensors
expect "against another checkpoint" 1 "FAIL: " \
    "$pi0" verify --model $libero --against $golden/pi0_aloha_sim/expected.safetensors
expect "a file of something else" 1 "neither images nor pixels" \
    "$pi0" verify --model $libero --against $libero/model.safetensors

# ---- report ----------------------------------------------------------------------------------

expect "report" 0 "wrote $work/report.html" "$pi0" verify --model $droid --config pi05_droid \
    --tokenizer $golden/tokenizer.model --observation $droid/observation.msgpack \
    --report "$work/report.html"
check "report: needs nothing from elsewhere" sh -c \
    "! grep -qE '(src|href)=\"[^d#]|@import|url\(|https?://[^w]' '$work/report.html'"
sed -n 's|.*id="data">\(.*\)</script>.*|\1|p' "$work/report.html" >"$work/out"
check "report: actions have their names" is "$(value actions.names.6)" joint_7
check "report: both flows" is "$(value actions.reference.14 | tr -cd , | wc -c) $(
    value actions.accelerated.14 | tr -cd , | wc -c)" "7 7"
check "report: rows with kind and layer" is "$(value rows.3.kind) $(value rows.3.layer)" \
    "vision.attention 0"
check "report: coverage" is "$(value coverage)" 100.0
check "report: times" value latency_ms.0
check "report: operations for the roofline" value roofline.ops.0.flop
expect "report: a folder that is not there" 1 "cannot write" "$pi0" verify --model $libero \
    --steps 1 --modules vision --report "$work/no/report.html"

exit $((failed > 0))
