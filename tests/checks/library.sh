#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# library.sh ARCHIVE - what the library promises, seen in its objects: everything with external
# linkage is named pi0_*, there are no variables, nothing prints, exits or reads the environment.
archive=$1 status=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL

# names; the C++ file's instances of the library's templates are weak (W, V, u)
nm -g --defined-only "$archive" | awk 'NF == 3 && $2 !~ /[WVu]/ { print $3 }' >"$work/names"
n=$(wc -l <"$work/names")
if grep -v '^pi0_' "$work/names"; then
    echo "these names do not begin with pi0_"
    status=1
fi

# variables: sections .data, .bss and their thread-local sisters are empty (constants that hold
# addresses are in .data.rel.ro, which is read-only once they are filled in)
size -A "$archive" | awk '
    /\(ex .*\):$/ { object = $1; objects++ }
    object !~ /\.cc\.o$/ && $1 ~ /^\.(data|bss|tdata|tbss)(\.|$)/ && $1 !~ /^\.data\.rel\.ro/ {
        if ($2 > 0) { printf "%s has variables: %d bytes of %s\n", object, $2, $1; bad++ }
    }
    END { printf "%d objects, ", objects; exit !(objects > 0 && !bad) }' ||
    status=1
# in the C++ file exceptions keep nameless addresses there: its variables are those with a name
nm -A "$archive" | awk '
    /\.cc\.o:/ && $(NF - 1) ~ /^[bBdDC]$/ && $NF !~ /^DW\.ref\./ {
        print $1 " has a variable: " $NF
        bad++
    }
    END { exit bad > 0 }' || status=1

# calls that a library does not make
nm -u "$archive" | awk 'NF == 2 { print $2 }' | sort -u >"$work/calls"
if grep -nxE 'v?d?printf|puts|putchar|perror|stdout|stderr|stdin|(secure_)?getenv|setenv|exit|_exit|quick_exit|abort|signal|sigaction|setlocale|srand|rand|__printf_chk|__vprintf_chk' "$work/calls"; then
    echo "the library calls what it must not"
    status=1
fi
echo "$n names, $(wc -l <"$work/calls") calls"
[ "$n" -gt 0 ] && [ -s "$work/calls" ] && [ $status -eq 0 ]
