/* SPDX-License-Identifier: Apache-2.0 */
/* serve.h - pi0 serve: a policy behind openpi's WebSocket protocol.
 *
 *     net (its thread)   connections, messages          serve_events.c
 *     queue              what waits, in turn            serve_queue.c
 *     worker (a thread)  read, compute, answer          serve_worker.c, serve_codec.c
 *     main thread        load, signals, the end         serve_run.c
 */
#ifndef PI0_TOOLS_SERVE_H
#define PI0_TOOLS_SERVE_H
#include "runner.h"
#include "serve_codec.h"
#include "serve_metrics.h"
#include "serve_queue.h"
#include "serve_record.h"
#include "trace_file.h"
#include <pthread.h>
#include <stdatomic.h>

typedef struct serve_args {
    run_options run;
    const char *host, *default_prompt, *api_key_file, *policy, *record, *trace;
    int port, queue_depth, max_message_mb, max_clients;
    bool log_json;
} serve_args;

// times of a request that was computed, which go with its reply
typedef struct serve_times {
    double ended; // pi0_seconds() of its last byte
    double queue, decode, infer;
} serve_times;

// a connection, for the log
typedef struct serve_client {
    struct serve_client *next;
    net_id id;
    char peer[72];
    double since;
    unsigned long requests, errors;
    bool told; // that keys of its requests are not used
} serve_client;

typedef struct serve {
    const serve_args *a;
    notices w;
    runner r; // model, and the session of the usual number of steps
    pi0_policy_info policy;
    char *key;                // NULL: everybody may come
    msgpack_sbuffer metadata; // what a new connection is told
    serve_queue *queue;
    serve_metrics *metrics;
    net_server *net;
    serve_record record;
    atomic_bool ready;

    // the worker's
    pthread_t thread;
    bool started;
    pi0_session *other; // of other_steps, made when a request asks for them
    int other_steps;
    float *noise;    // [horizon][action_dim]
    double *actions; // [horizon][n_actions]
    size_t n_noise, n_actions;
    msgpack_sbuffer reply;
    bool record_failed; // the last one
    trace t;            // of the first chunks of the usual session

    pthread_mutex_t lock;
    // under the lock
    pi0_session *running; // computes now; NULL: none
    serve_client *clients;
} serve;

/* ---- serve_run.c ---- */

// load, serve until told to stop; the exit status
int pi0_serve_run(const serve_args *a);

/* ---- serve_worker.c ---- */

// sessions and buffers, and one inference of made-up inputs
int pi0_serve_warm_up(serve *s, pi0_error *err);
int pi0_serve_start_worker(serve *s, pi0_error *err);
void pi0_serve_free_worker(serve *s);
// stop what computes: its client has gone. A queue's `abandoned`
void pi0_serve_cancel(void *user);

/* ---- serve_events.c ---- */

// fill the callbacks and routes
void pi0_serve_events(net_options *o, serve *s);
/* Send; times: of the request that it answers, NULL: none that was computed. What cannot be queued
 * ends the connection: its client would take the next message for this one. */
enum net_result pi0_serve_send(serve *s, net_id id, bool binary, const void *data, size_t size,
                               const serve_times *times);
/* An error for the client, as a text; fatal: its connection is closed. */
void pi0_serve_send_error(serve *s, net_id id, const char *text, bool fatal);
// the first time that keys of a connection's requests are not used
void pi0_serve_tell_unused(serve *s, net_id id, const observation_file *o);
void pi0_serve_free_events(serve *s);
#endif
