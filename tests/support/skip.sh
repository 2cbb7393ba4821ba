# SPDX-License-Identifier: Apache-2.0
# skip.sh - read by scripts of tests: skip REASON ends a test that needs what is not here, with a
# line that the summary shows. A machine that judges changes must have it: with CI=true it has failed.
skip() {
    echo "SKIP: $1"
    [ "${CI:-}" != true ] || exit 1
    exit 77
}
