#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_command.sh - the command from outside: help, wrong command lines, wrong files, golden
# cases, results. Prints "ok NAME" or "FAILED NAME" for each; exits 1 if one failed.
. "$(dirname "$0")/tools.sh"

golden=tests/golden/openpi
aloha=$golden/pi0_aloha_sim libero=$golden/pi05_libero droid=$golden/pi0_droid
raw() { "$helper" raw "$1/expected.safetensors" "$work/raw.safetensors" "$2"; }

# ---- help and usage --------------------------------------------------------------------------

expect "version" 0 "pi0 " "$pi0" --version
expect "help" 0 "Usage: pi0 COMMAND" "$pi0" --help
expect "no command" 2 "Usage: pi0 COMMAND" "$pi0"
expect "unknown command names the nearest" 2 "did you mean pi0 inspect?" "$pi0" inspct
expect "unknown option of pi0" 2 "unknown option --verison" "$pi0" --verison
for sub in infer inspect configs demo synth; do
    expect "help of $sub" 0 "Usage: pi0 $sub" "$pi0" $sub --help
    for part in "^  --[a-z]" "^Examples:" "^  pi0 $sub" "^Exit status:"; do
        check "help of $sub has $part" grep -e "$part" "$work/out"
    done
    expect "pi0 help $sub" 0 "Usage: pi0 $sub" "$pi0" help $sub
done
for sub in infer inspect synth; do
    expect "$sub: unknown option names the nearest" 2 "did you mean --seed?" "$pi0" $sub --sede 1
done
expect "configs: unknown option names the nearest" 2 "did you mean --json?" "$pi0" configs --jsn
for sub in infer inspect; do
    expect "$sub has the options of all that run the network" 0 "--cpu-mask NAME" "$pi0" $sub -h
    for name in model tokenizer config lerobot-state-padding horizon steps seed backend precision \
        threads; do
        check "$sub has --$name" grep -e "^  --$name " "$work/out"
    done
done
check "a full disk behind stdout is a failure" sh -c "! '$pi0' --help >/dev/full 2>/dev/null"
usage() { # NAME TEXT options...
    name=$1 text=$2
    shift 2
    expect "$name" 2 "$text" "$pi0" infer "$@"
}
usage "no model" "--model DIR" --raw x
usage "no input" "--observation FILE, --image CAMERA=FILE or --raw FILE" --model demo/place
usage "no prompt" "--prompt TEXT" --model demo/place --image top=x
usage "raw and image" "--image contradicts it" --model d --raw x --image top=x
usage "noise and seed" "contradict each other" --model d --raw x --noise n.npy --seed 1
usage "image without camera" "expected CAMERA=FILE" --model d --prompt p --image x.png
usage "camera twice" "camera top is given twice" --model d --prompt p --image top=a --image top=b
usage "option twice" "--steps is given twice" --model d --raw x --steps 3 --steps 3
usage "value missing" "--model needs a value" --model --raw x
usage "value of a flag" "--json takes no value" --model d --raw x --json=1
usage "empty value" "--model: the value is empty" --model= --raw x
usage "not a number" "expected a whole number from 1 to 1024" --model d --raw x --steps 1e3
usage "number with blanks" "expected a whole number" --model d --raw x --steps " 3"
usage "number out of range" "from 1 to 1024" --model d --raw x --threads 0
usage "seed out of range" "from 0 to 2^64-1" --model d --raw x --seed 18446744073709551616
usage "negative seed" "from 0 to 2^64-1" --model d --raw x --seed -1
usage "unknown state padding" "expected one of v0.4" --model d --raw x --lerobot-state-padding v4
usage "raw and observation" "contradict each other" --model d --raw x --observation o.json
usage "observation and image" "--image contradicts it" --model d --observation o.json --image a=b
usage "observation and prompt" "--prompt contradicts it" --model d --observation o.json --prompt p
usage "raw and config" "--config contradicts it" --model d --raw x --config pi0_droid
usage "normalized and observation" "a robot's own values" --model d --observation o --normalized
usage "normalized and config" "a robot's own values" --model d --image a=b --config c --normalized
usage "plot of several observations" "--plot takes one" --model d --observation a.json \
    --observation b.json --plot p.svg
usage "comparison of several observations" "--compare takes one" --model d --observation a.json \
    --observation b.json --compare cpu
usage "unknown backend" "auto|cpu|reference" --model d --raw x --backend gpu
usage "unknown precision" "auto|bf16|f32" --model d --raw x --precision=bf
usage "an argument too many" "unexpected argument here" --model d --raw x not here
usage "a folder and --model" "two checkpoints: here and --model d" --model d --raw x here
expect "state that is no number" 1 "value 1 is \"1x\"" "$pi0" infer --model demo/place \
    --image a=demo/images/scene1.png --prompt p --state 0,1x
