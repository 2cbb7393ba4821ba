/* SPDX-License-Identifier: Apache-2.0 */
/* loop_alloc.c - examples/robot_loop again, with an allocator that counts: between the first tick
 * and the last, the loop's thread asks it for nothing. (The network's thread may: SentencePiece
 * does.) Ends the program with status 1 if it did, or if there were no ticks. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

// glibc's own, for programs that have a malloc of theirs
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
int __real_clock_nanosleep(clockid_t c, int flags, const struct timespec *t, struct timespec *left);
int __wrap_clock_nanosleep(clockid_t c, int flags, const struct timespec *t, struct timespec *left);

static _Thread_local long asked; // by this thread
static long first, last, ticks;

void *malloc(size_t n)
{
    asked++;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    asked++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    asked++;
    return __libc_realloc(p, n);
}

// the loop sleeps once a tick
int __wrap_clock_nanosleep(clockid_t c, int flags, const struct timespec *t, struct timespec *left)
{
    if (!ticks++) first = asked;
    last = asked;
    return __real_clock_nanosleep(c, flags, t, left);
}

__attribute__((destructor)) static void judge(void)
{
    printf("%ld allocations in %ld ticks\n", last - first, ticks);
    if (ticks < 2 || last != first) {
        fflush(stdout);
        _exit(1);
    }
}
