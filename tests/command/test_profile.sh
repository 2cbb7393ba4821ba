#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_profile.sh - profile.sh with the command that was built, whose path is in $PI0
exec sh "$(dirname "$0")/profile.sh" "$PI0" "$(cd "$(dirname "$0")/../.." && pwd)"
