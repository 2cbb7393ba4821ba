#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_observations.sh - from a robot's observation to its actions: golden cases of openpi and
# LeRobot, JSON beside msgpack, many observations, the tokenizer's hiding places, wrong inputs.
# Prints "ok NAME" or "FAILED NAME" for each; exits 1 if one failed.
. "$(dirname "$0")/tools.sh"

make=$work/make_observation
messagepack=$(pkg-config --libs msgpack-c 2>/dev/null || pkg-config --libs msgpack)
# shellcheck disable=SC2086
${CC:-cc} $flags tests/command/make_observation.c $library -o "$make" $messagepack -ljansson -lpng \
    -lm || { echo "FAILED to build the tests' own programs"; exit 1; }

golden=tests/golden/openpi lerobot=tests/golden/lerobot
words=$golden/tokenizer.model robot_words=$lerobot/tokenizer

# rows CASE: of its action chunk
rows() { sed -n 's/.*"\(action_horizon\|chunk_size\)": *\([0-9]*\).*/\2/p' "$1/config.json"; }
noise() { "$helper" noise "$1/expected.safetensors" "$(rows "$1")" "$work/noise.npy"; }

# ---- golden cases ----------------------------------------------------------------------------

for case in "$golden"/*/; do
    case=${case%/} name=${case##*/}
    noise "$case"
    expect "golden $name" 0 "wrote $work/$name.npy: float64 [$(rows "$case")," "$pi0" infer \
        --model "$case" --config "$name" --tokenizer $words --backend reference \
        --observation "$case/observation.msgpack" --noise "$work/noise.npy" \
        --out "$work/$name.npy"
    check "golden $name is within 2e-5" "$helper" relative "$work/$name.npy" \
        "$case/expected.safetensors" actions_f32 2e-5
    check "golden $name is float64" sh -c "head -c 128 '$work/$name.npy' | grep -q \"'<f8'\""
