#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# reference.sh [OUT] - the reference of include/*.h by Doxygen, OUT/html (build/docs/html). A warning is
# a failure.
cd "$(dirname "$0")/.." || exit 1
PI0_OUT=${1:-build/docs}
PI0_VERSION=$(sed -n 's/^project(pi0 VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
export PI0_OUT PI0_VERSION
if ! command -v doxygen >/dev/null; then
    echo "doxygen is not installed. Debian, Ubuntu: apt-get install doxygen" >&2
    exit 1
fi
rm -rf "$PI0_OUT/html"
mkdir -p "$PI0_OUT" && doxygen cmake/Doxyfile && echo "$PI0_OUT/html/index.html"
