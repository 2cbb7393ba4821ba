/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_avx2.c - products in f32; weights stored as f32 or as bf16. */
#if defined(__x86_64__)
#include "cpu/vec_avx2.h"

// 12 of the 16 registers hold sums, 2 weights, 1 an element of x
#define GEMM_ROWS 6
#define GEMM_VECTORS 2

#include "cpu/kern_gemm_f32.h"

const gemm_kernel pi0_gemm_f32_avx2 = GEMM_F32("gemm_f32_avx2", CPU_AVX2);
const gemm_kernel pi0_gemm_bf16_avx2 = GEMM_BF16("gemm_bf16_avx2", CPU_AVX2);
#endif
