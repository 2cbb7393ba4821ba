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

# pkg-config: libpi0, and the client library, which stands alone
export PKG_CONFIG_PATH="$lib/pkgconfig"
version=$(pkg-config --modversion pi0) || fail "pkg-config does not find pi0"
[ "$(pkg-config --modversion pi0_client)" = "$version" ] || fail "pkg-config: another pi0_client"
# by_pkg_config MODULE SOURCE: a program with its shared library, and one with its static one
by_pkg_config() {
    # shellcheck disable=SC2046
    "$cc" -std=c11 $(pkg-config --cflags "$1") "$here/$2" -o "$work/$1" \
        $(pkg-config --libs "$1") || fail "no program with $1 by pkg-config"
    run "$work/$1" "$lib"
    # shellcheck disable=SC2046
    "$cc" -std=c11 $(pkg-config --cflags "$1") "$here/$2" -o "$work/$1_static" "$lib/lib$1.a" \
        $(pkg-config --static --libs-only-l "$1" | sed "s/-l$1//") -pthread ||
        fail "no static program with $1 by pkg-config"
    run "$work/$1_static" /nonexistent
}
by_pkg_config pi0 consumer.c
by_pkg_config pi0_client consumer_client.c

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
