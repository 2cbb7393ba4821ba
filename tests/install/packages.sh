#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packages.sh SOURCE OUT CMAKE CC CXX - makes the packages in OUT, twice from one build: the same
# bytes. Then: all versions agree, no path of this machine is in them, and what is unpacked is used
# as use.sh does, from a folder that it was not made for.
source=$1 out=$2 cmake=$3 cc=$4 cxx=$5
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
    echo "packages: $1"
    exit 1
}
. "$here/../support/skip.sh"
make_packages() {
    sh "$source/scripts/package.sh" "$out" >"$work/log" 2>&1 || {
        cat "$work/log"
        fail "scripts/package.sh fails"
    }
    (cd "$out" && sha256sum ./*.deb ./*.tar.gz)
}

command -v dh >/dev/null || skip "debhelper is missing (sh scripts/setup.sh tests)"
command -v lintian >/dev/null || skip "lintian is missing (sh scripts/setup.sh tests)"

# ---- made twice ----------------------------------------------------------------------------
first=$(make_packages) || { echo "$first"; exit 1; }
cat "$work/log"
# by somebody who has other habits
second=$(umask 077; TZ=Asia/Tokyo LC_ALL=C.UTF-8 make_packages) || { echo "$second"; exit 1; }
[ "$first" = "$second" ] || fail "made twice, not the same:
$first
$second"

# ---- unpacked ------------------------------------------------------------------------------
version=$(sed -n 's/^project(pi0 VERSION \([0-9.]*\) .*/\1/p' "$source/CMakeLists.txt")
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
name=pi0-$version-linux-$(uname -m)
mkdir "$work/deb" "$work/tar"
tar -C "$work/tar" -xzf "$out/$name.tar.gz" || fail "there is no $name.tar.gz"
for package in pi0 libpi0-0 libpi0-client0 libpi0-dev; do
    file=$(echo "$out/${package}_$version-1_"*.deb)
    [ -f "$file" ] || fail "there is no ${package}_$version-1_*.deb"
    dpkg-deb -x "$file" "$work/deb" || fail "$file cannot be unpacked"
    said=$(dpkg-deb -f "$file" Version)
    [ "$said" = "$version-1" ] || fail "the package $package has version $said"
done
# the build's folders, and what C says of them where they are relative
found=$(grep -rlF -e "$source/" -e "$out" -e "$HOME/" "$work/deb" "$work/tar")
[ -z "$found" ] || fail "paths of this machine are in $found"
for library in libpi0 libpi0_client; do
    for folder in "$work/tar/$name/lib" "$work/deb/usr/lib/$triplet"; do
        objdump -p "$folder/$library.so.$version" | grep -q "SONAME *$library.so.${version%%.*}\$" ||
            fail "$folder/$library.so.$version has another SONAME"
        [ -z "$(objdump -h "$folder/$library.so.$version" | grep -F .debug_)" ] ||
            fail "$folder/$library.so.$version is not stripped"
    done
done

# ---- used ----------------------------------------------------------------------------------
mv "$work/tar/$name" "$work/moved"
# in the tar.gz, every library but the compiler's own is the one that was packed
foreign=$(for file in "$work"/moved/bin/pi0 "$work"/moved/lib/*.so; do ldd "$file"; done |
    grep -F '=>' | grep -vF "$work/moved/" |
    grep -vE '^[[:space:]]lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s)\.so\.[0-9]+ ')
[ -z "$foreign" ] || fail "the tar.gz needs libraries that are not in it: $foreign"
for tree in "$work/moved lib" "$work/deb/usr lib/$triplet"; do
    # shellcheck disable=SC2086
    sh "$here/use.sh" $tree "$cmake" "$cc" "$cxx" || fail "${tree%% *} cannot be used"
done
[ "$("$work/moved/bin/pi0" --version)" = "pi0 $version" ] || fail "pi0 --version is not $version"
