/* SPDX-License-Identifier: Apache-2.0 */
/* serve_queue.c - see serve_queue.h. */
#include "serve_queue.h"
#include "terminal.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define MAX_UNANSWERED 1000

// a connection
typedef struct row {
    struct row *next;
    net_id id;
    serve_request *first, **last;
    int n, runnable;   // requests; those among them that are to be computed
    uint64_t computed; // so far
    double answered;   // when the last answer was given, or the connection came
    double previous;   // how long that answer took; < 0: there was none
} row;

struct serve_queue {
    serve_queue_options o;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    row *rows, *turn; // turn: whom to look at first, NULL: the first
    int waiting;      // requests to be computed
    int unanswered;   // all
    size_t bytes;
    const serve_request *running;
    bool running_wanted, draining, stopped;
};

serve_queue *pi0_serve_queue_new(const serve_queue_options *o)
{
    pthread_condattr_t clock;
    serve_queue *q = calloc(1, sizeof *q);
    if (!q) return NULL;
    q->o = *o;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&q->changed, &clock);
    pthread_condattr_destroy(&clock);
    return q;
}

/* ---- under the lock ---- */

static row *find(serve_queue *q, net_id client)
{
    for (row *w = q->rows; w; w = w->next)
        if (w->id == client) return w;
    return NULL;
}

// a newer one has come
static void skip(serve_queue *q, row *w, serve_request *r)
{
    assert(r->verdict == SERVE_RUN);
    q->bytes -= r->size;
    q->waiting--;
    w->runnable--;
    free(r->data);
    r->data = NULL;
    r->size = 0;
    r->verdict = SERVE_SKIPPED;
}

static void unlink_first(serve_queue *q, row *w)
{
    serve_request *r = w->first;
    w->first = r->next;
    if (!w->first) w->last = &w->first;
    w->n--;
    q->unanswered--;
    if (r->verdict != SERVE_RUN) return;
    w->runnable--;
    q->waiting--;
    q->bytes -= r->size;
}

static int drop_all(serve_queue *q, row *w)
{
    const int dropped = w->runnable;
    while (w->first) {
        serve_request *r = w->first;
        unlink_first(q, w);
        free(r->data);
        free(r);
    }
    return dropped;
}

static void abandon(serve_queue *q)
{
    if (!q->running || !q->running_wanted) return;
    q->running_wanted = false;
    if (q->o.abandoned) q->o.abandoned(q->o.user);
}

/* ---- connections ---- */

bool pi0_serve_queue_join(serve_queue *q, net_id client)
{
    row *w = calloc(1, sizeof *w);
    if (!w) return false;
    *w = (row){ .id = client, .answered = pi0_seconds(), .previous = -1 };
    w->last = &w->first;
    pthread_mutex_lock(&q->lock);
    row **end = &q->rows;
    while (*end) end = &(*end)->next;
    *end = w;
    pthread_mutex_unlock(&q->lock);
    return true;
}

