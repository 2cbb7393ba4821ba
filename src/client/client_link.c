/* SPDX-License-Identifier: Apache-2.0 */
/* client_link.c - the client's own thread: one connection, made again whenever it is lost; the
 * server's metadata, then a request out and a reply in. */
#include "client/client.h"
#include "core/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_SECONDS 10      // for the handshake, and for the metadata behind it
#define FAREWELL_US 500000       // for the server to answer a close frame
#define PING_AFTER_SECONDS 20    // of silence
#define LOST_AFTER_SECONDS 120   // long enough for servers that answer nothing while they compute
#define RECEIVE_BYTES (64 << 10) // at once
#define MAX_FDS 16

static void try_now(lws_sorted_usec_list_t *sul);

static pi0_client *client_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* ---- the connection goes up and down ---- */

static void schedule(pi0_client *c, int ms)
{
    lws_sul_schedule(c->context, 0, &c->retry, try_now, (lws_usec_t)ms * LWS_US_PER_MS + 1);
}

// the wait before the next attempt, and the one after that
static int next_wait(pi0_client *c)
{
    const int ms = c->wait_ms;
    c->wait_ms = ms ? (ms > c->o.retry_max_ms / 2 ? c->o.retry_max_ms : 2 * ms) : c->o.retry_min_ms;
    return ms;
}

/* No connection any more. judged: a request that was under way is not sent again; hopeless: nor is
 * another attempt made before the next call. */
static void went_down(pi0_client *c, const pi0_error *why, bool judged, bool hopeless)
{
    lws_sul_cancel(&c->patience);
    pthread_mutex_lock(&c->lock);
    c->wsi = NULL;
    c->drop = false;
    c->link = LINK_DOWN;
    c->hopeless = hopeless;
    c->reason = *why;
    if (c->call == CALL_SENT) {
        c->call = judged ? CALL_FAILED : CALL_LOST;
        c->failure = *why;
    }
    const bool stop = c->stop;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (stop)
        c->finished = true;
    else if (!hopeless)
        schedule(c, next_wait(c));
}

static void try_now(lws_sorted_usec_list_t *sul)
{
    pi0_client *c = lws_container_of(sul, pi0_client, retry);
    pi0_error err;
    pthread_mutex_lock(&c->lock);
    const bool stop = c->stop;
    c->link = c->wsi ? c->link : LINK_OPENING;
    pthread_mutex_unlock(&c->lock);
    if (c->wsi || stop) return;
    c->close_code = c->fault.code = 0;
    c->useful = c->told = false;
    c->in.size = 0;
    const struct lws_client_connect_info info = { .context = c->context,
                                                  .address = c->host,
                                                  .port = c->port,
                                                  .path = c->path,
                                                  .host = c->authority,
                                                  .ietf_version_or_minus_one = -1,
                                                  .local_protocol_name = c->protocols[0].name,
                                                  .retry_and_idle_policy = &c->keepalive,
                                                  .pwsi = &c->wsi };
    // mostly it is the callback that tells of a failure
    if (lws_client_connect_via_info(&info) || c->link != LINK_OPENING) return;
    pi0_fail(&err, PI0_ECONNECT, "%s: no connection", c->url);
    went_down(c, &err, false, false);
}

// the handshake was refused, or did not come so far
static void refused(pi0_client *c, struct lws *wsi, const char *why)
{
    pi0_error err;
    const unsigned status = lws_http_client_http_response(wsi);
    // what a proxy or a full server says passes; what another kind of server says does not
    const bool passes = status < 300 || status == 429 || status >= 500;
    if (status == 401 || status == 403)
        pi0_fail(&err, PI0_EAUTH, "%s: HTTP %u: the server refuses %s", c->url, status,
                 c->authorization ? "this API key" : "a client without an API key");
    else if (status >= 300)
        pi0_fail(&err, PI0_ECONNECT, "%s: HTTP %u: no policy server there%s", c->url, status,
                 passes ? " now" : "");
    else
        pi0_fail(&err, PI0_ECONNECT, "%s: no connection (%s)", c->url, why ? why : "no answer");
    went_down(c, &err, !passes, !passes);
}

/* Whether asking again may help: not where the server has judged the request or its client. */
static bool may_ask_again(int code)
{
    return !code || code == 1000 || code == 1001 || code == 1005 || code == 1006 || code >= 1012;
}

