/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_c.c - products in f32 in portable C; weights stored as f32 or as bf16. */
#include "cpu/vec_c.h"

// 8 of (at least) 16 registers hold sums, 4 weights, 1 an element of x, 1 a product
#define GEMM_ROWS 2
#define GEMM_VECTORS 4

#include "cpu/kern_gemm_f32.h"

const gemm_kernel pi0_gemm_f32_c = GEMM_F32("gemm_f32_c", CPU_C);
const gemm_kernel pi0_gemm_bf16_c = GEMM_BF16("gemm_bf16_c", CPU_C);
