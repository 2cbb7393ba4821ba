/* SPDX-License-Identifier: Apache-2.0 */
/* infer_run.c - from inputs to actions. Values in the network's own units go through pi0_infer(),
 * a robot's through pi0_act(). */
#include "infer_run.h"
#include "observation_file.h"
#include <stdlib.h>
#include <string.h>

// a comparison repeats until so many runs or seconds: the first run of a process is never the best
#define COMPARE_RUNS 5
#define COMPARE_SECONDS 2.0

/* ---- one chunk ---- */

// chunk number k starts from the same noise on every backend
static const float *noise_of(infer_run *u, int chunk)
{
    const infer_inputs *x = &u->x;
    const size_t n = (size_t)u->main.made.horizon * (size_t)u->main.made.action_dim;
    if (x->noise) return x->noise + (x->noise_count ? (size_t)chunk * n : 0);
    pi0_noise(u->main.opt.seed, (uint64_t)chunk, u->noise, n);
    return u->noise;
}

// the network's f32 actions are widened, which loses nothing
static int run_network(infer_run *u, runner *r, const float *noise, double *actions, pi0_error *err)
{
    const int status = pi0_runner_infer(r, &u->x.in, noise, u->network, u->n, err);
    for (size_t i = 0; i < u->n && !status; i++) actions[i] = (double)u->network[i];
    return status;
}

static int run_once(infer_run *u, runner *r, const pi0_observation *obs, int chunk, double *actions,
                    pi0_error *err)
{
    const float *noise = noise_of(u, chunk);
    if (!u->result.policy) return run_network(u, r, noise, actions, err);
    return pi0_runner_act(r, obs, noise, actions, u->n, err);
}

// the fastest of a few runs, whose timing stays in r
static int run_often(infer_run *u, runner *r, const pi0_observation *obs, double *actions,
                     double *ms, pi0_error *err)
{
    pi0_timing best = { .total_ms = -1 };
    const double start = pi0_seconds();
    for (int i = 0; i < COMPARE_RUNS; i++) {
        const int status = run_once(u, r, obs, 0, actions, err);
        if (status) return status;
        if (best.total_ms < 0 || r->timing.total_ms < best.total_ms) best = r->timing;
        if (pi0_seconds() - start > COMPARE_SECONDS) break;
    }
    r->timing = best;
    *ms = best.total_ms;
    return PI0_OK;
}

static int compare(infer_run *u, const pi0_observation *obs, pi0_error *err)
{
    // the precision and instruction set that were asked for belong to the first backend
    run_options options = u->a->run;
    options.words = !u->a->raw;
    options.precision = "auto";
    options.cpu_mask = NULL;
    infer_comparison *c = &u->comparison;
    int status = run_often(u, &u->main, obs, u->actions, &c->ms, err);
    if (!status) status = pi0_runner_load(&u->other, &options, u->a->compare, &u->w, err);
    if (!status) status = pi0_runner_session(&u->other, u->main.made.horizon, err);
    if (!status) status = run_often(u, &u->other, obs, u->other_actions, &c->other_ms, err);
    if (status) return status;
    pi0_compare(c, u->actions, u->other_actions, u->n);
    c->other = &u->other;
    u->ms[0] = c->ms;
    u->result.comparison = c;
    return PI0_OK;
}

/* ---- observations from files ---- */

static int run_file(infer_run *u, int chunk, pi0_error *err)
{
    observation_file o;
    const char *path = u->x.files.path[chunk];
    int status = pi0_observation_file_read(&o, path, &u->policy, err);
    if (status) return status;
    pi0_observation_file_warn(&o, path, &u->w);
    if (u->a->compare) {
        status = compare(u, &o.in, err);
    } else {
        status = run_once(u, &u->main, &o.in, chunk, u->actions + (size_t)chunk * u->n, err);
        u->ms[chunk] = u->main.timing.total_ms;
    }
    pi0_observation_file_free(&o);
    if (status && status != PI0_ECANCELED) pi0_observation_name_error(err, path);
    return status;
}

static int run_arguments(infer_run *u, pi0_error *err)
{
    if (u->a->compare) return compare(u, &u->x.obs, err);
    const int status = run_once(u, &u->main, &u->x.obs, 0, u->actions, err);
    u->ms[0] = u->main.timing.total_ms;
    return status;
}

/* ---- preparing ---- */

