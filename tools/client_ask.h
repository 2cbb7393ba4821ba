/* SPDX-License-Identifier: Apache-2.0 */
/* client_ask.h - what `pi0 client` was asked for, and asking the server. */
#ifndef PI0_TOOLS_CLIENT_ASK_H
#define PI0_TOOLS_CLIENT_ASK_H
#include "data/npy.h"
#include "observation_file.h"
#include "options.h"
#include "pi0_client.h"

typedef struct client_args {
    const char *url, *key_file, *observation, *image_axes, *noise, *out;
    int connect_timeout, timeout_ms, steps, repeat, columns;
    option_seed seed;
    bool json;
} client_args;

typedef struct client_run {
    pi0_client *client;
    char *packed; // [n_packed] FILE.msgpack
    size_t n_packed;
    observation_file o; // FILE.json
    npy_array noise;
    pi0_client_request request;
    double *actions;           // of the last reply
    pi0_client_reply *replies; // [repeat]
} client_run;

// connect, ask as often as wanted; free *u whatever comes back
int pi0_client_ask(client_run *u, const client_args *a, pi0_error *err);
void pi0_client_ask_free(client_run *u);
#endif
