/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_avx512bf16.c - products of bf16 pairs with f32 sums (vdpbf16ps). */
#if defined(__x86_64__)
#include "cpu/vec_avx512.h"

// 24 of the 32 registers hold sums, 4 weights, 1 an element of x
#define GEMM_ROWS 6
#define GEMM_VECTORS 4
#define GEMM_DOT

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

// t[i]: pair i of 16 pairs of columns from `col` on, of 16 rows from `row` on
VEC_INLINE void load_pairs(vf t[VL], const tensor_view *w, int row, int col, const dtype type)
{
    VEC_UNROLL
    for (int i = 0; i < VL; i++) {
        const char *p =
            (const char *)w->data + ((row + i) * w->row_stride + col) * (ptrdiff_t)dtype_size(type);
        if (type == DTYPE_BF16) {
            t[i] = _mm512_loadu_ps(p);
            continue;
        }
        const __m512i lower = _mm512_castsi256_si512(v_narrow(_mm512_loadu_ps(p)));
        const __m256i upper = v_narrow(_mm512_loadu_ps(p + sizeof(vf)));
        t[i] = _mm512_castsi512_ps(_mm512_inserti64x4(lower, upper, 1));
    }
    v_transpose(t);
}

VEC_INLINE void pack_pair_squares(float *panel, int nr, const tensor_view *w, const pack_cut *c,
                                  const dtype type)
{
    vf t[VL];
    for (int j = 0; j < c->rows; j += VL)
        for (int k = 0; k < c->cols; k += 2 * VL) {
            load_pairs(t, w, j, k, type);
            VEC_UNROLL
            for (int i = 0; i < VL; i++)
                v_store(panel + (size_t)(k / 2 + i) * (size_t)nr + (size_t)j, t[i]);
        }
}

static void pack_pairs(void *panel, int nr, int column, int n, const tensor_view *w)
{
    const pack_cut c = cut(w, n, 2 * VL);
    float *quanta = panel;
    if (w->type == DTYPE_BF16)
        pack_pair_squares(quanta + column, nr, w, &c, DTYPE_BF16);
    else
        pack_pair_squares(quanta + column, nr, w, &c, DTYPE_F32);
    pi0_pack_bf16_pairs(quanta + (size_t)(c.cols / 2) * (size_t)nr, nr, column, c.rows, &c.right);
    pi0_pack_bf16_pairs(panel, nr, column + c.rows, n - c.rows, &c.below);
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
    .pack = pack_pairs,
    .pack_x = pi0_pack_row,
    .peak = peak_product,
};
#endif
