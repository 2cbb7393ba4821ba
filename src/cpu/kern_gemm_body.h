/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_body.h - matrix products, written once in the words of vec_<isa>.h.
 *
 * The file that includes it chooses the tile: GEMM_ROWS rows of GEMM_VECTORS vectors, whose sums
 * stay in registers. Where there are products of bf16 it also defines GEMM_DOT and gemm_dot(c, x,
 * w), c + x0 w0 + x1 w1 on the pairs of bf16 that lie in each quantum of four bytes. */
#ifndef PI0_KERN_GEMM_BODY_H
#define PI0_KERN_GEMM_BODY_H
#include "cpu/kern.h"
#include "cpu/pack.h"

#define GEMM_COLS (GEMM_VECTORS * VL)

// x as the tile reads it, times the panel as it is stored
enum product { F32_F32, F32_BF16, BF16_BF16 };

VEC_INLINE vf quantum(const char *p)
{
    float f;
    memcpy(&f, p, sizeof f);
    return v_set1(f);
}

// c += x w for `rows` rows, each x[r][at] a quantum, and `vectors` columns
VEC_INLINE void add_products(vf c[GEMM_ROWS][GEMM_VECTORS], const char *const x[GEMM_ROWS],
                             size_t at, const vf w[GEMM_VECTORS], const int rows, const int vectors)
{
    VEC_UNROLL
    for (int r = 0; r < rows; r++) {
        const vf a = quantum(x[r] + at);
        VEC_UNROLL
        for (int v = 0; v < vectors; v++)
#if defined(GEMM_DOT)
            c[r][v] = gemm_dot(c[r][v], a, w[v]);
#else
            c[r][v] = v_fma(a, w[v], c[r][v]);
#endif
    }
}

// c += step s of x and of the panel
VEC_INLINE void add_step(vf c[GEMM_ROWS][GEMM_VECTORS], const char *const x[GEMM_ROWS],
                         const void *panel, size_t s, const int rows, const int vectors,
                         const enum product product)
{
    vf w[GEMM_VECTORS];
    VEC_UNROLL
    for (int v = 0; v < vectors; v++)
        w[v] = product == F32_BF16
                   ? v_load_bf16((const uint16_t *)panel + s * GEMM_COLS + (size_t)v * VL)
                   : v_load((const float *)panel + s * GEMM_COLS + (size_t)v * VL);
    add_products(c, x, s * sizeof(float), w, rows, vectors);
}

#define CACHE_LINE 64
#define GROUP 16  // steps between prefetches of x: a line of quanta
#define QUARTER 4 // steps between prefetches of panels

VEC_INLINE void tile_rows(const gemm_tile *t, const int rows, const int vectors,
                          const enum product product)
{
    const size_t step_bytes = GEMM_COLS * (product == F32_BF16 ? sizeof(uint16_t) : sizeof(float));
    const char *panel = t->panel;
    const char *x[GEMM_ROWS], *x_ahead = t->x_ahead, *ahead = t->ahead;
    vf c[GEMM_ROWS][GEMM_VECTORS];
    VEC_UNROLL
    for (int r = 0; r < rows; r++) {
        x[r] = (const char *)t->x + (size_t)r * t->x_stride;
        VEC_UNROLL
        for (int v = 0; v < vectors; v++)
            c[r][v] = t->more ? v_load(t->c + r * GEMM_COLS + v * VL) : v_set1(0);
    }
    // fetch where this tile will end, or the sums of the next one
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < t->y_bytes; i += CACHE_LINE)
            __builtin_prefetch(t->y + (size_t)r * t->y_stride + i, 1, 2);
    if (t->c_ahead)
        for (int i = 0; i < GEMM_ROWS * GEMM_COLS; i += CACHE_LINE / (int)sizeof(float))
            __builtin_prefetch(t->c_ahead + i, 1, 2);
    for (int left = t->steps; left > 0; left -= GROUP) {
        // fetch what the next tile will read
        VEC_UNROLL
        for (int r = 0; r < rows; r++) __builtin_prefetch(x_ahead + (size_t)r * t->x_stride, 0, 2);
        x_ahead += GROUP * sizeof(float);
        // multiply, and fetch the next panel bit by bit
        const size_t n = left < GROUP ? (size_t)left : GROUP;
        size_t s = 0;
        for (; s + QUARTER <= n; s += QUARTER) {
            for (int i = 0; i < t->ahead_lines; i++, ahead += CACHE_LINE)
                __builtin_prefetch(ahead, 0, 2);
            VEC_UNROLL
            for (size_t i = 0; i < QUARTER; i++)
                add_step(c, x, panel, s + i, rows, vectors, product);
        }
        for (; s < n; s++) add_step(c, x, panel, s, rows, vectors, product);
        panel += GROUP * step_bytes;
        VEC_UNROLL
        for (int r = 0; r < rows; r++) x[r] += GROUP * sizeof(float);
    }
    VEC_UNROLL
    for (int r = 0; r < rows; r++) {
        VEC_UNROLL
        for (int v = 0; v < vectors; v++) v_store(t->c + r * GEMM_COLS + v * VL, c[r][v]);
    }
}

