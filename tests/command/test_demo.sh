#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_demo.sh - demo.sh with the command that was built, whose path is in $PI0
exec sh "$(dirname "$0")/demo.sh" "$PI0" "$(cd "$(dirname "$0")/../.." && pwd)"