static void closed(pi0_client *c)
{
    const bool was_open = c->link == LINK_OPEN;
    bool judged = c->fault.code && c->fault.code != PI0_ECONNECT;
    if (!c->fault.code && c->close_code) {
        // openpi's server closes behind an error (1011), when the next request may be under way
        judged = !c->told && !may_ask_again(c->close_code);
        pi0_fail(&c->fault, judged ? PI0_EREMOTE : PI0_ECONNECT,
                 "%s: the server closed the connection (%d%s%s)", c->url, c->close_code,
                 *c->close_reason ? ": " : "", c->close_reason);
    } else if (!c->fault.code) {
        pi0_fail(&c->fault, PI0_ECONNECT, "%s: the connection was lost", c->url);
    }
    // one that has worked is made again at once
    if (c->useful) c->wait_ms = 0;
    went_down(c, &c->fault, judged, judged && !was_open);
}

static void note_close(pi0_client *c, const unsigned char *payload, size_t size)
{
    c->close_code = size >= 2 ? payload[0] << 8 | payload[1] : 1005;
    const size_t n = size < 2                                ? 0
                     : size - 2 < sizeof c->close_reason - 1 ? size - 2
                                                             : sizeof c->close_reason - 1;
    memcpy(c->close_reason, n ? (const char *)payload + 2 : "", n);
    c->close_reason[n] = 0;
}

/* ---- messages ---- */

// the first message. False: the connection is of no use
static bool take_metadata(pi0_client *c, struct lws *wsi)
{
    char *text = NULL;
    if (c->in_text)
        pi0_fail(&c->fault, PI0_EREMOTE, "%s: the server says: %.*s", c->url, (int)c->in.size,
                 c->in.size ? (const char *)c->in.data : "");
    else
        pi0_client_json(&text, c->in.data, c->in.size, c->url, &c->fault);
    if (!text) return false;
    pthread_mutex_lock(&c->lock);
    c->link = LINK_OPEN;
    char *const unused = c->metadata ? text : NULL;
    if (!c->metadata) c->metadata = text;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    free(unused);
    lws_sul_cancel(&c->patience);
    lws_callback_on_writable(wsi);
    return true;
}

// False: a message that nobody waits for
static bool take_reply(pi0_client *c)
{
    pthread_mutex_lock(&c->lock);
    const bool wanted = c->call == CALL_SENT && !c->drop;
    c->useful |= wanted;
    if (wanted) c->told = c->in_text;
    if (wanted && c->in_text) {
        c->call = CALL_FAILED;
        pi0_fail(&c->failure, PI0_EREMOTE, "%s: the server says: %.*s", c->url, (int)c->in.size,
                 c->in.size ? (const char *)c->in.data : "");
    } else if (wanted) {
        const bytes free_one = c->reply;
        c->reply = c->in;
        c->in = free_one;
        c->call = CALL_DONE;
    }
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return wanted;
}

static void no_metadata(lws_sorted_usec_list_t *sul)
{
    pi0_client *c = lws_container_of(sul, pi0_client, patience);
    if (!c->wsi) return;
    pi0_fail(&c->fault, PI0_ECONNECT, "%s: no metadata within %d s: no policy server?", c->url,
             PATIENCE_SECONDS);
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

static void wait_for_metadata(pi0_client *c)
{
    lws_sul_schedule(c->context, 0, &c->patience, no_metadata, PATIENCE_SECONDS * LWS_US_PER_SEC);
}

static bool take_message(pi0_client *c, struct lws *wsi)
{
    const bool good = c->link == LINK_OPEN ? take_reply(c) : take_metadata(c, wsi);
    c->in.size = 0;
    return good;
}

// 0, or -1 to close
static int receive(pi0_client *c, struct lws *wsi, const void *data, size_t size)
{
    if (lws_is_first_fragment(wsi)) {
        c->in.size = 0;
        c->in_text = !lws_frame_is_binary(wsi);
    }
    const bool large = size > c->o.max_message - c->in.size;
    if (large || !pi0_bytes_append(&c->in, data, size)) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
        if (large)
            pi0_fail(&c->fault, PI0_EFORMAT, "%s: a message of more than %zu bytes", c->url,
                     c->o.max_message);
        else
            pi0_fail(&c->fault, PI0_ENOMEM, "%s: no memory for a message", c->url);
        return -1;
    }
    if (!lws_is_final_fragment(wsi)) return 0;
    return take_message(c, wsi) ? 0 : -1;
}

// 0, or -1 to close
static int send_request(pi0_client *c, struct lws *wsi)
{
    pthread_mutex_lock(&c->lock);
    const bool stop = c->stop;
    const bool ready = c->link == LINK_OPEN && c->call == CALL_READY && !c->drop;
    bool memory = true;
    if (ready) {
        // libwebsockets masks it in place, and it may have to be sent again
        memory = pi0_bytes_reserve(&c->scratch, LWS_PRE + c->n_going);
        if (memory) memcpy(c->scratch.data + LWS_PRE, c->going, c->n_going);
        c->scratch.size = c->n_going;
        c->call = memory ? CALL_SENT : CALL_FAILED;
        if (!memory) pi0_fail(&c->failure, PI0_ENOMEM, "%s: no memory for a request", c->url);
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    if (stop) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1;
    }
    if (!ready || !memory) return 0;
    return lws_write(wsi, c->scratch.data + LWS_PRE, c->scratch.size, LWS_WRITE_BINARY) < 0 ? -1
                                                                                            : 0;
}

