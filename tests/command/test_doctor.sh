#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_doctor.sh - pi0 doctor on copies of golden checkpoints and on observations, each with one
# fault: it must find that fault and no other, with the right exit status. Every finding of the
# table in tools/doctor_findings.h must be met here and must have its row in docs/DOCTOR.md.
# Environment: PI0, the command; PI0_TEST_DATA, the golden data.
set -u
cd "$(dirname "$0")/../.." || exit 1
if [ ! -x "$PI0" ] || [ ! -d "$PI0_TEST_DATA" ]; then
    echo "PI0 or PI0_TEST_DATA is not set"
    exit 1
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
LC_ALL=C
export LC_ALL

# no tokenizer lies about in these folders
HOME=$work/home
export HOME
unset OPENPI_DATA_HOME HF_HOME HF_HUB_CACHE XDG_CACHE_HOME
mkdir "$HOME"

helper=$work/helper
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -D_DEFAULT_SOURCE -O1 -Iinclude -Isrc tests/command/doctor_helper.c \
    src/data/safetensors.c src/data/st_header.c src/data/json.c src/core/error.c src/core/file.c \
    -o "$helper" -ljansson -lm || { echo "FAILED to build the tests' own program"; exit 1; }

# ---- tools -----------------------------------------------------------------------------------

. tests/support/check.sh

# what a healthy checkpoint may say, too
standing="camera.names memory.need"

c=$work/c # the checkpoint of the moment
o=$work/o.msgpack
args=

# use CASE [options]: a fresh copy that nothing but notes can be said of
use() {
    rm -rf "$c"
    cp -r "$PI0_TEST_DATA/$1" "$c" && chmod -R u+w "$c"
    tokenizer=$PI0_TEST_DATA/openpi/tokenizer.model
    # the names of published sizes do not go with tiny ones
    "$helper" json "$c/config.json" paligemma_variant -
    "$helper" json "$c/config.json" action_expert_variant -
    shift
    args="$*"
}
t() { "$helper" tensors "$c/model.safetensors" "$@"; }
j() { "$helper" json "$c/$1" "$2" "$3"; }
see() { "$helper" observation "$o" "$@"; }

# sick NAME STATUS "ID ID" [options]: it ends with STATUS and finds these, nothing else
sick() {
    name=$1 status=$2
    # shellcheck disable=SC2086
    expected=$(printf '%s\n' $3 | sort -u)
    shift 3
    # shellcheck disable=SC2086
    "$PI0" doctor "$c" --json ${tokenizer:+--tokenizer "$tokenizer"} $args "$@" \
        >"$work/out" 2>"$work/err"
    is=$?
    "$helper" ids <"$work/out" >"$work/ids" 2>>"$work/err" || is="$is, but no report"
    cat "$work/ids" >>"$work/seen"
    found=$(for id in $standing; do echo "-e $id"; done | xargs grep -vxF "$work/ids" | sort -u)
    cat "$work/out" "$work/err" >"$work/log"
    printf '%s\n' "status $is, expected $status" "found: $found" "expected: $expected" >>"$work/log"
    if [ "$is" = "$status" ] && [ "$found" = "$expected" ] && [ ! -s "$work/err" ]; then
        ok "$name"
    else
        failed "$name"
    fi
}

droid=openpi/pi0_droid libero=openpi/pi0_libero
droid_stats=assets/droid/norm_stats.json
libero_stats=assets/physical-intelligence/libero/norm_stats.json
aloha_stats=assets/trossen/norm_stats.json
pre=policy_preprocessor.json post=policy_postprocessor.json
normalizer=policy_preprocessor_step_6_normalizer_processor.safetensors
unnormalizer=policy_postprocessor_step_0_unnormalizer_processor.safetensors
v=paligemma_with_expert.paligemma.model.vision_tower.vision_model.
q0=paligemma_with_expert.paligemma.model.language_model.layers.0.self_attn.q_proj.weight
table=paligemma_with_expert.paligemma.lm_head.weight

# ---- the healthy -----------------------------------------------------------------------------

