/* SPDX-License-Identifier: Apache-2.0 */
/* pack.c - weights from their stored form to the panels that kernels read. */
#include "cpu/pack.h"

// values of one row that are converted at a time: small enough that the rows of a panel, or the
// lines of a transposed matrix, stay in the first-level cache
#define BLOCK 64

static const char *element(const tensor_view *w, int row, int col)
{
    return (const char *)w->data +
           (row * w->row_stride + col * w->col_stride) * (ptrdiff_t)dtype_size(w->type);
}

// n values of a row as f32
static void load_f32(float *to, const tensor_view *w, int row, int col, int n)
{
    const char *from = element(w, row, col);
    if (w->type == DTYPE_F32 && w->col_stride == 1) {
        memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    for (int i = 0; i < n; i++) to[i] = dtype_load(w->type, from, i * w->col_stride);
}

// n values of a row as bf16
static void load_bf16(uint16_t *to, const tensor_view *w, int row, int col, int n)
{
    float f[BLOCK];
    if (w->type != DTYPE_BF16) {
        load_f32(f, w, row, col, n);
        for (int i = 0; i < n; i++) to[i] = f32_to_bf16(f[i]);
        return;
    }
    const char *from = element(w, row, col);
    if (w->col_stride == 1) {
        memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    for (int i = 0; i < n; i++, from += w->col_stride * (ptrdiff_t)sizeof *to)
        memcpy(to + i, from, sizeof *to);
}

void pi0_pack_f32(void *panel, int nr, int column, int n, const tensor_view *w)
{
    for (int k0 = 0; k0 < w->cols; k0 += BLOCK) {
        const int n_k = w->cols - k0 < BLOCK ? w->cols - k0 : BLOCK;
        float *block = (float *)panel + (size_t)k0 * (size_t)nr + column;
        for (int j = 0; j < n; j++) {
            float f[BLOCK] = { 0 };
            if (j < w->rows) load_f32(f, w, j, k0, n_k);
            for (int k = 0; k < n_k; k++) block[(size_t)k * (size_t)nr + (size_t)j] = f[k];
        }
    }
}

void pi0_pack_bf16(void *panel, int nr, int column, int n, const tensor_view *w)
{
    for (int k0 = 0; k0 < w->cols; k0 += BLOCK) {
        const int n_k = w->cols - k0 < BLOCK ? w->cols - k0 : BLOCK;
        uint16_t *block = (uint16_t *)panel + (size_t)k0 * (size_t)nr + 2 * column;
        for (int j = 0; j < n; j++) {
            uint16_t h[BLOCK] = { 0 };
            if (j < w->rows) load_bf16(h, w, j, k0, n_k);
            for (int k = 0; k < n_k; k += 2)
                memcpy(block + (size_t)k * (size_t)nr + 2 * j, h + k, 2 * sizeof *h);
        }
    }
}

void pi0_pack_row(void *to, const void *x, int n, int n_padded)
{
    uint16_t *h = to;
    memcpy(h, x, (size_t)n * sizeof *h);
    for (int i = n; i < n_padded; i++) h[i] = 0;
}
