/* SPDX-License-Identifier: Apache-2.0 */
/* test_cpu_rows.c - the row operations of every kernel set of this machine against sums in double,
 * within bounds that follow from the roundings that they make. */
#include "core/cpu.h"
#include "cpu/kern.h"
#include "cpu/rows.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka.h needs those above
#include <cmocka.h>

#define EPS 0x1p-24
#define EPS_BF16 0x1p-8
#define GUARD 0x5a

static uint32_t seed = 1;

static uint32_t random_bits(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static float random_float(void)
{
    return (float)random_bits() * 0x1p-23f - 1;
}

static int random_int(int low, int high)
{
    return low + (int)(random_bits() % (uint32_t)(high - low + 1));
}

static double get(mat m, int row, int col)
{
    return dtype_load(m.type, mat_row(m, row), col);
}

// elements from the first to the last of a matrix whose rows are ld apart, and not one more
static size_t span(mat m)
{
    return ((size_t)(m.rows - 1) * (size_t)m.ld + (size_t)m.cols) * dtype_size(m.type);
}

static mat new_mat(int rows, int cols, dtype type)
{
    mat m = { NULL, rows, cols, cols + random_int(0, 5), type };
    m.p = malloc(span(m));
    assert_non_null(m.p);
    memset(m.p, GUARD, span(m));
    return m;
}

static mat random_mat(int rows, int cols, float size, float middle)
{
    mat m = new_mat(rows, cols, DTYPE_F32);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < cols; i++) ((float *)mat_row(m, r))[i] = middle + size * random_float();
    return m;
}

// between the rows of y nothing is written; before and behind it, the sanitizer watches
static void check_gaps(mat m)
{
    const size_t size = dtype_size(m.type);
    for (int r = 0; r + 1 < m.rows; r++) {
        const unsigned char *gap = (unsigned char *)mat_row(m, r) + (size_t)m.cols * size;
        for (size_t i = 0; i < (size_t)(m.ld - m.cols) * size; i++) assert_int_equal(gap[i], GUARD);
    }
}

// one value: computed within `bound` of exact, and then rounded to the type of y
static void check(mat y, int row, int col, double exact, double bound)
{
    const double eps = y.type == DTYPE_BF16 ? EPS_BF16 : EPS;
    const double error = fabs(get(y, row, col) - exact);
    if (!(error <= bound + eps * (fabs(exact) + bound)))
        fail_msg("row %d of %d, column %d of %d: %.9g, expected %.9g within %.3g", row, y.rows, col,
                 y.cols, get(y, row, col), exact, bound);
}

static bool has(cpu_isa isa)
{
    cpu_isa got;
    return pi0_cpu_isa(&got, pi0_cpu_isa_name(isa), NULL) == PI0_OK;
}

// every kernel set, both types of y, widths around the vectors' and the model's own
static void each(void (*test)(backend *b, dtype type, int cols))
{
    static const int more[] = { 127, 128, 129, 1024, 1152, 2048 };
    for (int isa = 0; isa < CPU_ISA_COUNT; isa++) {
        if (!has((cpu_isa)isa)) continue;
        backend b = { .gemm_type = DTYPE_BF16, .impl = pi0_cpu_impl((cpu_isa)isa) };
        for (int type = 0; type < 2; type++) {
            for (int cols = 1; cols < 70; cols++) test(&b, type ? DTYPE_BF16 : DTYPE_F32, cols);
            for (int i = 0; i < 6; i++) test(&b, type ? DTYPE_BF16 : DTYPE_F32, more[i]);
        }
    }
}

/* ---- norms ----
 *
 * A row's sum takes at most k = n/16 + 12 roundings on any path (the fewest lanes are 4, in 4
 * accumulators, then the rest and the lanes themselves), so its error is at most k eps sum |x|. */
static double roundings(int n)
{
    return n / 16 + 12;
}

