/* SPDX-License-Identifier: Apache-2.0 */
/* test_pool.c - threads: every one runs every function once, barriers hold, more threads than
 * cores, rest and wake, refusals; and what the processor is said to have. */
#include "core/cpu.h"
#include "core/pool.h"
#include "support/expect.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 8

/* ---- thread creation and memory that fail when told to: the linker sends the library here ---- */

static int creations_until_failure = -1, allocations_until_failure = -1, n_created, n_joined;

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *arg);
int __real_pthread_join(pthread_t id, void **result);
int __wrap_pthread_join(pthread_t id, void **result);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *arg)
{
    if (creations_until_failure == 0) return EAGAIN;
    if (creations_until_failure > 0) creations_until_failure--;
    n_created++;
    return __real_pthread_create(id, attributes, fn, arg);
}

int __wrap_pthread_join(pthread_t id, void **result)
{
    n_joined++;
    return __real_pthread_join(id, result);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    if (allocations_until_failure == 0) return NULL;
    if (allocations_until_failure > 0) allocations_until_failure--;
    return __real_aligned_alloc(alignment, size);
}

static pool *create(int n_threads)
{
    pool *p = NULL;
    pi0_error err;
    expect_ok(pi0_pool_create(&p, n_threads, &err), &err);
    assert_non_null(p);
    assert_int_equal(pi0_pool_threads(p), n_threads);
    return p;
}

/* ---- running ---- */

typedef struct counts {
    int calls[MAX_THREADS], n_threads[MAX_THREADS];
} counts;

static void count(void *arg, int thread, int n_threads)
{
    counts *c = arg;
    c->calls[thread]++;
    c->n_threads[thread] = n_threads;
}

static void expect_counts(const counts *c, int n_threads, int calls)
{
    for (int i = 0; i < MAX_THREADS; i++) {
        assert_int_equal(c->calls[i], i < n_threads ? calls : 0);
        if (i < n_threads) assert_int_equal(c->n_threads[i], n_threads);
    }
}

static void all_threads_run_every_function(void **state)
{
    (void)state;
    for (int n = 1; n <= MAX_THREADS; n++) {
        pool *p = create(n);
        counts c = { 0 };
        for (int i = 0; i < 200; i++) pi0_pool_run(p, count, &c);
        expect_counts(&c, n, 200);
        pi0_pool_free(p);
    }
}

static void without_a_pool_the_caller_runs_alone(void **state)
{
    (void)state;
    counts c = { 0 };
    assert_int_equal(pi0_pool_threads(NULL), 1);
    pi0_pool_wake(NULL);
    pi0_pool_run(NULL, count, &c);
    pi0_pool_barrier(NULL);
    pi0_pool_rest(NULL);
    expect_counts(&c, 1, 1);
    pi0_pool_free(NULL);
}

static pthread_t caller;

static void expect_caller(void *arg, int thread, int n_threads)
{
    (void)n_threads;
    if (thread == 0) *(int *)arg = pthread_equal(pthread_self(), caller);
}

static void the_caller_is_thread_0(void **state)
{
    (void)state;
    pool *p = create(3);
    int is_caller = 0;
    caller = pthread_self();
    pi0_pool_run(p, expect_caller, &is_caller);
    assert_true(is_caller);
    pi0_pool_free(p);
}

// results of one function are seen by all threads of the next
typedef struct relay {
    int value[MAX_THREADS];
} relay;

static void pass_on(void *arg, int thread, int n_threads)
{
    relay *r = arg;
    static const int step = 1;
    (void)n_threads;
    r->value[thread] += step;
}

static void rotate(void *arg, int thread, int n_threads)
{
    const relay *from = ((relay **)arg)[0];
    relay *to = ((relay **)arg)[1];
    to->value[thread] = from->value[(thread + 1) % n_threads] + 1;
}

static void functions_see_what_others_wrote(void **state)
{
    (void)state;
    for (int n = 1; n <= 5; n++) {
        pool *p = create(n);
        relay a = { { 0 } }, b = { { 0 } };
        relay *there[] = { &a, &b }, *back[] = { &b, &a };
        pi0_pool_run(p, pass_on, &a);
        for (int i = 0; i < 300; i++) {
            pi0_pool_run(p, rotate, there);
            pi0_pool_run(p, rotate, back);
        }
        for (int i = 0; i < n; i++) assert_int_equal(a.value[i], 601);
        pi0_pool_free(p);
    }
}

/* ---- barrier ---- */

typedef struct barrier_job {
    pool *p;
    int value[2][MAX_THREADS];
    int wrong[MAX_THREADS];
} barrier_job;

#define PHASES 400
static void meet(void *arg, int thread, int n_threads)
{
    barrier_job *j = arg;
    for (int phase = 1; phase <= PHASES; phase++) {
        j->value[phase % 2][thread] = phase;
        pi0_pool_barrier(j->p);
        // everyone has written this phase, nobody is two phases ahead
        for (int i = 0; i < n_threads; i++) j->wrong[thread] += j->value[phase % 2][i] != phase;
    }
}

