/* SPDX-License-Identifier: Apache-2.0 */
/* verify_job.c - from arguments to rows: two models, observations one after the other. */
#include "verify_job.h"
#include "observation_file.h"
#include "times.h"
#include "tokenizer_search.h"
#include "verify_inputs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_VIEWS 2
#define DEFAULT_HORIZON 50 // openpi's, where no config says it
#define MORE_TOKENS 16     // room behind any prompt, so that a longer one can come before it
#define TIMED_RUNS 20      // chunks timed for a report, at most
#define TIMED_SECONDS 15.0
#define MEASURED_MS 100.0 // of the machine's peak and bandwidth

/* ---- loading ---- */

// a made-up observation of a robot needs a sentence, the network alone does not
static bool wants_words(const verify_args *a)
{
    tokenizer_search s;
    if (a->against) return false;
    if (a->observations.n || a->run.config) return true;
    pi0_tokenizer_search(&s, a->run.model);
    return a->run.tokenizer || s.found[0];
}

// where there is none, made-up observations are the network's own
static int find_policy(verify_job *j, bool words, pi0_error *err)
{
    const verify_args *a = j->a;
    if (a->against) return PI0_OK;
    const int status = pi0_runner_policy(&j->fast, &a->run, &j->policy, err);
    if (status && !pi0_runner_names_robot(&j->fast, &a->run))
        return a->observations.n ? status : PI0_OK;
    if (!words) {
        pi0_notice(&j->w, "no tokenizer was found: the synthetic observations are tokens, and "
                          "there are no actions in the robot's units; give --tokenizer FILE");
        return PI0_OK;
    }
    j->has_policy = !status;
    return status;
}

static int start_session(verify_job *j, runner *r, pi0_error *err)
{
    const int longest = j->has_policy && j->policy.max_tokens > r->info.max_tokens
                            ? j->policy.max_tokens
                            : r->info.max_tokens;
    const int horizon = j->other          ? pi0_other_horizon(j->other)
                        : r->info.horizon ? 0
                        : j->has_policy   ? j->policy.horizon
                                          : DEFAULT_HORIZON;
    r->opt.max_tokens = longest + MORE_TOKENS;
    r->opt.max_images = j->a->views > r->info.n_cameras ? j->a->views : 0;
    return pi0_runner_session(r, horizon, err);
}

static int load(verify_job *j, pi0_error *err)
{
    const verify_args *a = j->a;
    run_options options = a->run;
    options.words = wants_words(a);
    int status = pi0_runner_load(&j->fast, &options, NULL, &j->w, err);
    if (!status && !strcmp(j->fast.info.backend, "reference"))
        status = pi0_fail(err, PI0_EDEVICE, "no accelerated backend runs on this machine");
    if (!status && a->against) status = pi0_other_open(&j->other, a->against, j->fast.model, err);
    if (!status) status = find_policy(j, options.words, err);
    if (!status) status = start_session(j, &j->fast, err);

    // precision and instruction set are the accelerated flow's
    options.precision = "auto";
    options.cpu_mask = NULL;
    if (!status) status = pi0_runner_load(&j->slow, &options, "reference", &j->w, err);
    return status ? status : start_session(j, &j->slow, err);
}

/* ---- running ---- */

static void show(void *user, double part)
{
    pi0_progress_set(user, part);
}

static int run_one(verify_job *j, const verify_inputs *in, int k, int n, pi0_error *err)
{
    char what[64];
    snprintf(what, sizeof what, n > 1 ? "observation %d of %d, both flows" : "both flows", k + 1,
             n);
    progress *line = pi0_progress_start(what);
    j->v.progress = show;
    j->v.user = line;
    const int status = pi0_verify_run(&j->v, j->slow.session, j->fast.session, in, err);
    pi0_progress_stop(line);
    j->v.progress = NULL;
    return status;
}

// a chunk without taps
static int infer_once(verify_job *j, const verify_inputs *in, pi0_error *err)
{
    const pi0_session_info *made = &j->fast.made;
    const size_t rows = (size_t)made->horizon;
    const size_t n = j->has_policy ? (size_t)j->policy.n_actions : 1;
    float *actions = malloc(rows * (size_t)made->action_dim * sizeof *actions);
    double *robot = malloc(rows * n * sizeof *robot);
    const int status = actions && robot
                           ? pi0_verify_infer(&j->v, j->fast.session, in, actions, robot, err)
                           : pi0_fail(err, PI0_ENOMEM, "no memory for actions");
    free(actions);
    free(robot);
    // one that is not finite is a row that failed
    return status == PI0_ENUMERIC ? PI0_OK : status;
}