static void layernorm_is(backend *b, dtype type, int n)
{
    // a mean far from 0, where a variance from sums of squares would lose its digits
    mat x = random_mat(3, n, 1, 5), y = new_mat(3, n, type);
    mat scale = random_mat(1, n, 1, 1), shift = random_mat(1, n, 1, 0);
    pi0_cpu_layernorm(b, y, x, scale, shift);
    for (int r = 0; r < 3; r++) {
        double mean = 0, size = 0, variance = 0;
        for (int i = 0; i < n; i++) {
            mean += get(x, r, i) / n;
            size += fabs(get(x, r, i)) / n;
        }
        for (int i = 0; i < n; i++) variance += pow(get(x, r, i) - mean, 2) / n;
        const double sigma = sqrt(variance + 1e-6);
        // mean: its sum and the division. variance: 2 roundings of each difference, its product
        // and sum, and what the error of the mean adds; the root halves it, + root, division
        const double d_mean = (roundings(n) + 1) * EPS * size;
        const double d_var = (roundings(n) + 5) * EPS * variance + 2 * d_mean * d_mean +
                             4 * EPS * d_mean * sqrt(variance) + 2 * EPS * sigma * sigma;
        const double d_inverse = 0.5 * d_var / (sigma * sigma) * 1.1 + 3 * EPS;
        for (int i = 0; i < n; i++) {
            const double d = get(x, r, i) - mean, w = get(scale, 0, i) / sigma;
            const double exact = d * w + get(shift, 0, i);
            const double bound = fabs(w) * (d_mean + EPS * (fabs(d) + d_mean)) +
                                 fabs(d * w) * (d_inverse + 3 * EPS) + EPS * fabs(exact);
            check(y, r, i, exact, bound * 1.01);
        }
    }
    check_gaps(y);
    free(x.p), free(y.p), free(scale.p), free(shift.p);
}

static void rmsnorm_is(backend *b, dtype type, int n)
{
    mat x = random_mat(3, n, 3, 0), y = new_mat(3, n, type);
    mat scale = random_mat(1, n, 1, 0), shift = random_mat(1, n, 1, 0);
    for (int shifted = 0; shifted < 2; shifted++) {
        pi0_cpu_rmsnorm(b, y, x, scale, shifted ? shift : MAT_NONE);
        for (int r = 0; r < 3; r++) {
            double square = 0;
            for (int i = 0; i < n; i++) square += get(x, r, i) * get(x, r, i) / n;
            const double inverse = 1 / sqrt(square + 1e-6);
            const double d_inverse = 0.5 * (roundings(n) + 4) * EPS + 3 * EPS;
            for (int i = 0; i < n; i++) {
                const double s = shifted ? get(shift, 0, i) : 0;
                const double v = get(x, r, i) * inverse * (1 + get(scale, 0, i));
                // 1 + scale is rounded, and both products
                check(y, r, i, v + s, (fabs(v) * (d_inverse + 3 * EPS) + EPS * fabs(v + s)) * 1.01);
            }
        }
    }
    check_gaps(y);
    free(x.p), free(y.p), free(scale.p), free(shift.p);
}

static void test_layernorm(void **state)
{
    (void)state;
    each(layernorm_is);
}

static void test_rmsnorm(void **state)
{
    (void)state;
    each(rmsnorm_is);
}

/* ---- rotation and sums ---- */

static void rope_is(backend *b, dtype type, int half)
{
    if (half > 200) return;
    const int heads = random_int(1, 3), dim = 2 * half;
    mat x = random_mat(2, heads * dim, 4, 0), y = new_mat(2, heads * dim, type);
    mat table = random_mat(2, dim, 1, 0);
    pi0_cpu_rope(b, y, x, table, heads);
    for (int r = 0; r < 2; r++)
        for (int h = 0; h < heads; h++)
            for (int i = 0; i < half; i++) {
                const double c = get(table, r, i), s = get(table, r, half + i);
                const double u = get(x, r, h * dim + i), w = get(x, r, h * dim + half + i);
                check(y, r, h * dim + i, u * c - w * s, 2 * EPS * (fabs(u * c) + fabs(w * s)));
                check(y, r, h * dim + half + i, w * c + u * s,
                      2 * EPS * (fabs(w * c) + fabs(u * s)));
            }
    check_gaps(y);
    free(x.p), free(y.p), free(table.p);
}

static void test_rope(void **state)
{
    (void)state;
    each(rope_is);
}

