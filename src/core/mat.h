/* SPDX-License-Identifier: Apache-2.0 */
/* mat.h - a 2-D view of memory that a backend owns. Passed by value; owns nothing.
 * Host code outside the backends may do arithmetic on `p`, but never look behind it. */
#ifndef PI0_MAT_H
#define PI0_MAT_H
#include "core/dtype.h"
#include <assert.h>
#include <stdbool.h>

typedef struct mat {
    void *p;
    int rows, cols, ld; // ld: elements from one row to the next
    dtype type;
} mat;

// an operand that is not there (a linear layer without bias, a residual without gate)
#define MAT_NONE ((mat){ NULL, 0, 0, 0, DTYPE_F32 })

static inline bool mat_is_none(mat a)
{
    return a.rows == 0;
}

static inline mat mat_make(void *p, int rows, int cols, dtype type)
{
    return (mat){ p, rows, cols, cols, type };
}

// bytes of rows * cols elements, packed
static inline size_t mat_bytes(mat a)
{
    return (size_t)a.rows * (size_t)a.cols * dtype_size(a.type);
}

static inline void *mat_row(mat a, int row)
{
    return (char *)a.p + (size_t)row * (size_t)a.ld * dtype_size(a.type);
}

static inline mat mat_rows(mat a, int first, int n)
{
    assert(first >= 0 && n >= 0 && first + n <= a.rows);
    return (mat){ a.p ? mat_row(a, first) : NULL, n, a.cols, a.ld, a.type };
}

static inline mat mat_cols(mat a, int first, int n)
{
    assert(first >= 0 && n >= 0 && first + n <= a.cols);
    char *p = a.p ? (char *)a.p + (size_t)first * dtype_size(a.type) : NULL;
    return (mat){ p, a.rows, n, a.ld, a.type };
}

// a stored matrix as it lies in a file: any floating type, any strides (in elements)
typedef struct tensor_view {
    const void *data;
    int rows, cols;
    ptrdiff_t row_stride, col_stride;
    dtype type;
} tensor_view;

static inline float tensor_view_at(tensor_view v, int row, int col)
{
    return dtype_load(v.type, v.data, row * v.row_stride + col * v.col_stride);
}
#endif
