# SPDX-License-Identifier: Apache-2.0
# serving.sh - read by the tests of pi0 serve beside it: servers with a tiny model on loopback, and a
# folder $work that is removed at the end. Servers write their addresses to $work/NAME.log.
golden=$PI0_TEST_DATA/openpi model=$PI0_TEST_DATA/openpi/pi05_aloha
tests=$(dirname "$PI0")/tests
work=$(mktemp -d) || exit 2
pids= failed=0
# shellcheck disable=SC2086
trap '[ -z "$pids" ] || kill -9 $pids 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
. "$PI0_TEST_DATA/../command/ready.sh"

# serve NAME PORT option...: $pid and $url of a server that is ready; PORT 0: any
serve() {
    name=$1 port=$2
    shift 2
    : >"$work/$name.log"
    "$PI0" serve --model "$model" --config pi05_aloha --tokenizer "$golden/tokenizer.model" \
        --port "$port" "$@" 2>>"$work/$name.log" &
    pid=$!
    pids="$pids $pid"
    wait_ready "$name"
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
check() {
    checked=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        echo "ok $checked"
    else
        echo "FAILED $checked"
        sed 's/^/    | /' "$work/out" | tail -8
        failed=$((failed + 1))
    fi
}
