#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_openpi_client.sh - PyPI's openpi-client beside pi0 serve, whose path is in $PI0.
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# the newest openpi-client, and the last one that waits for a server
. "$here/openpi_venv.sh"

# ---- our side of msgpack-numpy --------------------------------------------------------------------
messagepack=$(pkg-config --cflags --libs msgpack-c 2>/dev/null || pkg-config --cflags --libs msgpack)
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -D_DEFAULT_SOURCE -O1 -I"$root/include" -I"$root/src" "$here/wire_echo.c" \
    "$root"/src/wire/*.c "$root/src/core/error.c" -o "$work/echo" $messagepack || exit 1

"$venv/bin/python" "$here/beside_openpi_client.py" "$PI0" "$PI0_TEST_DATA/openpi" "$work" "$work/echo" "$old"
