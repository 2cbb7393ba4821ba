/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_avx2.c - products in f32; weights stored as f32 or as bf16. */
#if defined(__x86_64__)
#include "cpu/vec_avx2.h"

// 12 of the 16 registers hold sums, 2 weights, 1 an element of x
#define GEMM_ROWS 6
#define GEMM_VECTORS 2

VEC_INLINE vf gemm_even(vf w)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(w), 16));
}

VEC_INLINE vf gemm_odd(vf w)
{
    const __m256i upper = _mm256_set1_epi32((int)0xffff0000u);
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(w), upper));
}

#include "cpu/kern_gemm_body.h"
#include "cpu/kern_gemm_f32.h"

const gemm_kernel pi0_gemm_f32_avx2 = GEMM_F32("gemm_f32_avx2", CPU_AVX2);
const gemm_kernel pi0_gemm_bf16_avx2 = GEMM_BF16("gemm_bf16_avx2", CPU_AVX2);
#endif
