/* SPDX-License-Identifier: Apache-2.0 */
/* demo_live_other.c - a thread that plans from the same picture, sentence and noise with the other
 * flow. It may be slower than the world: then it leaves plans out. */
#include "demo_live.h"
#include <stdlib.h>
#include <string.h>

int pi0_live_other_of(const live *l, int i)
{
    // the reference is compared with the fastest, all others with the reference
    const int last = LIVE_FLOWS - 1;
    return i != last ? last : l->flow[0].there ? 0 : 1;
}

// p: room for the plan. The lock is held before and after
static void work(live *l, live_plan *p)
{
    pi0_error err;
    double *const commands = p->commands;
    *p = l->wish;
    p->commands = commands;
    p->flow = pi0_live_other_of(l, l->wish.flow);
    l->wish.number = 0;
    live_flow *flow = &l->flow[p->flow];
    if (!flow->there || p->flow == l->chosen) return;

    pthread_mutex_unlock(&l->lock);
    const int status = pi0_live_think(flow, l, p, &err);
    pthread_mutex_lock(&l->lock);
    if (status)
        pi0_live_send_words(l, "error", err.message);
    else
        pi0_live_send_plan(l, "other", p);
}

static void *run(void *arg)
{
    live *l = arg;
    live_plan p = { .commands = malloc((size_t)l->horizon * SIM_COMMAND * sizeof(double)) };
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        if (!l->wish.number)
            pthread_cond_wait(&l->wake, &l->lock);
        else if (p.commands)
            work(l, &p);
        else
            l->wish.number = 0; // no memory: the overlay stays away
    }
    pthread_mutex_unlock(&l->lock);
    free(p.commands);
    return NULL;
}

int pi0_live_other_start(live *l, pi0_error *err)
{
    const int status = pi0_thread_start(&l->other_thread, run, l, err);
    l->other_started = !status;
    return status;
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