expect "state nan" 1 "value 0 is \"nan\"" "$pi0" infer --model demo/place \
    --image a=demo/images/scene1.png --prompt p --state nan
expect "no such model" 1 "$work/none" "$pi0" infer --model "$work/none" \
    --image a=demo/images/scene1.png --prompt p

# ---- pictures --------------------------------------------------------------------------------

"$work/check_image" demo/images/scene3.jpg 92dc93d8 || failed=$((failed + 1))

# ---- golden cases through --raw --------------------------------------------------------------

for case in $aloha $droid $libero; do
    raw $case
    expect "golden $case" 0 "wrote $work/a.npy: float32" "$pi0" infer --model $case \
        --backend reference --raw "$work/raw.safetensors" --out "$work/a.npy"
    check "golden $case is within 1e-5" "$helper" compare "$work/a.npy" \
        $case/expected.safetensors model_actions_f32 1e-5
done
expect "pi0.5 says that it does not use the state" 0 "the key state is not used by pi0.5" \
    "$pi0" infer --model $libero --raw "$work/raw.safetensors" --steps 1

raw $aloha pixels
expect "pixels instead of images" 0 "wrote" "$pi0" infer --model $aloha --backend reference \
    --raw "$work/raw.safetensors" --out "$work/p.npy" --threads 1
raw $aloha
"$pi0" infer --model $aloha --backend reference --raw "$work/raw.safetensors" --threads 3 \
    --out "$work/a.npy" >"$work/log" 2>&1
check "pixels and images, one thread and three: the same bits" cmp "$work/a.npy" "$work/p.npy"

# ---- golden case through pictures, sentence, state, noise ------------------------------------

"$helper" picture $aloha/expected.safetensors base_0_rgb "$work/base.png"
"$helper" noise $aloha/expected.safetensors 50 "$work/noise.npy"
sentence='Transfer the red_cube to
the other arm '
expect "picture, sentence, state and noise" 0 "wrote" "$pi0" infer --model $aloha \
    --tokenizer $golden/tokenizer.model --backend reference --image base_0_rgb="$work/base.png" \
    --prompt "$sentence" --state "$("$helper" state $aloha/expected.safetensors)" \
    --noise "$work/noise.npy" --out "$work/b.npy"
check "picture, sentence, state and noise: within 1e-5 of the golden" "$helper" compare \
    "$work/b.npy" $aloha/expected.safetensors model_actions_f32 1e-5
"$helper" noise $aloha/expected.safetensors 49 "$work/short.npy"
expect "noise file of another horizon" 1 "[49,32], but the model needs [50,32]" "$pi0" infer \
    --model $aloha --raw "$work/raw.safetensors" --noise "$work/short.npy"
expect "noise of the raw file gives way to --noise, with a warning" 0 \
    "the key noise is not used: --noise was given" "$pi0" infer --model $aloha --steps 1 \
    --raw "$work/raw.safetensors" --noise "$work/noise.npy"
expect "unknown camera names those of the model" 1 "base_0_rgb, left_wrist_0_rgb" "$pi0" infer \
    --model $aloha --tokenizer $golden/tokenizer.model --image top="$work/base.png" \
    --prompt p --state 0
expect "pi0 without a state" 1 "state" "$pi0" infer --model $aloha --prompt p \
    --tokenizer $golden/tokenizer.model --image base_0_rgb="$work/base.png"
expect "a picture that is none" 1 "neither PNG nor JPEG" "$pi0" infer --model $aloha --prompt p \
    --image base_0_rgb="$work/noise.npy"

# ---- raw files with faults -------------------------------------------------------------------

bad() { # CHANGE TEXT
    raw $aloha "$1"
    expect "raw file: $1" 1 "$2" "$pi0" infer --model $aloha --raw "$work/raw.safetensors" \
        --out "$work/none.npy"
}
bad no-images "has neither images nor pixels"
bad no-tokens "has no tokens"
bad both "has both images and pixels"
bad bad-shape "images is U8 [1,3,224,224], expected U8 [n,224,224,3]"
bad bad-type "images is I8 [1,224,224,3], expected U8 [n,224,224,3]"
bad nan-pixels "pixels[0,1,1,5] is not a finite number"
bad bad-token "tokens[1] is -3"
bad nan-state "state[3] is not a finite number"
bad long-state "state has 33 values"
bad nan-noise "noise[1,8] is not a finite number"
bad short-noise "noise is [49,32], but the model needs [50,32]"
bad no-state "state"
check "no result was written" test ! -e "$work/none.npy"
raw $aloha unused
expect "raw file: an unused key is named" 0 "the key wrist is not used" "$pi0" infer \
    --model $aloha --raw "$work/raw.safetensors" --steps 1