done
for case in "$lerobot"/lerobot_*; do
    name=${case##*/}
    noise "$case"
    "$make" lerobot "$case/expected.safetensors" "$work/$name.msgpack"
    expect "golden $name" 0 "wrote $work/$name.npy: float64 [20,6]" "$pi0" infer \
        --model "$case" --tokenizer "$robot_words" --backend reference \
        --observation "$work/$name.msgpack" --noise "$work/noise.npy" --out "$work/$name.npy"
    check "golden $name is within 2e-5" "$helper" relative "$work/$name.npy" \
        "$case/expected.safetensors" actions 2e-5
done
check "all golden cases were run" is \
    "$(find "$work" -name 'pi0*.npy' | wc -l) $(find "$work" -name 'lerobot*.npy' | wc -l)" "7 4"

# ---- the same observation in other forms -----------------------------------------------------

# same NAME CASE OBSERVATION: the bits of the case's own observation
same() {
    name=$1 kind=${2##*/} config="--config ${2##*/}" tokenizer=$words
    case $kind in lerobot*) config= tokenizer=$robot_words ;; esac
    noise "$2"
    # shellcheck disable=SC2086
    if "$pi0" infer --model "$2" $config --tokenizer "$tokenizer" --backend reference \
        --observation "$3" --noise "$work/noise.npy" --out "$work/same.npy" >"$work/log" 2>&1 &&
        cmp "$work/same.npy" "$work/$kind.npy" >>"$work/log"; then
        ok "$name"
    else
        failed "$name"
    fi
}
for case in $golden/pi05_aloha $golden/pi0_droid $golden/pi05_libero $lerobot/lerobot_pi0; do
    mkdir "$work/json"
    from=$case/observation.msgpack
    [ -e "$from" ] || from=$work/${case##*/}.msgpack
    "$make" json "$from" "$work/json"
    same "JSON: ${case##*/}" "$case" "$work/json/observation.json"
    "$make" json "$from" "$work/json" whole
    same "JSON with the state as one list: ${case##*/}" "$case" "$work/json/observation.json"
    rm -r "$work/json"
done
# edited NAME CASE EDIT...: the case's observation, written otherwise, gives the same bits
edited() {
    name=$1 case=$2
    shift 2
    from=$case/observation.msgpack
    [ -e "$from" ] || from=$work/${case##*/}.msgpack
    "$make" edit "$from" "$work/edited.msgpack" "$@"
    same "$name" "$case" "$work/edited.msgpack"
}
aloha=$golden/pi0_aloha_sim droid=$golden/pi05_droid libero=$golden/pi0_libero
sentence='Transfer the red_cube to
the other arm '
edited "prompt as bytes" $aloha "bytes:prompt=$sentence"
edited "prompt as an array of one text" $aloha "unicode:prompt=$sentence"
edited "prompt with é as an array of one text" $libero "unicode:prompt=open the drawer; 12% émigré"
edited "prompt under the key task" $droid rename:prompt=task
edited "a scalar of numpy" $droid scalar:observation/gripper_position
edited "an array without dimensions" $droid shape:observation/gripper_position=
edited "the state as a list" $aloha list:state
edited "pictures with colours first" $droid turn:observation/wrist_image_left
edited "f4 as f8" $libero double:observation/state
edited "LeRobot: prompt for task" $lerobot/lerobot_pi0 rename:task=prompt

# the default prompt is the config's
"$make" edit $aloha/observation.msgpack "$work/o.msgpack" "text:prompt=Transfer cube"
"$make" edit $aloha/observation.msgpack "$work/d.msgpack" drop:prompt
for o in o d; do
    "$pi0" infer --model $aloha --config pi0_aloha_sim --tokenizer $words --backend reference \
        --observation "$work/$o.msgpack" --out "$work/$o.npy" >"$work/log" 2>&1
done
check "no prompt: the config's default prompt" cmp "$work/o.npy" "$work/d.npy"

# ---- pictures and state from the command line ------------------------------------------------

mkdir "$work/json"
"$make" json $golden/pi05_aloha/observation.msgpack "$work/json" whole
state=$(tr -d ' \n' <"$work/json/observation.json" | sed 's/.*"state":\[\([^]]*\)\].*/\1/')
noise $golden/pi05_aloha
expect "--image, --state, --prompt with --config" 0 "in the robot's units" "$pi0" infer \
    --model $golden/pi05_aloha --config pi05_aloha --tokenizer $words --backend reference \
    --image cam_right_wrist="$work/json/picture1.png" --image cam_high="$work/json/picture0.png" \
    --state "$state" --prompt "$sentence" --noise "$work/noise.npy" --out "$work/arguments.npy"
check "--image, --state, --prompt with --config: the same bits" cmp "$work/arguments.npy" \
    "$work/pi05_aloha.npy"
rm -r "$work/json"

# ---- a robot from a file, LeRobot's old prompt -----------------------------------------------

cat >"$work/robot.json" <<ROBOT
{ "pi05": true, "asset_id": "droid", "actions": 8,
  "cameras": { "observation/exterior_image_1_left": "base_0_rgb",
               "observation/wrist_image_left": "left_wrist_0_rgb" },
  "states": { "observation/joint_position": 7, "observation/gripper_position": 1 } }
ROBOT
noise $droid
expect "--config FILE.json" 0 "in the robot's units" "$pi0" infer --model $droid \
    --config "$work/robot.json" --tokenizer $words --backend reference \
    --observation $droid/observation.msgpack --noise "$work/noise.npy" --out "$work/file.npy"
check "--config FILE.json: the bits of the named config" cmp "$work/file.npy" "$work/pi05_droid.npy"
case=$lerobot/lerobot_pi05
noise $case
expect "--lerobot-state-padding" 0 "in the robot's units" "$pi0" infer --model $case \
    --lerobot-state-padding v0.4 --tokenizer "$robot_words" --backend reference \
    --observation "$work/lerobot_pi05.msgpack" --noise "$work/noise.npy" --out "$work/padded.npy"
check "--lerobot-state-padding: another prompt, other actions" \
    sh -c "! cmp -s '$work/padded.npy' '$work/lerobot_pi05.npy'"

# ---- many observations -----------------------------------------------------------------------

mkdir "$work/many"
cp $droid/observation.msgpack "$work/many/b.msgpack"
"$make" edit $droid/observation.msgpack "$work/many/a.msgpack" "text:prompt=wave"
echo "not an observation" >"$work/many/notes.txt"
run="$pi0 infer --model $droid --config pi05_droid --tokenizer $words --backend reference"
noise $droid
"$helper" stack 2 "$work/noise.npy" "$work/noise2.npy"
# shellcheck disable=SC2086
expect "a folder" 0 "float64 [2,15,8]" $run --observation "$work/many" --noise "$work/noise.npy" \
    --out "$work/many.npy"
"$helper" slice 1 "$work/many.npy" "$work/slice.npy"
check "a folder: in the order of names" cmp "$work/slice.npy" "$work/pi05_droid.npy"
# shellcheck disable=SC2086
expect "two files, noise for each" 0 "float64 [2,15,8]" $run \
    --observation "$work/many/a.msgpack" --observation "$work/many/b.msgpack" \
    --noise "$work/noise2.npy" --out "$work/two.npy"
check "two files, noise for each: the same bits" cmp "$work/two.npy" "$work/many.npy"
# shellcheck disable=SC2086
expect "without noise" 0 '"shape":[2,15,8]' $run --observation "$work/many" --json
check "without noise: files are named" is "$(value observations.1.file)" "$work/many/b.msgpack"
x=$(value actions.1.0.0)
# shellcheck disable=SC2086
expect "one of them without noise" 0 '"shape":[15,8]' $run --observation "$work/many/b.msgpack" \
    --json
check "each observation has noise of its own" test "$x" != "$(value actions.0.0)"
# shellcheck disable=SC2086
expect "a table for each" 0 "$work/many/b.msgpack" $run --observation "$work/many" --steps 1
check "a table for each: names" is \
    "$(grep -cE '^ +row +joint_1 +joint_2 .* +joint_7 +gripper$' "$work/out")" 2
check "a table for each: rows" is "$(grep -cE '^ +[0-9]+( +-?[0-9.]+){8}$' "$work/out")" 30

"$helper" interrupt 700 "$pi0" infer --model $droid --config pi05_droid --tokenizer $words \
    --backend reference --steps 1024 --observation "$work/many" --out "$work/i.npy" \
    >"$work/log" 2>&1
check "Ctrl-C ends with 130 and writes nothing" sh -c "[ $? = 130 ] && [ ! -e '$work/i.npy' ]"

# ---- where the tokenizer lies ----------------------------------------------------------------

o="--observation $droid/observation.msgpack"
run="$pi0 infer --model $droid --config pi05_droid --steps 1"
# shellcheck disable=SC2086
expect "no tokenizer: where it was looked for" 1 "$droid/tokenizer.model" $run $o
for place in "$HOME/.cache/openpi/big_vision/paligemma_tokenizer.model" \
    "$HOME/.cache/huggingface/hub/models--google--paligemma-3b-pt-224/snapshots/*/tokenizer.model" \
    gs://big_vision/paligemma_tokenizer.model google/paligemma-3b-pt-224; do
    check "no tokenizer: names $place" grep -qF "$place" "$work/err"
done
# found NAME VARIABLE=VALUE FILE: it is used from there
found() {
    mkdir -p "${3%/*}" && cp $words "$3"
    # shellcheck disable=SC2086
    expect "tokenizer: $1" 0 "15 rows" env "$2" $run $o
    rm "$3"
}
snapshot=models--google--paligemma-3b-pt-224/snapshots/abc/tokenizer.model
found "openpi's cache" A=B "$HOME/.cache/openpi/big_vision/paligemma_tokenizer.model"
found "OPENPI_DATA_HOME" OPENPI_DATA_HOME="$work/data" \
    "$work/data/big_vision/paligemma_tokenizer.model"
found "Hugging Face's cache" A=B "$HOME/.cache/huggingface/hub/$snapshot"
found "HF_HOME" HF_HOME="$work/hf" "$work/hf/hub/$snapshot"
found "HF_HUB_CACHE" HF_HUB_CACHE="$work/hub" "$work/hub/$snapshot"
cp -r $droid "$work/droid"
echo "{}" >"$work/droid/tokenizer.json"
expect "tokenizer.json alone" 1 "$work/droid/tokenizer.json is no SentencePiece model" "$pi0" infer \
    --model "$work/droid" --config pi05_droid $o
cp $words "$work/droid/tokenizer.model"
# shellcheck disable=SC2086
expect "tokenizer: the checkpoint's folder" 0 "15 rows" "$pi0" infer --model "$work/droid" \
    --config pi05_droid --steps 1 $o

# ---- wrong inputs ----------------------------------------------------------------------------

# wrong NAME CASE TEXT EDIT...: status 1, the thing is named, nothing is written
wrong() {
    name="wrong: $1" case=$2 text=$3 config="--config ${2##*/}" tokenizer=$words
    case $2 in */lerobot*) config= tokenizer=$robot_words ;; esac
    shift 3
    from=$case/observation.msgpack
    [ -e "$from" ] || from=$work/${case##*/}.msgpack
    "$make" edit "$from" "$work/wrong.msgpack" "$@" || failed "$name"
    # shellcheck disable=SC2086
    expect "$name" 1 "$text" "$pi0" infer --model "$case" $config --tokenizer "$tokenizer" --steps 1 \
        --observation "$work/wrong.msgpack" --out "$work/wrong.npy"
    grep -q "wrong.msgpack" "$work/err" || failed "$name: names the file"
    [ ! -e "$work/wrong.npy" ] || failed "$name: wrote a result"
}
left=observation/exterior_image_1_left joints=observation/joint_position
wrist=observation/wrist_image_left gripper=observation/gripper_position
wrong "missing camera" $aloha "cam_high" drop:images/cam_high
wrong "unknown camera" $aloha "cam_front" rename:images/cam_high=cam_front
wrong "missing camera of DROID" $droid "$wrist" drop:$wrist
wrong "unknown camera of LeRobot" $lerobot/lerobot_pi05 "observation.images.side" \
    rename:observation.images.wrist=observation.images.side
wrong "colours last for ALOHA" $aloha "images/cam_high: a picture of shape [480,640,3]" \
    turn:images/cam_high
wrong "colours first for LeRobot" $lerobot/lerobot_pi0 \
    "observation.images.top: a picture of shape [3,240,320]" turn:observation.images.top
wrong "a picture without colours" $droid "$left: a picture of shape [180,960]" shape:$left=180,960
wrong "a picture of four colours" $droid "$left: a picture of shape [180,240,4]" \
    shape:$left=180,240,4
wrong "a batch of pictures" $droid "$left: a picture of shape [1,180,320,3]" \
    shape:$left=1,180,320,3
wrong "a picture of signed bytes" $droid "$left: a picture of type \"|i1\"" "type:$left=|i1"
wrong "a picture of floats beyond 1" $droid "$left" floats:$left=4 scale:$left=255
wrong "a picture that is text" $droid "$left: expected a picture" text:$left=left.png
wrong "an array of objects" $droid "$left: an array of type \"|O\", of Python objects" "type:$left=|O"
wrong "an array of complex numbers" $droid "$joints: an array of type \"<c16\", of complex" \
    "type:$joints=<c16"
wrong "an array of records" $droid "$joints: an array of type \"|V8\", of records" "type:$joints=|V8"
wrong "the high byte first" $droid "expected \"<f8\"" "type:$joints=>f8"
wrong "a type by its long name" $droid "numpy's short form" type:$joints=float64
wrong "fewer bytes than the shape says" $droid "has 172800 bytes, expected 184320" \
    shape:$left=192,320,3
wrong "a negative size" $droid "size 1 of the array's shape" shape:$joints=1,-7
wrong "a huge size" $droid "$left" shape:$left=4294967296,4294967296,3
wrong "state with NaN" $aloha "value 3 of state" value:state=3,nan
wrong "state with infinity" $droid "value 6 of state" value:$joints=6,inf
wrong "short state" $aloha "has 13 values, expected 14" first:state=13
wrong "missing state" $droid "$gripper" drop:$gripper
wrong "state of two dimensions" $aloha "state: an array [2,7]" shape:state=2,7
wrong "state that is text" $aloha "state: value 0 is not a number" text:state=closed
wrong "no prompt" $droid "no prompt" drop:prompt
wrong "a prompt that is a number" $droid "prompt: expected one text" number:prompt=3
wrong "a prompt that is an array of numbers" $droid "expected one text" rename:prompt=old \
    rename:$gripper=prompt
wrong "a prompt that is not UTF-8" $droid "UTF-8" "bytes:prompt=$(printf 'red \377 cube')"
wrong "prompt and task that differ" $droid "both prompt and task" "text:$gripper=x" \
    rename:$gripper=task
wrong "a key twice" $droid "$left is there twice" rename:$wrist=$left
wrong "nil for a camera" $aloha "images/cam_high: expected a picture" nil:images/cam_high

# broken NAME TEXT: $work/broken.msgpack
broken() {
    expect "wrong: $1" 1 "$2" "$pi0" infer --model $droid --config pi05_droid --tokenizer $words \
        --observation "$work/broken.msgpack" --out "$work/wrong.npy"
    [ ! -e "$work/wrong.npy" ] || failed "$1: wrote a result"
}
head -c 3000 $droid/observation.msgpack >"$work/broken.msgpack"
broken "msgpack cut short" "broken.msgpack: damaged msgpack: the bytes at byte "
cat $droid/observation.msgpack $droid/observation.msgpack >"$work/broken.msgpack"
broken "two observations in a file" "bytes behind the observation, which ends at byte 323741"
printf '\301' >"$work/broken.msgpack"
broken "no msgpack" "the byte 0xc1 at 0"
printf '\337\377\377\377\377' >"$work/broken.msgpack"
broken "a map that promises too much" "the map at byte 0 goes on behind the end"
printf '\221\1' >"$work/broken.msgpack"
broken "a list for a map" "expected a map"
: >"$work/broken.msgpack"
broken "an empty file" "the file is empty"
rm "$work/broken.msgpack"
broken "no such file" "broken.msgpack"
for i in 1 2 3 4 5 6 7 8 9 10; do printf '\221\221'; done >"$work/broken.msgpack"
broken "lists in lists" "more than 16 maps and arrays in one another"

# wrong_json NAME TEXT JSON
wrong_json() {
    printf '%s' "$3" >"$work/wrong.json"
    expect "wrong: JSON: $1" 1 "$2" "$pi0" infer --model $droid --config pi05_droid \
        --tokenizer $words --observation "$work/wrong.json" --out "$work/wrong.npy"
    [ ! -e "$work/wrong.npy" ] || failed "$1: wrote a result"
}
wrong_json "not JSON" "line 1, column" '{"images": }'
wrong_json "a picture that is not there" "$work/none.png" '{"images": {"top": "none.png"}}'
wrong_json "a picture that is none" "neither PNG nor JPEG" '{"images": {"top": "wrong.json"}}'
wrong_json "pictures in a list" "images is an array" '{"images": ["a.png"]}'
wrong_json "a picture that is a number" "images: top is an integer" '{"images": {"top": 1}}'
wrong_json "state with text" "state: value 1 is a string" '{"state": [1, "2"]}'
wrong_json "state that is true" "state is a boolean" '{"state": true}'
wrong_json "prompt that is a list" "prompt is an array" '{"prompt": ["a"]}'
wrong_json "a key twice" "is there twice" '{"prompt": "a", "prompt": "b"}'
wrong_json "no camera" "$left" '{"state": [0,0,0,0,0,0,0,0], "prompt": "wave"}'

# other TEXT NAME options...
other() {
    text=$1 name="wrong: $2"
    shift 2
    expect "$name" 1 "$text" "$pi0" infer --tokenizer $words --out "$work/wrong.npy" "$@"
    [ ! -e "$work/wrong.npy" ] || failed "$name: wrote a result"
}
other "pi05_droid" "unknown config names the nearest" --model $droid --config pi05_drod $o
other "$aloha" "a config of another robot" --model $aloha --config pi05_droid $o
other "pi0_droid" "a pi0 config on a pi0.5 checkpoint" --model $droid --config pi0_droid $o
other "--config NAME" "no config" --model $droid $o
other "openpi never filled up the state" "--lerobot-state-padding of an openpi checkpoint" \
    --model $droid --config pi05_droid --lerobot-state-padding v0.4 $o
cp -r $droid "$work/nostats" && rm -r "$work/nostats/assets"
other "norm_stats.json" "no statistics" --model "$work/nostats" --config pi05_droid $o
"$helper" stack 3 "$work/noise.npy" "$work/noise3.npy"
other "noise for 3 observations, but there is 1" "noise for more observations" --model $droid \
    --config pi05_droid $o --noise "$work/noise3.npy"
mkdir "$work/nothing"
other "no observation in this folder" "a folder without observations" --model $droid \
    --config pi05_droid --observation "$work/nothing"
other "this name ends otherwise" "an observation of another kind" --model $droid \
    --config pi05_droid --observation README.md
cp -r $lerobot/lerobot_pi0 "$work/bare" && rm "$work"/bare/policy_*
expect "wrong: LeRobot without processors" 1 "policy_preprocessor.json" "$pi0" infer \
    --model "$work/bare" --tokenizer "$robot_words" --observation "$work/lerobot_pi0.msgpack" \
    --out "$work/wrong.npy"
check "nothing was written" is "$(find "$work" -name 'wrong.npy*' -o -name '*.part')" ""

# what is passed over is named
"$make" edit $droid/observation.msgpack "$work/o.msgpack" rename:prompt=language number:$gripper=0
expect "unused keys are named" 1 "o.msgpack: the key language is not used" "$pi0" infer \
    --model $droid --config pi05_droid --tokenizer $words --observation "$work/o.msgpack"
"$make" edit $golden/pi05_aloha/observation.msgpack "$work/o.msgpack" \
    rename:images/cam_right_wrist=cam_low
expect "a camera that is not looked at" 0 "50 rows" "$pi0" infer --model $golden/pi05_aloha \
    --config pi05_aloha --tokenizer $words --observation "$work/o.msgpack" --steps 1
"$make" edit $droid/observation.msgpack "$work/o.msgpack" floats:$left=4
expect "floats in [0,1] are warned about" 0 "$left: f32 is cut to 8 bits" "$pi0" infer \
    --model $droid --config pi05_droid --tokenizer $words --observation "$work/o.msgpack" --steps 1

# ---- the commands of the documentation -------------------------------------------------------

mkdir "$work/docs" "$work/bin"
ln -s "$PWD/tests" "$PWD/demo" "$work/docs"
case $pi0 in /*) ln -s "$pi0" "$work/bin/pi0" ;; *) ln -s "$PWD/$pi0" "$work/bin/pi0" ;; esac
awk '/^```sh/ { f = 1; next } /^```/ { f = 0 } f' docs/CHECKPOINTS.md >"$work/docs.sh"
check "docs/CHECKPOINTS.md has commands" test "$(grep -c '^pi0 ' "$work/docs.sh")" -ge 6
check "the commands of docs/CHECKPOINTS.md run" sh -c \
    "cd '$work/docs' && PATH='$work/bin':\$PATH && set -e && . '$work/docs.sh'"
[ "$failed" -eq 0 ]
