# SPDX-License-Identifier: Apache-2.0
# ready.sh - read by the tests that start pi0 serve, by way of serving.sh or beside tools.sh.

# wait_ready NAME: $url of the server $pid, which writes to $work/NAME.log, as soon as it is ready
wait_ready() {
    url=
    for _ in $(seq 1200); do
        url=$(sed -n 's/.*serving \(ws:[^;]*\);.*/\1/p' "$work/$1.log")
        [ -n "$url" ] && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "pi0 serve did not start:"
    cat "$work/$1.log"
    exit 1
}
