#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_full_disk.sh - every file that a command writes, and its stdout, on a full disk: exit status 1,
# a line with the file and the reason, and what was there before is as it was.
# Prints "ok NAME" or "FAILED NAME" for each; exits 1 if one failed.
. "$(dirname "$0")/tools.sh"
golden=tests/golden/openpi

mkdir "$work/disk"
# full command...: no file can have more than 512 bytes, as on a disk that is full by then
full() {
    (
        trap '' XFSZ
        ulimit -f 1
        exec "$@"
    )
}

# leaves NAME FILE command...: it fails, names FILE and why, and leaves the old FILE alone
leaves() {
    leaves_name=$1 file=$work/disk/$2
    shift 2
    echo old >"$file"
    expect "$leaves_name: file and reason" 1 "$file" full "$@"
    check "$leaves_name: the reason" grep -q "File too large" "$work/err"
    check "$leaves_name: the old file" is "$(cat "$file")" old
    rm "$file"
    check "$leaves_name: nothing else" is "$(ls "$work/disk")" ""
}

# makes NAME FOLDER command...: the same of a folder that would be new
makes() {
    makes_name=$1 folder=$work/disk/$2
    shift 2
    expect "$makes_name: folder and reason" 1 "$folder" full "$@"
    check "$makes_name: the reason" grep -q "File too large" "$work/err"
    check "$makes_name: nothing is left" is "$(ls "$work/disk")" ""
}

infer="$pi0 infer --model demo/place --image observation.images.top=demo/images/scene1.png
    --state 0.842927,0.558296,0 --steps 1 --threads 1"
run() {
    # shellcheck disable=SC2086
    "$1" "$2" "$3" $infer --prompt "put the red block in the bowl" "$4" "$work/disk/$3"
}
leaves "infer --out" a.npy "$pi0" infer --model "$golden/pi0_droid" --config pi0_droid --steps 1 \
    --tokenizer "$golden/tokenizer.model" --observation "$golden/pi0_droid/observation.msgpack" \
    --out "$work/disk/a.npy"
run leaves "infer --plot" a.svg --plot
run leaves "infer --trace" a.json --trace
leaves "bench --trace" b.json "$pi0" bench --model demo/place --reps 1 --steps 1 --threads 1 \
    --trace "$work/disk/b.json"
leaves "demo --out" replay.html "$pi0" demo --task reach --episodes 1 --threads 1 \
    --out "$work/disk/replay.html"
makes "synth" made "$pi0" synth --size tiny "$work/disk/made"
makes "convert" converted "$pi0" convert demo/place "$work/disk/converted"
makes "convert, openpi" droid "$pi0" convert "$golden/pi0_droid" "$work/disk/droid"

# stdout
for command in configs "inspect demo/place" "inspect --json demo/place" "synth --help"; do
    # shellcheck disable=SC2086
    expect "$command on a full disk" 1 "No space left on device" \
        sh -c 'exec "$@" >/dev/full' sh "$pi0" $command
done
[ "$failed" -eq 0 ]