VEC_INLINE void tile_columns(const gemm_tile *t, const int vectors, const enum product product)
{
    switch (t->rows) {
    case 1: tile_rows(t, 1, vectors, product); break;
    case 2: tile_rows(t, 2, vectors, product); break;
#if GEMM_ROWS > 2
    case 3: tile_rows(t, 3, vectors, product); break;
    case 4: tile_rows(t, 4, vectors, product); break;
#endif
#if GEMM_ROWS > 4
    case 5: tile_rows(t, 5, vectors, product); break;
    case 6: tile_rows(t, 6, vectors, product); break;
#endif
    default: assert(0);
    }
}

VEC_INLINE void tile_product(const gemm_tile *t, const enum product product)
{
    if (t->cols > GEMM_COLS / 2)
        tile_columns(t, GEMM_VECTORS, product);
    else
        tile_columns(t, GEMM_VECTORS / 2, product);
}

// the products of one full tile, again and again, without memory
VEC_INLINE float peak_product(int rounds)
{
    volatile float seed = 1e-3f;
    const vf a = v_set1(seed);
    vf c[GEMM_ROWS][GEMM_VECTORS], w[GEMM_VECTORS], sum = v_set1(0);
    VEC_UNROLL
    for (int v = 0; v < GEMM_VECTORS; v++) w[v] = v_set1(seed);
    VEC_UNROLL
    for (int r = 0; r < GEMM_ROWS; r++) {
        VEC_UNROLL
        for (int v = 0; v < GEMM_VECTORS; v++) c[r][v] = v_set1(seed);
    }
    for (int i = 0; i < rounds; i++) {
        VEC_UNROLL
        for (int r = 0; r < GEMM_ROWS; r++) {
            VEC_UNROLL
            for (int v = 0; v < GEMM_VECTORS; v++)
#if defined(GEMM_DOT)
                c[r][v] = gemm_dot(c[r][v], a, w[v]);
#else
                c[r][v] = v_fma(a, w[v], c[r][v]);
#endif
        }
    }
    VEC_UNROLL
    for (int r = 0; r < GEMM_ROWS; r++) {
        VEC_UNROLL
        for (int v = 0; v < GEMM_VECTORS; v++) sum = v_add(sum, c[r][v]);
    }
    return v_sum(sum);
}

/* ---- endings ---- */

// x / (1 + 2^t), of n vectors
VEC_INLINE void over_power(vf *x, vf *t, const int n, const bool exact)
{
    VEC_EACH t[i] = v_min(v_set1(120), t[i]);
    v_exp2_each(t, n, exact);
    VEC_EACH x[i] = v_div(x[i], v_add(t[i], v_set1(1)));
}

// x / (1 + e^-x)
VEC_INLINE void silu(vf *x, const int n, const bool exact)
{
    vf t[VEC_MOST];
    VEC_EACH t[i] = v_mul(x[i], v_set1(-VEC_LOG2E));
    over_power(x, t, n, exact);
}

