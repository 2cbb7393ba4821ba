/* SPDX-License-Identifier: Apache-2.0 */
/* serve_worker.c - the thread that computes: takes a request, reads it, runs the policy, answers.
 */
#include "fail.h"
#include "serve.h"
#include "serve_log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_SIDE 224
#define TRACED_CHUNKS 16

/* ---- sessions ---- */

static int make_session(serve *s, pi0_session **session, int steps, pi0_error *err)
{
    pi0_options opt = s->r.opt;
    opt.num_steps = steps;
    opt.horizon = s->r.made.horizon;
    return pi0_session_create(session, s->r.model, &opt, err);
}

// the session for so many steps: the usual one, or another that is kept until yet others are asked
static int find_session(serve *s, int steps, pi0_session **session, pi0_error *err)
{
    *session = s->r.session;
    if (!steps || steps == s->r.made.num_steps) return PI0_OK;
    if (!s->other || s->other_steps != steps) {
        pi0_session_free(s->other);
        s->other = NULL;
        const int status = make_session(s, &s->other, steps, err);
        if (status) return status;
        s->other_steps = steps;
    }
    *session = s->other;
    return PI0_OK;
}

void pi0_serve_cancel(void *user)
{
    serve *s = user;
    pthread_mutex_lock(&s->lock);
    if (s->running) pi0_cancel(s->running);
    pthread_mutex_unlock(&s->lock);
}

static void set_running(serve *s, pi0_session *session)
{
    pthread_mutex_lock(&s->lock);
    s->running = session;
    pthread_mutex_unlock(&s->lock);
}

/* ---- a request ---- */

typedef struct work {
    serve_request *q;
    serve_input in;
    pi0_timing timing;
    serve_times times;
} work;

// the k-th chunk of a connection starts from the same noise as the k-th of pi0 infer
static const float *noise_of(serve *s, const work *k)
{
    if (k->in.noise) return k->in.noise;
    const uint64_t stream = k->in.has_seed ? 0 : k->q->number;
    pi0_noise(k->in.has_seed ? k->in.seed : s->r.opt.seed, stream, s->noise, s->n_noise);
    return s->noise;
}

static int compute(serve *s, work *k, pi0_error *err)
{
    pi0_session *session;
    if (!k->in.o.in.prompt && s->a->default_prompt) k->in.o.in.prompt = s->a->default_prompt;
    int status = find_session(s, k->in.num_steps, &session, err);
    if (status) return status;
    set_running(s, session);
    // a client that went before this line could not cancel the session
    const double begin = pi0_seconds();
    if (!pi0_serve_queue_wanted(s->queue, k->q))
        status = pi0_fail(err, PI0_ECANCELED, "the client has gone");
    else
        status = pi0_act(session, &k->in.o.in, noise_of(s, k), s->actions, s->n_actions, err);
    k->times.infer = pi0_seconds() - begin;
    set_running(s, NULL);
    if (!status) pi0_session_timing(session, &k->timing);
    return status;
}

static int encode(serve *s, const work *k, pi0_error *err)
{
    const serve_output x = { .actions = s->actions,
                             .rows = s->r.made.horizon,
                             .cols = s->policy.n_actions,
                             .policy_ms = k->timing.total_ms,
                             .server_ms = 1e3 * k->times.infer,
                             .queue_ms = 1e3 * k->times.queue,
                             .previous_ms = k->q->previous < 0 ? -1 : 1e3 * k->q->previous };
    msgpack_sbuffer_clear(&s->reply);
    return pi0_serve_encode(&s->reply, &x, err);
}

static void count_times(serve *s, const work *k)
{
    serve_metrics *m = s->metrics;
    pi0_serve_metrics_time(m, STAGE_QUEUE, k->times.queue);
    pi0_serve_metrics_time(m, STAGE_DECODE, k->times.decode);
    pi0_serve_metrics_time(m, STAGE_INFER, k->times.infer);
    pi0_serve_metrics_time(m, STAGE_VISION, 1e-3 * k->timing.vision_ms);
    pi0_serve_metrics_time(m, STAGE_PREFIX, 1e-3 * k->timing.prefix_ms);
    pi0_serve_metrics_time(m, STAGE_DENOISE, 1e-3 * k->timing.denoise_ms);
}

