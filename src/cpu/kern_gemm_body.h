/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_body.h - matrix products, written once in the words of vec_<isa>.h.
 *
 * The file that includes it chooses the tile: GEMM_ROWS rows of GEMM_VECTORS vectors, whose sums
 * stay in registers. Where there are products of bf16 it also defines GEMM_DOT and gemm_dot(c, x,
 * w), c + x0 w0 + x1 w1 on the pairs of bf16 that lie in each quantum of four bytes; and GEMM_LATE,
 * if registers are left to end the tile before meanwhile. */
#ifndef PI0_KERN_GEMM_BODY_H
#define PI0_KERN_GEMM_BODY_H
#include "cpu/kern.h"
#include "cpu/pack.h"

#define GEMM_COLS (GEMM_VECTORS * VL)
#define CACHE_LINE 64
#include "cpu/kern_gemm_end.h"

// x as the tile reads it, times the panel as it is stored
enum product { F32_F32, F32_BF16, BF16_BF16 };

// bytes of a row of x in one step: a value, two (as a panel of bf16 has them in pairs), or a pair
VEC_INLINE size_t x_step(const enum product product)
{
    return product == F32_BF16 ? 2 * sizeof(float) : sizeof(float);
}

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
        VEC_IN_ORDER;
    }
}

// c += step s of x and of the panel
VEC_INLINE void add_step(vf c[GEMM_ROWS][GEMM_VECTORS], const char *const x[GEMM_ROWS],
                         const char *panel, size_t s, const int rows, const int vectors,
                         const enum product product)
{
    const float *p = (const float *)panel + s * GEMM_COLS;
    const size_t at = s * x_step(product);
    vf w[GEMM_VECTORS];
    VEC_UNROLL
    for (int v = 0; v < vectors; v++) {
        w[v] = v_load(p + v * VL);
        if (product == F32_BF16) w[v] = v_first(w[v]);
    }
    add_products(c, x, at, w, rows, vectors);
    if (product != F32_BF16) return;
    VEC_FORGET; // or the pairs would have to wait in registers of their own
    VEC_UNROLL
    for (int v = 0; v < vectors; v++) w[v] = v_second(v_load(p + v * VL));
    add_products(c, x, at + sizeof(float), w, rows, vectors);
}

#define QUARTER 4  // steps between prefetches of panels
#define FEW_ROWS 2 // of a tile

// c += QUARTER steps from s on
VEC_INLINE void add_quarter(vf c[GEMM_ROWS][GEMM_VECTORS], const char *const x[GEMM_ROWS],
                            const char *panel, size_t s, const int rows, const int vectors,
                            const enum product product)
{
    // few rows wait for the panel alone: the less there is to do, the more is under way
    if (rows <= FEW_ROWS && rows < GEMM_ROWS) {
        VEC_UNROLL
        for (size_t i = 0; i < QUARTER; i++) add_step(c, x, panel, s + i, rows, vectors, product);
        return;
    }
    VEC_ROLL
    for (size_t i = 0; i < QUARTER; i++) add_step(c, x, panel, s + i, rows, vectors, product);
}

#define GROUP 16 // steps between prefetches of x: a line of quanta, or two
#define SOON 64  // steps from a prefetch of x, y and c to its use
// lines of c for each group of them
#define C_LINES \
    (GEMM_ROWS * GEMM_COLS * (int)sizeof(float) / CACHE_LINE + SOON / GROUP - 1) / (SOON / GROUP)

// What a tile fetches shortly before it is wanted: its x, and at last the next tile's; the place
// where it ends; the next tile's sums. Fetched a whole tile ahead, they would wait in the
// second-level cache, in a panel's place.
typedef struct soon {
    const char *x, *x_next, *y, *c;
    size_t x_stride, y_stride;
    int y_lines;
} soon;

VEC_INLINE soon soon_of(const gemm_tile *t, const enum product product)
{
    const char *x = (const char *)t->x + SOON * x_step(product);
    soon s = { x, t->x_next, NULL, (const char *)t->c_next, t->x_stride, 0, 0 };
    const gemm_end *e = t->end;
    if (e) {
        const size_t size = dtype_size(e->type);
        s.y = e->y;
        s.y_stride = e->ld * size;
        s.y_lines = ((int)size * e->cols + CACHE_LINE - 1) / CACHE_LINE;
    }
    return s;
}

// once in each group of steps, of which `left` are left
VEC_INLINE void fetch_soon(soon *s, int left, const int rows, const enum product product)
{
    if (left <= SOON && left > SOON - GROUP) s->x = s->x_next;
    VEC_UNROLL
    for (size_t line = 0; line < GROUP * x_step(product); line += CACHE_LINE, s->x += CACHE_LINE) {
        VEC_UNROLL
        for (int r = 0; r < rows; r++) __builtin_prefetch(s->x + (size_t)r * s->x_stride, 0, 3);
    }
    // a line of each row at a time
    if (left <= SOON && s->y_lines > 0) {
        VEC_UNROLL
        for (int r = 0; r < rows; r++) __builtin_prefetch(s->y + (size_t)r * s->y_stride, 1, 3);
        s->y += CACHE_LINE;
        s->y_lines--;
    }
    if (left <= SOON && s->c)
        for (int i = 0; i < C_LINES; i++, s->c += CACHE_LINE) __builtin_prefetch(s->c, 1, 3);
}

VEC_INLINE void tile_rows(const gemm_tile *t, const int rows, const int vectors,
                          const enum product product)
{
    const char *panel = t->panel;
    const char *x[GEMM_ROWS], *ahead = t->ahead;
    soon wanted = soon_of(t, product);
    vf c[GEMM_ROWS][GEMM_VECTORS];
    VEC_UNROLL
    for (int r = 0; r < rows; r++) {
        x[r] = (const char *)t->x + (size_t)r * t->x_stride;
        VEC_UNROLL
        for (int v = 0; v < vectors; v++)
            c[r][v] = t->more ? v_load(t->c + r * GEMM_COLS + v * VL) : v_set1(0);
    }
    late_end late = late_of(t->late);
    int left = t->steps;
    for (; left >= GROUP; left -= GROUP) {
        fetch_soon(&wanted, left, rows, product);
        if (late.row < late.rows) end_next_vector(&late);
        // multiply, and fetch the next panel bit by bit
        for (size_t s = 0; s < GROUP; s += QUARTER) {
            for (int i = 0; i < t->ahead_lines; i++, ahead += CACHE_LINE)
                __builtin_prefetch(ahead, 0, 2);
            add_quarter(c, x, panel, s, rows, vectors, product);
        }
        panel += GROUP * GEMM_COLS * sizeof(float);
        VEC_UNROLL
        for (int r = 0; r < rows; r++) x[r] += GROUP * x_step(product);
    }
    for (size_t s = 0; s < (size_t)left; s++) add_step(c, x, panel, s, rows, vectors, product);
    while (late.row < late.rows) end_next_vector(&late);
    if (vectors == GEMM_VECTORS && t->end && gemm_ends_in_registers(t->end, GEMM_COLS)) {
        end_in_registers(c, t->end, rows);
        return;
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
    if (t->late && late_of(t->late).rows == 0) end_tile(t->late);
    switch (gemm_quarters(GEMM_COLS, t->cols)) {
    case 2: tile_columns(t, GEMM_VECTORS / 2, product); break;
    case 3: tile_columns(t, GEMM_VECTORS / 4 * 3, product); break;
    default: tile_columns(t, GEMM_VECTORS, product);
    }
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
#endif
