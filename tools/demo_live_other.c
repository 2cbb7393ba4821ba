/* SPDX-License-Identifier: Apache-2.0 */
/* demo_live_other.c - a thread that plans from the same picture, sentence and noise with the other
 * flow. It may be slower than the world: then it leaves plans out. */
#include "demo_live.h"
#include "fail.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int pi0_live_other_of(const live *l, int i)
{
    // the reference is compared with the fastest, all others with the reference
    const int last = LIVE_FLOWS - 1;
    return i != last ? last : l->flow[0].there ? 0 : 1;
}

typedef struct room {
    float *noise;
    uint8_t *picture;
    live_plan plan;
} room;

// the lock is held before and after
static void work(live *l, room *m)
{
    pi0_error err;
    double *const commands = m->plan.commands;
    m->plan = l->wish;
    m->plan.commands = commands;
    m->plan.flow = pi0_live_other_of(l, l->wish.flow);
    l->wish.number = 0;
    live_flow *flow = &l->flow[m->plan.flow];
    if (!flow->there || m->plan.flow == l->chosen) return;

    pthread_mutex_unlock(&l->lock);
    const int status = pi0_live_think(flow, l, &m->plan, m->noise, m->picture, &err);
    pthread_mutex_lock(&l->lock);
    if (status)
        pi0_live_send_words(l, "error", err.message);
    else
        pi0_live_send_plan(l, "other", &m->plan);
}

static void *run(void *arg)
{
    live *l = arg;
    const size_t noise = (size_t)l->horizon * (size_t)l->flow[l->chosen].policy.noise_columns;
    room m = { malloc(noise * sizeof *m.noise),
               malloc((size_t)SIM_SIZE * SIM_SIZE * 3),
               { .commands = malloc((size_t)l->horizon * SIM_COMMAND * sizeof(double)) } };
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        if (!l->wish.number)
            pthread_cond_wait(&l->wake, &l->lock);
        else if (m.noise && m.picture && m.plan.commands)
            work(l, &m);
        else
            l->wish.number = 0; // no memory: the overlay stays away
    }
    pthread_mutex_unlock(&l->lock);
    free(m.noise);
    free(m.picture);
    free(m.plan.commands);
    return NULL;
}

int pi0_live_other_start(live *l, pi0_error *err)
{
    // signals are for the thread that waits for them
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int bad = pthread_create(&l->other_thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (bad) return pi0_fail(err, PI0_ENOMEM, "cannot start a thread");
    l->other_started = true;
    return PI0_OK;
}

void pi0_live_other_stop(live *l)
{
    if (!l->other_started) return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->other_thread, NULL);
    l->other_started = false;
}
