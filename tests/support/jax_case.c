/* SPDX-License-Identifier: Apache-2.0 */
/* jax_case.c - read a golden case of openpi's JAX model, and run a model on its inputs. */
#include "support/jax_case.h"
#include "support/network_case.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const jax_names[N_JAX_CASES] = {
    "openpi_jax/jax_pi0",
    "openpi_jax/jax_pi0_bf16_chunked",
    "openpi_jax/jax_pi05",
    "openpi_jax/jax_pi05_bf16_chunked",
};

static const void *data_of(const jax_case *c, const char *name, dtype type, size_t bytes)
{
    const st_tensor *t = pi0_safetensors_find(&c->expected, name);
    if (!t || t->type != type || t->bytes < bytes) {
        fprintf(stderr, "%s: no tensor %s\n", c->name, name);
        abort();
    }
    return t->data;
}

void jax_case_open(jax_case *c, const char *name)
{
    char path[600];
    pi0_error err;
    float state[32];
    const size_t rgb = (size_t)224 * 224 * 3;
    *c = (jax_case){ .name = name };
    snprintf(c->dir, sizeof c->dir, "%s/%s", PI0_TEST_DATA, name);
    snprintf(path, sizeof path, "%s/expected.safetensors", c->dir);
    must(pi0_safetensors_open(&c->expected, path, &err), &err);
    // whole steps of a training run, or the arrays alone
    snprintf(c->model, sizeof c->model, "%s%s", c->dir, strstr(name, "chunked") ? "" : "/1");
    const uint8_t *images = data_of(c, "images", DTYPE_U8, 2 * rgb);
    for (int i = 0; i < 2; i++)
        c->images[i] = (pi0_image){ .rgb = images + (size_t)i * rgb, .width = 224, .height = 224 };
    const st_tensor *t = pi0_safetensors_find(&c->expected, "tokens");
    const char *ids = data_of(c, "tokens", DTYPE_I64, 8);
    for (; c->in.n_tokens < (int)(t->bytes / 8); c->in.n_tokens++) {
        int64_t id;
        memcpy(&id, ids + (size_t)c->in.n_tokens * 8, sizeof id);
        c->tokens[c->in.n_tokens] = (int32_t)id;
    }
    memcpy(state, data_of(c, "state", DTYPE_F32, sizeof state), sizeof state);
    for (int i = 0; i < 32; i++) c->state[i] = (double)state[i];
    c->noise = data_of(c, "noise", DTYPE_F32, sizeof(float) * JAX_HORIZON * 32);
    c->actions = data_of(c, "actions", DTYPE_F32, sizeof(float) * JAX_HORIZON * 32);
    c->in.images = c->images;
    c->in.n_images = 2;
    c->in.tokens = c->tokens;
    c->in.state = c->state;
    c->in.n_state = 32;
}

void jax_case_close(jax_case *c)
{
    pi0_safetensors_close(&c->expected);
}

void jax_case_run(const jax_case *c, const char *path, const char *backend, const char *precision,
                  float actions[JAX_HORIZON * 32])
{
    pi0_error err;
    pi0_options opt;
    pi0_model *m = NULL;
    pi0_session *s = NULL;
    pi0_default_options(&opt);
    if (backend) opt.backend = backend;
    if (precision) opt.precision = precision;
    opt.horizon = JAX_HORIZON;
    opt.n_threads = 2;
    must(pi0_load(&m, path, &opt, &err), &err);
    must(pi0_session_create(&s, m, &opt, &err), &err);
    must(pi0_infer(s, &c->in, c->noise, actions, JAX_HORIZON * 32, &err), &err);
    pi0_session_free(s);
    pi0_free(m);
}
