/* SPDX-License-Identifier: Apache-2.0 */
/* demo_live.c - pi0 demo --serve: starts the table, the flows and the server; runs until Ctrl-C. */
#include "demo_live.h"
#include "fail.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *backend, *precision;
} flows[LIVE_FLOWS] = { { "cpu", "bf16" }, { "cpu", "f32" }, { "reference", "f32" } };

// two flows may plan at once, each with half of the cores, unless a number of threads was asked for
static int make_session(live *l, runner *r, pi0_error *err)
{
    if (!r->opt.n_threads) r->opt.n_threads = l->threads;
    const int status = pi0_runner_session(r, 0, err);
    if (status || r->opt.n_threads || r->made.n_threads < 2) return status;
    // the first one tells how many cores there are
    r->opt.n_threads = l->threads = r->made.n_threads / 2;
    pi0_session_free(r->session);
    r->session = NULL;
    return pi0_runner_session(r, 0, err);
}

static int load_flow(live *l, int i, pi0_error *err)
{
    live_flow *f = &l->flow[i];
    run_options options = l->a->run;
    options.backend = flows[i].backend;
    options.precision = flows[i].precision;
    int status = pi0_runner_load(&f->r, &options, NULL, &l->w, err);
    if (!status) status = make_session(l, &f->r, err);
    if (!status) status = pi0_demo_policy_of(&f->policy, &f->r, l->a->execute, err);
    f->there = !status;
    return status;
}

int pi0_live_think(live_flow *f, const live *l, live_plan *p, pi0_error *err)
{
    pthread_mutex_lock(&f->busy);
    pi0_demo_noise(&f->policy, l->a->run.seed.value, p->scene_number, p->turn);
    const int status = pi0_demo_look_and_plan(&f->policy, f->r.session, &p->scene, p->prompt,
                                              p->commands, &p->ms, err);
    pthread_mutex_unlock(&f->busy);
    return status;
}

// all three; one that this machine does not have is left out, unless it was asked for
static int load_flows(live *l, pi0_error *err)
{
    const run_options *o = &l->a->run;
    int wanted = 0;
    if (!strcmp(o->backend, "reference"))
        wanted = 2;
    else if (!strcmp(o->precision, "f32"))
        wanted = 1;
    for (int i = 0; i < LIVE_FLOWS; i++) {
        const int status = load_flow(l, i, err);
        if (status && (i == wanted || status != PI0_EDEVICE)) return status;
        if (status) pi0_notice(&l->w, "%s", err->message);
    }
    l->chosen = wanted;
    l->horizon = l->flow[wanted].policy.horizon;
    return PI0_OK;
}

static int make_room(live *l, pi0_error *err)
{
    const size_t rows = (size_t)l->horizon;
    l->plan.commands = calloc(rows * SIM_COMMAND, sizeof(double));
    l->wish.commands = calloc(rows * SIM_COMMAND, sizeof(double));
    if (!l->plan.commands || !l->wish.commands)
        return pi0_fail(err, PI0_ENOMEM, "no memory for the table");
    return PI0_OK;
}

static int serve(live *l, pi0_error *err)
{
    net_options o = NET_OPTIONS_DEFAULT;
    pi0_live_listen(&o, l);
    if (l->a->host) o.host = l->a->host;
    o.port = l->a->port;
    const int status = pi0_net_start(&l->net, &o, err);
    if (status) return status;
    printf("%s\nOpen it in a browser; Ctrl-C ends it.\n", pi0_net_url(l->net));
    fflush(stdout);
    if (!pi0_net_is_loopback(l->net))
        pi0_notice(&l->w, "everybody who can reach this machine can move the blocks");
    return PI0_OK;
}

// steps at their times, until Ctrl-C
static int run_world(live *l, pi0_error *err)
{
    int status = PI0_OK;
    double next = pi0_seconds();
    while (!status && !pi0_interrupted()) {
        pthread_mutex_lock(&l->lock);
        status = pi0_live_tick(l, err);
        if (status == PI0_EINVAL || status == PI0_EFORMAT) {
            // a sentence that the policy cannot take: said to the people, the arm waits for another
            pi0_live_send_words(l, "error", err->message);
            l->running = false;
            pi0_live_send_state(l);
            status = PI0_OK;
        }
        pthread_mutex_unlock(&l->lock);

        // a plan that took longer than a step does not make the next ones hurry
        next += 1.0 / LIVE_STEPS_A_SECOND;
        const double wait = next - pi0_seconds();
        const struct timespec pause = { 0, (long)(1e9 * (wait > 0 ? wait : 0)) };
        if (wait > 0)
            nanosleep(&pause, NULL);
        else
            next = pi0_seconds();
    }
    return status;
}

static void release(live *l)
{
    if (l->net) pi0_net_stop(l->net, 1001, "the demo ends", 2);
    pi0_live_other_stop(l);
    pi0_net_free(l->net);
    for (int i = 0; i < LIVE_FLOWS; i++) {
        pi0_demo_policy_free(&l->flow[i].policy);
        pi0_runner_free(&l->flow[i].r);
        pthread_mutex_destroy(&l->flow[i].busy);
    }
    free(l->plan.commands);
    free(l->wish.commands);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    pi0_notices_free(&l->w);
}

int pi0_demo_live(const demo_args *a)
{
    pi0_error err;
    live l = { .a = a, .running = true, .overlay = true };
    pthread_mutex_init(&l.lock, NULL);
    pthread_cond_init(&l.wake, NULL);
    for (int i = 0; i < LIVE_FLOWS; i++) pthread_mutex_init(&l.flow[i].busy, NULL);
    int status = load_flows(&l, &err);
    if (!status) status = make_room(&l, &err);
    if (!status) {
        pi0_live_new_scene(&l, 0);
        char text[80];
        pi0_live_say(&l, a->prompt ? a->prompt : sim_prompt(text, sizeof text, a->task, SIM_RED));
        pi0_interrupt_hold(true);
        status = pi0_live_other_start(&l, &err);
    }
    if (!status) status = serve(&l, &err);
    if (!status) status = run_world(&l, &err);
    const int code = status ? pi0_report(status, &err) : STATUS_OK;
    release(&l);
    return code;
}
