/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - what a pi0_model and a pi0_session hold. */
#ifndef PI0_API_H
#define PI0_API_H
#include "backends.h"
#include "core/log.h"
#include "model/run.h"
#include "model/weights.h"
#include "ops/plan.h"
#include "ops/profile.h"
#include "policy/image.h"
#include "policy/policy.h"
#include "policy/prompt.h"

struct pi0_model {
    checkpoint files;
    checkpoint_config config;
    tensor_source source;
    network net;
    weight_block weights;
    backend_choice backend;
    warning_list warnings;
    tokenizer *words;    // NULL: none was found
    char *searched;      // where a tokenizer was looked for, for the message
    run_limits limits;   // of the options and the config; horizon 0: not known
    policy *policy;      // NULL: none,
    pi0_error no_policy; // and why
    logger log;
};

struct pi0_session {
    const pi0_model *model;
    backend b; // the model's, with threads and memory of its own
    run r;
    atomic_int cancel;
    void *block;
    size_t block_bytes;

    // on the host
    void *host;          // owner of the buffers below
    float *times;        // [num_steps]
    uint8_t *rgb;        // [max_images][size][size][3]: resized pictures
    float *pixels;       // [max_images][3][size][size]: the same of LeRobot's route
    tensor_view *images; // [max_images]
    int32_t *tokens;     // [max_tokens]
    float *state;        // [state_dim]
    float *noise;        // [H][32]
    float *actions;      // [H][32]
    image_scratch scratch, converted;

    // the robot's side; NULL until it is used
    struct acting *acting;
    int n_action_steps;

    uint64_t seed, chunk; // noise drawn: stream number `chunk`
    bool observed;
    pi0_timing timing;
    profiler profile; // of a trace that runs
};

// every number of the options in its range; PI0_EINVAL names it
int pi0_check_options(const pi0_options *opt, pi0_error *err);

// limits of a session: options over the model's
int pi0_session_limits(run_limits *limits, const pi0_model *m, const pi0_options *opt,
                       pi0_error *err);

// forget a cancel that came before a public call
void pi0_session_start(pi0_session *s);
// observe and denoise of a call that has started
int pi0_session_infer(pi0_session *s, const pi0_inputs *in, const float *noise, float *actions,
                      size_t n_actions, pi0_error *err);

// the robot's side of a session
void pi0_acting_free(struct acting *a);

// tokens of a prompt in a format of its own, with the model's tokenizer
int pi0_model_tokens(const pi0_model *m, enum prompt_format format, const char *prompt,
                     const double *state, int n_state, int max_tokens, int32_t *ids, int *n_ids,
                     bool *cut, pi0_error *err);

// the same in the format of the network-level calls; a cut prompt is logged
int pi0_network_tokens(const pi0_model *m, const char *prompt, const double *state, int n_state,
                       int max_tokens, int32_t *ids, int *n_ids, pi0_error *err);
#endif
