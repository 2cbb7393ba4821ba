/* SPDX-License-Identifier: Apache-2.0 */
/* kern_rows.h - what is done to one row at a time. Rows of y are f32 or bf16 (rounded to nearest
 * even), everything else is f32. Sums have a fixed order that depends on n alone. */
#ifndef PI0_KERN_ROWS_H
#define PI0_KERN_ROWS_H
#include "core/mat.h"

struct row_kernels {
    const char *name; // "rows_avx512"
    // y = (x - mean) / sqrt(var + 1e-6) * scale + shift
    void (*layernorm)(void *y, dtype type, const float *x, const float *scale, const float *shift,
                      int n);
    // y = x / sqrt(mean(x^2) + 1e-6) * (1 + scale) + shift; shift NULL: 0
    void (*rmsnorm)(void *y, dtype type, const float *x, const float *scale, const float *shift,
                    int n);
    // heads of 2 half values: (x[i], x[i + half]) turned by the angle i of `half` cosines and sines
    void (*rope)(void *y, dtype type, const float *x, const float *table, int half, int heads);
    // y += a * x
    void (*axpy)(float *y, float a, const float *x, int n);
    // y = a * x, x of f32 or bf16
    void (*scale)(float *y, float a, const void *x, dtype type, int n);
};
#endif
