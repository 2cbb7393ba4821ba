/* SPDX-License-Identifier: Apache-2.0 */
/* jax_case.h - a golden case of openpi's JAX model: an Orbax checkpoint, inputs, its actions. */
#ifndef TEST_JAX_CASE_H
#define TEST_JAX_CASE_H
#include "data/safetensors.h"
#include "pi0.h"

enum { N_JAX_CASES = 4, JAX_HORIZON = 16 };
extern const char *const jax_names[N_JAX_CASES];

typedef struct jax_case {
    const char *name;
    char dir[512];   // of the case
    char model[600]; // its checkpoint: "<dir>/1", or dir itself
    safetensors expected;
    pi0_inputs in;
    pi0_image images[2];
    int32_t tokens[64];
    double state[32];
    const float *noise, *actions; // [JAX_HORIZON][32]
} jax_case;

void jax_case_open(jax_case *c, const char *name);
void jax_case_close(jax_case *c);

// actions of a checkpoint at `path`; backend and precision NULL: the default
void jax_case_run(const jax_case *c, const char *path, const char *backend, const char *precision,
                  float actions[JAX_HORIZON * 32]);
#endif