// after the reply: nobody waits for the disk
static void record(serve *s, const work *k)
{
    pi0_error err;
    if (!s->record.dir) return;
    const int status = pi0_serve_record_write(&s->record, k->q->data, k->q->size, s->actions,
                                              s->r.made.horizon, s->policy.n_actions, &err);
    if (status) pi0_serve_metrics_unrecorded(s->metrics);
    // told when it begins and when it is over
    if (status && !s->record_failed)
        pi0_serve_log(s->a->log_json, "record", NULL, NULL, "warning: not recorded: %s",
                      err.message);
    else if (!status && s->record_failed)
        pi0_serve_log(s->a->log_json, "record", NULL, NULL, "recording again");
    s->record_failed = status;
}

/* What a client may know: what was wrong with its request, and no more of the server than that.
 * Whether it was the request. */
static bool text_for_client(const pi0_error *err, char text[1200])
{
    const bool theirs = err->code == PI0_EINVAL || err->code == PI0_EFORMAT ||
                        err->code == PI0_EUNSUPPORTED || err->code == PI0_ENUMERIC;
    if (theirs)
        snprintf(text, 1200, "%s", err->message);
    else
        snprintf(text, 1200, "the policy failed: %s", pi0_status_name(err->code));
    return theirs;
}

static void failed(serve *s, const work *k, const pi0_error *err)
{
    char text[1200];
    // who has gone was counted when it went
    if (err->code == PI0_ECANCELED || !pi0_serve_queue_wanted(s->queue, k->q)) return;
    pi0_serve_metrics_result(s->metrics, RESULT_ERROR);
    pi0_serve_metrics_error(s->metrics, err->code);
    if (!text_for_client(err, text))
        pi0_serve_log(s->a->log_json, "failed", NULL, NULL, "%s", err->message);
    pi0_serve_send_error(s, k->q->client, text, true);
}

// send what was computed; when that was queued, 0: it was not
static double reply(serve *s, const work *k)
{
    const enum net_result result =
        pi0_serve_send(s, k->q->client, true, s->reply.data, s->reply.size, &k->times);
    // who has gone was counted when it went
    if (result == NET_GONE) return 0;
    if (result != NET_QUEUED) {
        pi0_serve_metrics_result(s->metrics, RESULT_ERROR);
        pi0_serve_metrics_error(s->metrics, PI0_ENOMEM);
        return 0;
    }
    pi0_serve_metrics_result(s->metrics, RESULT_OK);
    count_times(s, k);
    if (k->in.o.n_unused) pi0_serve_tell_unused(s, k->q->client, &k->in.o);
    return pi0_seconds();
}

// when it was answered, 0: not
static double answer(serve *s, work *k)
{
    pi0_error err = { .code = PI0_OK };
    const serve_request *q = k->q;
    k->times = (serve_times){ .ended = q->ended, .queue = q->taken - q->ended };
    int status = pi0_serve_decode(&k->in, q->data, q->size, &s->policy, s->r.made.horizon,
                                  s->r.made.action_dim, &err);
    k->times.decode = pi0_seconds() - q->taken;
    const bool decoded = !status;
    if (!status) status = compute(s, k, &err);
    if (!status) status = encode(s, k, &err);
    double answered = 0;
    if (status)
        failed(s, k, &err);
    else
        answered = reply(s, k);
    if (!status) record(s, k);
    if (decoded) pi0_serve_input_free(&k->in);
    return answered;
}

