#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# in_root.sh - inside a fresh Debian that fresh.sh has made and whose /packages has the packages:
# first the tar.gz is unpacked, used, removed; then the Debian packages are installed by apt with
# what they depend on, used, and removed. Nothing of them may stay.
fail() {
    echo "fresh: $1"
    exit 1
}
# what is there, but for apt's and dpkg's own books
files() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /packages -o -path /tmp \
        -o -path /var/cache -o -path /var/log -o -path /var/lib/apt -o -path /var/lib/dpkg \) \
        -prune -o -print | sort
}
# use PREFIX EXAMPLES PKG-CONFIG-PATH CFLAGS...: the command as nobody, from /; an example linked
use() {
    prefix=$1 examples=$2 PKG_CONFIG_PATH=$3
    export PKG_CONFIG_PATH
    shift 3
    [ "$("$prefix/bin/pi0" --version)" = "pi0 $version" ] || fail "$prefix/bin/pi0 is not $version"
    [ "$(pkg-config --modversion pi0 pi0_client | sort -u)" = "$version" ] ||
        fail "pkg-config does not say $version"
    (cd / && su -s /bin/sh nobody -c "$prefix/bin/pi0 demo --episodes 3") >/tmp/demo 2>&1 &&
        grep -qF "$prefix/share/pi0/demo/place: " /tmp/demo || {
        cat /tmp/demo
        fail "$prefix/bin/pi0 demo fails"
    }
    "$prefix/bin/pi0" doctor "$prefix/share/pi0/demo/place" >/tmp/doctor 2>&1 || {
        cat /tmp/doctor
        fail "$prefix/bin/pi0 doctor fails"
    }
    # shellcheck disable=SC2046
    gcc "$examples/infer.c" -o /tmp/infer $(pkg-config --cflags --libs pi0) "$@" &&
        /tmp/infer "$prefix/share/pi0/demo/place" "put the red block in the bowl" >/tmp/actions ||
        fail "no example by pkg-config"
    [ -s /tmp/actions ] || fail "the example says nothing"
    rm -rf /tmp/*
}

LC_ALL=C DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
archive=$(echo /packages/pi0-*.tar.gz)
version=$(echo "$archive" | sed 's/.*pi0-\([0-9.]*\)-.*/\1/')
ldconfig -p | grep -qE 'libsentencepiece|libwebsockets|libpi0' && fail "this Debian is not fresh"
files >/packages/before

# ---- the tar.gz ----------------------------------------------------------------------------
tar -C /opt -xzf "$archive" && mv /opt/pi0-* /opt/moved || fail "$archive cannot be unpacked"
use /opt/moved /opt/moved/share/doc/pi0/examples /opt/moved/lib/pkgconfig -Wl,-rpath,/opt/moved/lib
rm -rf /opt/moved
echo "tar.gz $version: runs without a library of the distribution"

# ---- the Debian packages -------------------------------------------------------------------
apt-get install -qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \
    /packages/*.deb >/tmp/log 2>&1 || {
    cat /tmp/log
    fail "apt-get cannot install them"
}
use /usr /usr/share/doc/libpi0-dev/examples ""
[ -f /lib/systemd/system/pi0-serve.service ] || fail "there is no pi0-serve.service"
[ -z "$(find /etc/systemd -name 'pi0*')" ] || fail "pi0-serve is enabled, and nobody asked for it"
echo "packages $version: installed, used"

apt-get purge -qq -y --auto-remove pi0 libpi0-0 libpi0-client0 libpi0-dev >/tmp/log 2>&1 || {
    cat /tmp/log
    fail "apt-get cannot remove them"
}
rm -rf /tmp/*
files >/packages/after
diff /packages/before /packages/after || fail "not as it was before"
[ -z "$(find /var/lib/dpkg -name '*pi0*')" ] || fail "dpkg remembers them"
echo "packages $version: removed, and nothing stays"
