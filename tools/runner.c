/* SPDX-License-Identifier: Apache-2.0 */
/* runner.c - loading, running and freeing a model for a subcommand. */
#include "runner.h"
#include "data/checkpoint.h"
#include "data/config.h"
#include "fail.h"
#include "tokenizer_search.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// a checkpoint that cannot be opened and a config that is not known are told rather than a
// tokenizer that is missing beside them
static int find_tokenizer(runner *r, const run_options *options, pi0_error *err)
{
    tokenizer_search s;
    checkpoint cp;
    pi0_tokenizer_search(&s, options->model);
    if (!s.found[0]) {
        pi0_policy_info robot;
        int status = pi0_checkpoint_open(&cp, options->model, err);
        if (!status) pi0_checkpoint_close(&cp);
        if (!status && options->config && !pi0_config_is_file(options->config))
            status = pi0_config_info(options->config, &robot, err);
        if (status) return status;
        return pi0_tokenizer_not_found(&s, err);
    }
    r->tokenizer = strdup(s.found);
    if (!r->tokenizer) return pi0_fail(err, PI0_ENOMEM, "no memory for a path");
    r->opt.tokenizer = r->tokenizer;
    return PI0_OK;
}

int pi0_runner_load(runner *r, const run_options *options, const char *backend, notices *w,
                    pi0_error *err)
{
    char what[300];
    *r = (runner){ .model = NULL };
    pi0_run_options_library(&r->opt, options);
    if (backend) r->opt.backend = backend;
    r->opt.log = pi0_notice_log;
    r->opt.log_user = w;
    if (options->words && !options->tokenizer) {
        const int missing = find_tokenizer(r, options, err);
        if (missing) return missing;
    }

    snprintf(what, sizeof what, "loading %s", options->model);
    const double start = pi0_seconds();
    progress *line = pi0_progress_start(what);
    const int status = pi0_load(&r->model, options->model, &r->opt, err);
    pi0_progress_stop(line);
    if (status) return status;
    r->load_ms = 1e3 * (pi0_seconds() - start);
    pi0_model_info(r->model, &r->info);
    for (int i = 0; i < r->info.n_warnings; i++)
        pi0_notice(w, "%s", pi0_model_warning(r->model, i));
    return PI0_OK;
}

bool pi0_runner_names_robot(const runner *r, const run_options *options)
{
    return options->config || !strcmp(r->info.layout, "lerobot");
}

int pi0_runner_policy(const runner *r, const run_options *options, pi0_policy_info *policy,
                      pi0_error *err)
{
    const int status = pi0_model_policy(r->model, policy, err);
    // a folder that pi0 converted has a policy and needs no name
    if (!status || pi0_runner_names_robot(r, options)) return status;
    return pi0_fail(err, PI0_EINVAL,
                    "%s: an openpi checkpoint does not say for which robot it was trained: "
                    "give --config NAME (pi0 configs lists them) or --config FILE.json",
                    options->model);
}

int pi0_runner_session(runner *r, int horizon, pi0_error *err)
{
    // one that was asked for stays, so that the library sees a contradiction
    if (!r->opt.horizon) r->opt.horizon = horizon;
    progress *line = pi0_progress_start("preparing");
    const int status = pi0_session_create(&r->session, r->model, &r->opt, err);
    pi0_progress_stop(line);
    if (!status) pi0_session_get_info(r->session, &r->made);
    return status;
}

// a run of the session begins: the line that says so
static progress *begin(const runner *r, char what[64])
{
    snprintf(what, 64, "running (%s)", r->info.backend);
    progress *line = pi0_progress_start(what);
    pi0_interrupt_session(r->session);
    return line;
}

static int end(runner *r, progress *line, int status)
{
    pi0_interrupt_session(NULL);
    pi0_progress_stop(line);
    pi0_session_timing(r->session, &r->timing);
    // an interrupt that came before the call began, or after its last layer
    return !status && pi0_interrupted() ? PI0_ECANCELED : status;
}

int pi0_runner_infer(runner *r, const pi0_inputs *in, const float *noise, float *actions,
                     size_t n_actions, pi0_error *err)
{
    char what[64];
    progress *line = begin(r, what);
    return end(r, line, pi0_infer(r->session, in, noise, actions, n_actions, err));
}

int pi0_runner_act(runner *r, const pi0_observation *obs, const float *noise, double *actions,
                   size_t n_actions, pi0_error *err)
{
    char what[64];
    progress *line = begin(r, what);
    return end(r, line, pi0_act(r->session, obs, noise, actions, n_actions, err));
}

void pi0_runner_free(runner *r)
{
    pi0_session_free(r->session);
    pi0_free(r->model);
    free(r->tokenizer);
    *r = (runner){ .model = NULL };
}
