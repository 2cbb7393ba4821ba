/* SPDX-License-Identifier: Apache-2.0 */
/* canceler.h - a thread that cancels a session's call. */
#ifndef TEST_CANCELER_H
#define TEST_CANCELER_H
#include "support/expect.h"
#include <pi0.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

typedef struct canceler {
    pi0_session *s;
    pthread_t thread;
    atomic_int started, done;
} canceler;

// again and again until the call has come back: a cancel before it began is forgotten
static inline void *canceler_run(void *arg)
{
    canceler *c = arg;
    atomic_store(&c->started, 1);
    while (!atomic_load(&c->done)) {
        usleep(1000);
        pi0_cancel(c->s);
    }
    return NULL;
}

static inline void canceler_start(canceler *c, pi0_session *s)
{
    *c = (canceler){ .s = s };
    assert_int_equal(pthread_create(&c->thread, NULL, canceler_run, c), 0);
    while (!atomic_load(&c->started)) usleep(100);
}

static inline void canceler_stop(canceler *c)
{
    atomic_store(&c->done, 1);
    pthread_join(c->thread, NULL);
}

#endif
