#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_convert.sh - pi0 convert as a user calls it; what it writes is run without --config, and read
# by the safetensors package of PyPI, in an environment that this test makes. Where the package
# cannot be had the test says so and is skipped, unless CI=true.
# Environment: PI0, the command; PI0_TEST_DATA, the golden data; PYTHON, a Python to use.
set -u
cd "$(dirname "$0")/../.." || exit 1
if [ ! -x "$PI0" ] || [ ! -d "$PI0_TEST_DATA" ]; then
    echo "PI0 or PI0_TEST_DATA is not set"
    exit 1
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0 n=0
golden=$PI0_TEST_DATA

# check NAME: the last status was 0
check() {
    if [ $? -eq 0 ]; then
        n=$((n + 1))
    else
        echo "FAILED $1"
        sed 's/^/    | /' "$work/log" | head -20
        failed=$((failed + 1))
    fi
}
# refuse NAME STATUS TEXT arguments...: it ends so, and says so
refuse() {
    name=$1 status=$2 text=$3
    shift 3
    "$PI0" convert "$@" >"$work/log" 2>&1
    is=$?
    [ $is -eq "$status" ] && grep -qF -e "$text" "$work/log"
    check "$name"
}

# ---- the command line ------------------------------------------------------------------------

"$PI0" convert "$golden/openpi_jax/jax_pi0/1" "$work/jax" --horizon 16 >"$work/log" 2>&1 &&
    grep -q '106 tensors, .* horizon 16, robot none' "$work/log"
check "a JAX checkpoint"
"$PI0" convert "$golden/openpi/pi0_libero" "$work/libero/" --config pi0_libero >"$work/log" 2>&1 &&
    grep -q 'robot pi0_libero' "$work/log"
check "an openpi checkpoint"
"$PI0" convert "$golden/lerobot/lerobot_pi0" "$work/lerobot" >"$work/log" 2>&1
check "a LeRobot checkpoint"
refuse "one that is there" 1 "is there already" "$golden/openpi_jax/jax_pi0/1" "$work/jax" \
    --horizon 16
refuse "no horizon" 1 "--horizon N" "$golden/openpi_jax/jax_pi0/1" "$work/new"
refuse "no folder to write" 2 "from where to where" "$work/jax"
refuse "an unknown type" 2 "bf16" --dtype f64 "$work/jax" "$work/new"
refuse "no folder that it can be in" 1 "none" "$work/jax" "$work/none/new"
[ "$(ls "$work")" = "jax
lerobot
libero
log" ]
check "nothing else was left"

# ---- the robot's commands --------------------------------------------------------------------

act() { # DIR OUT options...
    dir=$1 out=$2
    shift 2
    "$PI0" infer --model "$dir" --observation "$golden/openpi/pi0_libero/observation.msgpack" \
        --tokenizer "$golden/openpi/tokenizer.model" --out "$out" "$@" >"$work/log" 2>&1
}
act "$golden/openpi/pi0_libero" "$work/before.npy" --config pi0_libero &&
    act "$work/libero" "$work/after.npy" && cmp "$work/before.npy" "$work/after.npy"
check "the same commands without --config"
"$PI0" inspect "$work/libero" >"$work/log" 2>&1 && grep -q 'robot policy: pi0_libero (LIBERO)' "$work/log"
check "inspect knows the robot"
"$PI0" doctor "$work/libero" --tokenizer "$golden/openpi/tokenizer.model" >"$work/log" 2>&1
[ $? -le 1 ] && ! grep -q 'robot\.' "$work/log"
check "doctor knows the robot"

[ $failed -eq 0 ] || { echo "$n ok, $failed failed"; exit 1; }

# ---- read by PyPI's safetensors --------------------------------------------------------------

echo "$n ok, $failed failed; then what PyPI's package reads"
. tests/support/skip.sh
python=
for candidate in ${PYTHON:-} python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[0-9].*/bin/python3; do
    [ -n "$python" ] && break
    "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))' 2>/dev/null &&
        python=$candidate
done
[ -n "$python" ] || skip "no Python that can make an environment; PYTHON=... names one"
"$python" -m venv "$work/venv" >"$work/log" 2>&1 || skip "no environment of Python could be made"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 1 \
    --timeout 20 safetensors numpy >"$work/log" 2>&1 ||
    skip "the package safetensors of PyPI could not be installed"

read_back() {
    "$work/venv/bin/python" tests/command/convert_read.py "$@" >"$work/log" 2>&1
    check "read back: $*"
}
read_back same "$work/libero/model.safetensors" "$golden/openpi/pi0_libero/model.safetensors"
read_back same "$work/lerobot/model.safetensors" "$golden/lerobot/lerobot_pi0/model.safetensors"
read_back whole "$work/jax/model.safetensors" 106
"$PI0" convert "$golden/openpi_jax/jax_pi05_bf16_chunked" "$work/wide" --horizon 16 --dtype f32 \
    >"$work/log" 2>&1
check "bf16 made f32"
read_back whole "$work/wide/model.safetensors" 111
echo "$n ok, $failed failed"
[ $failed -eq 0 ]
