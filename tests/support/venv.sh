# SPDX-License-Identifier: Apache-2.0
# venv.sh - read by scripts of tests that need packages of PyPI: an environment in $venv, made once
# and kept by them beside the build. $work is a folder for logs.

# new_venv PYTHON: an empty one in place of what is there
new_venv() { rm -rf "$venv" && "$1" -m venv "$venv" >"$work/log" 2>&1; }

# pip_install ARGUMENT...: asks nothing; soon fails where there is no network
pip_install() {
    "$venv/bin/python" -m pip -q --disable-pip-version-check --no-input install --retries 1 \
        --timeout 20 "$@"
}
