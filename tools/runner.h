/* SPDX-License-Identifier: Apache-2.0 */
/* runner.h - a loaded model and a session of it, as the command runs them: warnings printed,
 * progress shown, Ctrl-C obeyed. */
#ifndef PI0_TOOLS_RUNNER_H
#define PI0_TOOLS_RUNNER_H
#include "run_options.h"
#include "terminal.h"

typedef struct runner {
    pi0_model *model;
    pi0_session *session;
    pi0_options opt;
    pi0_info info;         // of the model
    pi0_session_info made; // of the session
    pi0_timing timing;     // of the last inference
    double load_ms;
    char *tokenizer; // owner of opt.tokenizer, where that was found in a cache
} runner;

/* Load the model that the options name; backend NULL: the options'. Where the run has words, their
 * tokenizer is looked for in the caches of openpi and Hugging Face, too. Status of the library */
int pi0_runner_load(runner *r, const run_options *options, const char *backend, notices *w,
                    pi0_error *err);
// whether --config or the folder itself names the robot: openpi's folders don't
bool pi0_runner_names_robot(const runner *r, const run_options *options);
// the robot's policy; where nothing names the robot and the folder has none, PI0_EINVAL asks for it
int pi0_runner_policy(const runner *r, const run_options *options, pi0_policy_info *policy,
                      pi0_error *err);
// make the session; horizon: where no option asked for one; 0: the model's
int pi0_runner_session(runner *r, int horizon, pi0_error *err);
// one inference; PI0_ECANCELED after Ctrl-C
int pi0_runner_infer(runner *r, const pi0_inputs *in, const float *noise, float *actions,
                     size_t n_actions, pi0_error *err);
// one chunk of the robot's actions; PI0_ECANCELED after Ctrl-C
int pi0_runner_act(runner *r, const pi0_observation *obs, const float *noise, double *actions,
                   size_t n_actions, pi0_error *err);
void pi0_runner_free(runner *r);
#endif
