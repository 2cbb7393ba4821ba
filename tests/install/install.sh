#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh BUILD LIBDIR CMAKE CC CXX - installs into a temporary prefix, moves it, and uses it as
# use.sh does: an installed tree may be moved.
build=$1 libdir=$2 cmake=$3 cc=$4 cxx=$5
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/first" >/dev/null || {
    echo "install: cmake --install fails"
    exit 1
}
mv "$work/first" "$work/prefix"
sh "$here/use.sh" "$work/prefix" "$libdir" "$cmake" "$cc" "$cxx"
