#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ask_server.sh PROGRAM - the client's example beside pi0 serve, whose path is in $PI0.
program=$1
. "$(dirname "$0")/../command/serving.sh"
start place "$PI0" serve --model demo/place --port 0
check "an answer" sh "$(dirname "$0")/expect_output.sh" "^16 rows of 3: 0\.[0-9]* 0\.[0-9]* " -- \
    "$program" "$url"
check "the server stops" stop "$pid" 0
check "no server: it says so" sh -c "! '$program' http://nowhere"
exit $((failed > 0))
