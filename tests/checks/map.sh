#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# map.sh ROOT - docs/MAP.md names each file of the library and of the command: itself, or for a header
# the source that it belongs to, or, for a family ("whose names begin with doctor"), its beginning.
# SECURITY.md names each fuzz target.
cd "$1" || exit 1
map=docs/MAP.md n=0 bad=0
families=$(sed -n 's/.*whose names begin with \([a-z]*\).*/\1/p' $map)

named() {
    name=${1##*/}
    grep -qF -e "$name" $map && return 0
    case $name in *.h) grep -qF -e "${name%.h}.c" $map && return 0 ;; esac
    for family in $families; do
        case $1 in tools/"$family"*) return 0 ;; esac
    done
    return 1
}

for file in $(find include src demo/sim tools -name '*.[ch]' -o -name '*.cc' | sort); do
    n=$((n + 1))
    named "$file" || { echo "$file: docs/MAP.md does not name it"; bad=$((bad + 1)); }
done
for file in tests/fuzz/fuzz_*.c; do
    name=${file##*/} name=${name%.c}
    grep -qF -e "\`$name\`" SECURITY.md || { echo "$file: SECURITY.md does not name it"; bad=$((bad + 1)); }
done
echo "$n files, $bad wrong"
[ $n -gt 200 ] && [ $bad -eq 0 ]
