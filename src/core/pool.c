/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - the threads of one session: started once, handed one function at a time.
 *
 * A waiting thread first watches a counter with `pause`, then gives its time slice away, and, when
 * the pool is at rest, sleeps on a condition variable. The counter and the number of sleepers are
 * sequentially consistent, so either the caller sees the sleeper or the sleeper sees the work. */
#include "core/pool.h"
#include "core/clock.h"
#include "core/cpu.h"
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 1024
// looks at a counter before the time slice is given away: some 50 us and, at rest, until sleep
#define SPINS 2000
#define CACHE_LINE 64

typedef struct worker {
    pool *owner;
    pthread_t id;
    int number;
} worker;

struct pool {
    int n_threads;
    int spins; // 0 where there are more threads than processors
    pool_fn fn;
    void *arg;
    pool_stamp *stamps;                    // [n_threads], or NULL
    alignas(CACHE_LINE) atomic_uint run;   // counts the functions handed over
    alignas(CACHE_LINE) atomic_int busy;   // workers that have not finished the current one
    alignas(CACHE_LINE) atomic_int here;   // threads at the barrier
    alignas(CACHE_LINE) atomic_uint phase; // barriers passed
    alignas(CACHE_LINE) atomic_int awake;
    atomic_int sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    worker worker[]; // n_threads - 1
};

static inline void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// one step of a wait that does not sleep
static void relax(const pool *p, int *n)
{
    if (*n >= p->spins) {
        sched_yield();
        return;
    }
    ++*n;
    pause_cpu();
}

static void sleep_until_work(pool *p, unsigned seen)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->run) == seen && !atomic_load(&p->awake))
        pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void wake_sleepers(pool *p)
{
    if (!atomic_load(&p->sleepers)) return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

// thread `number`'s part of the current function
static void call(const pool *p, int number)
{
    if (!p->stamps) {
        p->fn(p->arg, number, p->n_threads);
        return;
    }
    pool_stamp *s = &p->stamps[number];
    const double start = clock_ms();
    p->fn(p->arg, number, p->n_threads);
    s->end_ms = clock_ms();
    if (s->busy_ms == 0) s->start_ms = start;
    s->busy_ms += s->end_ms - start;
}

static void *work(void *arg)
{
    const worker *w = arg;
    pool *p = w->owner;
    for (unsigned seen = 0;; seen++) {
        // wait for the next function
        int n = 0;
        while (atomic_load_explicit(&p->run, memory_order_acquire) == seen) {
            relax(p, &n);
            if (n >= p->spins && !atomic_load(&p->awake)) sleep_until_work(p, seen);
        }
        // no function: the pool is being freed
        if (!p->fn) return NULL;
        call(p, w->number);
        atomic_fetch_sub_explicit(&p->busy, 1, memory_order_release);
    }
}

static void hand_over(pool *p, pool_fn fn, void *arg)
{
    p->fn = fn;
    p->arg = arg;
    atomic_store_explicit(&p->busy, p->n_threads - 1, memory_order_relaxed);
    atomic_fetch_add(&p->run, 1);
    wake_sleepers(p);
}

// end the first n workers and the pool itself
static void stop(pool *p, int n)
{
    hand_over(p, NULL, NULL);
    for (int i = 0; i < n; i++) pthread_join(p->worker[i].id, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

// start the workers; returns how many there are
static int start(pool *p)
{
    // a worker must not take a signal that is meant for the program's own threads
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int n = 0;
    for (; n < p->n_threads - 1; n++) {
        worker *w = &p->worker[n];
        w->owner = p;
        w->number = n + 1;
        if (pthread_create(&w->id, NULL, work, w)) break;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return n;
}

static pool *pool_new(int n_threads)
{
    size_t bytes = sizeof(pool) + (size_t)n_threads * sizeof(worker);
    bytes = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    pool *p = aligned_alloc(CACHE_LINE, bytes);
    if (!p) return NULL;
    memset(p, 0, bytes);
    p->n_threads = n_threads;
    p->spins = n_threads <= pi0_cpu_processors() ? SPINS : 0;
    atomic_init(&p->run, 0);
    atomic_init(&p->busy, 0);
    atomic_init(&p->here, 0);
    atomic_init(&p->phase, 0);
    atomic_init(&p->awake, 0);
    atomic_init(&p->sleepers, 0);
    if (pthread_mutex_init(&p->lock, NULL)) {
        free(p);
        return NULL;
    }
    if (pthread_cond_init(&p->wake, NULL)) {
        pthread_mutex_destroy(&p->lock);
        free(p);
        return NULL;
    }
    return p;
}

int pi0_pool_create(pool **out, int n_threads, pi0_error *err)
{
    if (n_threads < 0 || n_threads > MAX_THREADS)
        return pi0_fail(err, PI0_EINVAL, "threads: %d asked for, expected 0 (one per core) to %d",
                        n_threads, MAX_THREADS);
    if (n_threads == 0) n_threads = pi0_cpu_cores();
    if (n_threads > MAX_THREADS) n_threads = MAX_THREADS;

    pool *p = pool_new(n_threads);
    if (!p) return pi0_fail(err, PI0_ENOMEM, "threads: no memory for a pool of %d", n_threads);
    const int n = start(p);
    if (n < n_threads - 1) {
        stop(p, n);
        return pi0_fail(err, PI0_ENOMEM,
                        "threads: the system refused thread %d of %d; ask for fewer", n + 2,
                        n_threads);
    }
    *out = p;
    return PI0_OK;
}

void pi0_pool_free(pool *p)
{
    if (p) stop(p, p->n_threads - 1);
}

int pi0_pool_threads(const pool *p)
{
    return p ? p->n_threads : 1;
}

void pi0_pool_run(pool *p, pool_fn fn, void *arg)
{
    assert(fn);
    if (!p || p->n_threads == 1) {
        fn(arg, 0, 1);
        return;
    }
    hand_over(p, fn, arg);
    call(p, 0);
    int n = 0;
    while (atomic_load_explicit(&p->busy, memory_order_acquire)) relax(p, &n);
}

void pi0_pool_watch(pool *p, pool_stamp *stamps)
{
    if (p) p->stamps = stamps;
}

void pi0_pool_barrier(pool *p)
{
    if (!p || p->n_threads == 1) return;
    const unsigned phase = atomic_load_explicit(&p->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&p->here, 1, memory_order_acq_rel) == p->n_threads - 1) {
        // the last one opens it
        atomic_store_explicit(&p->here, 0, memory_order_relaxed);
        atomic_store_explicit(&p->phase, phase + 1, memory_order_release);
        return;
    }
    int n = 0;
    while (atomic_load_explicit(&p->phase, memory_order_acquire) == phase) relax(p, &n);
}

void pi0_pool_wake(pool *p)
{
    if (!p) return;
    atomic_store(&p->awake, 1);
    wake_sleepers(p);
}

void pi0_pool_rest(pool *p)
{
    if (p) atomic_store(&p->awake, 0);
}