/* ---- woken by the caller ---- */

static void end(lws_sorted_usec_list_t *sul)
{
    pi0_client *c = lws_container_of(sul, pi0_client, farewell);
    c->finished = true;
}

static void look(pi0_client *c)
{
    pthread_mutex_lock(&c->lock);
    const bool stop = c->stop, drop = c->drop, hurry = c->hurry && !c->wsi;
    const bool ready = c->link == LINK_OPEN && (c->call == CALL_READY || stop);
    c->hurry = false;
    if (hurry) {
        c->hopeless = false;
        c->link = LINK_OPENING;
    }
    pthread_mutex_unlock(&c->lock);
    if (stop && !ready) {
        c->finished = true;
        return;
    }
    if (stop) lws_sul_schedule(c->context, 0, &c->farewell, end, FAREWELL_US);
    if (drop && c->wsi)
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    else if (ready)
        lws_callback_on_writable(c->wsi);
    else if (hurry) {
        c->wait_ms = 0;
        schedule(c, next_wait(c));
    }
}

/* ---- libwebsockets ---- */

static int add_key(pi0_client *c, struct lws *wsi, void *in, size_t room)
{
    unsigned char **at = in, *end_of_room = *at + room;
    if (!c->authorization) return 0;
    return lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION,
                                        (const unsigned char *)c->authorization,
                                        (int)strlen(c->authorization), at, end_of_room);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED: look(client_of(wsi)); return 0;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: return add_key(client_of(wsi), wsi, in, size);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: refused(client_of(wsi), wsi, in); return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED: wait_for_metadata(client_of(wsi)); return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE: return receive(client_of(wsi), wsi, in, size);
    case LWS_CALLBACK_CLIENT_WRITEABLE: return send_request(client_of(wsi), wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: note_close(client_of(wsi), in, size); return 0;
    case LWS_CALLBACK_CLIENT_CLOSED: closed(client_of(wsi)); return 0;
    default: return 0;
    }
}

static void *run(void *user)
{
    pi0_client *c = user;
    schedule(c, 0);
    while (!c->finished && lws_service(c->context, 0) >= 0) continue;
    return NULL;
}

static int make_context(pi0_client *c, pi0_error *err)
{
    c->protocols[0] = (struct lws_protocols){ .name = "pi0-client",
                                              .callback = on_event,
                                              .rx_buffer_size = RECEIVE_BYTES };
    c->keepalive = (lws_retry_bo_t){ .secs_since_valid_ping = PING_AFTER_SECONDS,
                                     .secs_since_valid_hangup = LOST_AFTER_SECONDS };
    struct lws_context_creation_info info = { .port = CONTEXT_PORT_NO_LISTEN,
                                              .protocols = c->protocols,
                                              .gid = (gid_t)-1,
                                              .uid = (uid_t)-1,
                                              .user = c,
                                              .timeout_secs = PATIENCE_SECONDS,
                                              .fd_limit_per_thread = MAX_FDS,
                                              .pt_serv_buf_size = RECEIVE_BYTES,
                                              .options = LWS_SERVER_OPTION_VALIDATE_UTF8 };
#if LWS_LIBRARY_VERSION_NUMBER >= 4003000
    info.log_cx = &c->silence;
#else
    lws_set_log_level(0, NULL);
#endif
    c->context = lws_create_context(&info);
    if (!c->context) return pi0_fail(err, PI0_ENOMEM, "%s: libwebsockets does not start", c->url);
    return PI0_OK;
}

int pi0_link_start(pi0_client *c, pi0_error *err)
{
    const int status = make_context(c, err);
    if (status) return status;
    if (pthread_create(&c->thread, NULL, run, c))
        return pi0_fail(err, PI0_ENOMEM, "%s: no thread for the connection", c->url);
    c->has_thread = true;
    return PI0_OK;
}

void pi0_link_stop(pi0_client *c)
{
    if (c->has_thread) {
        pthread_mutex_lock(&c->lock);
        c->stop = true;
        pthread_mutex_unlock(&c->lock);
        lws_cancel_service(c->context);
        pthread_join(c->thread, NULL);
    }
    if (c->context) lws_context_destroy(c->context);
}
