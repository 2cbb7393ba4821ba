#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# python.sh MODULE [ARGUMENT...] - runs one of the Python programs of tools/ (oracle.capture,
# train_demo.train, ...) with LeRobot, in an environment of its own: build/oracle/venv, made when it
# is not there or when requirements.txt has changed. It takes some 5 GB (PyTorch brings CUDA's
# libraries on Linux). PYTHON: the Python to make it from; otherwise the first 3.12 or 3.13 on the
# PATH, of pyenv's, of uv's.
set -e
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
home=$root/build/oracle
venv=$home/venv
requirements=$here/requirements.txt

[ $# -gt 0 ] || { echo "usage: python.sh MODULE [ARGUMENT...]; see docs/ORACLE.md" >&2; exit 2; }

# one that LeRobot runs on, and that can make environments
fits() {
    [ -n "$1" ] && "$1" -c 'import ensurepip, sys, venv
sys.exit(not (3, 12) <= sys.version_info < (3, 14))' 2>/dev/null
}

find_python() {
    if [ -n "$PYTHON" ]; then
        if fits "$PYTHON"; then echo "$PYTHON"; fi
        return
    fi
    for python in python3.12 python3.13 python3 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[23].*/bin/python3 \
        "$(uv python find '>=3.12,<3.14' 2>/dev/null)"; do
        if fits "$python"; then
            echo "$python"
            return
        fi
    done
}

make_environment() {
    python=$(find_python)
    if [ -z "$python" ]; then
        echo "python.sh: these packages need Python 3.12 or 3.13 with venv;" \
            "${PYTHON:-nothing on the PATH, in pyenv or in uv} is that. Name one: PYTHON=..." >&2
        exit 1
    fi
    echo "python.sh: $("$python" --version), packages of requirements.txt into $venv" >&2
    rm -rf "$venv"
    mkdir -p "$home"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$requirements" >&2
    cp "$requirements" "$venv/requirements.txt"
}

# the copy is made last: it says that the environment is whole
cmp -s "$requirements" "$venv/requirements.txt" || make_environment

# nothing is fetched from a hub: every file that is needed is named
HF_HUB_OFFLINE=1 PYTHONPATH=$root/tools exec "$venv/bin/python" -m "$@"
