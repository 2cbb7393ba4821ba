#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_serve_nginx.sh - packaging/nginx.conf in front of two servers: one is killed under load and comes
# back; clients connect again, and nothing else fails. Without nginx it does not run (status 77); in
# continuous integration that is a failure.
PATH=$PATH:/usr/sbin:/sbin
. "$(dirname "$0")/../support/skip.sh"
command -v nginx >/dev/null || skip "no nginx (Debian: nginx-light)"
. "$(dirname "$0")/serving.sh"
example=$(dirname "$0")/../../packaging/nginx.conf

# one thread each: with two, they would wait for each other on a machine of two processors
serve first 0 --threads 1
first=$pid first_port=${url##*:}
serve second 0 --threads 1
second=$pid second_port=${url##*:}
# a port that was free a moment ago
serve third 0 --threads 1
port=${url##*:}
stop "$pid" 0

# ---- the example, with these ports -----------------------------------------------------------------
sed -e "s/127.0.0.1:8001/127.0.0.1:$first_port/" -e "s/127.0.0.1:8002/127.0.0.1:$second_port/" \
    -e "s/listen 8000/listen 127.0.0.1:$port/" "$example" >"$work/pi0.conf"
mkdir "$work/tmp"
{
    echo "daemon off; pid $work/nginx.pid; error_log $work/nginx.log warn; worker_processes 1;"
    echo "events { worker_connections 256; }"
    echo "http { access_log off;"
    for kind in client_body proxy fastcgi uwsgi scgi; do
        nginx -V 2>&1 | grep -q "without-http_${kind}_module" || echo "${kind}_temp_path $work/tmp;"
    done
    echo "include $work/pi0.conf; }"
} >"$work/nginx.conf"
check "nginx takes the example" nginx -t -q -c "$work/nginx.conf" -e "$work/nginx.log"
nginx -c "$work/nginx.conf" -e "$work/nginx.log" &
proxy=$!
pids="$pids $proxy"
url=ws://127.0.0.1:$port
observation=$model/observation.msgpack
check "a reply through nginx" "$PI0" client --url "$url" --observation "$observation"

# ---- one server is killed under load, and comes back ------------------------------------------------
"$tests/pi0_load" "$url" "$first" 8 300 1 >"$work/load" 2>&1 &
load=$!
for _ in $(seq 300); do
    # both have clients by now
    [ "$(grep -c connected "$work/first.log")" -ge 3 ] &&
        [ "$(grep -c connected "$work/second.log")" -ge 3 ] && break
    sleep 0.1
done
sleep 0.3
kill -9 "$first"
wait "$first" 2>/dev/null
sleep 3
serve first "$first_port" --threads 1
first=$pid
wait $load
status=$?
cat "$work/load"
check "8 clients: nothing lost or mixed up" test $status -eq 0
check "their requests were sent again" grep -q "[1-9][0-9]* sent again" "$work/load"
check "nginx saw that a server was gone" grep -qE "refused|prematurely closed|reset by peer" "$work/nginx.log"
check "both servers had clients" test "$(grep -c connected "$work/second.log")" -ge 4

# ---- one is told to stop: the other serves -----------------------------------------------------------
check "the second one stops" stop "$second" 0
check "the first one serves" "$PI0" client --url "$url" --observation "$observation"
check "it stops, too" stop "$first" 0
kill -QUIT "$proxy"
wait "$proxy"
echo "$failed failed"
exit $((failed > 0))
