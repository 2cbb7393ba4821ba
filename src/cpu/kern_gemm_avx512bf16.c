/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_avx512bf16.c - products of bf16 pairs with f32 sums (vdpbf16ps). */
#if defined(__x86_64__)
#include "cpu/vec_avx512.h"

// 24 of the 32 registers hold sums, 4 weights, 1 an element of x; between two groups of steps 8 are
// free, enough for a vector of GELU
#define GEMM_ROWS 6
#define GEMM_VECTORS 4
#define GEMM_DOT
#define GEMM_LATE

VEC_INLINE vf gemm_dot(vf c, vf x, vf w)
{
    return _mm512_dpbf16_ps(c, (__m512bh)x, (__m512bh)w);
}

#include "cpu/kern_gemm_body.h"
#include "cpu/kern_gemm_pack.h"

static void tile(const gemm_tile *t)
{
    tile_product(t, BF16_BF16);
}

const gemm_kernel pi0_gemm_bf16_avx512bf16 = {
    .name = "gemm_bf16_avx512bf16",
    .isa = CPU_AVX512BF16,
    .type = DTYPE_BF16,
    .x_type = DTYPE_BF16,
    .mr = GEMM_ROWS,
    .nr = GEMM_COLS,
    .k_step = 2,
    .tile = tile,
    .end = end_tile,
    .pack = pack_bf16,
    .pack_x = pi0_pack_row,
    .peak = peak_product,
};
#endif