// what it costs without taps; a report shows the spread
static int time_chunks(verify_job *j, const verify_inputs *in, pi0_error *err)
{
    const int most = j->a->report ? TIMED_RUNS : 2;
    const double start = pi0_seconds();
    int status = PI0_OK;
    if (!(j->ms = malloc((size_t)most * sizeof *j->ms)))
        return pi0_fail(err, PI0_ENOMEM, "no memory for times");
    while (!status && j->n_ms < most && (!j->n_ms || pi0_seconds() - start < TIMED_SECONDS)) {
        status = infer_once(j, in, err);
        pi0_session_timing(j->fast.session, &j->fast.timing);
        if (!status) j->ms[j->n_ms++] = j->fast.timing.total_ms;
    }
    return status;
}

// a traced chunk, beside what this machine can do at most
static int trace_chunk(verify_job *j, const verify_inputs *in, pi0_error *err)
{
    trace t = { .n = 0 };
    int status = pi0_measure_peak(j->fast.session, MEASURED_MS, &j->peak, err);
    if (!status) status = pi0_measure_bandwidth(j->fast.session, MEASURED_MS, &j->bandwidth, err);
    if (!status) status = pi0_trace_new(&t, &j->fast, 1, err);
    if (!status) status = pi0_trace_begin(&t, &j->fast, err);
    if (!status) {
        status = infer_once(j, in, err);
        pi0_trace_end(&t, &j->fast);
    }
    if (!status) status = pi0_op_table_new(&j->ops, &t, j->peak, j->bandwidth, err);
    pi0_trace_free(&t);
    return status;
}

static int run_inputs(verify_job *j, const verify_inputs *in, int k, int n, pi0_error *err)
{
    int status = run_one(j, in, k, n, err);
    if (k || !pi0_verify_wants(&j->v, PART_ACTIONS)) return status;
    if (!status) status = time_chunks(j, in, err);
    return status || !j->a->report ? status : trace_chunk(j, in, err);
}

static int run_file(verify_job *j, int k, pi0_error *err)
{
    observation_file o;
    const char *path = j->files.path[k];
    int status = pi0_observation_file_read(&o, path, &j->policy, err);
    if (status) return status;
    pi0_observation_file_warn(&o, path, &j->w);
    status = run_inputs(j, &(verify_inputs){ .obs = &o.in }, k, j->files.n, err);
    pi0_observation_file_free(&o);
    if (status && status != PI0_ECANCELED) pi0_observation_name_error(err, path);
    return status;
}

static int run_synthetic(verify_job *j, int k, pi0_error *err)
{
    synthetic x;
    const verify_args *a = j->a;
    const int views = a->views ? a->views : DEFAULT_VIEWS;
    const pi0_policy_info *policy = j->has_policy ? &j->policy : NULL;
    int status = pi0_synthetic_make(&x, &j->fast.info, policy, views, k, err);
    if (status) return status;
    const verify_inputs in = { .obs = policy ? &x.obs : NULL, .in = &x.in };
    status = run_inputs(j, &in, k, a->synthetic, err);
    pi0_synthetic_free(&x);
    return status;
}

static int run_all(verify_job *j, pi0_error *err)
{
    const verify_args *a = j->a;
    int status = PI0_OK;
    if (a->against) {
        snprintf(j->what, sizeof j->what, "inputs and tensors of %.150s", a->against);
        return run_inputs(j, pi0_other_inputs(j->other), 0, 1, err);
    }
    const int n = j->files.n ? j->files.n : a->synthetic;
    snprintf(j->what, sizeof j->what, "%d %sobservation%s", n, j->files.n ? "" : "synthetic ",
             n == 1 ? "" : "s");
    for (int k = 0; k < n && !status; k++)
        status = j->files.n ? run_file(j, k, err) : run_synthetic(j, k, err);
    return status;
}

int pi0_verify_job_run(verify_job *j, const verify_args *a, pi0_error *err)
{
    *j = (verify_job){ .a = a };
    int status =
        a->observations.n ? pi0_observation_list_make(&j->files, &a->observations, err) : PI0_OK;
    if (!status) status = load(j, err);
    if (!status)
        status = pi0_verify_init(&j->v, j->fast.model, j->has_policy ? &j->policy : NULL,
                                 a->modules, err);
    if (status) return status;
    j->v.seed = a->run.seed.value;
    j->v.other = j->other;
    status = run_all(j, err);
    if (!status && pi0_verify_wants(&j->v, PART_ACTIONS))
        status = pi0_coverage_count(&j->share, &j->fast, j->v.n_images, j->v.n_tokens, err);
    if (j->n_ms) pi0_times_sort(j->ms, (size_t)j->n_ms);
    return status;
}

void pi0_verify_job_free(verify_job *j)
{
    pi0_verify_free(&j->v);
    pi0_other_free(j->other);
    pi0_runner_free(&j->slow);
    pi0_runner_free(&j->fast);
    pi0_observation_list_free(&j->files);
    pi0_notices_free(&j->w);
    free(j->ms);
    pi0_op_table_free(&j->ops);
}
