/* SPDX-License-Identifier: Apache-2.0 */
/* serve_run.c - pi0 serve from its beginning to its end, on the main thread. The port opens when
 * the policy is loaded and warm: until then clients and proxies are refused, and try again or go
 * elsewhere. SIGTERM or Ctrl-C: no new connections, what waits is computed, then the rest is closed
 * with 1001; a second one ends at once. */
#include "fail.h"
#include "serve.h"
#include "serve_key.h"
#include "serve_log.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define DRAIN_SECONDS 60 // for requests that wait
#define CLOSE_SECONDS 5  // for closing
#define GOING_AWAY 1001

/* ---- beginning ---- */

// a robot's policy is needed: the protocol speaks of robots
static int find_policy(serve *s, pi0_error *err)
{
    const int status = pi0_runner_policy(&s->r, &s->a->run, &s->policy, err);
    return status ? status : pi0_serve_encode_metadata(&s->metadata, s->policy.metadata, err);
}

static int read_key(serve *s, pi0_error *err)
{
    bool open;
    if (!s->a->api_key_file) return PI0_OK;
    const int status = pi0_serve_key_read(&s->key, &open, s->a->api_key_file, err);
    if (!status && open)
        pi0_notice(&s->w, "%s: other users of this machine can read the key (chmod 600 it)",
                   s->a->api_key_file);
    return status;
}

static int make_queue(serve *s, pi0_error *err)
{
    const size_t message = (size_t)s->a->max_message_mb * MIB;
    const serve_queue_options o = { .latest = !strcmp(s->a->policy, "latest"),
                                    .depth = s->a->queue_depth,
                                    .max_bytes = message > 512 * MIB ? message : 512 * MIB,
                                    .abandoned = pi0_serve_cancel,
                                    .user = s };
    s->queue = pi0_serve_queue_new(&o);
    s->metrics = pi0_serve_metrics_new();
    return s->queue && s->metrics ? PI0_OK : pi0_fail(err, PI0_ENOMEM, "no memory for a queue");
}

static net_options network(serve *s)
{
    net_options o = NET_OPTIONS_DEFAULT;
    o.host = s->a->host;
    o.port = s->a->port;
    o.max_message = (size_t)s->a->max_message_mb * MIB;
    o.max_receiving = o.max_message > 512 * MIB ? o.max_message : 512 * MIB;
    o.max_connections = s->a->max_clients;
    pi0_serve_events(&o, s);
    return o;
}

static int prepare(serve *s, pi0_error *err)
{
    run_options run = s->a->run;
    run.words = true;
    const net_options o = network(s);
    // what costs nothing to find out first
    int status = pi0_net_check(&o, err);
    if (!status) status = read_key(s, err);
    if (!status && s->a->record) status = pi0_serve_record_open(&s->record, s->a->record, err);
    if (!status) status = make_queue(s, err);
    if (!status) status = pi0_runner_load(&s->r, &run, NULL, &s->w, err);
    if (!status) status = find_policy(s, err);
    if (!status) status = pi0_serve_warm_up(s, err);
    return status;
}

/* ---- what it says ---- */

static void print_what(const serve *s)
{
    const pi0_info *i = &s->r.info;
    const char *policy = s->policy.config ? s->policy.config : "lerobot";
    pi0_serve_log(
        s->a->log_json, "model", NULL,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i}", "model", s->a->run.model,
                  "config", policy, "robot", s->policy.robot, "backend", i->backend, "isa", i->isa,
                  "precision", i->precision, "threads", s->r.made.n_threads, "steps",
                  s->r.made.num_steps, "horizon", s->r.made.horizon),
        "%s: %s for %s (%s), backend %s, instruction set %s, precision %s, %d threads, "
        "%d steps, chunks of %d",
        s->a->run.model, i->pi05 ? "pi0.5" : "pi0", policy, s->policy.robot, i->backend, i->isa,
        i->precision, s->r.made.n_threads, s->r.made.num_steps, s->r.made.horizon);
    for (int c = 0; c < s->policy.n_cameras; c++)
        if (s->policy.cameras[c].slot)
            pi0_serve_log(s->a->log_json, "camera", NULL, NULL, "camera %s%s",
                          s->policy.cameras[c].name,
                          s->policy.cameras[c].required ? "" : " (may be missing)");
    for (int c = 0; c < s->policy.n_states; c++)
        pi0_serve_log(s->a->log_json, "state", NULL, NULL, "state %s, %d values",
                      s->policy.states[c].name, s->policy.states[c].size);
}

