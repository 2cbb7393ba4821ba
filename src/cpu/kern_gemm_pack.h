/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_pack.h - packing of contiguous f32 and bf16 rows, square by square, in the words of
 * vec_<isa>.h. What is left over, and every other stored form, goes through pack.c. */
#ifndef PI0_KERN_GEMM_PACK_H
#define PI0_KERN_GEMM_PACK_H
#include "cpu/pack.h"

// what a packer of pack.h does with a matrix cut in three: whole squares, right of them, below
typedef struct pack_cut {
    int rows, cols; // of the whole squares
    tensor_view right, below;
} pack_cut;

VEC_INLINE pack_cut cut(const tensor_view *w, int n, int square_cols)
{
    const bool contiguous = (w->type == DTYPE_F32 || w->type == DTYPE_BF16) && w->col_stride == 1;
    const int rows = n < w->rows ? n : w->rows;
    pack_cut c = { contiguous ? rows / VL * VL : 0, w->cols / square_cols * square_cols, *w, *w };
    const char *data = w->data;
    c.right.rows = c.rows;
    c.right.cols -= c.cols;
    c.right.data = data + (size_t)c.cols * dtype_size(w->type);
    c.below.rows -= c.rows;
    c.below.data = data + c.rows * w->row_stride * (ptrdiff_t)dtype_size(w->type);
    return c;
}

// values of a row in 32 bits of a panel: one f32, or a pair of bf16
VEC_INLINE int values_of(const dtype to)
{
    return to == DTYPE_BF16 ? 2 : 1;
}

// VL quanta from column `col` on of VL rows from `row` on: t[i] is the i-th quantum of all rows
VEC_INLINE void load_square(vf t[VL], const tensor_view *w, int row, int col, const dtype from,
                            const dtype to)
{
    VEC_UNROLL
    for (int i = 0; i < VL; i++) {
        const char *p =
            (const char *)w->data + ((row + i) * w->row_stride + col) * (ptrdiff_t)dtype_size(from);
        // a file may align its values to bytes
        float values[2 * VL];
        memcpy(values, p, (size_t)(VL * values_of(to)) * dtype_size(from));
        if (to == DTYPE_F32)
            t[i] = v_get(values, from, 0);
        else
            t[i] = from == DTYPE_BF16 ? v_load(values) : v_pairs(values);
    }
    v_transpose(t);
}

VEC_INLINE void pack_squares(float *quanta, int nr, const tensor_view *w, const pack_cut *c,
                             const dtype from, const dtype to)
{
    vf t[VL];
    for (int j = 0; j < c->rows; j += VL)
        for (int k = 0; k < c->cols; k += VL * values_of(to)) {
            load_square(t, w, j, k, from, to);
            VEC_UNROLL
            for (int i = 0; i < VL; i++)
                v_store(quanta + (size_t)(k / values_of(to) + i) * (size_t)nr + (size_t)j, t[i]);
        }
}

VEC_INLINE void pack_as(void *panel, int nr, int column, int n, const tensor_view *w,
                        const dtype to)
{
    void (*rest)(void *, int, int, int, const tensor_view *) =
        to == DTYPE_BF16 ? pi0_pack_bf16 : pi0_pack_f32;
    const pack_cut c = cut(w, n, VL * values_of(to));
    float *quanta = panel;
    if (w->type == DTYPE_BF16)
        pack_squares(quanta + column, nr, w, &c, DTYPE_BF16, to);
    else
        pack_squares(quanta + column, nr, w, &c, DTYPE_F32, to);
    rest(quanta + (size_t)(c.cols / values_of(to)) * (size_t)nr, nr, column, c.rows, &c.right);
    rest(panel, nr, column + c.rows, n - c.rows, &c.below);
}

// the packers of kern.h
VEC_INLINE void pack_f32(void *panel, int nr, int column, int n, const tensor_view *w)
{
    pack_as(panel, nr, column, n, w, DTYPE_F32);
}

VEC_INLINE void pack_bf16(void *panel, int nr, int column, int n, const tensor_view *w)
{
    pack_as(panel, nr, column, n, w, DTYPE_BF16);
}
#endif
