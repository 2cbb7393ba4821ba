/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - the public functions: connect, ask within a deadline, close. */
#include "client/client.h"
#include "core/clock.h"
#include "core/error.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 80
#define MAX_KEY 1024

/* ---- names, bytes, time ---- */

const char *pi0_client_status_name(int status)
{
    switch (status) {
    case PI0_ETIMEOUT: return "PI0_ETIMEOUT";
    case PI0_ECONNECT: return "PI0_ECONNECT";
    case PI0_EAUTH: return "PI0_EAUTH";
    case PI0_EREMOTE: return "PI0_EREMOTE";
    default: return pi0_status_name(status);
    }
}

bool pi0_bytes_reserve(bytes *b, size_t room)
{
    if (room <= b->room) return true;
    const size_t more = room < 4096 ? 4096 : room + room / 2;
    unsigned char *grown = more > room ? realloc(b->data, more) : NULL;
    if (!grown) return false;
    b->data = grown;
    b->room = more;
    return true;
}

bool pi0_bytes_append(bytes *b, const void *data, size_t size)
{
    if (!pi0_bytes_reserve(b, b->size + size)) return false;
    if (size) memcpy(b->data + b->size, data, size);
    b->size += size;
    return true;
}

// wait for a change, until a time of clock_ms(), INFINITY for ever. False: the time has come
static bool wait_until(pi0_client *c, double ms)
{
    struct timespec t;
    if (isinf(ms)) return !pthread_cond_wait(&c->changed, &c->lock);
    t.tv_sec = (time_t)(ms / 1e3);
    t.tv_nsec = (long)(1e6 * (ms - 1e3 * (double)t.tv_sec));
    if (t.tv_nsec > 999999999) t.tv_nsec = 999999999;
    return pthread_cond_timedwait(&c->changed, &c->lock, &t) != ETIMEDOUT;
}

static double deadline(double start, int ms)
{
    return ms ? start + ms : INFINITY;
}

/* ---- making a client ---- */

void pi0_client_default_options(pi0_client_options *opt)
{
    *opt = (pi0_client_options){ .connect_timeout_ms = 10000,
                                 .infer_timeout_ms = 30000,
                                 .retry_min_ms = 100,
                                 .retry_max_ms = 5000,
                                 .max_sends = 3,
                                 .max_message = (size_t)64 << 20 };
}

static int check_options(const pi0_client_options *o, pi0_error *err)
{
    if (o->connect_timeout_ms < 0 || o->infer_timeout_ms < 0)
        return pi0_fail(err, PI0_EINVAL, "a timeout of less than 0 ms");
    if (o->retry_min_ms < 1 || o->retry_max_ms < o->retry_min_ms || o->retry_max_ms > 3600000)
        return pi0_fail(err, PI0_EINVAL,
                        "retry_min_ms %d, retry_max_ms %d: expected 1 or more, the second not "
                        "less, an hour at most",
                        o->retry_min_ms, o->retry_max_ms);
    if (o->max_sends < 1 || !o->max_message)
        return pi0_fail(err, PI0_EINVAL, "max_sends and max_message: expected 1 or more");
    if (o->image_axes && strcmp(o->image_axes, "HWC") && strcmp(o->image_axes, "CHW"))
        return pi0_fail(err, PI0_EINVAL, "image_axes \"%s\", expected \"HWC\" or \"CHW\"",
                        o->image_axes);
    if (!o->api_key) return PI0_OK;
    const size_t n = strlen(o->api_key);
    for (size_t i = 0; i < n; i++)
        if (o->api_key[i] < ' ' || o->api_key[i] > '~')
            return pi0_fail(err, PI0_EINVAL, "the API key has a character that is not printable");
    if (!n || n > MAX_KEY)
        return pi0_fail(err, PI0_EINVAL, "an API key of %zu characters, expected 1 to %d", n,
                        MAX_KEY);
    return PI0_OK;
}

