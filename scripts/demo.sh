#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh [PI0 [OUT]] - a picture and a sentence through the small policy that ships here: what it
# is, the actions that it plans, a drawing of them; how the backends compare; then the same policy
# at work, over and over: how often it succeeds, and a page to watch it. OUT: a folder.
set -e
cd "$(dirname "$0")/.."
pi0=${1:-build/release/pi0}
out=${2:-$PWD/out}
[ -x "$pi0" ] || { echo "demo: $pi0 is not there; build it with: make build" >&2; exit 1; }
mkdir -p "$out"

picture=demo/images/scene1.png
sentence="put the red block in the bowl"
state=0.842927,0.558296,0 # of the hand in that picture: demo/images/scenes.txt

echo "== the policy =="
# (its last part counts the work, which is for later: pi0 inspect demo/place)
"$pi0" inspect demo/place | sed '/^work of a chunk/,$d'

echo
echo "== it sees $picture and is told: $sentence =="
"$pi0" infer --model demo/place --image "observation.images.top=$picture" --state "$state" \
    --prompt "$sentence" --plot "$out/demo.svg"

cat <<TEXT

Each row is one step of the plan, in the robot's units: columns 0 and 1 are where the hand shall be,
as parts of the picture (0 to 1, to the right and downwards), column 2 is the gripper (0 open, 1
closed). The hand goes left and up to the red block, closes on it, carries it to the bowl at the top
and opens: compare the picture, $picture.
TEXT

# where there is an accelerated backend: the same beside the plain one
if "$pi0" inspect demo/place --json | grep -q '"backend":"cpu"'; then
    echo
    echo "== accelerated beside reference, same picture, same noise =="
    "$pi0" infer --model demo/place --image "observation.images.top=$picture" --state "$state" \
        --prompt "$sentence" --compare reference --out "$out/demo.npy"
fi
echo
echo "== the same policy at work: it looks, plans, does the first half of its plan, looks again =="
"$pi0" demo --out "$out/replay.html"

cat <<TEXT

The plan as a drawing:        $out/demo.svg
Watch it, episode by episode: $out/replay.html (open it in a browser)
Tell it what to do yourself:  $pi0 demo --serve 8080
Two more pictures, and the hand's state in them: demo/images/scenes.txt
TEXT
