#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# use.sh PREFIX LIBDIR CMAKE CC CXX - builds and runs small programs with what is installed in
# PREFIX: by pkg-config and by find_package, shared and static; then the command and its policies.
prefix=$1 lib=$1/$2 libdir=$2 cmake=$3 cc=$4 cxx=$5 n=0
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
    echo "install: $1"
    exit 1
}
# run PROGRAM LIBRARY-PATH: it prints the version that the package promises
run() {
    said=$(LD_LIBRARY_PATH=$2 "$1" "$version") || fail "$1 fails"
    [ "$said" = "$version" ] || fail "$1 prints \"$said\", the package says \"$version\""
    n=$((n + 1))
}

for file in include/pi0.h "$libdir/libpi0.so" "$libdir/libpi0.so.0" "$libdir/libpi0.a" bin/pi0 \
    share/pi0/demo/place/model.safetensors share/pi0/demo/reach/model.safetensors \
    share/man/man1/pi0.1 share/man/man1/pi0-infer.1 share/bash-completion/completions/pi0; do
    [ -e "$prefix/$file" ] || [ -e "$prefix/$file.gz" ] || fail "$file is not installed"
done
# Debian has a folder of its own
[ -e "$prefix/share/zsh/site-functions/_pi0" ] || [ -e "$prefix/share/zsh/vendor-completions/_pi0" ] ||
    fail "zsh's completion is not installed"

# pkg-config
export PKG_CONFIG_PATH="$lib/pkgconfig"
version=$(pkg-config --modversion pi0) || fail "pkg-config does not find pi0"
# shellcheck disable=SC2046
"$cc" -std=c11 $(pkg-config --cflags pi0) "$here/consumer.c" -o "$work/shared" \
    $(pkg-config --libs pi0) || fail "no program by pkg-config"
run "$work/shared" "$lib"
# shellcheck disable=SC2046
"$cc" -std=c11 $(pkg-config --cflags pi0) "$here/consumer.c" -o "$work/static" "$lib/libpi0.a" \
    $(pkg-config --static --libs-only-l pi0 | sed 's/-lpi0//') -pthread ||
    fail "no static program by pkg-config"
run "$work/static" /nonexistent

# the client library, which stands alone
[ "$(pkg-config --modversion pi0_client)" = "$version" ] || fail "pkg-config: another pi0_client"
# shellcheck disable=SC2046
"$cc" -std=c11 $(pkg-config --cflags pi0_client) "$here/consumer_client.c" -o "$work/client" \
    $(pkg-config --libs pi0_client) || fail "no client by pkg-config"
run "$work/client" "$lib"
# shellcheck disable=SC2046
"$cc" -std=c11 $(pkg-config --cflags pi0_client) "$here/consumer_client.c" -o "$work/client_static" \
    "$lib/libpi0_client.a" $(pkg-config --static --libs-only-l pi0_client | sed 's/-lpi0_client//') \
    -pthread || fail "no static client by pkg-config"
run "$work/client_static" /nonexistent

# find_package
"$cmake" -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_CXX_COMPILER="$cxx" >"$work/log" 2>&1 &&
    "$cmake" --build "$work/build" >>"$work/log" 2>&1 || {
    cat "$work/log"
    fail "no program by find_package"
}
run "$work/build/consumer_shared" ""
run "$work/build/consumer_static" ""
run "$work/build/consumer_client" ""
[ "$("$prefix/bin/pi0" --version)" = "pi0 $version" ] || fail "pi0 --version is not \"pi0 $version\""
# the policies that come with it are found where they were installed
(cd / && "$prefix/bin/pi0" demo --episodes 1) | grep -qF "$prefix/share/pi0/demo/place: " ||
    fail "pi0 demo does not find its policy in share/pi0/demo"
echo "$n programs built and run, version $version"
