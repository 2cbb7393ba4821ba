# SPDX-License-Identifier: Apache-2.0
# serving.sh - read by the tests of pi0 serve beside it: servers with a tiny model on loopback, and a
# folder $work that is removed at the end. Servers write their addresses to $work/NAME.log.
golden=$PI0_TEST_DATA/openpi model=$PI0_TEST_DATA/openpi/pi05_aloha
tests=$(dirname "$PI0")/tests
work=$(mktemp -d) || exit 2
pids=
# shellcheck disable=SC2086
trap '[ -z "$pids" ] || kill -9 $pids 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
. "$PI0_TEST_DATA/../command/ready.sh"
. "$PI0_TEST_DATA/../support/check.sh"

# start NAME command...: $pid and $url of a server that is ready
start() {
    name=$1
    shift
    : >"$work/$name.log"
    "$@" 2>>"$work/$name.log" &
    pid=$!
    pids="$pids $pid"
    wait_ready "$name"
}
# serve NAME PORT option...: one with the tiny model; PORT 0: any
serve() {
    name=$1 port=$2
    shift 2
    start "$name" "$PI0" serve --model "$model" --config pi05_aloha \
        --tokenizer "$golden/tokenizer.model" --port "$port" "$@"
}
# stop PID STATUS: SIGTERM, and it ends with STATUS
stop() {
    kill -TERM "$1"
    wait "$1"
    stopped=$?
    # shellcheck disable=SC2086
    pids=$(printf '%s\n' $pids | grep -vx "$1" | tr '\n' ' ')
    [ $stopped -eq "$2" ]
}
