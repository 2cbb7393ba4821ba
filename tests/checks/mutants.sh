#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mutants.sh ROOT - scripts/mutants.sh itself, on a tree of two files: a mutant that a test fails
# for is caught; one that no test fails for, one that does not compile, one that ends a program and
# one that does not end are told apart; an edit that fits nowhere or twice, and a tree whose own
# tests fail, end the run; and nothing but the copy is written.
root=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
tree=$work/tree passed=0
mkdir -p "$tree/src" "$tree/tests/unit" "$tree/tests/mutants" "$work/tables" || exit 1
cp "$root/tests/mutants/mutants.awk" "$tree/tests/mutants/" || exit 1

cat >"$tree/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(small LANGUAGES C)
enable_testing()
foreach(name test_one test_two)
    add_executable(${name} tests/unit/${name}.c src/add.c)
    add_test(NAME ${name} COMMAND ${name})
endforeach()
END
# add() as a tree that moves on may have it: indented anyhow, a line that is there twice
cat >"$tree/src/add.c" <<'END'
int add(int a, int b);
int add(int a, int b)
{
    if (a == 1000) a += 0;
    if (b == 1000) a += 0;
    a += 0;
    a += 0;
    const int sum = a + b;
    return sum;
}
END
for test in one:0 two:3; do
    cat >"$tree/tests/unit/test_${test%:*}.c" <<END
#include <stdio.h>
int add(int a, int b);
int main(void)
{
    const int right = add(${test#*:}, 2) == ${test#*:} + 2;
    if (!right) printf("[  FAILED  ] adds_${test#*:}\n");
    return !right;
}
END
done

# mutant NAME TESTS OLD NEW: into the table
mutant() {
    printf '\nmutant %s\nbreaks it\nfile src/add.c\ntests %s\n- %s\n+ %s\n' "$@"
}
{
    echo '# a comment'
    mutant minus 'test_one test_two' 'const int sum = a + b;' 'const int sum = a - b;'
    mutant first_only 'test_one test_two' 'const int sum = a + b;' 'const int sum = b;'
    mutant crash 'test_one' 'const int sum = a + b;' 'const int sum = *(volatile int *)0;'
} >"$tree/tests/mutants/good.txt"

fail() {
    echo "$1"
    [ ! -f "$work/out" ] || cat "$work/out"
    exit 1
}
# run STATUS ARGUMENT...: the script's exit status; its output in $work/out
run() {
    wanted=$1
    shift
    before=$(cd "$tree" && cat CMakeLists.txt src/* tests/unit/* tests/mutants/* | cksum)
    MUTANTS_TIMEOUT=${seconds:-60} sh "$root/scripts/mutants.sh" -C "$tree" "$@" >"$work/out" 2>&1
    got=$?
    [ $got -eq "$wanted" ] || fail "mutants.sh $*: exit status $got, expected $wanted"
    after=$(cd "$tree" && cat CMakeLists.txt src/* tests/unit/* tests/mutants/* | cksum)
    [ "$before" = "$after" ] || fail "mutants.sh $* changed the tree"
    passed=$((passed + 1))
}
says() { grep -qE -e "$1" "$work/out" || fail "no '$1' in:"; }

# all caught, each by the test that fails first, in this order
run 0
says 'minus +caught .*unit/test_one: adds_0'
says 'first_only +caught .*test_two: adds_3'
says 'crash +caught .*test_one: SegFault'
says '3 tried, 3 caught, 0 survived, 0 not'
# shellcheck disable=SC2016
grep -q '^| `first_only` | it | unit/test_two: adds_3 | [0-9]* |$' "$tree/build/mutants/table.md" ||
    fail "no row of first_only in table.md"

# one by name, of a tree that has changed meanwhile: only blanks, and lines elsewhere
sed 's/^    const/        const/; 1i /* new */' "$tree/src/add.c" >"$work/add.c" &&
    cp "$work/add.c" "$tree/src/add.c"
run 0 minus
says '1 tried, 1 caught'
run 2 no_such_name
says 'there is no mutant "no_such_name"'

# what is not caught
{
    mutant same_result 'test_one test_two' 'return sum;' 'return sum + 0;'
    mutant no_c 'test_one' 'return sum;' 'return som;'
    mutant endless 'test_one' 'return sum;' 'for (;;) *(volatile int *)&a = 0;'
} >"$tree/tests/mutants/bad.txt"
seconds=2 run 1
says 'same_result +survived .*test_one test_two'
says 'no_c +wrong .*does not compile: .*som'
says 'endless +wrong .*went on for 2 s'
says '6 tried, 3 caught, 1 survived, 2 not'

# without running anything: the same, and what a build's own commands say
cmake -S "$tree" -B "$work/build" -G Ninja >"$work/out" 2>&1 || fail "cmake failed"
run 0 --check
run 1 --check "$work/build"
says 'no_c does not compile'
says '6 edited files compiled, 1 mutants wrong'

# what cannot be tried, all of it told at once
{
    mutant gone 'test_one' 'return a + b;' 'return 0;'
    mutant twice 'test_one' 'a += 0;' 'a += 1;'
    mutant nothing 'test_one' 'return sum;' '  return sum;'
    mutant no_test 'test_three' 'return sum;' 'return 0;'
    mutant minus 'test_one' 'return sum;' 'return 0;'
} >"$tree/tests/mutants/bad.txt"
run 1 --check
says 'gone: src/add.c has 0 places, expected 1, that read: return a \+ b;'
says 'twice: src/add.c has 2 places'
says 'nothing: an edit of src/add.c changes nothing'
says 'no_test: there is no test test_three'
says '"minus" is there twice'
run 1
rm "$tree/tests/mutants/bad.txt"
run 0 --check "$work/build"
says '3 edited files compiled, 0 mutants wrong'

# a tree whose own tests fail proves nothing
sed 's/a + b/a + b + 1/' "$tree/src/add.c" >"$work/add.c" && cp "$work/add.c" "$tree/src/add.c"
sed 's/a + b/a + b + 1/' "$tree/tests/mutants/good.txt" >"$work/good.txt" &&
    cp "$work/good.txt" "$tree/tests/mutants/good.txt"
run 2 minus
says 'test_one does not pass without any mutant'

echo "$passed runs"