static void axpy_is(backend *b, dtype type, int n)
{
    (void)type; // y is f32
    // x repeats
    mat y = random_mat(6, n, 2, 0), x = random_mat(3, n, 2, 0);
    double *before = malloc(6 * (size_t)n * sizeof *before);
    assert_non_null(before);
    for (int i = 0; i < 6 * n; i++) before[i] = get(y, i / n, i % n);
    const float a = random_float();
    pi0_cpu_axpy(b, y, a, x);
    for (int i = 0; i < 6 * n; i++) {
        const double t = (double)a * get(x, i / n % 3, i % n);
        check(y, i / n, i % n, before[i] + t, EPS * fabs(t));
    }
    check_gaps(y);
    free(before), free(x.p), free(y.p);
}

static void test_axpy(void **state)
{
    (void)state;
    each(axpy_is);
}

/* ---- embedding rows ---- */

// a table of any type, with any strides, anywhere in memory: one product, exactly
static void embed_is(backend *b, dtype unused, int n)
{
    static const dtype types[] = { DTYPE_F32, DTYPE_BF16, DTYPE_F16, DTYPE_F64 };
    (void)unused;
    if (n > 200) return;
    const int rows = 5, n_tokens = random_int(1, 6);
    for (int t = 0; t < 4; t++)
        for (int how = 0; how < 3; how++) {
            // how: packed, transposed, at an odd address
            const size_t size = dtype_size(types[t]), bytes = (size_t)(rows * n) * size;
            unsigned char *block = malloc(bytes + 1);
            assert_non_null(block);
            for (size_t i = 0; i <= bytes; i++)
                // small exponents in each type, so that no value is infinite
                block[i] = (unsigned char)(random_bits() & 0x3f);
            const tensor_view v = { block + (how == 2),  rows,    n, how == 1 ? 1 : n,
                                    how == 1 ? rows : 1, types[t] };
            const weight table = {
                .part = { v }, .n_parts = 1, .out = rows, .in = n, .kind = WEIGHT_TABLE
            };
            mat y = new_mat(n_tokens, n, DTYPE_F32), tokens = new_mat(1, n_tokens, DTYPE_I32);
            for (int i = 0; i < n_tokens; i++)
                ((int32_t *)tokens.p)[i] = i ? random_int(0, rows - 1) : rows - 1;
            pi0_cpu_embed(b, y, tokens, &table, 45.25f);
            for (int r = 0; r < n_tokens; r++)
                for (int i = 0; i < n; i++) {
                    const float x = tensor_view_at(v, ((int32_t *)tokens.p)[r], i);
                    assert_true(((float *)mat_row(y, r))[i] == x * 45.25f);
                }
            check_gaps(y);
            free(block), free(y.p), free(tokens.p);
        }
}

static void test_embed(void **state)
{
    (void)state;
    each(embed_is);
}

/* ---- patches ---- */

static void test_patches(void **state)
{
    (void)state;
    enum { PATCH = 7, N = 5, SIZE = PATCH * N };
    backend b = { .gemm_type = DTYPE_BF16, .impl = pi0_cpu_impl(CPU_C) };
    mat bytes = new_mat(SIZE, 3 * SIZE, DTYPE_U8), floats = random_mat(3 * SIZE, SIZE, 1, 0);
    for (int r = 0; r < SIZE; r++)
        for (int i = 0; i < 3 * SIZE; i++)
            ((uint8_t *)mat_row(bytes, r))[i] = (uint8_t)(r * 3 * SIZE + i);
    for (int type = 0; type < 2; type++)
        for (int u8 = 0; u8 < 2; u8++) {
            mat y = new_mat(N * N, 3 * PATCH * PATCH, type ? DTYPE_BF16 : DTYPE_F32);
            pi0_cpu_patches(&b, y, u8 ? bytes : floats, PATCH);
            for (int r = 0; r < y.rows; r++)
                for (int i = 0; i < y.cols; i++) {
                    const int c = i / (PATCH * PATCH), ky = i / PATCH % PATCH, kx = i % PATCH;
                    const int row = r / N * PATCH + ky, col = r % N * PATCH + kx;
                    const float u = ((uint8_t *)mat_row(bytes, row))[col * 3 + c];
                    volatile float value = u / 255.0f; // each step is rounded
                    value = value * 2.0f;
                    value = value - 1.0f;
                    if (!u8) value = ((float *)mat_row(floats, c * SIZE + row))[col];
                    if (y.type == DTYPE_BF16) value = bf16_to_f32(f32_to_bf16(value));
                    assert_true(get(y, r, i) == value);
                }
            check_gaps(y);
            free(y.p);
        }
    free(bytes.p), free(floats.p);
}

