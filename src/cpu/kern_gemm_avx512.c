/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_avx512.c - products in f32; weights stored as f32 or as bf16. */
#if defined(__x86_64__)
#include "cpu/vec_avx512.h"

// 24 of the 32 registers hold sums, 4 weights, 1 an element of x
#define GEMM_ROWS 6
#define GEMM_VECTORS 4

#include "cpu/kern_gemm_f32.h"

const gemm_kernel pi0_gemm_f32_avx512 = GEMM_F32("gemm_f32_avx512", CPU_AVX512);
const gemm_kernel pi0_gemm_bf16_avx512 = GEMM_BF16("gemm_bf16_avx512", CPU_AVX512);
#endif
