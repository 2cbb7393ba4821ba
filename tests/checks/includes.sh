#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# includes.sh ROOT - the order of includes in all C and C++ of the tree: includes.awk says which.
cd "$1" || exit 1
find include src demo tools examples tests bench -type f \
    \( -name '*.[ch]' -o -name '*.cc' -o -name '*.hpp' \) -exec \
    env LC_ALL=C awk -f tests/checks/includes.awk {} +
