#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# setup.sh [tests|package] - finds which of the needed tools and libraries are missing and, on Debian
# and Ubuntu, installs them through apt-get (as root, or with a sudo that asks for no password).
# Otherwise it prints the one command to run and stops. Nothing missing: it says nothing. With
# "tests": also the browser in which the tests open the pages of pi0 demo, and what the tests of
# pi0 serve run beside it. With "package", and with "tests" too: what makes packages and tries them.
tests=${1:-}

have() { command -v "$1" >/dev/null 2>&1; }
have_library() { have pkg-config && pkg-config --exists "$1"; }
have_header() { have g++ && echo "#include <$1>" | g++ -E -x c++ - >/dev/null 2>&1; }

# the runtime of clang's sanitizers is a package of its own on some distributions
have_clang_runtime() {
    for file in "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer*.a; do
        [ -e "$file" ] && return 0
    done
    return 1
}

# msgpack-c changed its package's name
msgpack_package() {
    if have apt-cache && apt-cache show libmsgpack-c-dev >/dev/null 2>&1; then
        echo libmsgpack-c-dev
    else
        echo libmsgpack-dev
    fi
}

# Debian's names of what is missing
missing() {
    { have gcc && have g++ && have make; } || echo build-essential
    have cmake || echo cmake
    have ninja || echo ninja-build
    have pkg-config || echo pkg-config
    have objdump || echo binutils
    # the tests run the command on processors that this one is not
    [ "$(uname -m)" != x86_64 ] || have qemu-x86_64 || echo qemu-user
    [ "$tests" != tests ] || have valgrind || echo valgrind
    have_library jansson || echo libjansson-dev
    have_library sentencepiece || have_header sentencepiece_processor.h || echo libsentencepiece-dev
    have_library libzstd || echo libzstd-dev
    have_library libpng || echo libpng-dev
    have_library libjpeg || echo libjpeg-dev
    have_library libwebsockets || echo libwebsockets-dev
    have_library cmocka || echo libcmocka-dev
    have_library msgpack-c || have_library msgpack || msgpack_package
    [ "$tests" != tests ] || missing_for_tests
    [ -z "$tests" ] || missing_for_packages
    if ! have clang; then
        echo clang
    elif ! have_clang_runtime; then
        echo "libclang-rt-$(clang -dumpversion | sed 's/\..*//')-dev"
    fi
    [ "$tests" != tests ] || have llvm-cov || echo llvm
}

# a browser and what drives it, where they are packages: Ubuntu's is not (the test says it is missing)
has_package() { have apt-cache && apt-cache show "$1" >/dev/null 2>&1; }
missing_for_tests() {
    # the test beside openpi-client makes a virtual environment
    { have python3 && python3 -c 'import ensurepip' 2>/dev/null; } || echo python3-venv
    # completion and manual pages are looked at by what shows them
    have zsh || echo zsh
    have mandoc || echo mandoc
    have groff || echo groff-base
    have doxygen || echo doxygen
    # its package starts a web server: only where nobody works. Elsewhere its test is skipped
    [ "${CI-}" != true ] || have nginx || [ -x /usr/sbin/nginx ] || echo nginx-light
    for package in chromium chromium-driver python3-selenium; do
        case $package in
        chromium) have chromium ;;
        chromium-driver) have chromedriver ;;
        python3-selenium) python3 -c 'import selenium' || /usr/bin/python3 -c 'import selenium' ;;
        esac >/dev/null 2>&1 || ! has_package chromium-driver || echo "$package"
    done
}

# Debian's own tools, where there are any
missing_for_packages() {
    has_package debhelper || return 0
    have dh || echo debhelper
    have lintian || echo lintian
    have mmdebstrap || echo mmdebstrap
}

# apt-get by whoever may run it: root, or sudo without a password
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

install_packages() {
    if ! have apt-get; then
        echo "setup: not found on this machine (Debian's names):" $packages >&2
        echo "setup: install them with your system's package manager, then try again" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! { have sudo && sudo -n true 2>/dev/null; }; then
        echo "setup: packages are missing. Run this, then try again:" >&2
        echo "    sudo apt-get update && sudo apt-get install -y" $packages >&2
        exit 1
    fi
    echo "setup: installing" $packages
    as_root apt-get update -q || echo "setup: apt-get update failed, trying without" >&2
    # with the lists up to date a package may have another name
    packages=$(missing)
    # shellcheck disable=SC2086
    as_root apt-get install -y -q --no-install-recommends $packages || {
        echo "setup: apt-get could not install:" $packages >&2
        exit 1
    }
}

# a second round: which runtime clang needs is known only once it is there
for round in 1 2; do
    packages=$(missing)
    [ -z "$packages" ] && exit 0
    install_packages
done
packages=$(missing)
[ -z "$packages" ] && exit 0
echo "setup: installed, and still not found:" $packages >&2
exit 1