for name in pi0_aloha_sim pi0_droid pi0_libero pi05_aloha pi05_droid pi05_full_droid_finetune \
    pi05_libero; do
    use openpi/$name --config $name
    sick "healthy $name" 0 ""
done
use lerobot/lerobot_pi0
sick "healthy lerobot_pi0" 0 "camera.empty"
use lerobot/lerobot_pi0_relative
sick "healthy lerobot_pi0_relative" 0 ""
use lerobot/lerobot_pi05
sick "healthy lerobot_pi05" 0 "prompt.padding"
sick "padding that is given is not asked for" 0 "" --lerobot-state-padding v0.4
use lerobot/lerobot_pi05_meanstd
sick "healthy lerobot_pi05_meanstd" 0 "prompt.padding norm.pi05_mean_std"

# as they are, with their own observations: no error
for case in "$PI0_TEST_DATA"/openpi/*/; do
    "$PI0" doctor "$case" --config "$(basename "$case")" --observation "$case/observation.msgpack" \
        --tokenizer "$PI0_TEST_DATA/openpi/tokenizer.model" >"$work/log" 2>&1
    is=$?
    if [ $is -le 1 ] && tail -n 1 "$work/log" | grep -q '^0 errors, '; then ok "$case"; else
        failed "$case"; fi
done
for case in "$PI0_TEST_DATA"/lerobot/lerobot_*/ demo/place; do
    case $case in demo/*) own= ;; *) own="--tokenizer $PI0_TEST_DATA/lerobot/tokenizer" ;; esac
    # shellcheck disable=SC2086
    "$PI0" doctor "$case" $own >"$work/log" 2>&1
    is=$?
    if [ $is -le 1 ] && tail -n 1 "$work/log" | grep -q '^0 errors, '; then ok "$case"; else
        failed "$case"; fi
done
# openpi's JAX checkpoints
rm -rf "$c" && cp -r "$PI0_TEST_DATA/openpi_jax/jax_pi0/1" "$c" && chmod -R u+w "$c"
jax="checkpoint.jax config.absent stats.inconsistent"
tokenizer=$PI0_TEST_DATA/openpi/tokenizer.model args=
sick "JAX" 1 "$jax robot.none"
args="--config pi0_aloha_towel"
sick "JAX with its robot" 1 "$jax"
# one piece more than the embedding table has rows
tokenizer=$work/more.model
{ cat "$PI0_TEST_DATA/openpi/tokenizer.model" && printf '\n\006\n\004more'; } >"$tokenizer"
sick "JAX with its robot and a larger tokenizer" 2 "$jax tokenizer.larger"
tokenizer=$PI0_TEST_DATA/openpi/tokenizer.model
mkdir "$work/beside" && mv "$c" "$work/beside/9" && mv "$work/beside/9/assets" "$work/beside"
c=$work/beside/9
sick "JAX with its statistics beside it" 1 "$jax"
head -c 50 "$c/params/manifest.ocdbt" >"$work/part" && mv "$work/part" "$c/params/manifest.ocdbt"
sick "JAX cut short" 2 "tensor.file stats.inconsistent"
rm -rf "$work/beside"
c=demo/place args='' tokenizer=''
sick "demo/place" 0 ""
c=$work/c

# ---- the command line ------------------------------------------------------------------------

usage() { # NAME TEXT arguments...
    name=$1 text=$2
    shift 2
    "$PI0" doctor "$@" >"$work/log" 2>"$work/err"
    if [ $? = 2 ] && [ ! -s "$work/log" ] && grep -qF -e "$text" "$work/err"; then
        ok "$name"
    else
        cat "$work/err" >>"$work/log"
        failed "$name"
    fi
}
usage "no folder" "which checkpoint?"
usage "unknown option" "unknown option --confg" --confg x demo/place
usage "two folders" "unexpected argument" demo/place demo/place
usage "a folder and --model" "two checkpoints" --model demo/place demo/place
expect "--model DIR" 0 "0 errors, 0 warnings" "$PI0" doctor --model demo/place
"$PI0" doctor --help >"$work/log" 2>&1
if grep -q '^Exit status: 0 nothing but notes' "$work/log" &&
    ! grep -q '1 the run failed' "$work/log"; then ok "help: exit statuses"; else
    failed "help: exit statuses"; fi

# --verbose: a line for each check
"$PI0" doctor --verbose demo/place >"$work/out" 2>&1
for check in files tensors "tensor values" config.json robot cameras pipelines statistics \
    tokenizer prompt library memory observation; do
    check "--verbose has $check" \
        grep -q "^  $check  *\(ok: \|not looked at\|[0-9]* finding\)" "$work/out"
done

# ---- files and tensors -----------------------------------------------------------------------

use $droid --config pi0_droid
c=$work/none tokenizer=$PI0_TEST_DATA/openpi/tokenizer.model
sick "no folder" 2 "checkpoint.missing"
c=$PI0_TEST_DATA/openpi_jax/jax_pi05 tokenizer= args=
sick "the folder above the steps, without a tokenizer" 2 "checkpoint.missing"
expect "the step that was meant is named" 2 "did you mean $c/1?" "$PI0" doctor --json "$c"
c=$work/c tokenizer=$PI0_TEST_DATA/openpi/tokenizer.model
rm "$c/model.safetensors"
sick "no weights" 2 "checkpoint.missing"
use $droid --config pi0_droid
rm "$c/model.safetensors" && mkdir "$c/params"
sick "an empty folder params" 2 "tensor.file"
use $droid --config pi0_droid
echo >"$c/optimizer.pt"
sick "optimizer" 0 "checkpoint.optimizer"
head -c 500000 "$PI0_TEST_DATA/$droid/model.safetensors" >"$c/model.safetensors"
sick "file cut short" 2 "tensor.file checkpoint.optimizer"
use $droid --config pi0_droid
cp "$c/expected.safetensors" "$c/model.safetensors"
sick "another safetensors" 2 "tensor.foreign"
use $droid --config pi0_droid
t drop=action_out_proj.bias drop=${v}encoder.layers.1.mlp.fc2.weight
sick "tensors away" 2 "tensor.missing"
check "all missing tensors are named" \
    grep -q '2 of 106 tensors are missing: .*fc2.weight, action_out_proj.bias' "$work/out"
use $droid --config pi0_droid
t copy=state_proj.bias:model.state_proj.bias
sick "a tensor twice" 2 "tensor.twice"
use $libero --config pi0_libero
t shape=$q0
sick "a shape" 2 "tensor.shape"
use $libero --config pi0_libero
t type=$q0:I32
sick "a type" 2 "tensor.type tensor.mixed"
use $libero --config pi0_libero
t nan=state_proj.weight
sick "NaN" 2 "tensor.not_finite"
use $droid --config pi0_droid
t nan=$q0
sick "NaN in BF16" 2 "tensor.not_finite"
use $libero --config pi0_libero
t zero=$q0
sick "zeros" 1 "tensor.zero"
use $libero --config pi0_libero
t zero=state_proj.bias
sick "zeros of a bias are none" 0 ""
t copy=state_proj.bias:state_proj.lora_a
sick "unknown tensor" 1 "tensor.unknown"
use $libero --config pi0_libero
t round=$q0
sick "BF16 in F32" 0 "tensor.bf16_in_f32"
use $libero --config pi0_libero
t bf16=$q0
sick "mixed types" 0 "tensor.mixed"
use $libero --config pi0_libero
t big=zzz:300000000
sick "a large file" 1 "tensor.sampled tensor.unknown"
t nan=action_in_proj.weight
sick "NaN in a large file" 2 "tensor.sampled tensor.unknown tensor.not_finite"

# ---- config.json, library, robot -------------------------------------------------------------

use $droid --config pi0_droid
echo '{' >"$c/config.json"
sick "config.json is none" 2 "config.refused"
rm "$c/config.json"
sick "no config.json" 0 "config.absent"
use lerobot/lerobot_pi0
rm "$c/config.json"
sick "no config.json of LeRobot's" 2 "config.missing"
use $droid --config pi0_droid
j config.json paligemma_variant '"gemma_2b"'
sick "variant" 1 "config.variant"
j config.json paligemma_variant '"gemma_3b"'
sick "unknown variant" 1 "config.variant"
use lerobot/lerobot_pi0_relative
j config.json rtc_config '{"enabled": true}'
sick "rtc_config" 1 "config.rtc"
use lerobot/lerobot_pi0_relative
j config.json n_action_steps 99
sick "more steps than a chunk" 2 "config.action_steps"
use lerobot/lerobot_pi0_relative
j config.json use_relative_actions false
sick "what only the library says" 1 "model.warning"
use $droid --config pi0_droid
j config.json action_dim 16
sick "a model that only the library refuses" 2 "model.refused"
use $droid --config pi0_droid
sick "little memory" 1 "memory.short" --memory 1
use $droid
sick "no robot" 1 "robot.none"
check "the fitting config is named" grep -q 'assets: pi0_droid[",]' "$work/out"
use $droid --config pi0_droyd
sick "unknown robot" 2 "robot.config"
use $droid --config pi05_droid
sick "robot of the other model" 2 "robot.model"
use $droid --config pi0_droid_jointpos_polaris
sick "fits, other actions" 0 ""
use $droid --config pi0_aloha
sick "robot of another horizon" 2 "robot.horizon stats.missing"
use lerobot/lerobot_pi0_relative --config pi0_droid
sick "config for LeRobot's" 2 "robot.refused"
use $droid --config "$work/robot.json"
echo '{"name": "mine", "base": "pi0_droid", "horizn": 3}' >"$work/robot.json"
sick "robot file with a fault" 2 "robot.refused"
echo '{"name": "mine", "base": "pi0_droid"}' >"$work/robot.json"
sick "robot file" 0 ""

# ---- LeRobot's pipelines ---------------------------------------------------------------------

lerobot() { use lerobot/lerobot_pi0_relative; }
lerobot && rm "$c/$post"
sick "no postprocessor" 2 "processor.file"
lerobot && echo '[]' >"$c/$pre"
sick "preprocessor is none" 2 "processor.file"
lerobot && j $pre steps/1/registry_name '"my_flip_processor"'
sick "unknown step" 2 "processor.unknown"
lerobot && rm "$c/$normalizer"
sick "no state file" 2 "processor.state_file"
lerobot && j $pre steps/6/config/norm_map/STATE '"IDENTITY"' &&
    j config.json normalization_mapping/STATE '"IDENTITY"'
sick "state as it is" 1 "processor.no_norm"
lerobot && j $post steps/1/config/enabled false
sick "relative actions stay so" 2 "processor.relative"
lerobot && j config.json tokenizer_max_length 72
sick "two limits" 1 "processor.max_length"
lerobot && j config.json normalization_mapping/ACTION '"QUANTILES"'
sick "two normalisations" 1 "norm.differs"

# ---- statistics ------------------------------------------------------------------------------

use $droid --config pi0_droid
mv "$c/assets/droid" "$c/assets/other"
sick "another asset id" 2 "stats.missing"
rm -r "$c/assets"
sick "no assets" 2 "stats.missing"
args=
sick "no assets, no robot" 1 "stats.none robot.none"
use $droid --config pi0_droid
j $droid_stats norm_stats/actions -
sick "no statistics of actions" 2 "stats.missing"
echo '{"norm_stats": 3' >"$c/$droid_stats"
sick "statistics are none" 2 "stats.file"
lerobot && "$helper" tensors "$c/$unnormalizer" drop=action.mean
sick "LeRobot: no mean" 2 "stats.list"
for s in std min max q01 q10 q50 q90 q99 count; do
    "$helper" tensors "$c/$unnormalizer" drop=action.$s 2>/dev/null
done
sick "LeRobot: no statistics" 2 "stats.missing"
use openpi/pi05_aloha --config pi05_aloha
j $aloha_stats norm_stats/state/q01 null
sick "no quantiles" 2 "stats.list"
use $droid --config pi0_droid
j $droid_stats norm_stats/state/mean/7 - && j $droid_stats norm_stats/state/std/7 -
sick "too few" 2 "stats.size"
use $droid --config pi0_droid
j $droid_stats norm_stats/state/std/7 -
sick "lists of other lengths" 2 "stats.size"
use openpi/pi0_aloha_sim --config pi0_aloha_sim
twenty=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1
j assets/lerobot/aloha_sim_transfer_cube_human/norm_stats.json norm_stats/state \
    "{\"mean\": [$twenty], \"std\": [$twenty]}"
sick "more than the robot has" 0 "stats.longer"
j assets/lerobot/aloha_sim_transfer_cube_human/norm_stats.json norm_stats/state \
    "{\"mean\": [$twenty,$twenty], \"std\": [$twenty,$twenty]}"
sick "more than the network has" 2 "stats.size"
# LIBERO: a state of 8, 7 actions
use $libero --config pi0_libero
j $libero_stats norm_stats/state "$(printf '{"mean": [%s], "std": [%s]}' 1,2,3,4,5,6,7 1,1,1,1,1,1,1)"
j $libero_stats norm_stats/actions "$(printf '{"mean": [%s], "std": [%s]}' 1,2,3,4,5,6,7,8 1,1,1,1,1,1,1,2)"
sick "state and actions exchanged" 2 "stats.swapped stats.size stats.longer stats.absolute"
use $droid --config pi0_droid
j $droid_stats norm_stats/state/mean/3 12345678
sed -i 's/12345678\(\.0\)\{0,1\}/NaN/' "$c/$droid_stats"
sick "NaN" 2 "stats.not_finite"
check "NaN is named" grep -q 'no number at 3 (observation/joint_position\[3\])' "$work/out"
use $droid --config pi0_droid
j $droid_stats norm_stats/actions/std/2 -0.5
sick "negative deviation" 2 "stats.negative_std"
use $droid --config pi0_droid
j $droid_stats norm_stats/state/std/6 0 && j $droid_stats norm_stats/state/std/7 1e-9
sick "no deviation" 1 "stats.zero_std"
use openpi/pi05_aloha --config pi05_aloha
j $aloha_stats norm_stats/actions/q01/4 1.5 && j $aloha_stats norm_stats/actions/q99/4 1.5
sick "no range" 1 "stats.zero_range"
check "no range: named" grep -q '4 (left_wrist_angle): 1.5' "$work/out"
j $aloha_stats norm_stats/actions/q01/4 1.6
sick "bounds exchanged" 2 "stats.order"
use openpi/pi05_aloha --config pi05_aloha
j $aloha_stats norm_stats/state/mean/3 77
sick "mean outside" 1 "stats.inconsistent"
use $droid --config pi0_droid
for what in state actions; do
    j $droid_stats norm_stats/$what '{"mean": [0,0,0,0,0,0,0,0], "std": [1,1,1,1,1,1,1,1]}'
done
sick "placeholders" 1 "stats.identity"
use $droid --config pi0_droid
for what in state actions; do
    j $droid_stats norm_stats/$what '{"mean": [1,0,0,2,0,0,0,0], "std": [1,2,1,1,1,1,1,1]}'
done
sick "identical" 1 "stats.identical"
use openpi/pi05_full_droid_finetune --config pi05_full_droid_finetune
j $droid_stats norm_stats/actions/mean "[$("$helper" list "$c/$droid_stats" norm_stats/state/mean 1.05 0)]"
j $droid_stats norm_stats/actions/q01 "[$("$helper" list "$c/$droid_stats" norm_stats/actions/mean 1 -2)]"
j $droid_stats norm_stats/actions/q99 "[$("$helper" list "$c/$droid_stats" norm_stats/actions/mean 1 2)]"
sick "absolute actions" 1 "stats.absolute"
lerobot && "$helper" tensors "$c/$normalizer" set=action.mean:2:0.625
sick "files that differ" 1 "stats.pre_post"
use $droid --config pi0_droid
cp -r "$c/assets/droid" "$c/assets/other"
sick "several assets" 0 "assets.several"

# ---- tokenizer and prompt --------------------------------------------------------------------

use $droid --config pi0_droid
tokenizer=
sick "no tokenizer" 2 "tokenizer.missing"
cp "$PI0_TEST_DATA/openpi/tokenizer.model" "$c"
sick "a tokenizer in the folder" 0 ""
tokenizer=$work/words
mkdir "$tokenizer"
sick "a folder without one" 2 "tokenizer.missing"
tokenizer=$c/config.json
sick "another file" 2 "tokenizer.file"
use $libero --config pi0_libero
t rows=$table:500
sick "larger than the table" 2 "tokenizer.larger"
t rows=$table:257152
sick "smaller than the table" 1 "tokenizer.smaller tokenizer.newline"
use $droid --config pi0_droid
tokenizer=$work/bos.model
cp "$PI0_TEST_DATA/openpi/tokenizer.model" "$tokenizer" && chmod u+w "$tokenizer"
# </s> and <s> change places
"$helper" bytes "$tokenizer" 0a0d0a043c2f733e150000000018030a0c0a033c733e15000000001803 \
    0a0c0a033c733e150000000018030a0d0a043c2f733e15000000001803
sick "another first token" 2 "tokenizer.bos"
many="$(printf 'pick up the red block and put it down %.0s' 1 2 3 4 5 6 7 8 9)"
use $droid --config "$work/robot.json"
echo "{\"name\": \"mine\", \"base\": \"pi0_droid\", \"default_prompt\": \"$many\"}" >"$work/robot.json"
sick "a long default prompt" 1 "prompt.default"
use openpi/pi05_aloha --config "$work/robot.json"
echo '{"name": "mine", "base": "pi05_aloha", "max_tokens": 80}' >"$work/robot.json"
sick "little room" 1 "prompt.room"

# ---- observations ----------------------------------------------------------------------------

outside=observation/exterior_image_1_left wrist=observation/wrist_image_left
use $droid --config pi0_droid --observation "$o"
mean=$("$helper" list "$c/$droid_stats" norm_stats/state/mean 1 0)
joints=${mean%,*} gripper=${mean##*,}
image1=img:$outside:u1:hwc:48x64:ramp image2=img:$wrist:u1:hwc:48x64:ramp
state1=vec:observation/joint_position:$joints state2=vec:observation/gripper_position:$gripper
text="str:prompt:pick up the block"

see "$image1" "$image2" "$state1" "$state2" "$text"
sick "a healthy observation" 0 ""
see img:$outside:u1:chw:48x64:ramp "$image2" "$state1" "$state2" "$text"
sick "DROID takes CHW too" 0 ""
rm "$o"
sick "no observation" 2 "observation.file"
head -c 3000 "$PI0_TEST_DATA/$droid/observation.msgpack" >"$o"
sick "observation cut short" 2 "observation.file"
see "$image1" "$image2" "$state1" "$state2" "$text" vec:observation/jont_velocity:1,2
sick "a key that is not used" 1 "observation.unused"
see "$image1" "$state1" "$state2" "$text"
sick "camera missing" 2 "camera.missing"
see img:$outside:f4:hwc:48x64:ramp "$image2" "$state1" "$state2" "$text"
sick "floats" 0 "image.float"
see img:$outside:f4:hwc:48x64:bytes "$image2" "$state1" "$state2" "$text"
sick "floats of 0 to 255" 2 "image.range"
see img:$outside:f4:hwc:48x64:nan "$image2" "$state1" "$state2" "$text"
sick "a float that is none" 2 "image.range"
see img:$outside:f4:hwc:48x64:signed "$image2" "$state1" "$state2" "$text"
sick "floats of -1 to 1" 2 "image.signed"
see img:$outside:u1:hwc:48x64:dark "$image2" "$state1" "$state2" "$text"
sick "bytes of 0 to 1" 1 "image.dark"
see img:$outside:f4:hwc:48x64:dark "$image2" "$state1" "$state2" "$text"
sick "floats divided twice" 1 "image.dark image.float"
see img:$outside:u1:hwc:48x64:black "$image2" "$state1" "$state2" "$text"
sick "black" 1 "image.blank"
see img:$outside:u1:hwc:48x64:solid "$image2" "$state1" "$state2" "$text"
sick "one colour" 1 "image.blank"
see img:$outside:u1:hwc:48x64:blue "$image2" "$state1" "$state2" "$text"
sick "blue" 0 "image.blue"
see img:$outside:u1:chw:3x64:ramp "$image2" "$state1" "$state2" "$text"
sick "what only the library refuses" 2 "observation.refused"
see "$image1" "$image2" "$state1" "$text"
sick "no gripper" 2 "state.missing"
see "$image1" "$image2" vec:observation/joint_position:0,0,0,0,0,0 "$state2" "$text"
sick "six joints" 2 "state.size"
see "$image1" "$image2" vec:observation/joint_position:0,0,nan,0,0,0,0 "$state2" "$text"
sick "NaN joint" 2 "state.not_finite"
see "$image1" "$image2" vec:observation/joint_position:0.6,0.5,0,9,0,0,0 "$state2" "$text"
sick "a joint far outside" 1 "state.outside"
check "the joint is named" grep -q 'state at 3 (observation/joint_position\[3\]): 9 ' "$work/out"
degrees=$("$helper" list "$c/$droid_stats" norm_stats/state/mean 57.3 0)
see "$image1" "$image2" "vec:observation/joint_position:${degrees%,*}" "$state2" "$text"
sick "degrees" 1 "state.degrees"
see "$image1" "$image2" "$state1" "$state2"
sick "no prompt" 2 "prompt.missing"
see "$image1" "$image2" "$state1" "$state2" "str:prompt: "
sick "empty prompt" 1 "prompt.empty"
see "$image1" "$image2" "$state1" "$state2" bin:prompt:7069636bfffe
sick "no UTF-8" 2 "prompt.encoding"
see "$image1" "$image2" "$state1" "$state2" "str:prompt:$many"
sick "long prompt" 1 "prompt.cut"
see "img:$outside:u1:hwc:48x64:black" "$state1" vec:observation/gripper_position:nan
sick "several faults at once" 2 "camera.missing image.blank state.not_finite prompt.missing"

# statistics in degrees
j $droid_stats norm_stats/state \
    '{"mean": [50,-60,70,80,-90,100,110,60], "std": [3,3,3,3,3,3,3,3]}'
see "$image1" "$image2" vec:observation/joint_position:0.87,-1.05,1.22,1.4,-1.57,1.75,1.92 \
    vec:observation/gripper_position:1.05 "$text"
sick "radians" 1 "state.radians"
see "$image1" "$image2" vec:observation/joint_position:0.1,-0.3,0.2,0,0.4,-0.9,0.3 \
    vec:observation/gripper_position:0.2 "$text"
sick "normalised already" 1 "state.normalised"
tokenizer=
sick "normalised already, seen without a tokenizer" 2 "state.normalised tokenizer.missing"

# pi0.5, ALOHA: quantiles, planes of colours, cameras that may be away
use openpi/pi05_aloha --config pi05_aloha --observation "$o"
high=img:images/cam_high:u1:chw:48x64:ramp left=img:images/cam_left_wrist:u1:chw:48x64:ramp
right=img:images/cam_right_wrist:u1:chw:48x64:ramp
# the flips of ALOHA's joints in front of the statistics
for list in mean std q01 q99; do
    case $list in std) x=1,1 ;; q01) x=-3,-3 ;; q99) x=3,3 ;; *) x=0,0 ;; esac
    j $aloha_stats norm_stats/state/$list "[$x,$x,$x,$x,$x,$x,$x]"
done
state=vec:state:0,0,0,0,0,0,0.5,0,0,0,0,0,0,0.5
see "$high" "$left" "$right" "$state" "$text"
sick "a healthy observation of ALOHA" 0 ""
see "$high" "$left" "$state" "$text"
sick "a camera that may be away" 0 "camera.absent"
see "$high" "$left" "$right" img:images/cam_hihg:u1:chw:48x64:ramp "$state" "$text"
sick "a camera's name misspelt" 2 "camera.unknown"
check "the nearest camera is named" grep -q 'did you mean cam_high' "$work/out"
see img:images/cam_high:u1:hwc:48x64:ramp "$left" "$right" "$state" "$text"
sick "HWC where CHW is sent" 2 "image.axes"
see "$high" "$left" "$right" vec:state:3.5,0,0,0,0,0,0.5,0,0,0,0,0,0,0.5 "$text"
sick "a little outside of the quantiles" 0 "state.edge"

# LeRobot
use lerobot/lerobot_pi0_relative --observation "$o"
top=img:observation.images.top:u1:hwc:48x64:ramp
wrist=img:observation.images.wrist:u1:hwc:64x64:ramp
"$helper" tensors "$c/$normalizer" zero=observation.state.mean
state=vec:observation.state:0,0,0,0,0,0
see "$top" "$wrist" "$state" "str:task:pick up the block"
sick "a healthy observation of LeRobot's" 0 ""
see "$top" "$state" "str:task:pick up the block"
sick "LeRobot: one camera" 0 "camera.absent"
see "$state" "str:task:pick up the block"
sick "LeRobot: no camera" 2 "camera.missing"
see img:observation.images.top:u1:hwc:64x64:ramp "$wrist" "$state" "str:task:pick up the block"
sick "LeRobot: other proportions" 1 "image.aspect"
see img:observation.images.top:u1:chw:48x64:ramp "$wrist" "$state" "str:task:pick up the block"
sick "LeRobot: planes" 2 "image.axes"
see "$top" "$wrist" "$state" vec:observation.force:1,2 "str:task:pick up the block"
sick "LeRobot: a state more" 1 "observation.unused"

# an observation in JSON, its pictures beside it
c=demo/place tokenizer='' args="--observation $work/o.json"
cp demo/images/scene1.png "$work"
echo '{"images": {"observation.images.top": "scene1.png"}, "state": [1.51, 0.58, -0.52],
    "prompt": "put the red block in the bowl"}' >"$work/o.json"
sick "a healthy observation in JSON" 0 ""
echo '{"images": {"top": "scene1.png"}, "state": [1.51, 0.58], "prompt": ""}' >"$work/o.json"
sick "faults of an observation in JSON" 2 "camera.unknown camera.missing state.size prompt.empty"
echo '{"images": {"top": "none.png"}}' >"$work/o.json"
sick "a picture that is not there" 2 "observation.file"
# the file itself instead of its folder
c=demo/place/model.safetensors args=''
sick "the file itself" 0 ""

# ---- the table of findings -------------------------------------------------------------------

sed -n 's/^ *X([A-Z0-9_]*, [A-Z]*, "\([a-z0-9_.]*\)".*/\1/p' tools/doctor_findings.h |
    sort >"$work/table"
# shellcheck disable=SC2016
sed -n 's/^| `\([a-z0-9_.]*\)` |.*/\1/p' docs/DOCTOR.md | sort >"$work/documented"
sort -u "$work/seen" >"$work/met"
check "docs/DOCTOR.md has a row for each finding" diff "$work/table" "$work/documented"
check "each finding was met" diff "$work/table" "$work/met"
check "a table of more than 50" [ "$(wc -l <"$work/table")" -gt 50 ]
# severity in the documentation as in the table
sed -n 's/^ *X([A-Z0-9_]*, \([A-Z]*\), "\([a-z0-9_.]*\)".*/\2 \1/p' tools/doctor_findings.h |
    tr '[:upper:]' '[:lower:]' | sort >"$work/table"
# shellcheck disable=SC2016
sed -n 's/^| `\([a-z0-9_.]*\)` | \([a-z]*\) |.*/\1 \2/p' docs/DOCTOR.md | sort >"$work/documented"
check "severities in docs/DOCTOR.md" diff "$work/table" "$work/documented"

[ $failed -eq 0 ]