static void nobody_passes_a_barrier_early(void **state)
{
    (void)state;
    for (int n = 1; n <= 6; n++) {
        barrier_job j = { .p = create(n) };
        pi0_pool_run(j.p, meet, &j);
        pi0_pool_run(j.p, meet, &j);
        for (int i = 0; i < n; i++) assert_int_equal(j.wrong[i], 0);
        pi0_pool_free(j.p);
    }
}

/* ---- sleep ---- */

static void sleeping_threads_are_woken(void **state)
{
    (void)state;
    pool *p = create(4);
    counts c = { 0 };
    for (int i = 0; i < 20; i++) {
        // long enough that all sleep
        usleep(2000);
        if (i % 2) pi0_pool_wake(p);
        pi0_pool_run(p, count, &c);
        pi0_pool_rest(p);
    }
    expect_counts(&c, 4, 20);
    usleep(2000);
    pi0_pool_free(p);
}

static void freed_while_awake(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        pool *p = create(1 + i % 4);
        pi0_pool_wake(p);
        pi0_pool_free(p);
    }
}

/* ---- refusals ---- */

static void a_thread_that_cannot_start_ends_the_others(void **state)
{
    (void)state;
    pi0_error err;
    pool *p = NULL;
    for (int n = 0; n < 4; n++) {
        n_created = n_joined = 0;
        creations_until_failure = n;
        expect_error(pi0_pool_create(&p, 5, &err), PI0_ENOMEM, &err, "threads");
        assert_null(p);
        assert_int_equal(n_created, n);
        assert_int_equal(n_joined, n);
    }
    creations_until_failure = 4;
    pi0_pool_free(create(5));
    creations_until_failure = -1;
}

static void no_memory(void **state)
{
    (void)state;
    pi0_error err;
    pool *p = NULL;
    allocations_until_failure = 0;
    expect_error(pi0_pool_create(&p, 2, &err), PI0_ENOMEM, &err, "threads");
    allocations_until_failure = -1;
    assert_null(p);
}

static void counts_that_make_no_sense(void **state)
{
    (void)state;
    pi0_error err;
    pool *p = NULL;
    expect_error(pi0_pool_create(&p, -1, &err), PI0_EINVAL, &err, "-1");
    expect_error(pi0_pool_create(&p, 1000000, &err), PI0_EINVAL, &err, "1000000");
    assert_int_equal(pi0_pool_create(&p, -1, NULL), PI0_EINVAL);
    assert_null(p);
}

static void zero_is_the_cores(void **state)
{
    (void)state;
    pi0_error err;
    pool *p = NULL;
    expect_ok(pi0_pool_create(&p, 0, &err), &err);
    assert_int_equal(pi0_pool_threads(p), pi0_cpu_cores());
    pi0_pool_free(p);
}

/* ---- shares, processor ---- */

static void shares_cover_everything_once(void **state)
{
    (void)state;
    for (int n = 0; n < 40; n++)
        for (int threads = 1; threads < 12; threads++) {
            int next = 0;
            for (int t = 0; t < threads; t++) {
                int first, last;
                pool_share(n, t, threads, &first, &last);
                assert_int_equal(first, next);
                assert_in_range(last - first, n / threads, (n + threads - 1) / threads);
                next = last;
            }
            assert_int_equal(next, n);
        }
}

static void instruction_sets(void **state)
{
    (void)state;
    pi0_error err;
    cpu_isa best, isa;
    expect_ok(pi0_cpu_isa(&best, NULL, &err), &err);
    printf("  %s, %d cores, %d processors\n", pi0_cpu_isa_name(best), pi0_cpu_cores(),
           pi0_cpu_processors());
    // each that is there can be asked for, each that is not is refused by name
    for (int i = 0; i < CPU_ISA_COUNT; i++) {
        const char *name = pi0_cpu_isa_name((cpu_isa)i);
        const int status = pi0_cpu_isa(&isa, name, &err);
        if (i <= (int)best) {
            expect_ok(status, &err);
            assert_int_equal(isa, i);
        } else {
            expect_error(status, PI0_EDEVICE, &err, name);
        }
    }
    expect_error(pi0_cpu_isa(&isa, "sse", &err), PI0_EINVAL, &err, "'sse'");
    expect_error(pi0_cpu_isa(&isa, "", &err), PI0_EINVAL, &err, "avx512bf16");
    assert_in_range(pi0_cpu_cores(), 1, pi0_cpu_processors());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_threads_run_every_function),
        cmocka_unit_test(without_a_pool_the_caller_runs_alone),
        cmocka_unit_test(the_caller_is_thread_0),
        cmocka_unit_test(functions_see_what_others_wrote),
        cmocka_unit_test(nobody_passes_a_barrier_early),
        cmocka_unit_test(sleeping_threads_are_woken),
        cmocka_unit_test(freed_while_awake),
        cmocka_unit_test(a_thread_that_cannot_start_ends_the_others),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(counts_that_make_no_sense),
        cmocka_unit_test(zero_is_the_cores),
        cmocka_unit_test(shares_cover_everything_once),
        cmocka_unit_test(instruction_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
