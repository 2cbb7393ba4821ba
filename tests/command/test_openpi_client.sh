#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_openpi_client.sh - PyPI's openpi-client beside pi0 serve, whose path is in $PI0: in a virtual
# environment beside the build, which is made once. Without network it does not run (status 77); in
# continuous integration that is a failure.
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

. "$here/../support/skip.sh"

# ---- the packages: the newest openpi-client, and the last one that waits for a server -------------
requirements=$here/openpi_requirements.txt
venv=$(dirname "$PI0")/openpi_client
stamp=$venv/stamp
old=$venv/old
if ! cmp -s "$requirements" "$stamp"; then
    command -v python3 >/dev/null || skip "no python3"
    rm -rf "$venv"
    python3 -m venv "$venv" 2>"$work/log" || { cat "$work/log"; skip "python3 -m venv fails"; }
    pip="$venv/bin/python -m pip -q --disable-pip-version-check --no-input"
    # shellcheck disable=SC2086
    $pip install --only-binary :all: --retries 1 --timeout 20 -r "$requirements" 2>"$work/log" &&
        $pip install --no-deps --only-binary :all: --retries 1 --timeout 20 --target "$old" \
            openpi-client==0.1.1 2>>"$work/log" || {
        tail -3 "$work/log"
        skip "openpi-client could not be installed from the package index"
    }
    cp "$requirements" "$stamp"
fi

# ---- our side of msgpack-numpy --------------------------------------------------------------------
messagepack=$(pkg-config --cflags --libs msgpack-c 2>/dev/null || pkg-config --cflags --libs msgpack)
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -D_DEFAULT_SOURCE -O1 -I"$root/include" -I"$root/src" "$here/wire_echo.c" \
    "$root"/src/wire/*.c "$root/src/core/error.c" -o "$work/echo" $messagepack || exit 1

"$venv/bin/python" "$here/beside_openpi_client.py" "$PI0" "$PI0_TEST_DATA/openpi" "$work" "$work/echo" "$old"
