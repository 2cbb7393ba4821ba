#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_emulated.sh - the command on emulated processors that lack what this one has: AVX-512, and
# AVX2 too. It must choose what is there, meet no illegal instruction, and give the bits that this
# machine gives when told to use the same instruction set. Environment: PI0, the command.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

. tests/support/skip.sh
[ "$(uname -m)" = x86_64 ] || skip "emulated processors are x86-64 ones"
command -v qemu-x86_64 >/dev/null || skip "qemu-x86_64 is not installed (Debian: qemu-user)"

# infer OUT OPTIONS COMMAND... - a chunk of the demo policy
infer() {
    out=$1
    options=$2
    shift 2
    # the options are words of their own
    # shellcheck disable=SC2086
    "$@" infer --model demo/place --image observation.images.top=demo/images/scene1.png \
        --state 1.513794,0.580964,-0.523067 --prompt "put the red block in the bowl" --steps 2 \
        --threads 2 --out "$out" $options >"$out.log" 2>&1
}

# expect PROCESSOR ISA PRECISION
expect() {
    name="$1 $3"
    if ! infer "$dir/emulated.npy" "--precision $3" qemu-x86_64 -cpu "$1" "$PI0"; then
        echo "FAILED $name: $(tail -n 1 "$dir/emulated.npy.log")"
        failed=1
    elif ! grep -q "cpu, $2, $3" "$dir/emulated.npy.log"; then
        echo "FAILED $name: chose $(tail -n 1 "$dir/emulated.npy.log"), expected $2"
        failed=1
    elif ! infer "$dir/native.npy" "--precision $3 --cpu-mask $2" "$PI0"; then
        echo "FAILED $name: $(tail -n 1 "$dir/native.npy.log")"
        failed=1
    elif ! cmp -s "$dir/emulated.npy" "$dir/native.npy"; then
        echo "FAILED $name: other bits than --cpu-mask $2 gives on this machine"
        failed=1
    else
        echo "ok $name: $2, the same bits"
    fi
}

expect Haswell avx2 bf16
expect Haswell avx2 f32
expect Nehalem c bf16
expect Nehalem c f32
exit $failed
