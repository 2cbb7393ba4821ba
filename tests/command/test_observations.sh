#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_observations.sh - observations.sh with the command that was built, whose path is in $PI0
exec sh "$(dirname "$0")/observations.sh" "$PI0" "$(cd "$(dirname "$0")/../.." && pwd)"
