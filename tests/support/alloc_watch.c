/* SPDX-License-Identifier: Apache-2.0 */
/* alloc_watch.c - see alloc_watch.h. */
#include "support/alloc_watch.h"
#include "support/expect.h"
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **p, size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void __real_free(void *p);
void *__real_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset);
int __real_munmap(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **p, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
void __wrap_free(void *p);
void *__wrap_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset);
int __wrap_munmap(void *p, size_t size);

static atomic_long n_calls, n_live, until_failure; // until_failure: 0 none
static atomic_int held;
static _Thread_local bool stranger;

/* ---- what is told ---- */

long alloc_watch_calls(void)
{
    return n_calls;
}

long alloc_watch_live(void)
{
    return n_live;
}

void alloc_watch_fail(long n)
{
    until_failure = n;
}

void alloc_watch_hold(int hold)
{
    held += hold ? 1 : -1;
}

int alloc_watch_fail_each(alloc_watch_try try, void *user)
{
    return alloc_watch_fail_every(1, try, user);
}

int alloc_watch_fail_every(int step, alloc_watch_try try, void *user)
{
    for (int n = 1;; n += step) {
        pi0_error err = { 0 };
        const long live = n_live;
        until_failure = n;
        const int status = try(user, &err);
        const bool failed = !until_failure;
        until_failure = 0;
        if (n_live != live)
            fail_msg("allocation %d failed: %ld blocks more than before", n, n_live - live);
        if (!status && !failed) return (n - 1) / step;
        if (!status) fail_msg("allocation %d failed, and nobody noticed", n);
        expect_error(status, PI0_ENOMEM, &err, "memory");
        assert_true(n < 100000);
    }
}

/* ---- the allocator ---- */

static bool failing(void)
{
    if (held || stranger) return false;
    n_calls++;
    // several threads: one of them gets the failure
    long left = until_failure;
    while (left && !atomic_compare_exchange_weak(&until_failure, &left, left - 1)) continue;
    if (left == 1) errno = ENOMEM;
    return left == 1;
}

static void *counted(void *p)
{
    n_live += p && !stranger;
    return p;
}

void *__wrap_malloc(size_t size)
{
    return failing() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return failing() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (failing()) return NULL;
    void *q = __real_realloc(p, size);
    n_live += q && !p && !stranger;
    return q;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return failing() ? NULL : counted(__real_aligned_alloc(alignment, size));
}

int __wrap_posix_memalign(void **p, size_t alignment, size_t size)
{
    if (failing()) return ENOMEM;
    const int status = __real_posix_memalign(p, alignment, size);
    n_live += !status && !stranger;
    return status;
}

char *__wrap_strdup(const char *text)
{
    return failing() ? NULL : counted(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t size)
{
    return failing() ? NULL : counted(__real_strndup(text, size));
}

void __wrap_free(void *p)
{
    n_live -= p && !stranger;
    __real_free(p);
}

// jansson's token buffer grows by doubling, and where it cannot it goes on with a character lost,
// reads past the end of a string, or aborts: what it asks for in powers of two does not fail
static void *json_malloc(size_t size)
{
    const bool token = size >= 32 && !(size & (size - 1));
    return token ? counted(__real_malloc(size)) : __wrap_malloc(size);
}

void alloc_watch_not_here(void)
{
    stranger = true;
}

void alloc_watch_jansson(int watched)
{
    json_set_alloc_funcs(watched ? json_malloc : __real_malloc,
                         watched ? __wrap_free : __real_free);
}

// a block of memory; a mapped file is counted, but fails with another status and not here
void *__wrap_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset)
{
    if ((flags & MAP_ANONYMOUS) && failing()) return MAP_FAILED;
    void *p = __real_mmap(at, size, how, flags, fd, offset);
    n_live += p != MAP_FAILED && !stranger;
    return p;
}

int __wrap_munmap(void *p, size_t size)
{
    n_live -= !stranger;
    return __real_munmap(p, size);
}
