/* SPDX-License-Identifier: Apache-2.0 */
/* serve_events.c - what happens on the network's thread: connections come and go, requests go to
 * the queue, replies have left; pages for people and monitors. Nothing here computes. */
#include "serve.h"
#include "serve_key.h"
#include "serve_log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_ERROR 1011
#define CLOSE_POLICY 1008

/* ---- connections that are there; under the lock ---- */

static serve_client *find(serve *s, net_id id)
{
    for (serve_client *c = s->clients; c; c = c->next)
        if (c->id == id) return c;
    return NULL;
}

/* ---- sending ---- */

enum net_result pi0_serve_send(serve *s, net_id id, bool binary, const void *data, size_t size,
                               const serve_times *times)
{
    enum net_result result = NET_NO_MEMORY;
    serve_times *tag = times ? malloc(sizeof *tag) : NULL;
    if (tag) *tag = *times;
    if (tag || !times) result = pi0_net_send_tagged(s->net, id, binary, data, size, tag);
    if (result == NET_FULL || result == NET_NO_MEMORY)
        pi0_net_close(s->net, id, CLOSE_ERROR, "a message could not be queued");
    return result;
}

void pi0_serve_send_error(serve *s, net_id id, const char *text, bool fatal)
{
    char peer[72] = "";
    pthread_mutex_lock(&s->lock);
    serve_client *c = find(s, id);
    if (c) {
        c->errors++;
        snprintf(peer, sizeof peer, "%s", c->peer);
    }
    pthread_mutex_unlock(&s->lock);
    if (c) pi0_serve_log(s->a->log_json, "error", peer, NULL, "%s", text);
    pi0_serve_send(s, id, false, text, strlen(text), NULL);
    if (fatal)
        pi0_net_close(s->net, id, CLOSE_ERROR, "the request failed: the message before says why");
}

void pi0_serve_tell_unused(serve *s, net_id id, const observation_file *o)
{
    char peer[72] = "";
    pthread_mutex_lock(&s->lock);
    serve_client *c = find(s, id);
    const bool tell = c && !c->told;
    if (tell) {
        c->told = true;
        snprintf(peer, sizeof peer, "%s", c->peer);
    }
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < o->n_unused && tell; i++) {
        const char *key = o->unused[i];
        if (strcmp(key, "noise") && strcmp(key, "seed") && strcmp(key, "num_steps"))
            pi0_serve_log(s->a->log_json, "unused", peer, NULL, "the key %.200s is not used", key);
    }
}

// a reply has left: how long the server itself took
static void on_sent(void *user, net_id id, const void *tag)
{
    serve *s = user;
    const serve_times *t = tag;
    char peer[72] = "";
    if (!t) return;
    const double now = pi0_seconds(), overhead = now - t->ended - t->queue - t->infer;
    pi0_serve_metrics_time(s->metrics, STAGE_OVERHEAD, overhead);
    if (!s->a->log_json) return;
    pthread_mutex_lock(&s->lock);
    const serve_client *c = find(s, id);
    if (c) snprintf(peer, sizeof peer, "%s", c->peer);
    pthread_mutex_unlock(&s->lock);
    pi0_serve_log(true, "request", peer,
                  json_pack("{s:f, s:f, s:f, s:f, s:f}", "queue_ms", 1e3 * t->queue, "decode_ms",
                            1e3 * t->decode, "infer_ms", 1e3 * t->infer, "overhead_ms",
                            1e3 * overhead, "total_ms", 1e3 * (now - t->ended)),
                  "%s", "");
}

/* ---- connections ---- */

static void on_open(void *user, net_id id, const net_request *q)
{
    serve *s = user;
    serve_client *c = calloc(1, sizeof *c);
    if (!c || !pi0_serve_queue_join(s->queue, id)) {
        free(c);
        pi0_net_close(s->net, id, CLOSE_ERROR, "out of memory");
        return;
    }
    c->id = id;
    c->since = pi0_seconds();
    snprintf(c->peer, sizeof c->peer, "%s", q->peer);
    pthread_mutex_lock(&s->lock);
    c->next = s->clients;
    s->clients = c;
    pthread_mutex_unlock(&s->lock);
    pi0_serve_log(s->a->log_json, "connected", q->peer, NULL, "connected");
    pi0_serve_send(s, id, true, s->metadata.data, s->metadata.size, NULL);
}