raw $aloha bright-pixels
expect "raw file: pixels beyond [-1,1] are warned about" 0 "pixels[0,0,0,7] is 200" "$pi0" infer \
    --model $aloha --raw "$work/raw.safetensors" --steps 1
head -c 1000 "$work/raw.safetensors" >"$work/cut.safetensors"
expect "raw file cut short" 1 "cut.safetensors" "$pi0" infer --model $aloha \
    --raw "$work/cut.safetensors"

# ---- horizon ---------------------------------------------------------------------------------

raw $aloha
expect "--horizon contradicts config.json" 1 "config.json says 50" "$pi0" infer --model $aloha --horizon 20 \
    --raw "$work/raw.safetensors"
mkdir "$work/bare"
cp $aloha/model.safetensors "$work/bare"
expect "horizon from the noise" 0 "actions: 50 rows x 32 columns" "$pi0" infer \
    --model "$work/bare" --raw "$work/raw.safetensors" --steps 1
expect "horizon from --horizon contradicts the noise" 1 "the model needs [7,32]" "$pi0" infer \
    --model "$work/bare" --raw "$work/raw.safetensors" --horizon 7
expect "no horizon at all" 1 "give --horizon N" "$pi0" infer --model "$work/bare" --seed 1 \
    --tokenizer $golden/tokenizer.model --image base_0_rgb="$work/base.png" --prompt p --state 0
raw $aloha no-noise
expect "horizon from --horizon" 0 "actions: 7 rows" "$pi0" infer --model "$work/bare" \
    --raw "$work/raw.safetensors" --horizon 7 --steps 1

# ---- what comes out --------------------------------------------------------------------------

# demo/place is a LeRobot folder: without --normalized, state and actions are the robot's
run="$pi0 infer --model demo/place --image observation.images.top=demo/images/scene1.png
    --normalized --state 1.513794,0.580964,-0.523067"
sentence="put the red block in the bowl"
# shellcheck disable=SC2086
expect "json" 0 '"dtype":"float32"' $run --prompt "$sentence" --json --threads 2
check "json: shape" is "$(value shape.0)x$(value shape.1)" 16x32
check "json: as many actions" sh -c "'$helper' json actions.15.31 <'$work/out'"
for key in timing_ms.load timing_ms.inputs timing_ms.vision timing_ms.prefix timing_ms.denoise \
    timing_ms.total backend isa precision warnings; do
    check "json: $key" "$helper" json $key <"$work/out"
done
check "json: threads" is "$(value threads)" 2
first=$(value actions.0.0)
# shellcheck disable=SC2086
expect "the same seed again" 0 "actions" $run --prompt "$sentence" --json --seed 0
check "the same seed again gives the same action" is "$(value actions.0.0)" "$first"
# shellcheck disable=SC2086
expect "another seed" 0 "actions" $run --prompt "$sentence" --json --seed 1
check "another seed gives another action" test "$(value actions.0.0)" != "$first"
# shellcheck disable=SC2086
expect "table" 0 "actions: 16 rows x 32 columns" $run --prompt "$sentence"
check "table: a line for each row, all columns" \
    is "$(grep -cE '^ +[0-9]+( +-?[0-9]+\.[0-9]{4}){32}$' "$work/out")" 16
# shellcheck disable=SC2086
expect "plot and three columns" 0 "wrote $work/p.svg" $run --prompt "a < b & c" --columns 3 \
    --plot "$work/p.svg"
check "plot: three lines, text escaped, whole" \
    is "$(grep -c -e '<polyline' -e 'a &lt; b &amp; c' -e '</svg>' "$work/p.svg")" 5
# shellcheck disable=SC2086
expect "compare" 0 "correlation" $run --prompt "$sentence" --compare reference --json
check "compare: close" sh -c "'$helper' json compare.correlation <'$work/out' | grep -E '^(1|0\.999)'"
# shellcheck disable=SC2086
expect "result into a folder that is not there" 1 "$work/no/x.npy" $run --prompt "$sentence" \
    --out "$work/no/x.npy"
# shellcheck disable=SC2086
expect "result onto a device" 1 "not a regular file" $run --prompt "$sentence" --plot /dev/null
check "nothing half-written is left" is "$(find "$work" -name '*.part' -o -name '*.tmp')" ""
raw $aloha
"$helper" interrupt 700 "$pi0" infer --model $aloha --backend reference --steps 1024 \
    --raw "$work/raw.safetensors" --out "$work/i.npy" >"$work/log" 2>&1
