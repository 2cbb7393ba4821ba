#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# valgrind.sh PROGRAM ARGUMENT... - a program that reads what others wrote, with valgrind counting
# each byte that it reads before anything was written there, in the libraries below it too. Such a
# read, and a block that nobody frees, is a failure.
. "$(dirname "$0")/../support/skip.sh"
command -v valgrind >/dev/null || skip "no valgrind (Debian: valgrind)"
exec valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite \
    --errors-for-leak-kinds=definite --track-origins=yes "$@"