static void *work_on(void *argument)
{
    serve *s = argument;
    for (serve_request *q; (q = pi0_serve_queue_next(s->queue));) {
        double answered = 0;
        if (q->verdict == SERVE_RUN) {
            work k = { .q = q };
            answered = answer(s, &k);
        } else if (q->verdict == SERVE_SKIPPED) {
            pi0_serve_metrics_result(s->metrics, RESULT_SKIPPED);
            pi0_serve_send_error(s, q->client,
                                 "request skipped: a newer one of this connection "
                                 "came before its turn (--policy latest)",
                                 false);
        } else {
            pi0_serve_metrics_result(s->metrics, RESULT_REFUSED);
            pi0_serve_send_error(s, q->client,
                                 "request refused: too many wait already "
                                 "(--queue-depth)",
                                 false);
        }
        pi0_serve_queue_done(s->queue, q, answered);
    }
    return NULL;
}

/* ---- beginning and end ---- */

// every camera black, every state zero
static int infer_nothing(serve *s, pi0_error *err)
{
    const pi0_policy_info *p = &s->policy;
    unsigned char *black = calloc(3, WARM_SIDE * WARM_SIDE);
    pi0_image *images = calloc((size_t)p->n_cameras + 1, sizeof *images);
    pi0_state *states = calloc((size_t)p->n_states + 1, sizeof *states);
    double *zeros = calloc((size_t)p->state_dim + 1, sizeof *zeros);
    int status = black && images && states && zeros ? PI0_OK : PI0_ENOMEM;
    if (status) pi0_fail(err, status, "no memory to warm up");
    pi0_observation o = { .images = images, .states = states };
    const bool planes = !strcmp(p->image_axes, "CHW");
    for (int i = 0; i < p->n_cameras && !status; i++)
        if (p->cameras[i].slot)
            images[o.n_images++] = (pi0_image){ .camera = p->cameras[i].name,
                                                .rgb = black,
                                                .width = WARM_SIDE,
                                                .height = WARM_SIDE,
                                                .format = planes ? PI0_RGB8_CHW : PI0_RGB8_HWC };
    for (int i = 0; i < p->n_states && !status; i++)
        states[o.n_states++] = (pi0_state){ p->states[i].name, zeros, p->states[i].size };
    o.prompt = s->a->default_prompt ? s->a->default_prompt : p->default_prompt;
    if (!o.prompt) o.prompt = "warm up";
    memset(s->noise, 0, s->n_noise * sizeof *s->noise);
    if (!status) status = pi0_runner_act(&s->r, &o, s->noise, s->actions, s->n_actions, err);
    free(black);
    free(images);
    free(states);
    free(zeros);
    return status;
}

int pi0_serve_warm_up(serve *s, pi0_error *err)
{
    const int status = pi0_runner_session(&s->r, s->policy.horizon, err);
    if (status) return status;
    s->n_noise = (size_t)s->r.made.horizon * (size_t)s->r.made.action_dim;
    s->n_actions = (size_t)s->r.made.horizon * (size_t)s->policy.n_actions;
    s->noise = malloc(s->n_noise * sizeof *s->noise);
    s->actions = malloc(s->n_actions * sizeof *s->actions);
    if (!s->noise || !s->actions) return pi0_fail(err, PI0_ENOMEM, "no memory for actions");
    return infer_nothing(s, err);
}

int pi0_serve_start_worker(serve *s, pi0_error *err)
{
    if (s->a->trace) {
        int status = pi0_trace_new(&s->t, &s->r, TRACED_CHUNKS, err);
        if (!status) status = pi0_trace_begin(&s->t, &s->r, err);
        if (status) return status;
    }
    const int status = pi0_thread_start(&s->thread, work_on, s, err);
    s->started = !status;
    return status;
}

// the chunks that were traced; a server that ends has nobody to fail for
static void write_trace(serve *s)
{
    pi0_error err;
    pi0_trace_end(&s->t, &s->r);
    if (pi0_trace_write(&s->t, &s->r, s->a->trace, &err))
        pi0_serve_log(s->a->log_json, "trace", NULL, NULL, "warning: %s", err.message);
    pi0_trace_free(&s->t);
}

void pi0_serve_free_worker(serve *s)
{
    if (s->started) pthread_join(s->thread, NULL);
    if (s->started && s->a->trace) write_trace(s);
    pi0_session_free(s->other);
    free(s->noise);
    free(s->actions);
    msgpack_sbuffer_destroy(&s->reply);
}
