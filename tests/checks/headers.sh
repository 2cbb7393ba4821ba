#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# headers.sh ROOT CC AVX2 AVX512 AVX512BF16 - each header of the library, the command, the tabletop
# and the tests compiles alone; the last three are the flags of a header whose name ends with that
# instruction set.
root=$1 cc=$2 avx2=$3 avx512=$4 avx512bf16=$5 n=0 bad=0
for header in "$root"/include/*.h "$root"/src/*.h "$root"/src/*/*.h "$root"/tools/*.h \
    "$root"/tools/*/*.h "$root"/demo/*/*.h "$root"/tests/support/*.h; do
    [ -f "$header" ] || continue
    # parts of kernel files, which include them after they have defined what they are made of
    case $header in */cpu/kern_*_*.h | */cpu/vec_math.h) continue ;; esac
    n=$((n + 1))
    case $header in
    *_avx2.h) flags=$avx2 ;;
    *_avx512.h) flags=$avx512 ;;
    *_avx512bf16.h) flags=$avx512bf16 ;;
    *) flags= ;;
    esac
    # shellcheck disable=SC2086
    echo "#include \"$header\"" |
        "$cc" -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wno-unused-function -Werror \
            -I"$root/include" -I"$root/src" -I"$root/tools" -I"$root/demo" -I"$root/tests" \
            -DPI0_TEST_DATA='"data"' $flags -fsyntax-only -x c - || {
        echo "$header does not compile alone"
        bad=$((bad + 1))
    }
done
echo "$n headers, $bad wrong"
[ $n -gt 1 ] && [ $bad -eq 0 ]
