#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# licence.sh ROOT - each source file says its licence in its first line (its second, after "#!").
cd "$1" || exit 1
n=0 bad=0
for file in $(find . \( -name .git -o -path './build*' -o -path ./out -o -path './tests/golden/*/*' \
    -o -path ./tests/fuzz/seeds \) -prune -o -type f \
    \( -name '*.[ch]' -o -name '*.cc' -o -name '*.hpp' -o -name '*.sh' -o -name '*.py' -o -name '*.awk' \
    -o -name '*.cmake' -o -name '*.in' -o -name '*.map' -o -name '*.yml' -o -name CMakeLists.txt \
    -o -name Makefile -o -path ./.ci/run \) -print); do
    n=$((n + 1))
    if ! sed -n '1,2{/^#!/d;p}' "$file" | head -n 1 |
        grep -q 'SPDX-License-Identifier: Apache-2\.0'; then
        echo "$file: no line \"SPDX-License-Identifier: Apache-2.0\" on top"
        bad=$((bad + 1))
    fi
done
grep -q 'Apache License' LICENSE || bad=$((bad + 1))
echo "$n files, $bad wrong"
[ $n -gt 0 ] && [ $bad -eq 0 ]
