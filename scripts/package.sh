#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# package.sh [FOLDER] - pi0 for other machines, into FOLDER (build/package): Debian packages, and a
# tar.gz that runs where it is unpacked. docs/PACKAGES.md says what is in them. Environment:
#   SOURCE_DATE_EPOCH      the time of the files in them; else the last commit's
#   DEBFULLNAME, DEBEMAIL  the maintainer that the Debian packages name
set -eu
cd "$(dirname "$0")/.."
say() { echo "package: $*" >&2; }
stop() {
    say "$*"
    exit 1
}
# quietly COMMAND...: its words are shown when it fails
quietly() {
    "$@" >"$out/log" 2>&1 || {
        cat "$out/log" >&2
        stop "\"$1\" failed"
    }
}

for tool in cmake ninja dpkg-buildpackage dh ldd objdump; do
    command -v $tool >/dev/null || stop "$tool is missing: packages are made on Debian and Ubuntu," \
        "after \"sh scripts/setup.sh tests\""
done
out=${1:-build/package}
mkdir -p "$out"
out=$(cd "$out" && pwd)
exec 9>"$out/lock" && flock 9
rm -rf "$out"/*.deb "$out"/*.tar "$out"/*.tar.gz "$out"/*.changes "$out"/*.buildinfo "$out/stage" "$out/debian"

version=$(sed -n 's/^project(pi0 VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
[ -n "$version" ] || stop "CMakeLists.txt does not say the version"
machine=$(uname -m)
name=pi0-$version-linux-$machine
maintainer="${DEBFULLNAME:-pi0.c maintainers} <${DEBEMAIL:-pi0@example.org}>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null ||
    stat -c %Y CMakeLists.txt)}
export SOURCE_DATE_EPOCH
# a cache of objects may write their paths in its own way
export CCACHE_BASEDIR=
umask 022

# ---- the build -----------------------------------------------------------------------------
# Debian's flags for programs that face a network, and no path of this machine. Without LTO, which
# Ubuntu adds: each kernel is compiled for its own instruction set, and for no other
flags() { DEB_BUILD_MAINT_OPTIONS="hardening=+all optimize=-lto" dpkg-buildflags --get "$1"; }
c_flags="$(flags CPPFLAGS) $(flags CFLAGS) -ffile-prefix-map=$PWD=. -ffile-prefix-map=$out=."
# as RPATH, not RUNPATH: libraries of libraries are looked for there too
l_flags="$(flags LDFLAGS) -Wl,--disable-new-dtags"

# build LIBDIR RPATH ZSH-DIR: the same objects for both kinds of packages
build() {
    quietly cmake -S . -B "$out/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPI0_TESTS=OFF \
        -DPI0_EXAMPLES=OFF -DPI0_ZSH_DIR="share/zsh/$3" \
        -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR="$1" -DCMAKE_INSTALL_RPATH="$2" \
        -DCMAKE_C_FLAGS="$c_flags" -DCMAKE_CXX_FLAGS="$c_flags" \
        -DCMAKE_EXE_LINKER_FLAGS="$l_flags" -DCMAKE_SHARED_LINKER_FLAGS="$l_flags"
    quietly cmake --build "$out/build"
}

# ---- the tar.gz ----------------------------------------------------------------------------
# owner FILE: the Debian package that it is from
owner() { dpkg -S "$(realpath "$1")" 2>/dev/null || dpkg -S "${1#/usr}"; }

# libraries of the system that an installed tree needs, but for those of the compiler
needed() {
    ldd bin/pi0 lib/*.so | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u |
        grep -vE '/(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s))\.so\.[0-9]+$'
}
# newest PREFIX: the newest version of the compiler's libraries that anything here asks for
newest() {
    find bin lib -type f -exec objdump -T {} + 2>/dev/null |
        sed -n "s/.*[( ]\($1_[0-9][0-9.]*\).*/\1/p" | sort -uV | tail -n 1
}

bundle() {
    third=share/doc/pi0/third-party
    mkdir -p lib/pi0 $third
    for library in $(needed); do
        package=$(owner "$library" | sed 's/[:,].*//')
        [ -n "$package" ] || stop "no Debian package has $library"
        cp -L "$library" lib/pi0/
        chmod 644 "lib/pi0/${library##*/}"
        cp -L "/usr/share/doc/$package/copyright" "$third/$package.txt"
        dpkg-query -W -f "${library##*/}: \${Package} \${Version}\n" "$package" |
            head -n 1 >>$third/versions.txt
    done
    [ -f $third/versions.txt ] || stop "ldd says that bin/pi0 needs no library"
}

tarball() {
    stage=$out/stage/$name
    quietly cmake --install "$out/build" --prefix "$stage" --strip
    (
        cd "$stage"
        strip -g lib/*.a
        bundle
        sed -e "s/@VERSION@/$version/g; s/@NAME@/$name/g; s/@MACHINE@/$machine/g" \
            -e "s/@GLIBC@/$(newest GLIBC | sed 's/.*_//')/; s/@GLIBCXX@/$(newest GLIBCXX)/" \
            "$OLDPWD/packaging/tarball.md" >README.md
        cp "$OLDPWD/LICENSE" .
    )
    tar -C "$out/stage" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
        --numeric-owner --format=gnu -cf "$out/$name.tar" "$name"
    gzip -9nf "$out/$name.tar"
}

# ---- the Debian packages -------------------------------------------------------------------
debian() {
    mkdir -p "$out/debian"
    cp -R packaging/debian "$out/debian/debian"
    cd "$out/debian"
    sed -i "s/@MAINTAINER@/$maintainer/" debian/control debian/copyright
    sed 's|/usr/local/bin/|/usr/bin/|' "$OLDPWD/packaging/pi0-serve.service" \
        >debian/pi0.pi0-serve.service
    printf 'pi0 (%s-1) unstable; urgency=medium\n\n  * Version %s.\n\n -- %s  %s\n' "$version" \
        "$version" "$maintainer" "$(date -uRd "@$SOURCE_DATE_EPOCH")" >debian/changelog
    PI0_BUILD="$out/build" quietly dpkg-buildpackage -b -us -uc -d
    cd "$OLDPWD"
}

build lib "\$ORIGIN/../lib/pi0:\$ORIGIN/pi0" site-functions
tarball
build "lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)" "" vendor-completions
debian
rm -rf "$out/stage" "$out/debian" "$out"/*.changes "$out"/*.buildinfo

# nobody has asked Debian to take it, so no report of a wish for it is closed
if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error --suppress-tags initial-upload-closes-no-bugs \
        "$out"/*.deb || stop "lintian found errors"
else
    say "lintian is missing: the Debian packages were not looked at"
fi
cd "$out" && du -h --apparent-size "$PWD"/*.deb "$PWD"/*.tar.gz