// "ws://host:port/path"
static int parse_url(pi0_client *c, const char *url, pi0_error *err)
{
    const char *at = url;
    if (!strncmp(at, "wss://", 6))
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "%s: encrypted connections are not made here; let a tunnel or a proxy "
                        "encrypt, and connect to it by ws://",
                        url);
    if (!strncmp(at, "ws://", 5)) at += 5;
    const size_t n = strcspn(at, "/?#");
    const bool bracket = *at == '['; // of an IPv6 address
    const char *stop = bracket ? memchr(at, ']', n) : memchr(at, ':', n);
    const char *host_end = !stop ? at + n : bracket ? stop + 1 : stop;
    const char *port = host_end < at + n ? host_end : NULL;
    char *after = NULL;
    long number = DEFAULT_PORT;
    if (port) number = *port == ':' ? strtol(port + 1, &after, 10) : 0;
    const size_t skip = bracket ? 1 : 0, length = (size_t)(host_end - at);
    if (strstr(at, "://") || length <= 2 * skip || (bracket && !stop) || number < 1 ||
        number > 65535 || (port && (after != at + n || port[1] < '0' || port[1] > '9')) ||
        (at[n] && at[n] != '/'))
        return pi0_fail(err, PI0_EINVAL, "\"%s\" is no address of a server, as ws://HOST:PORT",
                        url);
    c->port = (int)number;
    c->url = strdup(url);
    c->host = strndup(at + skip, length - 2 * skip);
    c->authority = strndup(at, n);
    c->path = strdup(at[n] ? at + n : "/");
    if (c->url && c->host && c->authority && c->path) return PI0_OK;
    return pi0_fail(err, PI0_ENOMEM, "no memory for a client");
}

static int copy_options(pi0_client *c, const pi0_client_options *opt, pi0_error *err)
{
    static const char scheme[] = "Api-Key ";
    const int status = check_options(opt, err);
    if (status) return status;
    c->o = *opt;
    if (opt->api_key) {
        const size_t n = strlen(opt->api_key);
        c->authorization = malloc(sizeof scheme + n);
        if (c->authorization) {
            memcpy(c->authorization, scheme, sizeof scheme - 1);
            memcpy(c->authorization + sizeof scheme - 1, opt->api_key, n + 1);
        }
    }
    // the caller's texts are not kept
    c->o.api_key = NULL;
    if (opt->image_axes) c->o.image_axes = strcmp(opt->image_axes, "CHW") ? "HWC" : "CHW";
    if (opt->api_key && !c->authorization)
        return pi0_fail(err, PI0_ENOMEM, "no memory for a client");
    return PI0_OK;
}

static void init_lock(pi0_client *c)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

// the first connection is there, or why not
static int wait_open(pi0_client *c, double end, pi0_error *err)
{
    int status = PI0_OK;
    pthread_mutex_lock(&c->lock);
    bool time = true;
    while (c->link != LINK_OPEN && !c->hopeless && time) time = wait_until(c, end);
    if (c->link != LINK_OPEN && c->hopeless) {
        if (err) *err = c->reason;
        status = c->reason.code;
    } else if (c->link != LINK_OPEN) {
        status = pi0_fail(err, PI0_ETIMEOUT, "%s within %d ms",
                          c->reason.code ? c->reason.message : c->url, c->o.connect_timeout_ms);
    }
    pthread_mutex_unlock(&c->lock);
    return status;
}

static int open_client(pi0_client *c, const char *url, const pi0_client_options *opt,
                       pi0_error *err)
{
    const double start = clock_ms();
    int status = parse_url(c, url, err);
    if (!status) status = copy_options(c, opt, err);
    if (!status) status = pi0_link_start(c, err);
    return status ? status : wait_open(c, deadline(start, opt->connect_timeout_ms), err);
}

int pi0_client_connect(pi0_client **client, const char *url, const pi0_client_options *opt,
                       pi0_error *err)
{
    pi0_client_options defaults;
    if (!client || !url) return pi0_fail(err, PI0_EINVAL, "no client or no url");
    pi0_client_default_options(&defaults);
    pi0_client *c = calloc(1, sizeof *c);
    if (!c) return pi0_fail(err, PI0_ENOMEM, "no memory for a client");
    init_lock(c);
    const int status = open_client(c, url, opt ? opt : &defaults, err);
    if (status)
        pi0_client_close(c);
    else
        *client = c;
    return status;
}

void pi0_client_close(pi0_client *client)
{
    pi0_client *c = client;
    if (!c) return;
    pi0_link_stop(c);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    void *const owned[] = { c->url,           c->host,      c->authority, c->path,
                            c->authorization, c->metadata,  c->in.data,   c->scratch.data,
                            c->request.data,  c->reply.data };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    free(c);
}

const char *pi0_client_metadata(const pi0_client *client)
{
    return client->metadata;
}

/* ---- asking ---- */