// 0.5 x (1 + tanh u) = x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3)
VEC_INLINE void gelu(vf *x, const int n, const bool exact)
{
    // -2 log2(e) sqrt(2/pi), and that times 0.044715
    const vf slope = v_set1(-2.30220820f), cubic = v_set1(-0.102943240f);
    vf t[VEC_MOST];
    VEC_EACH t[i] = v_mul(x[i], x[i]);
    VEC_EACH t[i] = v_fma(t[i], cubic, slope);
    VEC_EACH t[i] = v_mul(x[i], t[i]);
    over_power(x, t, n, exact);
}

// a tile's bias and gate, of n vectors from one column on
typedef struct end_columns {
    vf bias[GEMM_VECTORS], bias_up[GEMM_VECTORS], gate[GEMM_VECTORS];
} end_columns;

// n vectors of one row, each of `lanes` elements
VEC_INLINE void end_row(const float *c, char *y, const end_columns *k, const int n, int lanes,
                        const enum gemm_end_op op, const dtype type)
{
    const bool exact = type == DTYPE_F32;
    vf v[GEMM_VECTORS];
    VEC_EACH v[i] = v_add(v_load(c + i * VL), k->bias[i]);
    if (op == GEMM_GELU || op == GEMM_GEGLU) gelu(v, n, exact);
    if (op == GEMM_SILU) silu(v, n, exact);
    if (op == GEMM_GEGLU)
        VEC_EACH v[i] = v_mul(v[i], v_add(v_load(c + GEMM_COLS / 2 + i * VL), k->bias_up[i]));
    if (op == GEMM_ADD) VEC_EACH v[i] = v_fma(k->gate[i], v[i], v_get_n(y, type, i * VL, lanes));
    VEC_EACH v_put_n(y, type, i * VL, v[i], lanes);
}

// columns [j, j + (n - 1) * VL + lanes) of all rows of a tile
VEC_INLINE void end_rows(const float *c, const gemm_end *e, int j, const int n, int lanes,
                         const enum gemm_end_op op, const dtype type)
{
    const vf zero = v_set1(0), one = v_set1(1);
    end_columns k;
    VEC_EACH k.bias[i] = e->bias ? v_load_n(e->bias + j + i * VL, lanes) : zero;
    VEC_EACH k.bias_up[i] = e->bias_up ? v_load_n(e->bias_up + j + i * VL, lanes) : zero;
    VEC_EACH k.gate[i] = e->gate ? v_load_n(e->gate + j + i * VL, lanes) : one;
    char *y = (char *)e->y + (size_t)j * dtype_size(type);
    for (int r = 0; r < e->rows; r++, c += GEMM_COLS, y += e->ld * dtype_size(type))
        end_row(c + j, y, &k, n, lanes, op, type);
}

VEC_INLINE void end_op(const float *c, const gemm_end *e, const enum gemm_end_op op,
                       const dtype type)
{
    // the vectors of a whole tile together
    const int n = op == GEMM_GEGLU ? GEMM_VECTORS / 2 : GEMM_VECTORS;
    if (e->cols == n * VL) {
        end_rows(c, e, 0, n, VL, op, type);
        return;
    }
    for (int j = 0; j < e->cols; j += VL) {
        const int left = e->cols - j;
        end_rows(c, e, j, 1, left < VL ? left : VL, op, type);
    }
}

VEC_INLINE void end_type(const float *c, const gemm_end *e, const dtype type)
{
    switch (e->op) {
    case GEMM_STORE: end_op(c, e, GEMM_STORE, type); break;
    case GEMM_GELU: end_op(c, e, GEMM_GELU, type); break;
    case GEMM_SILU: end_op(c, e, GEMM_SILU, type); break;
    case GEMM_GEGLU: end_op(c, e, GEMM_GEGLU, type); break;
    case GEMM_ADD: end_op(c, e, GEMM_ADD, type); break;
    }
}

static void end_tile(const float *c, const gemm_end *e)
{
    if (e->type == DTYPE_BF16)
        end_type(c, e, DTYPE_BF16);
    else
        end_type(c, e, DTYPE_F32);
}
#endif
