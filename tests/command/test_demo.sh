#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_demo.sh - pi0 demo from outside: wrong command lines, where the policies are
# found, results. How often it succeeds, and the files, are the business of unit/test_demo.c.
. "$(dirname "$0")/tools.sh"

usage() { # NAME TEXT options...
    name=$1 text=$2
    shift 2
    expect "$name" 2 "$text" "$pi0" demo "$@"
}
usage "unknown task" "expected one of place|reach" --task push
usage "no number" "expected a number" --noise-std abc
usage "negative noise" "from 0 to 1" --noise-std -1
usage "no episodes" "from 1 to 100000" --episodes 0
usage "unknown option names the nearest" "did you mean --episodes?" --episods 3
expect "help" 0 "--dump-scenes FILE" "$pi0" demo --help
expect "more than a plan" 1 "plans 16 commands at once" "$pi0" demo --execute 17 --episodes 1
expect "another robot's policy" 1 "the tabletop has one camera" \
    "$pi0" demo --model tests/golden/lerobot/lerobot_pi0 --episodes 1 \
    --tokenizer tests/golden/lerobot/tokenizer
expect "no such model" 1 "nowhere" "$pi0" demo --model nowhere --episodes 1
expect "a folder as result" 1 "not a regular file" \
    "$pi0" demo --episodes 1 --dump-scenes "$work"

# the policy is found from every folder
for folder in . / "$work"; do
    expect "found from $folder" 0 "success" sh -c "cd '$folder' && '$pi0' demo --episodes 1"
done
# and where it is nowhere: the command alone in a folder
mkdir "$work/alone" && cp "$pi0" "$work/alone/pi0"
expect "the policy is not there" 1 "give one as --model DIR" \
    sh -c "cd '$work/alone' && ./pi0 demo --episodes 1"

# ---- results ---------------------------------------------------------------------------------
expect "dump" 0 "wrote $work/scenes" "$pi0" demo --episodes 1 --dump-scenes "$work/scenes"
expect "text" 0 "95 % interval" "$pi0" demo --episodes 3
for text in "3 scenes of seed 0" "put the red block in the bowl" "steps to success" "a plan:"; do
    check "text has: $text" grep -F -e "$text" "$work/out"
done
expect "json" 0 '"episodes":3' "$pi0" demo --episodes 3 --json
for key in success rate interval by_colour steps_mean infer_ms_p50 infer_ms_p99 backend precision; do
    check "json has $key" grep -F -e "\"$key\":" "$work/out"
done
# a warning that quotes the folder's name, which need not be UTF-8
latin=$work/$(printf 'caf\351')
cp -R demo/place "$latin" && sed 's/"use_relative_actions": false/"use_relative_actions": true/' \
    demo/place/config.json >"$latin/config.json"
expect "json: a warning that is not UTF-8" 0 '"warnings":["' \
    "$pi0" demo --model "$latin" --episodes 1 --json
expect "another sentence" 0 '"by_colour":{"red":{"episodes":0' \
    "$pi0" demo --episodes 2 --json --prompt "put the BLUE block in the bowl"
expect "the other colour" 0 '"green":{"episodes":1' \
    "$pi0" demo --episodes 1 --json --prompt "put the {other} block in the bowl"

[ $failed -eq 0 ] || { echo "$failed failed"; exit 1; }
