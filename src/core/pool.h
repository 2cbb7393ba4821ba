/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - a fixed set of threads that run one function together.
 *
 * Work is divided by thread number alone, so which thread does what never depends on time, and no
 * sum is ever split between threads: results are the same bits for any number of them. */
#ifndef PI0_POOL_H
#define PI0_POOL_H
#include "core/error.h"

typedef struct pool pool;
typedef void (*pool_fn)(void *arg, int thread, int n_threads);

// n_threads 0: one per physical core of the affinity mask. The calling thread is thread 0.
int pi0_pool_create(pool **out, int n_threads, pi0_error *err);
void pi0_pool_free(pool *p);
int pi0_pool_threads(const pool *p); // NULL: 1

// run fn on all threads and wait; p NULL: on the caller alone
void pi0_pool_run(pool *p, pool_fn fn, void *arg);
// inside fn: wait until all threads are here
void pi0_pool_barrier(pool *p);
// what a thread did since its stamp was zeroed: first start and last end of a function, and the
// time inside functions (waiting at a barrier is inside)
typedef struct pool_stamp {
    double start_ms, end_ms, busy_ms; // clock_ms()
    char line[40];                    // a cache line for each thread
} pool_stamp;
// stamps [threads] are written from now on; NULL: no more. Not while a function runs
void pi0_pool_watch(pool *p, pool_stamp *stamps);
// between wake and rest the threads wait for work without sleeping
void pi0_pool_wake(pool *p);
void pi0_pool_rest(pool *p);

// thread t's share of n items, contiguous: [*first, *last)
static inline void pool_share(int n, int t, int n_threads, int *first, int *last)
{
    *first = (int)((long long)n * t / n_threads);
    *last = (int)((long long)n * (t + 1) / n_threads);
}
#endif
