#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed.sh BUILD LIBDIR CMAKE GENERATOR CC CXX - examples/embed, a project around libpi0, in all its
# ways: an installed library by pkg-config and by find_package, the source tree by add_subdirectory
# and FetchContent, shared and static. Then a project that looks whether pi0 has changed it.
build=$1 libdir=$2 cmake=$3 generator=$4 cc=$5 cxx=$6
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/command/serving.sh"
embed=$root/examples/embed prefix=$work/prefix

# the program of NAME runs: it needs libpi0.so, or it does not
runs() { # NAME PROGRAM LIBRARIES
    LD_LIBRARY_PATH=$3 check "$1 runs" sh "$root/tests/examples/expect_output.sh" \
        "^row  6: hand to 0\.2[4-9] 0\.3[4-9]," -- "$2" "$root/demo/place"
    case $1 in
    *static) check "$1 has libpi0 inside" sh -c "! ldd '$2' | grep libpi0" ;;
    *) check "$1 is linked to libpi0" sh -c "ldd '$2' | grep libpi0" ;;
    esac
}
# a project of this name, configured with OPTION..., built, both of its programs run
project() { # NAME OPTION...
    project=$1
    shift
    check "$project: configured" "$cmake" -G "$generator" -S "$embed" -B "$work/$project" \
        -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" "$@"
    check "$project: built" "$cmake" --build "$work/$project" -j 2
    runs "$project" "$work/$project/infer" ""
    runs "$project, static" "$work/$project/infer_static" ""
}

"$cmake" --install "$build" --prefix "$prefix" >/dev/null || { echo "cmake --install fails"; exit 1; }
PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
export PKG_CONFIG_PATH
for static in "" 1; do
    name=pkg-config${static:+, static}
    check "$name: built" make -C "$embed" CC="$cc" OUT="$work/infer" STATIC="$static"
    runs "$name" "$work/infer" "$prefix/$libdir"
    rm -f "$work/infer"
done
project find_package -DCMAKE_PREFIX_PATH="$prefix"

# from source: without optimisation, which takes its time; the second with what a project around
# pi0 may have set for itself, and from where CMake would have put what it has fetched
project add_subdirectory -DPI0_FROM=source -DCMAKE_BUILD_TYPE=Debug
project FetchContent -DPI0_FROM=fetch -DFETCHCONTENT_SOURCE_DIR_PI0="$root" -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_STANDARD=99 -DCMAKE_CXX_STANDARD=20 -DCMAKE_UNITY_BUILD=ON -DBUILD_SHARED_LIBS=ON \
    -DCMAKE_C_VISIBILITY_PRESET=hidden -DCMAKE_C_FLAGS="-Wall -Wextra -Werror"

# ---- nothing is changed -----------------------------------------------------------------------------
check "a project around pi0" "$cmake" -G "$generator" -S "$root/tests/examples/around" \
    -B "$work/around" -DPI0_SOURCE="$root" -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx"
mv "$work/log" "$work/around.log"
check "nothing is complained of" sh -c "! grep 'CMake.*Warning' '$work/around.log'"
check "nothing is installed" sh -c "'$cmake' --install '$work/around' --prefix '$work/none' &&
    ! [ -e '$work/none' ]"
check "optimised without a build type" sh -c "grep 'src/policy/nearest.c' \
    '$work/around/compile_commands.json' | grep -q -e ' -O2 '"
exit $((failed > 0))
