/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - a line on stderr that shows that long work goes on: a thread that looks at the clock
 * and at one number, and at nothing else. */
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SHOWN 1.0 // seconds before the line appears
#define INTERVAL 0.2    // between its changes

struct progress {
    pthread_t thread;
    pthread_mutex_t lock; // of all below
    pthread_cond_t stop;
    const char *what;
    double started, part;
    bool stopping, shown;
};

static void show(progress *p)
{
    const double seconds = pi0_seconds() - p->started;
    if (seconds < FIRST_SHOWN) return;
    fprintf(stderr, "\r%s: %.0f s", p->what, seconds);
    if (p->part > 0) fprintf(stderr, ", %3.0f %%", 100 * p->part);
    fprintf(stderr, "  ");
    fflush(stderr);
    p->shown = true;
}

static void *watch(void *arg)
{
    progress *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(INTERVAL * 1e9);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&p->stop, &p->lock, &until);
        if (!p->stopping) show(p);
    }
    // wipe the line
    if (p->shown) fprintf(stderr, "\r\033[K");
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

progress *pi0_progress_start(const char *what)
{
    if (!isatty(STDERR_FILENO)) return NULL;
    progress *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->what = what;
    p->started = pi0_seconds();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->stop, NULL);
    if (!pi0_thread_start(&p->thread, watch, p, NULL)) return p;
    pthread_cond_destroy(&p->stop);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

void pi0_progress_set(progress *p, double part)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->part = part;
    pthread_mutex_unlock(&p->lock);
}

void pi0_progress_stop(progress *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->stop);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->stop);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
