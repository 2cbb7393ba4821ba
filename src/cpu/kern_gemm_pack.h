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

// VL columns from `col` on of VL rows from `row` on: t[i] is column col + i
VEC_INLINE void load_square(vf t[VL], const tensor_view *w, int row, int col, const dtype type)
{
    VEC_UNROLL
    for (int i = 0; i < VL; i++) {
        const char *p =
            (const char *)w->data + ((row + i) * w->row_stride + col) * (ptrdiff_t)dtype_size(type);
        // a file may align its values to bytes
        char values[VL * sizeof(float)] __attribute__((aligned(4)));
        memcpy(values, p, VL * dtype_size(type));
        t[i] = v_get(values, type, 0);
    }
    v_transpose(t);
}

VEC_INLINE void pack_squares(void *panel, int nr, int column, const tensor_view *w,
                             const pack_cut *c, const dtype from, const dtype to)
{
    vf t[VL];
    for (int j = 0; j < c->rows; j += VL)
        for (int k = 0; k < c->cols; k += VL) {
            load_square(t, w, j, k, from);
            VEC_UNROLL
            for (int i = 0; i < VL; i++) {
                const size_t at = (size_t)(k + i) * (size_t)nr + (size_t)(column + j);
                v_put((char *)panel + at * dtype_size(to), to, 0, t[i]);
            }
        }
}

VEC_INLINE void pack_as(void *panel, int nr, int column, int n, const tensor_view *w,
                        const dtype to,
                        void (*rest)(void *panel, int nr, int column, int n, const tensor_view *w))
{
    const pack_cut c = cut(w, n, VL);
    if (w->type == DTYPE_BF16)
        pack_squares(panel, nr, column, w, &c, DTYPE_BF16, to);
    else
        pack_squares(panel, nr, column, w, &c, DTYPE_F32, to);
    rest((char *)panel + (size_t)c.cols * (size_t)nr * dtype_size(to), nr, column, c.rows,
         &c.right);
    rest(panel, nr, column + c.rows, n - c.rows, &c.below);
}
#endif
