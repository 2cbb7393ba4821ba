#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_convert.sh - pi0 convert as a user calls it; what it writes is run without --config, and read
# by the safetensors package of PyPI, in an environment beside the build that is made once. Where the
# package cannot be had the test says so and is skipped, unless CI=true.
# Environment: PI0, the command; PYTHON, a Python to use.
pyenv=${PYENV_ROOT:-$HOME/.pyenv}
. "$(dirname "$0")/tools.sh"
golden=tests/golden
made=$work/made
mkdir "$made"

convert() { # NAME STATUS TEXT arguments...
    name=$1 status=$2 text=$3
    shift 3
    expect "$name" "$status" "$text" "$pi0" convert "$@"
}

# ---- the command line ------------------------------------------------------------------------

convert "a JAX checkpoint" 0 "" "$golden/openpi_jax/jax_pi0/1" "$made/jax" --horizon 16
check "what it is" grep -q '106 tensors, .* horizon 16, robot none' "$work/out"
convert "an openpi checkpoint" 0 "robot pi0_libero" "$golden/openpi/pi0_libero" "$made/libero/" \
    --config pi0_libero
convert "a LeRobot checkpoint" 0 "" "$golden/lerobot/lerobot_pi0" "$made/lerobot"
convert "one that is there" 1 "is there already" "$golden/openpi_jax/jax_pi0/1" "$made/jax" \
    --horizon 16
convert "no horizon" 1 "--horizon N" "$golden/openpi_jax/jax_pi0/1" "$made/new"
convert "no folder to write" 2 "from where to where" "$made/jax"
convert "an unknown type" 2 "bf16" --dtype f64 "$made/jax" "$made/new"
convert "no folder that it can be in" 1 "none" "$made/jax" "$made/none/new"
check "nothing else was left" is "$(ls "$made")" "jax
lerobot
libero"

# ---- the robot's commands --------------------------------------------------------------------

act() { # NAME DIR OUT options...
    name=$1 dir=$2 out=$3
    shift 3
    check "$name" "$pi0" infer --model "$dir" \
        --observation "$golden/openpi/pi0_libero/observation.msgpack" \
        --tokenizer "$golden/openpi/tokenizer.model" --out "$out" "$@"
}
act "commands with --config" "$golden/openpi/pi0_libero" "$work/before.npy" --config pi0_libero
act "commands without it" "$made/libero" "$work/after.npy"
check "the same commands" cmp "$work/before.npy" "$work/after.npy"
expect "inspect knows the robot" 0 "robot policy: pi0_libero (LIBERO)" "$pi0" inspect "$made/libero"
"$pi0" doctor "$made/libero" --tokenizer "$golden/openpi/tokenizer.model" >"$work/out" 2>&1
check "doctor knows the robot" sh -c "[ $? -le 1 ] && ! grep 'robot\.' '$work/out'"

[ $failed -eq 0 ] || exit 1

# ---- read by PyPI's safetensors --------------------------------------------------------------

. tests/support/skip.sh
. tests/support/venv.sh
packages="safetensors numpy"
venv=$(dirname "$pi0")/safetensors_read
stamp=$venv/stamp
if [ "$(cat "$stamp" 2>/dev/null)" != "$packages" ]; then
    python=
    for candidate in ${PYTHON:-} python3 "$pyenv"/versions/3.1[0-9].*/bin/python3; do
        [ -n "$python" ] && break
        "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))' \
            2>/dev/null && python=$candidate
    done
    [ -n "$python" ] || skip "no Python that can make an environment; PYTHON=... names one"
    new_venv "$python" || skip "no environment of Python could be made"
    # shellcheck disable=SC2086
    pip_install $packages >"$work/log" 2>&1 ||
        skip "the package safetensors of PyPI could not be installed"
    echo "$packages" >"$stamp"
fi

read_back() { check "read back: $*" "$venv/bin/python" tests/command/convert_read.py "$@"; }
read_back same "$made/libero/model.safetensors" "$golden/openpi/pi0_libero/model.safetensors"
read_back same "$made/lerobot/model.safetensors" "$golden/lerobot/lerobot_pi0/model.safetensors"
read_back whole "$made/jax/model.safetensors" 106
convert "bf16 made f32" 0 "" "$golden/openpi_jax/jax_pi05_bf16_chunked" "$made/wide" --horizon 16 \
    --dtype f32
read_back whole "$made/wide/model.safetensors" 111
[ $failed -eq 0 ]