static void on_message(void *user, net_id id, net_message *m)
{
    serve *s = user;
    pi0_serve_metrics_time(s->metrics, STAGE_RECEIVE, m->ended - m->begun);
    if (!m->binary) {
        pi0_serve_metrics_result(s->metrics, RESULT_ERROR);
        pi0_serve_metrics_error(s->metrics, PI0_EFORMAT);
        pi0_serve_send_error(s, id,
                             "request: a text, expected a binary message: msgpack of an "
                             "observation",
                             true);
        return;
    }
    pthread_mutex_lock(&s->lock);
    serve_client *c = find(s, id);
    if (c) c->requests++;
    pthread_mutex_unlock(&s->lock);
    const enum serve_put put = pi0_serve_queue_put(s->queue, id, m);
    if (put == SERVE_TOO_MANY)
        pi0_net_close(s->net, id, CLOSE_POLICY, "too many requests without an answer");
    else if (put == SERVE_PUT_NO_MEMORY)
        pi0_serve_send_error(s, id, "the server is out of memory", true);
}

static void on_close(void *user, net_id id, const net_end *end)
{
    serve *s = user;
    const int dropped = pi0_serve_queue_leave(s->queue, id);
    for (int i = 0; i < dropped; i++) pi0_serve_metrics_result(s->metrics, RESULT_DROPPED);
    pthread_mutex_lock(&s->lock);
    serve_client **at = &s->clients;
    while (*at && (*at)->id != id) at = &(*at)->next;
    serve_client *c = *at;
    if (c) *at = c->next;
    pthread_mutex_unlock(&s->lock);
    if (!c) return;
    const double seconds = pi0_seconds() - c->since;
    pi0_serve_log(s->a->log_json, "disconnected", c->peer,
                  json_pack("{s:b, s:i, s:f, s:I, s:I, s:i}", "failed", end->failed, "code",
                            end->code, "seconds", seconds, "requests", (json_int_t)c->requests,
                            "errors", (json_int_t)c->errors, "dropped", dropped),
                  "%s; %.1f s, %lu requests, %lu errors", end->why, seconds, c->requests,
                  c->errors);
    free(c);
}

/* ---- who may come ---- */

// who only asks whether the server lives needs no key
static int authorize(void *user, const net_request *q)
{
    const serve *s = user;
    if (!s->key) return 0;
    if (!q->websocket && (!strcmp(q->path, "/healthz") || !strcmp(q->path, "/readyz"))) return 0;
    return pi0_serve_key_matches(s->key, q->authorization) ? 0 : 401;
}

/* ---- pages ---- */

static void get_health(void *user, const net_request *q, net_reply *r)
{
    (void)user, (void)q;
    r->body = "OK\n";
    r->size = 3;
}

static void get_ready(void *user, const net_request *q, net_reply *r)
{
    const serve *s = user;
    (void)q;
    const bool ready = s->ready;
    r->status = ready ? 200 : 503;
    r->body = ready ? "ready\n" : "not ready\n";
    r->size = strlen(r->body);
}

static void get_metrics(void *user, const net_request *q, net_reply *r)
{
    serve *s = user;
    (void)q;
    serve_now now = { .waiting = pi0_serve_queue_waiting(s->queue),
                      .model = s->a->run.model,
                      .config = s->policy.config,
                      .backend = s->r.info.backend,
                      .isa = s->r.info.isa,
                      .precision = s->r.info.precision,
                      .ready = s->ready };
    pi0_net_stats(s->net, &now.net);
    r->owned = pi0_serve_metrics_text(s->metrics, &now, &r->size);
    r->type = "text/plain; version=0.0.4; charset=utf-8";
    if (!r->owned) r->status = 500;
}

void pi0_serve_events(net_options *o, serve *s)
{
    static const net_route routes[] = { { "/healthz", get_health },
                                        { "/readyz", get_ready },
                                        { "/metrics", get_metrics } };
    o->routes = routes;
    o->n_routes = (int)(sizeof routes / sizeof *routes);
    o->user = s;
    o->authorize = authorize;
    o->open = on_open;
    o->message = on_message;
    o->sent = on_sent;
    o->close = on_close;
}

void pi0_serve_free_events(serve *s)
{
    for (serve_client *c = s->clients, *next; c; c = next) {
        next = c->next;
        free(c);
    }
}
