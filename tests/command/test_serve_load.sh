#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_serve_load.sh [CLIENTS REQUESTS [CAMERAS]] - many clients of pi0 serve at once, on loopback, with
# a tiny model: no reply lost, none mixed up, memory flat. The whole of it:
#     PI0=build/release/pi0 PI0_TEST_DATA=tests/golden sh tests/command/test_serve_load.sh 16 2000
clients=${1:-16} requests=${2:-40} cameras=${3:-3}
limit=5
# short runs and sanitizers keep memory of their own
[ "$requests" -ge 1000 ] || limit=0
load=$(dirname "$PI0")/tests/pi0_load model=$PI0_TEST_DATA/openpi/pi05_aloha
work=$(mktemp -d) || exit 2
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

"$PI0" serve --model "$model" --config pi05_aloha --tokenizer "$PI0_TEST_DATA/openpi/tokenizer.model" \
    --port 0 2>"$work/log" &
pid=$!
url=
for _ in $(seq 600); do
    url=$(sed -n 's/.*serving \(ws:[^;]*\);.*/\1/p' "$work/log")
    [ -n "$url" ] && break
    kill -0 "$pid" 2>/dev/null || { cat "$work/log"; exit 1; }
    sleep 0.1
done
"$load" "$url" $pid "$clients" "$requests" "$cameras" $limit
status=$?
kill -TERM $pid
wait $pid || status=1
pid=
[ $status -eq 0 ] || tail -5 "$work/log"
exit $status
