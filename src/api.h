/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - what a pi0_model and a pi0_session hold. */
#ifndef PI0_API_H
#define PI0_API_H
#include "backends.h"
#include "core/log.h"
#include "model/run.h"
#include "model/weights.h"
#include "policy/image.h"
#include "policy/prompt.h"

struct pi0_model {
    safetensors files;
    checkpoint_config config;
    tensor_source source;
    network net;
    weight_block weights;
    backend_choice backend;
    warning_list warnings;
    tokenizer *words;  // NULL: none was found
    char *searched;    // where a tokenizer was looked for, for the message
    run_limits limits; // of the options and the config; horizon 0: not known
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
    image_scratch scratch;

    uint64_t seed, chunk; // noise drawn: stream number `chunk`
    bool observed;
    pi0_timing timing;
};

// limits of a session: options over the model's
int pi0_session_limits(run_limits *limits, const pi0_model *m, const pi0_options *opt,
                       pi0_error *err);
#endif
