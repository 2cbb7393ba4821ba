/* SPDX-License-Identifier: Apache-2.0 */
/* client_ask.c - reads an observation, connects to a policy server and asks it. */
#include "client_ask.h"
#include "fail.h"
#include "serve/serve_key.h"
#include <stdlib.h>

#define MAX_FILE_BYTES ((size_t)1 << 30)
#define MAX_ACTIONS ((size_t)1 << 20) // numbers in a reply

static int read_noise(client_run *u, const char *path, pi0_error *err)
{
    const int status = pi0_npy_read(&u->noise, path, err);
    if (status) return status;
    if (u->noise.n_dims != 2 || u->noise.dims[0] < 1 || u->noise.dims[0] > INT32_MAX ||
        u->noise.dims[1] < 1 || u->noise.dims[1] > INT32_MAX)
        return pi0_fail(err, PI0_EFORMAT, "%s: expected noise of two dimensions [horizon,32]",
                        path);
    u->request.noise = u->noise.data;
    u->request.noise_rows = (int)u->noise.dims[0];
    u->request.noise_cols = (int)u->noise.dims[1];
    return PI0_OK;
}

static int read_inputs(client_run *u, const client_args *a, pi0_error *err)
{
    u->request = (pi0_client_request){ .timeout_ms = a->timeout_ms,
                                       .has_seed = a->seed.given,
                                       .seed = a->seed.value,
                                       .num_steps = a->steps };
    const int status = a->noise ? read_noise(u, a->noise, err) : PI0_OK;
    if (status) return status;
    if (pi0_observation_file_kind(a->observation) != 'm')
        return pi0_observation_file_read(&u->o, a->observation, NULL, err);
    return pi0_file_read(&u->packed, &u->n_packed, a->observation, MAX_FILE_BYTES, err);
}

static int connect_to(client_run *u, const client_args *a, pi0_error *err)
{
    char *key = NULL;
    bool open_to_others;
    pi0_client_options opt;
    pi0_client_default_options(&opt);
    opt.connect_timeout_ms = 1000 * a->connect_timeout;
    opt.image_axes = a->image_axes;
    int status = a->key_file ? pi0_serve_key_read(&key, &open_to_others, a->key_file, err) : PI0_OK;
    if (status) return status;
    opt.api_key = key;
    progress *p = pi0_progress_start("waiting for the server");
    status = pi0_client_connect(&u->client, a->url, &opt, err);
    pi0_progress_stop(p);
    free(key);
    if (status != PI0_ETIMEOUT) return status;
    const pi0_error late = *err;
    return pi0_fail(err, status,
                    "%s; does a server run there? pi0 serve without --host answers its own machine "
                    "alone",
                    late.message);
}

static int ask_once(client_run *u, pi0_client_reply *reply, pi0_error *err)
{
    if (u->packed)
        return pi0_client_infer_packed(u->client, u->packed, u->n_packed, &u->request, u->actions,
                                       MAX_ACTIONS, reply, err);
    return pi0_client_infer(u->client, &u->o.in, &u->request, u->actions, MAX_ACTIONS, reply, err);
}

static int ask_all(client_run *u, const client_args *a, pi0_error *err)
{
    int status = PI0_OK;
    progress *p = pi0_progress_start("asking");
    for (int i = 0; i < a->repeat && !status; i++) {
        status = ask_once(u, &u->replies[i], err);
        if (a->repeat > 1) pi0_progress_set(p, (i + 1.0) / a->repeat);
    }
    pi0_progress_stop(p);
    return status;
}

int pi0_client_ask(client_run *u, const client_args *a, pi0_error *err)
{
    *u = (client_run){ .client = NULL };
    int status = read_inputs(u, a, err);
    if (status) return status;
    u->actions = malloc(MAX_ACTIONS * sizeof *u->actions);
    u->replies = calloc((size_t)a->repeat, sizeof *u->replies);
    if (!u->actions || !u->replies) return pi0_fail(err, PI0_ENOMEM, "no memory for replies");
    status = connect_to(u, a, err);
    return status ? status : ask_all(u, a, err);
}

void pi0_client_ask_free(client_run *u)
{
    pi0_client_close(u->client);
    free(u->packed);
    pi0_observation_file_free(&u->o);
    pi0_npy_free(&u->noise);
    free(u->actions);
    free(u->replies);
}