check "Ctrl-C ends with 130 and writes nothing" sh -c "[ $? = 130 ] && [ ! -e '$work/i.npy' ]"

# ---- robot units -----------------------------------------------------------------------------

robot="$pi0 infer --model demo/place --image observation.images.top=demo/images/scene1.png
    --state 0.842927,0.558296,0"
# shellcheck disable=SC2086
expect "robot units: table" 0 "actions: 16 rows x 3 columns in the robot's units (LeRobot" $robot \
    --prompt "$sentence"
check "robot units: table: a line for each row" \
    is "$(grep -cE '^ +[0-9]+( +-?[0-9]+\.[0-9]{4}){3}$' "$work/out")" 16
# shellcheck disable=SC2086
expect "robot units: json" 0 '"normalized":false' $robot --prompt "$sentence" --json \
    --backend reference
check "robot units: json: shape, type" is "$(value shape.0)x$(value shape.1) $(value dtype)" \
    "16x3 float64"
x=$(value actions.0.0)
# shellcheck disable=SC2086
expect "network's own units: json" 0 '"normalized":true' $run --prompt "$sentence" --json \
    --backend reference
# mean and standard deviation of the demo's actions: demo/place/README.md
check "robot units are the network's own, un-normalised" awk -v n="$(value actions.0.0)" -v x="$x" \
    'BEGIN { d = x - (n * 0.21721 + 0.49873); exit !(d < 2e-5 && d > -2e-5) }'
# shellcheck disable=SC2086
expect "robot units: compare" 0 "correlation" $robot --prompt "$sentence" --compare reference --json
check "robot units: compare: close" \
    sh -c "'$helper' json compare.correlation <'$work/out' | grep -E '^(1|0\.999)'"
# shellcheck disable=SC2086
expect "robot units: plot" 0 "wrote $work/r.svg" $robot --prompt "$sentence" --plot "$work/r.svg"
check "robot units: plot says so" grep -q "in units of the robot" "$work/r.svg"
# shellcheck disable=SC2086
expect "robot units: state of another length" 1 "has 2 values, expected 3" "$pi0" infer \
    --model demo/place --image observation.images.top=demo/images/scene1.png --state 0,0 \
    --prompt "$sentence"
expect "config of a LeRobot folder" 1 "leave config out" "$pi0" infer --model demo/place \
    --config pi0_droid --image observation.images.top=demo/images/scene1.png --state 0,0,0

# ---- inspect ---------------------------------------------------------------------------------

expect "inspect" 0 "demo/place: pi0, lerobot layout" "$pi0" inspect demo/place
expect "inspect: json" 0 '"model":"pi0"' "$pi0" inspect --json --views 1 --tokens 8 demo/place
check "inspect: horizon" is "$(value horizon)" 16
check "inspect: camera" is "$(value cameras.0)" observation.images.top
check "inspect: tokens of the plan" is "$(value work.tokens)" 8
check "inspect: policy's camera" is "$(value policy.cameras.0.name)" observation.images.top
check "inspect: policy's state" is "$(value policy.states.0.name) $(value policy.state_dim)" \
    "observation.state 3"
check "inspect: policy's statistics" is "$(value policy.state_statistics.kind)" MEAN_STD
check "inspect: tokenizer" is "$(value tokenizer)" demo/place/tokenizer.model
check "inspect: puts inputs, gets actions once" is "$(value work.gets)" 1
expect "inspect: pi0.5" 0 "pi0.5, openpi layout" "$pi0" inspect $libero
expect "inspect without a horizon" 0 "not known" "$pi0" inspect "$work/bare"
expect "inspect: --horizon contradicts config.json" 1 "says 16" "$pi0" inspect --horizon 20 demo/place
expect "inspect: policy of a named config" 0 "observation/exterior_image_1_left -> base_0_rgb" \
    "$pi0" inspect --config pi0_droid $droid
check "inspect: units" grep -q "joint velocities" "$work/out"
expect "inspect: no policy" 0 "--config NAME (pi0 configs lists them)" "$pi0" inspect $droid
expect "inspect: unknown config names the nearest" 1 "pi0_droid" "$pi0" inspect $droid \
    --config pi0_drod
expect "inspect: more cameras than there are" 1 "images" "$pi0" inspect --views 9 demo/place
expect "infer: a folder alone" 1 "$work/none" "$pi0" infer "$work/none" \
    --image a=demo/images/scene1.png --prompt p
for command in bench serve verify demo; do
    expect "$command: a folder alone" 1 "$work/none" "$pi0" $command "$work/none"
