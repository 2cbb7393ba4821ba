/* SPDX-License-Identifier: Apache-2.0 */
/* serve_codec.h - the messages of openpi's policy server: what a client sends, and what it gets.
 * Source: openpi src/openpi/serving/websocket_policy_server.py. */
#ifndef PI0_TOOLS_SERVE_CODEC_H
#define PI0_TOOLS_SERVE_CODEC_H
#include "observation_file.h"
#include <msgpack.h>

// a request: an observation, and what a client may ask for besides
typedef struct serve_input {
    observation_file o;
    float *noise; // [rows][cols], NULL: none was given
    bool has_seed;
    uint64_t seed;
    int num_steps; // 0: not given
} serve_input;

/* Read a request. Its optional keys: noise, an array [rows,cols] of numbers; seed, an integer from
 * 0; num_steps, 1 to 1024. `data` must outlive *in, whose pictures point into it. On failure
 * nothing is left. PI0_EFORMAT, PI0_EUNSUPPORTED, PI0_EINVAL, PI0_ENOMEM: the message is fit for
 * the client. */
int pi0_serve_decode(serve_input *in, const void *data, size_t size, const pi0_policy_info *policy,
                     int rows, int cols, pi0_error *err);
void pi0_serve_input_free(serve_input *in);

typedef struct serve_output {
    const double *actions; // [rows][cols]
    int rows, cols;
    double policy_ms, server_ms; // the network; all of pi0_act()
    double queue_ms;             // waiting for its turn
    double previous_ms;          // < 0: there was no reply before
} serve_output;

// both write behind what *to holds. PI0_ENOMEM, PI0_EFORMAT
int pi0_serve_encode(msgpack_sbuffer *to, const serve_output *x, pi0_error *err);
int pi0_serve_encode_metadata(msgpack_sbuffer *to, const char *json, pi0_error *err);
#endif
