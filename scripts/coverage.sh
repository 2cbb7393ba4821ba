#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# coverage.sh BUILD - which lines the tests that ran in BUILD reached, by folder, counted in
# the objects of the libraries and the command. Kernels have no counters (cmake/kernels.cmake). Fails
# where a folder of src has less than 90 %. What was not reached is in BUILD/not_reached.txt.
root=$(cd "$(dirname "$0")/.." && pwd) && cd "$1" || exit 1
# each compiler has its own format of counts
gcov=gcov
grep -q '^CMAKE_C_COMPILER:.*clang' CMakeCache.txt && gcov="llvm-cov gcov"
find . -name '*.gcno' -print | grep -E '/pi0_(objects|client_objects|wire_objects|tools|sim)\.dir/' |
    while read -r notes; do $gcov -t "$notes" 2>/dev/null; done |
    awk -v root="$root/" -v not_reached=not_reached.txt -f "$root/scripts/coverage.awk"
