/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc_session.c - memory: none of ours in a second inference, and every allocation of a load
 * and a session failing once, without a leak. */
#include "support/expect.h"
#include "support/network_case.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- the allocator, watched: the linker sends the library's calls here ---- */

static long n_calls, n_live, fail_at; // fail_at: number of the call that fails, 0 none

static int failing(void)
{
    return ++n_calls == fail_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **p, size_t alignment, size_t size);
void __real_free(void *p);
void *__real_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset);
int __real_munmap(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **p, size_t alignment, size_t size);
void __wrap_free(void *p);
void *__wrap_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset);
int __wrap_munmap(void *p, size_t size);

static void *counted(void *p)
{
    n_live += p != NULL;
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
    n_live += q && !p;
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
    n_live += !status;
    return status;
}

void __wrap_free(void *p)
{
    n_live -= p != NULL;
    __real_free(p);
}

// a block of memory; a mapped file is counted, but fails with another status and not here
void *__wrap_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset)
{
    if ((flags & MAP_ANONYMOUS) && failing()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *p = __real_mmap(at, size, how, flags, fd, offset);
    n_live += p != MAP_FAILED;
    return p;
}

int __wrap_munmap(void *p, size_t size)
{
    n_live--;
    return __real_munmap(p, size);
}

/* ---- tests ---- */

static const char *const backends[] = { "reference", "auto" };

static int create(const char *dir, const char *backend, pi0_model **m, pi0_session **s,
                  pi0_error *err)
{
    pi0_options opt;
    char words[512];
    pi0_default_options(&opt);
    snprintf(words, sizeof words, "%s/openpi/tokenizer.model", PI0_TEST_DATA);
    opt.tokenizer = words;
    opt.backend = backend;
    opt.n_threads = 2;
    opt.num_steps = 1;
    const int status = pi0_load(m, dir, &opt, err);
    return status ? status : pi0_session_create(s, *m, &opt, err);
}

static void none_in_a_second_inference(void **state)
{
    (void)state;
    for (size_t b = 0; b < COUNT(backends); b++)
        for (int k = 0; k < N_CASES; k++) {
            network_case c;
            pi0_model *m = NULL;
            pi0_session *s = NULL;
            pi0_error err;
            float actions[50 * 32];
            network_case_open(&c, case_names[k]);
            must(create(c.dir, backends[b], &m, &s, &err), &err);
            // pictures that must be resized, and a prompt
            pi0_inputs in = c.in;
            if (!c.lerobot)
                for (int i = 0; i < in.n_images; i++) c.images[i].height = 190;
            in.tokens = NULL;
            in.prompt = "put_the cup\n on the table ";
            must(pi0_infer(s, &in, NULL, actions, COUNT(actions), &err), &err);
            const long before = n_calls;
            must(pi0_infer(s, &in, NULL, actions, COUNT(actions), &err), &err);
            assert_int_equal(n_calls, before);
            assert_true(before > 0);
            // nor while a trace runs
            static pi0_trace_event events[3000];
            size_t lost;
            must(pi0_session_trace_start(s, events, COUNT(events), &err), &err);
            const long traced = n_calls;
            must(pi0_infer(s, &in, NULL, actions, COUNT(actions), &err), &err);
            assert_int_equal(n_calls, traced);
            assert_true(pi0_session_trace_stop(s, &lost) > 100 && !lost);
            pi0_session_free(s);
            pi0_free(m);
            network_case_close(&c);
        }
}

static void each_one_failing(void **state)
{
    (void)state;
    static const char *const names[] = { "openpi/pi0_droid", "lerobot/lerobot_pi05" };
    for (size_t b = 0; b < COUNT(backends); b++)
        for (size_t k = 0; k < COUNT(names); k++) {
            char dir[512];
            int status = PI0_ENOMEM, n = 0;
            snprintf(dir, sizeof dir, "%s/%s", PI0_TEST_DATA, names[k]);
            while (status) {
                pi0_model *m = NULL;
                pi0_session *s = NULL;
                pi0_error err = { 0 };
                const long live = n_live;
                n_calls = 0;
                fail_at = ++n;
                status = create(dir, backends[b], &m, &s, &err);
                fail_at = 0;
                if (status) expect_error(status, PI0_ENOMEM, &err, "memory");
                pi0_session_free(s);
                pi0_free(m);
                assert_int_equal(n_live, live);
                assert_true(n < 100000);
            }
            printf("  %s, %s: %d allocations, each failed once\n", names[k], backends[b], n - 1);
            assert_true(n > 10);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_in_a_second_inference),
        cmocka_unit_test(each_one_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