int pi0_serve_queue_leave(serve_queue *q, net_id client)
{
    int dropped = 0;
    pthread_mutex_lock(&q->lock);
    row **at = &q->rows;
    while (*at && (*at)->id != client) at = &(*at)->next;
    row *w = *at;
    if (w) {
        dropped = drop_all(q, w);
        if (q->running && q->running->client == client) {
            dropped += q->running_wanted;
            abandon(q);
        }
        if (q->turn == w) q->turn = w->next;
        *at = w->next;
        free(w);
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
    return dropped;
}

/* ---- requests ---- */

// under the lock
static void append(serve_queue *q, row *w, serve_request *r, net_message *m)
{
    // only the newest counts: those that wait give way
    if (q->o.latest)
        for (serve_request *old = w->first; old; old = old->next)
            if (old->verdict == SERVE_RUN) skip(q, w, old);
    if (w->runnable < q->o.depth && r->size <= q->o.max_bytes &&
        q->bytes <= q->o.max_bytes - r->size) {
        r->data = m->data;
        m->data = NULL;
        q->bytes += r->size;
        q->waiting++;
        w->runnable++;
    } else {
        r->verdict = SERVE_REFUSED;
        r->size = 0;
    }
    *w->last = r;
    w->last = &r->next;
    w->n++;
    q->unanswered++;
    pthread_cond_broadcast(&q->changed);
}

enum serve_put pi0_serve_queue_put(serve_queue *q, net_id client, net_message *m)
{
    enum serve_put result = SERVE_PUT_NOTHING;
    serve_request *r = calloc(1, sizeof *r);
    if (!r) return SERVE_PUT_NO_MEMORY;
    *r = (serve_request){ .client = client, .size = m->size, .ended = m->ended };
    pthread_mutex_lock(&q->lock);
    row *w = find(q, client);
    if (w && w->n >= MAX_UNANSWERED)
        result = SERVE_TOO_MANY;
    else if (w && !q->draining && !q->stopped) {
        append(q, w, r, m);
        result = SERVE_PUT;
    }
    pthread_mutex_unlock(&q->lock);
    if (result != SERVE_PUT) free(r);
    return result;
}

// under the lock: the first of the row whose turn it is
static serve_request *take(serve_queue *q)
{
    row *begin = q->turn ? q->turn : q->rows, *w = begin;
    while (w && !w->first) {
        w = w->next ? w->next : q->rows;
        if (w == begin) return NULL;
    }
    if (!w) return NULL;
    serve_request *r = w->first;
    unlink_first(q, w);
    r->next = NULL;
    r->taken = pi0_seconds();
    r->previous = w->previous;
    r->number = w->computed;
    q->running = r;
    q->running_wanted = true;
    // what costs nothing does not cost a turn
    q->turn = r->verdict == SERVE_RUN ? w->next : w;
    if (r->verdict == SERVE_RUN) w->computed++;
    return r;
}

serve_request *pi0_serve_queue_next(serve_queue *q)
{
    serve_request *r = NULL;
    pthread_mutex_lock(&q->lock);
    while (!q->stopped && !(r = take(q)) && !q->draining) pthread_cond_wait(&q->changed, &q->lock);
    pthread_mutex_unlock(&q->lock);
    return r;
}

bool pi0_serve_queue_done(serve_queue *q, serve_request *r, double answered)
{
    pthread_mutex_lock(&q->lock);
    const bool wanted = q->running_wanted;
    row *w = find(q, r->client);
    if (w && answered > 0) {
        w->previous = answered - w->answered;
        w->answered = answered;
    }
    q->running = NULL;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    free(r->data);
    free(r);
    return wanted;
}

bool pi0_serve_queue_wanted(serve_queue *q, const serve_request *r)
{
    pthread_mutex_lock(&q->lock);
    const bool wanted = q->running == r && q->running_wanted;
    pthread_mutex_unlock(&q->lock);
    return wanted;
}

/* ---- the whole ---- */

int pi0_serve_queue_waiting(serve_queue *q)
{
    pthread_mutex_lock(&q->lock);
    const int waiting = q->waiting;
    pthread_mutex_unlock(&q->lock);
    return waiting;
}

void pi0_serve_queue_drain(serve_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->draining = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

void pi0_serve_queue_stop(serve_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stopped = true;
    abandon(q);
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

bool pi0_serve_queue_idle(serve_queue *q, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const double end = (double)until.tv_sec + 1e-9 * (double)until.tv_nsec + seconds;
    until.tv_sec = (time_t)end;
    until.tv_nsec = (long)(1e9 * (end - (double)until.tv_sec));
    int late = 0;
    pthread_mutex_lock(&q->lock);
    while (!late && (q->unanswered || q->running))
        late = pthread_cond_timedwait(&q->changed, &q->lock, &until);
    const bool idle = !q->unanswered && !q->running;
    pthread_mutex_unlock(&q->lock);
    return idle;
}

void pi0_serve_queue_free(serve_queue *q)
{
    if (!q) return;
    for (row *w = q->rows, *next; w; w = next) {
        next = w->next;
        drop_all(q, w);
        free(w);
    }
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    free(q);
}