// inputs of a robot need its policy; where there is none, the network's own units are left
static int find_policy(infer_run *u, pi0_error *err)
{
    const infer_args *a = u->a;
    if (a->raw || a->normalized) return PI0_OK;
    const int status = pi0_runner_policy(&u->main, &a->run, &u->policy, err);
    if (!status) u->result.policy = &u->policy;
    if (!status && !u->x.files.n && !a->state && u->policy.state_dim)
        return pi0_fail(err, PI0_EINVAL,
                        "no --state: this robot's has %d values; pi0 inspect says which",
                        u->policy.state_dim);
    if (pi0_runner_names_robot(&u->main, &a->run)) return status;
    return u->x.files.n ? status : PI0_OK;
}

static int make_buffers(infer_run *u, pi0_error *err)
{
    infer_result *x = &u->result;
    const pi0_session_info *made = &u->main.made;
    x->rows = made->horizon;
    x->cols = x->policy ? x->policy->n_actions : made->action_dim;
    u->n = (size_t)x->rows * (size_t)x->cols;
    const size_t network = (size_t)made->horizon * (size_t)made->action_dim;
    u->noise = malloc(network * sizeof *u->noise);
    u->network = malloc(network * sizeof *u->network);
    u->actions = calloc((size_t)x->count, u->n * sizeof *u->actions);
    u->other_actions = malloc(u->n * sizeof *u->other_actions);
    u->ms = calloc((size_t)x->count, sizeof *u->ms);
    if (!u->noise || !u->network || !u->actions || !u->other_actions || !u->ms)
        return pi0_fail(err, PI0_ENOMEM, "no memory for %zu actions", u->n);
    x->actions = u->actions;
    x->ms = u->ms;
    return PI0_OK;
}

static int prepare(infer_run *u, pi0_error *err)
{
    int horizon = 0;
    infer_result *x = &u->result;
    run_options options = u->a->run;
    int status = pi0_infer_inputs_read(&u->x, u->a, &u->w, err);
    if (status) return status;
    x->count = u->x.files.n ? u->x.files.n : 1;
    x->stacked = u->x.files.stacked;
    x->files = u->x.files.n ? u->x.files.path : NULL;
    if (x->count > 1 && (u->a->plot || u->a->compare))
        return pi0_fail(err, PI0_EINVAL, "%s takes one observation, and there are %d",
                        u->a->plot ? "--plot" : "--compare", x->count);
    options.words = !u->a->raw;
    status = pi0_runner_load(&u->main, &options, NULL, &u->w, err);
    if (!status) status = find_policy(u, err);
    if (!status) status = pi0_infer_horizon(&horizon, &u->x, &u->main.info, x->count, err);
    if (!status) status = pi0_runner_session(&u->main, horizon, err);
    return status ? status : make_buffers(u, err);
}

// pi0.5 sees the state in its prompt only, and tokens are a prompt already made
static void drop_raw_state(infer_run *u)
{
    if (!u->main.info.pi05 || !u->x.raw.n_state) return;
    pi0_notice(&u->w, "%s: the key state is not used by pi0.5: its tokens hold the state",
               u->a->raw);
    u->x.in.state = NULL;
    u->x.in.n_state = 0;
}

static int run_all(infer_run *u, pi0_error *err)
{
    int status = PI0_OK;
    for (int i = 0; i < u->result.count && !status; i++)
        status = u->x.files.n ? run_file(u, i, err) : run_arguments(u, err);
    return status;
}

// the same, with a trace of all runs on the first backend
static int run_traced(infer_run *u, pi0_error *err)
{
    int status =
        pi0_trace_new(&u->t, &u->main, u->a->compare ? COMPARE_RUNS : u->result.count, err);
    if (!status) status = pi0_trace_begin(&u->t, &u->main, err);
    if (status) return status;
    status = run_all(u, err);
    pi0_trace_end(&u->t, &u->main);
    return status ? status : pi0_trace_write(&u->t, &u->main, u->a->trace, err);
}

int pi0_infer_run(infer_run *u, const infer_args *a, pi0_error *err)
{
    *u = (infer_run){ .a = a };
    u->result.r = &u->main;
    u->result.warnings = &u->w;
    int status = prepare(u, err);
    if (status) return status;
    drop_raw_state(u);
    status = a->trace ? run_traced(u, err) : run_all(u, err);
    // what a comparison left there is the other's
    for (size_t i = 0; i < u->n && !status && !u->result.policy; i++)
        u->network[i] = (float)u->actions[i];
    return status;
}

void pi0_infer_run_free(infer_run *u)
{
    pi0_trace_free(&u->t);
    pi0_runner_free(&u->main);
    pi0_runner_free(&u->other);
    pi0_infer_inputs_free(&u->x);
    pi0_notices_free(&u->w);
    free(u->noise);
    free(u->network);
    free(u->actions);
    free(u->other_actions);
    free(u->ms);
}
