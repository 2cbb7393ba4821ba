/* SPDX-License-Identifier: Apache-2.0 */
/* backends.h - from an option's words to a backend. */
#ifndef PI0_BACKENDS_H
#define PI0_BACKENDS_H
#include "ops/ops.h"

typedef struct backend_choice {
    backend b;             // ops, gemm_type, impl; no threads, no memory
    const char *isa;       // instruction set of its kernels
    const char *precision; // "bf16" or "f32"
} backend_choice;

/* Choose by opt->backend, precision and cpu_mask. What is not there is PI0_EDEVICE, an unknown word
 * PI0_EINVAL, each with what could have been said; nothing is replaced in silence. */
int pi0_backend_choose(backend_choice *choice, const pi0_options *opt, pi0_error *err);
#endif
