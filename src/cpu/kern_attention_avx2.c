/* SPDX-License-Identifier: Apache-2.0 */
/* kern_attention_avx2.c - attention with AVX2 and FMA: f32 sums of f32, or of bf16 widened on
 * packing. */
#include "cpu/kern_attention.h"
#if defined(__x86_64__)
#include "cpu/vec_avx2.h"

#define NV 2
#define MR 6
#define MR_HALF 4
#define LOGIT_TILES(X) X(1, 1) X(2, 1) X(4, 1) X(6, 1) X(1, 2) X(2, 2) X(4, 2) X(6, 2)
#define HALF_TILES(X) X(1, 0) X(2, 0) X(4, 0) X(1, 1) X(2, 1) X(4, 1) X(1, 2) X(2, 2) X(4, 2)

#include "cpu/kern_attention_f32.h"

static const attention_kernel f32 = ATTENTION_KERNEL("attention_f32_avx2");
const struct attention_kernels pi0_attention_avx2 = { &f32, &f32 };
#endif
