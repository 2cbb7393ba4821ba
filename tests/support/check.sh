# SPDX-License-Identifier: Apache-2.0
# check.sh - read by scripts of tests that have a folder $work: "ok NAME" or "FAILED NAME" for each
# thing that is looked at, below the latter what $work/log says last; $failed counts those.
failed=0
ok() { echo "ok $1"; }
failed() {
    echo "FAILED $1"
    failed=$((failed + 1))
    sed 's/^/    | /' "$work/log" 2>/dev/null | tail -8
}

# check NAME command...: it succeeds; what it says is in $work/log
check() {
    checked_name=$1
    shift
    if "$@" >"$work/log" 2>&1; then ok "$checked_name"; else failed "$checked_name"; fi
}
