/* SPDX-License-Identifier: Apache-2.0 */
/* kern_attention_avx512.c - attention with AVX-512: f32 sums of f32, or of bf16 widened on
 * packing. */
#include "cpu/kern_attention.h"
#if defined(__x86_64__)
#include "cpu/vec_avx512.h"

#include "cpu/kern_attention_512.h"

#include "cpu/kern_attention_f32.h"

const attention_kernel pi0_attention_f32_avx512 = ATTENTION_KERNEL("attention_f32_avx512");
const struct attention_kernels pi0_attention_avx512 = { &pi0_attention_f32_avx512,
                                                        &pi0_attention_f32_avx512 };
#endif
