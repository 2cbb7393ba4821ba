/* SPDX-License-Identifier: Apache-2.0 */
/* echo_server.h - a server of serve/net.h that echoes, with routes, and what it saw. */
#ifndef TEST_ECHO_SERVER_H
#define TEST_ECHO_SERVER_H
#include "serve/net.h"
#include "support/expect.h"
#include "support/websocket.h"
#include "terminal.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct seen {
    net_server *server;
    pthread_mutex_t lock;
    _Atomic net_id last; // connection
    atomic_int opened, messages, sent, closed, failed, code;
    char why[128], path[NET_PATH_MAX], peer[80];
    atomic_bool echo, greet;
} seen;

static inline void get_ok(void *user, const net_request *q, net_reply *r)
{
    (void)user, (void)q;
    r->body = "OK\n";
    r->size = 3;
}

#define LARGE 300000
static inline void get_large(void *user, const net_request *q, net_reply *r)
{
    (void)user, (void)q;
    r->type = "application/octet-stream";
    r->owned = malloc(LARGE);
    r->size = LARGE;
    for (int i = 0; i < LARGE; i++) r->owned[i] = (char)(i * 7 % 251);
}

static inline void get_nothing(void *user, const net_request *q, net_reply *r)
{
    (void)user, (void)q;
    r->status = 503;
}

static const net_route routes[] = { { "/healthz", get_ok },
                                    { "/large", get_large },
                                    { "/nothing", get_nothing } };

static inline int authorize(void *user, const net_request *q)
{
    (void)user;
    return strcmp(q->path, "/healthz") && strcmp(q->authorization, "Api-Key right") ? 401 : 0;
}

static inline void on_open(void *user, net_id id, const net_request *q)
{
    seen *t = user;
    pthread_mutex_lock(&t->lock);
    t->opened++;
    t->last = id;
    snprintf(t->path, sizeof t->path, "%s", q->path);
    snprintf(t->peer, sizeof t->peer, "%s", q->peer);
    pthread_mutex_unlock(&t->lock);
    if (t->greet) pi0_net_send(t->server, id, true, "hello", 5);
}

static inline void on_message(void *user, net_id id, net_message *m)
{
    seen *t = user;
    pthread_mutex_lock(&t->lock);
    t->messages++;
    pthread_mutex_unlock(&t->lock);
    if (m->ended < m->begun || m->data[m->size]) abort();
    if (t->echo) pi0_net_send(t->server, id, m->binary, m->data, m->size);
}

static inline void on_sent(void *user, net_id id, const void *tag)
{
    seen *t = user;
    (void)id, (void)tag;
    pthread_mutex_lock(&t->lock);
    t->sent++;
    pthread_mutex_unlock(&t->lock);
}

static inline void on_close(void *user, net_id id, const net_end *end)
{
    seen *t = user;
    (void)id;
    pthread_mutex_lock(&t->lock);
    t->closed++;
    t->failed += end->failed;
    t->code = end->code;
    snprintf(t->why, sizeof t->why, "%s", end->why);
    pthread_mutex_unlock(&t->lock);
}

static inline void start(seen *t, net_options o)
{
    pi0_error err;
    memset(t, 0, sizeof *t);
    t->echo = true;
    pthread_mutex_init(&t->lock, NULL);
    o.port = 0;
    o.routes = routes;
    o.n_routes = COUNT(routes);
    o.user = t;
    o.open = on_open;
    o.message = on_message;
    o.sent = on_sent;
    o.close = on_close;
    // callbacks may not run before the field is set: nobody knows the port yet
    expect_ok(pi0_net_start(&t->server, &o, &err), &err);
}

static inline void finish(seen *t)
{
    pi0_net_free(t->server);
    pthread_mutex_destroy(&t->lock);
}

// until a counter has reached n, ten seconds at most
static inline void wait_for(seen *t, const atomic_int *counter, int n)
{
    // counted in naps, not by the clock: the machine may be busy with something else
    for (int i = 0; i < 5000 && atomic_load(counter) < n; i++) usleep(2000);
    if (atomic_load(counter) < n) fail_msg("waited for %d, found %d", n, atomic_load(counter));
    // what was written with it
    pthread_mutex_lock(&t->lock);
    pthread_mutex_unlock(&t->lock);
}

static inline void expect_answer(char *answer, const char *status, const char *body)
{
    assert_non_null(answer);
    if (strncmp(answer + 9, status, strlen(status))) fail_msg("%s: %s", status, answer);
    const char *found = strstr(answer, "\r\n\r\n");
    assert_non_null(found);
    if (body && strcmp(found + 4, body)) fail_msg("body: %s", found);
    free(answer);
}
#endif