// what the state of the call means for its caller; under the lock
static int outcome(pi0_client *c, bool time, int timeout_ms, pi0_error *err)
{
    switch (c->call) {
    case CALL_DONE: return PI0_OK;
    case CALL_FAILED:
    case CALL_LOST:
        if (err) *err = c->failure;
        return c->failure.code;
    default: break;
    }
    if (time) {
        if (err) *err = c->reason;
        return c->reason.code;
    }
    if (c->link == LINK_OPEN)
        return pi0_fail(err, PI0_ETIMEOUT, "%s: no reply within %d ms", c->url, timeout_ms);
    return pi0_fail(err, PI0_ETIMEOUT, "%s; no connection within %d ms",
                    c->reason.code ? c->reason.message : c->url, timeout_ms);
}

static bool waiting(const pi0_client *c)
{
    if (c->call == CALL_READY) return !(c->hopeless && c->link == LINK_DOWN && !c->hurry);
    return c->call == CALL_SENT;
}

// out with the request until there is a reply; c->reply has it
static int ask(pi0_client *c, double end, int timeout_ms, int *sends, pi0_error *err)
{
    bool time = true;
    pthread_mutex_lock(&c->lock);
    do {
        c->call = CALL_READY;
        c->hurry = true;
        (*sends)++;
        lws_cancel_service(c->context);
        while (waiting(c) && time) time = wait_until(c, end);
    } while (c->call == CALL_LOST && *sends < c->o.max_sends && time);
    const int status = outcome(c, time, timeout_ms, err);
    // a late reply must not meet the next request
    if (c->call == CALL_SENT) {
        c->drop = true;
        lws_cancel_service(c->context);
    }
    c->call = CALL_NONE;
    pthread_mutex_unlock(&c->lock);
    return status;
}

static int enter(pi0_client *c, pi0_error *err)
{
    pthread_mutex_lock(&c->lock);
    const bool busy = c->busy;
    c->busy = true;
    pthread_mutex_unlock(&c->lock);
    if (!busy) return PI0_OK;
    return pi0_fail(err, PI0_EINVAL, "%s: another thread's call runs in this client", c->url);
}

static void leave(pi0_client *c)
{
    pthread_mutex_lock(&c->lock);
    c->busy = false;
    pthread_mutex_unlock(&c->lock);
}

// send what is packed, and take the reply
static int infer(pi0_client *c, const void *data, size_t size, double start,
                 const pi0_client_request *request, double *actions, size_t n_actions,
                 pi0_client_reply *reply, pi0_error *err)
{
    pi0_client_reply r = { .sends = 0 };
    int timeout_ms = request ? request->timeout_ms : 0;
    c->going = data;
    c->n_going = size;
    if (timeout_ms < 0) return pi0_fail(err, PI0_EINVAL, "a timeout of %d ms", timeout_ms);
    if (!timeout_ms) timeout_ms = c->o.infer_timeout_ms;
    int status = ask(c, deadline(start, timeout_ms), timeout_ms, &r.sends, err);
    if (!status)
        status = pi0_client_read(actions, n_actions, &r, c->reply.data, c->reply.size, c->url, err);
    if (status) return status;
    r.round_trip_ms = clock_ms() - start;
    if (reply) *reply = r;
    return PI0_OK;
}

int pi0_client_infer_packed(pi0_client *client, const void *data, size_t size,
                            const pi0_client_request *request, double *actions, size_t n_actions,
                            pi0_client_reply *reply, pi0_error *err)
{
    const double start = clock_ms();
    if (!client || !data || !actions) return pi0_fail(err, PI0_EINVAL, "a NULL argument");
    int status = enter(client, err);
    if (status) return status;
    if (size > client->o.max_message)
        status = pi0_fail(err, PI0_EINVAL, "a request of %zu bytes, expected at most %zu", size,
                          client->o.max_message);
    if (!status && request && (request->noise || request->has_seed || request->num_steps)) {
        status = pi0_client_pack_more(client, data, size, request, err);
        data = client->request.data;
        size = client->request.size;
    }
    if (!status) status = infer(client, data, size, start, request, actions, n_actions, reply, err);
    leave(client);
    return status;
}

int pi0_client_infer(pi0_client *client, const pi0_observation *obs,
                     const pi0_client_request *request, double *actions, size_t n_actions,
                     pi0_client_reply *reply, pi0_error *err)
{
    const double start = clock_ms();
    if (!client || !obs || !actions) return pi0_fail(err, PI0_EINVAL, "a NULL argument");
    int status = enter(client, err);
    if (status) return status;
    status = pi0_client_pack(client, obs, request, err);
    if (!status)
        status = infer(client, client->request.data, client->request.size, start, request, actions,
                       n_actions, reply, err);
    leave(client);
    return status;
}