/* ---- what all of them share ---- */

// bf16 is rounded to nearest even, and NaN stays NaN, in every kernel set
static void test_rounding(void **state)
{
    (void)state;
    static const uint32_t bits[] = { 0x3f808000, 0x3f818000, 0x3f807fff, 0x3f808001, 0xbf808000,
                                     0x7f7fffff, 0x7f800000, 0xff800000, 0x00000001, 0x80008000,
                                     0x7f800001, 0x7fffffff, 0xffffffff, 0x7fc00000 };
    enum { N = sizeof bits / sizeof *bits, COLS = 2 * N };
    mat x = new_mat(1, COLS, DTYPE_F32), table = new_mat(1, COLS, DTYPE_F32);
    for (int i = 0; i < COLS; i++) {
        // turned by 0: x * 1 - x * 0 would be NaN at infinity, so the other half is 0
        ((float *)x.p)[i] = i < N ? f32_from_bits(bits[i]) : 0;
        ((float *)table.p)[i] = i < N;
    }
    for (int isa = 0; isa < CPU_ISA_COUNT; isa++) {
        if (!has((cpu_isa)isa)) continue;
        backend b = { .impl = pi0_cpu_impl((cpu_isa)isa) };
        mat y = new_mat(1, COLS, DTYPE_BF16);
        pi0_cpu_rope(&b, y, x, table, 1);
        for (int i = 0; i < N; i++) {
            const uint16_t got = ((uint16_t *)y.p)[i], want = f32_to_bf16(f32_from_bits(bits[i]));
            if (isnan(bf16_to_f32(want)))
                assert_true(isnan(bf16_to_f32(got)));
            else
                assert_int_equal(got, want);
        }
        free(y.p);
    }
    free(x.p), free(table.p);
}

// the same bits for any number of threads
static void test_threads(void **state)
{
    (void)state;
    static const int counts[] = { 1, 2, 3, 5 };
    enum { ROWS = 13, COLS = 90 };
    mat x = random_mat(ROWS, COLS, 2, 0), scale = random_mat(1, COLS, 1, 0);
    mat table = random_mat(ROWS, COLS / 3, 1, 0), y[4][3];
    for (int isa = 0; isa < CPU_ISA_COUNT; isa++) {
        if (!has((cpu_isa)isa)) continue;
        for (int t = 0; t < 4; t++) {
            backend b = { .impl = pi0_cpu_impl((cpu_isa)isa) };
            assert_int_equal(pi0_pool_create(&b.threads, counts[t], NULL), PI0_OK);
            for (int i = 0; i < 3; i++) {
                y[t][i] = new_mat(ROWS, COLS, DTYPE_BF16);
                y[t][i].ld = COLS;
            }
            pi0_cpu_layernorm(&b, y[t][0], x, scale, scale);
            pi0_cpu_rmsnorm(&b, y[t][1], x, scale, scale);
            pi0_cpu_rope(&b, y[t][2], x, table, 3);
            pi0_pool_free(b.threads);
            for (int i = 0; t && i < 3; i++)
                assert_memory_equal(y[0][i].p, y[t][i].p, span(y[0][i]));
        }
        for (int t = 0; t < 4; t++)
            for (int i = 0; i < 3; i++) free(y[t][i].p);
    }
    free(x.p), free(scale.p), free(table.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layernorm), cmocka_unit_test(test_rmsnorm),
        cmocka_unit_test(test_rope),      cmocka_unit_test(test_axpy),
        cmocka_unit_test(test_embed),     cmocka_unit_test(test_patches),
        cmocka_unit_test(test_rounding),  cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