static void print_where(const serve *s)
{
    const char *url = pi0_net_url(s->net);
    if (!pi0_net_is_loopback(s->net) && !s->key)
        pi0_serve_log(s->a->log_json, "open", NULL, NULL,
                      "WARNING: EVERYBODY WHO REACHES %s CAN USE THIS POLICY AND SEES ITS METRICS. "
                      "Give --api-key-file FILE, or --host 127.0.0.1 behind a proxy",
                      url);
    pi0_serve_log(s->a->log_json, "serving", NULL,
                  json_pack("{s:s, s:i, s:b}", "url", url, "port", pi0_net_port(s->net), "key",
                            s->key != NULL),
                  "serving ws%s%s; %s/healthz, %s/readyz, %s/metrics", url + strlen("http"),
                  s->key ? " with a key" : "", url, url, url);
}

// a service manager that wants to know is told: systemd's protocol is one datagram
static void notify(const char *state)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    const char *path = getenv("NOTIFY_SOCKET");
    const size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof a.sun_path) return;
    memcpy(a.sun_path, path, n);
    if (a.sun_path[0] == '@') a.sun_path[0] = 0;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    const ssize_t sent =
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a, length);
    (void)sent; // nobody listens: nothing is lost
    close(fd);
}

/* ---- the end ---- */

static void end(serve *s, const sigset_t *signals)
{
    bool hurry = false;
    s->ready = false;
    notify("STOPPING=1");
    pi0_serve_log(s->a->log_json, "stopping", NULL, NULL,
                  "stopping: %d requests wait; again to stop at once",
                  pi0_serve_queue_waiting(s->queue));
    pi0_net_refuse(s->net);
    pi0_serve_queue_drain(s->queue);
    const double begin = pi0_seconds();
    while (!hurry && !pi0_serve_queue_idle(s->queue, 0.1) &&
           pi0_seconds() - begin < DRAIN_SECONDS) {
        const struct timespec now = { 0 };
        hurry = sigtimedwait(signals, NULL, &now) > 0;
    }
    pi0_serve_queue_stop(s->queue);
    pi0_net_stop(s->net, GOING_AWAY, "the server is stopping", hurry ? 0.2 : CLOSE_SECONDS);
}

static int serve_until_told(serve *s, const sigset_t *signals, pi0_error *err)
{
    const net_options o = network(s);
    int status = pi0_net_start(&s->net, &o, err);
    if (!status) status = pi0_serve_start_worker(s, err);
    if (status) return status;
    s->ready = true;
    print_where(s);
    notify("READY=1");
    while (sigwaitinfo(signals, NULL) < 0 && errno == EINTR) continue;
    end(s, signals);
    return PI0_OK;
}

static void free_all(serve *s)
{
    if (s->queue) pi0_serve_queue_stop(s->queue);
    pi0_serve_free_worker(s);
    pi0_net_free(s->net);
    pi0_serve_free_events(s);
    pi0_serve_queue_free(s->queue);
    pi0_serve_metrics_free(s->metrics);
    pi0_runner_free(&s->r);
    msgpack_sbuffer_destroy(&s->metadata);
    pi0_notices_free(&s->w);
    free(s->key);
    pthread_mutex_destroy(&s->lock);
}

int pi0_serve_run(const serve_args *a)
{
    pi0_error err;
    sigset_t signals;
    serve s = { .a = a };
    pthread_mutex_init(&s.lock, NULL);
    msgpack_sbuffer_init(&s.metadata);
    msgpack_sbuffer_init(&s.reply);
    int status = prepare(&s, &err);
    if (!status) {
        print_what(&s);
        // from here they are waited for; before, they end the process
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        pthread_sigmask(SIG_BLOCK, &signals, NULL);
        status = serve_until_told(&s, &signals, &err);
    }
    const int code = status ? pi0_report(status, &err) : STATUS_OK;
    free_all(&s);
    if (!status) pi0_serve_log(a->log_json, "stopped", NULL, NULL, "stopped");
    return code;
}
