#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_serve_faults.sh [FRAMES] - pi0 serve, whose path is in $PI0, and what the world does to it:
# broken clients, restarts under load, a full disk in --record.
frames=${1:-10000}
. "$(dirname "$0")/serving.sh"

# ---- broken clients beside honest ones (tests/load/faults.c) ---------------------------------------
serve server 0
check "broken clients" "$tests/pi0_faults" "$url" "$pid" "$model/observation.msgpack" "$frames" 45
check "it stops when it is told to" stop "$pid" 0

# ---- SIGTERM under load: what waits is answered, clients find the next server ----------------------
serve restart 0
port=${url##*:}
"$tests/pi0_load" "$url" "$pid" 8 60 1 >"$work/load" 2>&1 &
load=$!
for round in 1 2; do
    sleep 3
    check "SIGTERM under load, round $round" stop "$pid" 0
    check "it says that it stops" grep -q "stopped" "$work/restart.log"
    serve restart "$port"
done
wait $load
check "8 clients: nothing lost or mixed up by restarts" test $? -eq 0
cat "$work/load"
check "it stops" stop "$pid" 0

# ---- a full disk in --record ----------------------------------------------------------------------
# files of more than 64 KiB cannot be written: as on a full disk, a write fails half-way
mkdir "$work/record"
mkfifo "$work/pipe"
cat "$work/pipe" >"$work/record.log" &
(
    trap '' XFSZ
    ulimit -f 128
    exec "$PI0" serve --model "$model" --config pi05_aloha --tokenizer "$golden/tokenizer.model" \
        --port 0 --record "$work/record" 2>"$work/pipe"
) &
pid=$!
pids="$pids $pid"
wait_ready record
observation=$model/observation.msgpack
check "a reply, though it cannot be recorded" "$PI0" client --url "$url" --observation "$observation"
check "and the next one" "$PI0" client --url "$url" --observation "$observation" --repeat 3
# (a request is recorded after its reply)
check "it stops" stop "$pid" 0
check "the log says so" grep -q "record" "$work/record.log"
check "no half files" test -z "$(find "$work/record" -name '*.msgpack')"

echo "$failed failed"
exit $((failed > 0))
