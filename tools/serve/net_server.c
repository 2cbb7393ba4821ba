/* SPDX-License-Identifier: Apache-2.0 */
/* net_server.c - the server: its thread, its end, and what libwebsockets calls. */
#include "fail.h"
#include "net_internal.h"
#include "terminal.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES 65536 // at once from a socket
#define SPARE_FDS 16     // beside the connections': libwebsockets' own

void pi0_net_lock(net_server *s)
{
    pthread_mutex_lock(&s->lock);
}

void pi0_net_unlock(net_server *s)
{
    pthread_mutex_unlock(&s->lock);
}

void pi0_net_wake(net_server *s)
{
    if (s->context) lws_cancel_service(s->context);
}

void pi0_net_count(net_server *s, uint64_t *counter, uint64_t n)
{
    pi0_net_lock(s);
    *counter += n;
    pi0_net_unlock(s);
}

/* ---- what libwebsockets calls ---- */

// another thread has queued something, or wants the end
static void look_around(net_server *s)
{
    pi0_net_lock(s);
    const bool refuse = s->refuse, stop = s->stop;
    pi0_net_unlock(s);
    if (refuse && s->listener) {
        struct lws *listener = s->listener;
        s->listener = NULL;
        lws_set_timeout(listener, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
    }
    // nothing that is called here takes the lock
    pi0_net_lock(s);
    for (int i = 0; i < s->o.max_connections; i++) {
        net_link *l = &s->links[i];
        if (l->stage == NET_OPEN && (l->first || l->close_code)) lws_callback_on_writable(l->wsi);
        if (stop && l->stage == NET_ASKING && l->wsi) pi0_net_link_kill(l, "the server stops");
    }
    pi0_net_unlock(s);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    (void)user;
    net_server *s = lws_context_user(lws_get_context(wsi));
    if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) look_around(s);

    // of a connection
    net_link *l = s && wsi ? lws_get_opaque_user_data(wsi) : NULL;
    if (!l || reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) return 0;
    l->wsi = wsi;
    switch (reason) {
    case LWS_CALLBACK_HTTP: return pi0_net_on_request(l, in);
    case LWS_CALLBACK_HTTP_WRITEABLE: return pi0_net_on_reply_writable(l);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return pi0_net_on_upgrade(l, in);
    case LWS_CALLBACK_ESTABLISHED: return pi0_net_on_open(l);
    case LWS_CALLBACK_RECEIVE: return pi0_net_on_receive(l, in, size);
    case LWS_CALLBACK_RECEIVE_PONG: l->heard = pi0_seconds(); return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE: return pi0_net_on_writable(l);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return pi0_net_on_peer_close(l, in, size);
    case LWS_CALLBACK_CLOSED: pi0_net_on_closed(l); return 0;
    case LWS_CALLBACK_WSI_DESTROY: pi0_net_link_free(l); return 0;
    default: return 0;
    }
}

static void on_second(lws_sorted_usec_list_t *sul)
{
    net_server *s = lws_container_of(sul, net_server, sweep);
    pi0_net_links_sweep(s);
    lws_sul_schedule(s->context, 0, &s->sweep, on_second, LWS_US_PER_SEC);
}

/* ---- the thread ---- */

static bool finished(net_server *s)
{
    pi0_net_lock(s);
    const bool over = s->stop && (!s->stats.connections || pi0_seconds() >= s->stop_at);
    pi0_net_unlock(s);
    return over;
}

static void *serve(void *argument)
{
    net_server *s = argument;
    // libwebsockets does not know that it was asked to stop: a second is the longest it sleeps
    lws_sul_schedule(s->context, 0, &s->sweep, on_second, LWS_US_PER_SEC);
    while (!finished(s) && lws_service(s->context, 0) >= 0) continue;
    pi0_net_lock(s);
    struct lws_context *context = s->context;
    s->context = NULL;
    s->refuse = true;
    pi0_net_unlock(s);
    lws_sul_cancel(&s->sweep);
    lws_context_destroy(context); // the last callbacks
    return NULL;
}

static int start_thread(net_server *s, pi0_error *err)
{
    const int status = pi0_thread_start(&s->thread, serve, s, err);
    s->started = !status;
    return status;
}

/* ---- making and ending ---- */

static void set_protocols(net_server *s)
{
    struct lws_protocols *p = s->protocols;
    p[0] = (struct lws_protocols){ .name = "http",
                                   .callback = on_event,
                                   .per_session_data_size = sizeof(void *),
                                   .rx_buffer_size = READ_BYTES };
    if (!s->o.subprotocol) return;
    p[1] = p[0];
    p[1].name = s->o.subprotocol;
}

