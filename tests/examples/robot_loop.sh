#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# robot_loop.sh PROGRAM SECONDS - the loop from outside: every tick is accounted for, Ctrl-C ends it in the
# middle, errors are told. No time is asserted: what a busy machine does to it is counted, not wrong.
program=$1 seconds=$2 ticks=$((50 * $2))
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAILED $1"
    cat "$work/out"
    exit 1
}
run() {
    "$program" "$@" >"$work/out" 2>&1
    status=$?
}
# each tick was executed or left out because its time had passed
for options in "" "-b 3 -e 1" "-e 1000 -n 2"; do
    # shellcheck disable=SC2086
    run -t "$seconds" -s 2 $options demo/place
    [ $status -eq 0 ] || fail "exit status $status"
    # "75 ticks of 20 ms: 0 deadlines missed, 0 ticks left out, 0 without a row"
    awk -v n=$ticks '/ticks of 20 ms/ { good = $1 + $9 == n } END { exit !good }' "$work/out" ||
        fail "not $ticks ticks"
    grep -q "^the time is over" "$work/out" || fail "the last words"
    cat "$work/out"
done
# (the last run's plan has 16 rows, and no other comes)
awk -v n=$((ticks - 16)) '/ticks of 20 ms/ { good = $13 <= n && $13 + $9 >= n } END { exit !good }' "$work/out" ||
    fail "ticks behind the plan's end"

# Ctrl-C, once it listens to it (SIGINT is the second bit) and half a second later
"$program" -t 1000 demo/place >"$work/out" 2>&1 &
pid=$!
for _ in $(seq 600); do
    grep -q "^SigCgt:.*[2367abef]$" "/proc/$pid/status" && break
    sleep 0.1
done
sleep 0.5
kill -INT $pid
wait $pid || fail "stopped: exit status $?"
grep -q "^stopped" "$work/out" || fail "stopped: it says so"

# errors
refused() { # STATUS TEXT ARGUMENT...
    expected=$1 text=$2
    shift 2
    run "$@"
    [ $status -eq "$expected" ] || fail "exit status $status, expected $expected"
    grep -q -e "$text" "$work/out" || fail "it does not say: $text"
}
refused 1 "no such folder" "no such folder"
refused 1 "a policy of" "${PI0_TEST_DATA:?}/lerobot/lerobot_pi0"
refused 2 "^usage" -x
echo "ok"
