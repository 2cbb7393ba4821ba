/* SPDX-License-Identifier: Apache-2.0 */
/* kern_attention_c.c - attention in portable C: f32 sums of f32, or of bf16 widened on packing. */
#include "cpu/vec_c.h"

#define NV 2
#define MR 4
#define MR_HALF 2
#define LOGIT_TILES(X) X(1, 1) X(2, 1) X(4, 1) X(1, 2) X(2, 2) X(4, 2)
#define HALF_TILES(X) X(1, 0) X(2, 0) X(1, 1) X(2, 1) X(1, 2) X(2, 2)

#include "cpu/kern_attention_f32.h"

static const attention_kernel f32 = ATTENTION_KERNEL("attention_f32_c");
const struct attention_kernels pi0_attention_c = { &f32, &f32 };