done
expect "infer: a robot without its state" 1 "no --state: this robot's has 3 values" "$pi0" infer \
    demo/place --image observation.images.top=demo/images/scene1.png --prompt p
expect "serve: a config that is not known is told before a tokenizer that is missing" 1 \
    "the nearest is pi0_droid" "$pi0" serve $droid --config pi0_drod
expect "client: no server" 1 "does a server run there?" "$pi0" client --url ws://127.0.0.1:1 \
    --connect-timeout 1 --observation demo/images/scene1.json
expect "inspect: two checkpoints" 2 "two checkpoints" "$pi0" inspect --model a b
expect "inspect: no checkpoint" 1 "$work" "$pi0" inspect "$work"

# ---- configs ---------------------------------------------------------------------------------

expect "configs" 0 "pi05_full_droid_finetune" "$pi0" configs
check "configs: 7 ALOHA, 7 DROID, 3 LIBERO" is "$(for robot in ALOHA DROID LIBERO; do
    grep -cE "^pi0[a-z0-9_]* +pi0(\.5)? .* $robot " "$work/out"
done | xargs)" "7 7 3"
check "configs: a row says it all" grep -qE \
    "^pi0_aloha_towel +pi0 +50 +48 +no +ALOHA +6,-1,6,-1 +trossen +fold the towel +.*reset_pose" \
    "$work/out"
check "configs: pi05_libero has no state in its prompt" \
    grep -qE "^pi05_libero +pi0\.5 +10 +200 +no +LIBERO +- +physical-intelligence/libero" "$work/out"
"$pi0" configs --json >"$work/out" 2>"$work/err"
printf '{"list":%s}' "$(cat "$work/out")" >"$work/list" && mv "$work/list" "$work/out"
check "configs: json" is "$(value list.0.name) $(value list.16.name)" "pi0_aloha pi05_libero"
check "configs: json: metadata" is "$(value list.0.metadata.reset_pose.1)" "-1.5"

# ---- synth -----------------------------------------------------------------------------------

synth() { "$pi0" synth --size tiny "$@" >"$work/log" 2>&1; }
synth "$work/s1" --threads 1 && synth "$work/s3" --threads 3 && synth "$work/t" --seed 1
check "synth: the same bits for 1 and 3 threads" cmp "$work/s1/model.safetensors" \
    "$work/s3/model.safetensors"
check "synth: another seed, other bits" sh -c \
    "! cmp -s '$work/s1/model.safetensors' '$work/t/model.safetensors'"
expect "synth: does not overwrite" 1 "--force overwrites it" "$pi0" synth --size tiny "$work/t"
expect "synth: --force does" 0 "seed 0" "$pi0" synth --size tiny --force "$work/t"
check "synth: overwritten" cmp "$work/s1/model.safetensors" "$work/t/model.safetensors"
expect "synth: no size" 2 "--size" "$pi0" synth "$work/x"
expect "synth: no folder" 2 "the folder" "$pi0" synth --size tiny
expect "synth: contradiction" 2 "contradicts" "$pi0" synth --size pi0 --pi05 "$work/x"
expect "synth: into a file" 1 "not a folder" "$pi0" synth --size tiny "$work/log"
expect "synth: no parent folder" 1 "cannot make" "$pi0" synth --size tiny "$work/x/y"
synth --pi05 --dtype f32 --horizon 10 "$work/s5"
for case in s1 s5; do
    raw $aloha no-noise
    expect "infer on synth tiny $case" 0 "wrote" "$pi0" infer --model "$work/$case" \
        --raw "$work/raw.safetensors" --out "$work/s.npy"
    expect "inspect on synth tiny $case" 0 "openpi layout" "$pi0" inspect "$work/$case"
done
room=$(df -Pk "$work" | awk 'NR == 2 { print int($4 / 1000000) }')
if [ "$room" -ge 8 ]; then
    "$helper" interrupt 200 "$pi0" synth --size pi0 "$work/large" >"$work/log" 2>&1
    check "synth: Ctrl-C ends with 130 and leaves nothing" \
        sh -c "[ $? = 130 ] && [ ! -e '$work/large' ]"
else
    expect "synth: a full disk is seen before writing" 1 "are free on this disk" \
        "$pi0" synth --size pi0 "$work/large"
fi

# ---- demo ------------------------------------------------------------------------------------

expect "demo" 0 "$work/demo/demo.svg" sh scripts/demo.sh "$pi0" "$work/demo"
check "demo: the drawing is whole" grep -q "</svg>" "$work/demo/demo.svg"
[ "$failed" -eq 0 ]