static int make_context(net_server *s, pi0_error *err)
{
    static const lws_retry_bo_t no_pings = { .secs_since_valid_hangup = 0 }; // ours: the sweep
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = s->protocols,
        .options = LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .user = s,
        .server_string = "pi0",
        .pt_serv_buf_size = READ_BYTES,
        .fd_limit_per_thread = (unsigned)s->o.max_connections + SPARE_FDS,
        .retry_and_idle_policy = &no_pings,
        .timeout_secs = s->o.handshake_timeout > 0 ? (unsigned)s->o.handshake_timeout + 1 : 3600,
    };
    lws_set_log_level(0, NULL);
    s->context = lws_create_context(&info);
    if (!s->context) return pi0_fail(err, PI0_ENOMEM, "libwebsockets could not be set up");
    s->vhost = lws_get_vhost_by_name(s->context, "default");

    // the listening socket, where no client can ask for its protocol
    static const struct lws_protocols listener[] = {
        { .name = "listener", .callback = pi0_net_on_listener }, { .name = NULL }
    };
    struct lws_context_creation_info own = info;
    own.protocols = listener;
    own.vhost_name = "listener";
    struct lws_vhost *vhost = lws_create_vhost(s->context, &own);
    if (!vhost) return pi0_fail(err, PI0_ENOMEM, "libwebsockets could not be set up");
    const lws_sock_file_fd_type fd = { .filefd = s->listen_fd };
    s->listener = lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "listener", NULL);
    if (s->listener) return PI0_OK;
    s->listen_fd = -1; // closed there
    return pi0_fail(err, PI0_ENOMEM, "libwebsockets could not take the listening socket");
}

static int check(const net_options *o, pi0_error *err)
{
    if (!o->host || o->port < 0 || o->port > 65535)
        return pi0_fail(err, PI0_EINVAL, "port %d: expected 0 to 65535", o->port);
    if (o->max_connections < 1 || o->max_connections > NET_MAX_CONNECTIONS)
        return pi0_fail(err, PI0_EINVAL, "%d connections: expected 1 to %d", o->max_connections,
                        NET_MAX_CONNECTIONS);
    if (!o->max_message || o->max_message > (size_t)1 << 31)
        return pi0_fail(err, PI0_EINVAL, "messages of %zu bytes: expected 1 to %zu", o->max_message,
                        (size_t)1 << 31);
    return PI0_OK;
}

int pi0_net_start(net_server **server, const net_options *options, pi0_error *err)
{
    int status = check(options, err);
    if (status) return status;
    net_server *s = calloc(1, sizeof *s);
    net_link *links = calloc((size_t)options->max_connections, sizeof *links);
    if (!s || !links) {
        free(s);
        free(links);
        return pi0_fail(err, PI0_ENOMEM, "no memory for %d connections", options->max_connections);
    }
    s->o = *options;
    s->links = links;
    s->listen_fd = -1;
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pthread_mutex_init(&s->lock, NULL);
    set_protocols(s);
    status = pi0_net_listen(s, err);
    if (!status) status = make_context(s, err);
    if (!status) {
        // callbacks may need it before this function has returned
        net_server *before = *server;
        *server = s;
        status = start_thread(s, err);
        if (status) *server = before;
    }
    if (status) pi0_net_free(s);
    return status;
}

void pi0_net_refuse(net_server *s)
{
    pi0_net_lock(s);
    s->refuse = true;
    pi0_net_wake(s);
    pi0_net_unlock(s);
}

void pi0_net_stop(net_server *s, int code, const char *reason, double seconds)
{
    pi0_net_lock(s);
    const bool first = !s->stop && s->started;
    if (first) {
        s->refuse = s->stop = true;
        s->stop_at = pi0_seconds() + seconds;
        for (int i = 0; i < s->o.max_connections; i++) pi0_net_ask(&s->links[i], code, reason);
        pi0_net_wake(s);
    }
    pi0_net_unlock(s);
    if (!first) return;
    pthread_join(s->thread, NULL);
    s->listen_fd = -1;
}

void pi0_net_free(net_server *s)
{
    if (!s) return;
    pi0_net_stop(s, LWS_CLOSE_STATUS_GOINGAWAY, "", 0);
    // one that never ran
    if (s->context) {
        lws_context_destroy(s->context);
        s->listen_fd = -1;
    }
    if (s->listen_fd >= 0) close(s->listen_fd);
    if (s->spare_fd >= 0) close(s->spare_fd);
    pthread_mutex_destroy(&s->lock);
    free(s->links);
    free(s);
}

int pi0_net_port(const net_server *s)
{
    return s->port;
}

const char *pi0_net_url(const net_server *s)
{
    return s->url;
}

bool pi0_net_is_loopback(const net_server *s)
{
    return s->loopback;
}
