#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fresh.sh PACKAGES - a Debian (or Ubuntu) that has nothing but apt and a compiler is made from the
# distribution's archive; in it the packages are installed, used and removed (in_root.sh). Without
# network it does not run (status 77); in continuous integration that is a failure.
packages=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

. "$here/../support/skip.sh"

[ -n "$(find "$packages" -maxdepth 1 -name '*.deb')" ] || skip "there are no packages in $packages"
command -v mmdebstrap >/dev/null || skip "mmdebstrap is missing (sh scripts/setup.sh tests)"
ID='' VERSION_CODENAME=''
. /etc/os-release
components=main
[ "$ID" != ubuntu ] || components=main,universe

# whoever mmdebstrap's hooks run as
chmod 777 "$work"
mmdebstrap --variant=apt --components=$components --include=gcc,libc6-dev,pkgconf \
    --customize-hook="touch '$work/reached'" \
    --customize-hook="mkdir \"\$1/packages\" && cp '$here/in_root.sh' '$packages'/*.deb \
        '$packages'/*.tar.gz \"\$1/packages\"" \
    --customize-hook="chroot \"\$1\" sh /packages/in_root.sh >'$work/said' 2>&1" \
    "$VERSION_CODENAME" /dev/null >"$work/log" 2>&1
status=$?
if [ ! -e "$work/reached" ]; then
    tail -n 3 "$work/log"
    skip "no $VERSION_CODENAME could be made"
fi
cat "$work/said"
[ $status -eq 0 ] || tail -n 3 "$work/log"
exit $status
