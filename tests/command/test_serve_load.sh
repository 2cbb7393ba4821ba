#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_serve_load.sh [CLIENTS REQUESTS [CAMERAS]] - many clients of pi0 serve at once, on loopback, with
# a tiny model: no reply lost, none mixed up, memory flat. The whole of it:
#     PI0=build/release/pi0 PI0_TEST_DATA=tests/golden sh tests/command/test_serve_load.sh 16 2000
clients=${1:-16} requests=${2:-40} cameras=${3:-3}
. "$(dirname "$0")/serving.sh"
limit=5
# short runs and sanitizers have no flat memory
[ "$requests" -ge 1000 ] || limit=0

# one thread: the clients need processors, too
serve server 0 --threads 1
"$tests/pi0_load" "$url" "$pid" "$clients" "$requests" "$cameras" $limit || failed=1

# what the server itself says of its own part, in buckets
port=${url##*:}
if command -v curl >/dev/null; then
    curl -s "http://127.0.0.1:$port/metrics" |
        sed -n 's/^pi0_stage_seconds_\([a-z]*\){stage="overhead"\(,le="\([^"]*\)"\)*} \(.*\)/\1 \3 \4/p' |
        awk '$1 == "bucket" { le[++n] = $2; upto[n] = $3 } $1 == "count" { all = $NF }
            END {
                for (i = 1; i <= n && !half; i++) if (upto[i] >= 0.5 * all) half = le[i]
                for (i = 1; i <= n && !most; i++) if (upto[i] >= 0.99 * all) most = le[i]
                printf "own overhead as the server counts it: p50 at most %s s, p99 at most %s s\n", half, most
            }'
fi
stop "$pid" 0 || failed=1
[ $failed -eq 0 ] || tail -5 "$work/server.log"
exit $failed
