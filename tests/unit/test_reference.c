/* SPDX-License-Identifier: Apache-2.0 */
/* test_reference.c - the reference backend takes many rows at a time and shares its work between
 * threads; its results must be the very bits of the plain loops below, for any number of them. */
#include "reference/reference.h"
#include "support/expect.h"
#include <math.h>
#include <stdlib.h>

static uint32_t seed = 1;

// uniform in [-1, 1)
static float random_float(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) * 0x1p-23f - 1;
}

// rows are further apart than they are wide
static mat random_mat(int rows, int cols, dtype type)
{
    mat m = { NULL, rows, cols, cols + 3, type };
    m.p = malloc((size_t)rows * (size_t)m.ld * dtype_size(type));
    assert_non_null(m.p);
    for (int i = 0; i < rows * m.ld; i++) {
        if (type == DTYPE_F32)
            ((float *)m.p)[i] = random_float();
        else
            ((uint16_t *)m.p)[i] = f32_to_bf16(random_float());
    }
    return m;
}

static float at(mat m, int row, int col)
{
    return dtype_load(m.type, mat_row(m, row), col);
}

static void assert_same_bits(mat a, mat b)
{
    for (int r = 0; r < a.rows; r++)
        for (int i = 0; i < a.cols; i++)
            assert_int_equal(f32_bits(at(a, r, i)), f32_bits(at(b, r, i)));
}

static void with_threads(backend *b, int threads)
{
    pi0_error err;
    *b = (backend){ .ops = &pi0_reference_ops, .gemm_type = DTYPE_F32 };
    if (threads) assert_int_equal(pi0_pool_create(&b->threads, threads, &err), PI0_OK);
}

// exactly as much as the backend asks for: the sanitizer sees what it writes behind it
static void take_work(backend *b, size_t bytes)
{
    b->work = malloc(b->work_bytes = bytes);
    assert_non_null(b->work);
}

static void free_backend(backend *b)
{
    free(b->work);
    pi0_pool_free(b->threads);
}

/* ---- linear layers, one sum after the other ---- */

typedef struct layer {
    mat part[WEIGHT_PARTS], bias, gate;
    weight w;
    enum act_fn act;
    bool add;
} layer;

static layer new_layer(enum weight_kind kind, int n_parts, int part_rows, int in, dtype stored)
{
    layer l = { .w = { .n_parts = n_parts,
                       .out = n_parts * part_rows,
                       .in = in,
                       .type = DTYPE_F32,
                       .kind = kind } };
    for (int p = 0; p < n_parts; p++) {
        const mat m = l.part[p] = random_mat(part_rows, in, stored);
        l.w.part[p] = (tensor_view){ m.p, m.rows, m.cols, m.ld, 1, m.type };
    }
    l.bias = l.w.bias = random_mat(1, l.w.out, DTYPE_F32);
    l.gate = random_mat(1, l.w.out, DTYPE_F32);
    return l;
}

static void free_layer(layer *l)
{
    for (int p = 0; p < l->w.n_parts; p++) free(l->part[p].p);
    free(l->bias.p);
    free(l->gate.p);
}

static double plain_sum(const layer *l, mat x, int row, int col)
{
    const int each = l->part[0].rows;
    double sum = 0;
    for (int i = 0; i < x.cols; i++)
        sum += (double)at(x, row, i) * (double)at(l->part[col / each], col % each, i);
    return sum + (double)at(l->bias, 0, col);
}

static double plain_gelu(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static void plain_linear(const layer *l, mat y, mat x)
{
    for (int r = 0; r < y.rows; r++)
        for (int col = 0; col < y.cols; col++) {
            float *to = (float *)mat_row(y, r) + col;
            double v = plain_sum(l, x, r, col);
            if (l->w.kind == WEIGHT_GEGLU)
                v = plain_gelu(v) * plain_sum(l, x, r, col + y.cols);
            else if (l->act == ACT_GELU)
                v = plain_gelu(v);
            else if (l->act == ACT_SILU)
                v = v / (1 + exp(-v));
            *to = (float)(l->add ? *to + v * (double)at(l->gate, 0, col) : v);
        }
}

static void check_linear(layer *l, int rows, int threads)
{
    backend b;
    const int cols = l->w.kind == WEIGHT_GEGLU ? l->w.out / 2 : l->w.out;
    const mat x = random_mat(rows, l->w.in, DTYPE_F32);
    const mat y = random_mat(rows, cols, DTYPE_F32), expected = random_mat(rows, cols, DTYPE_F32);
    memcpy(expected.p, y.p, (size_t)rows * (size_t)y.ld * sizeof(float));
    with_threads(&b, threads);
    take_work(&b, b.ops->linear_work(&b, &l->w, rows));
    if (l->add) {
        linear_add(&b, y, x, &l->w, l->gate);
    } else if (l->w.kind == WEIGHT_LINEAR && l->w.n_parts > 1) {
        mat parts[WEIGHT_PARTS];
        const int each = l->part[0].rows;
        for (int p = 0; p < l->w.n_parts; p++) parts[p] = mat_cols(y, p * each, each);
        linear_parts(&b, parts, l->w.n_parts, x, &l->w, l->act);
    } else {
        linear(&b, y, x, &l->w, l->act);
    }
    plain_linear(l, expected, x);
    assert_same_bits(y, expected);
    free_backend(&b);
    free(x.p), free(y.p), free(expected.p);
}

// around the numbers of rows that are taken together
static const int some_rows[] = { 1, 2, 15, 16, 17, 50, 64, 65, 131 };
static const int some_threads[] = { 0, 2, 3, 5 };
enum {
    N_ROWS = sizeof some_rows / sizeof *some_rows,
    N_THREADS = sizeof some_threads / sizeof *some_threads
};

static void check_layer(layer l)
{
    for (int i = 0; i < N_ROWS; i++)
        for (int t = 0; t < N_THREADS; t++) check_linear(&l, some_rows[i], some_threads[t]);
    free_layer(&l);
}

static void linear_is_plain(void **state)
{
    (void)state;
    layer l = new_layer(WEIGHT_LINEAR, 3, 7, 37, DTYPE_BF16);
    check_layer(l);
    l = new_layer(WEIGHT_LINEAR, 1, 13, 64, DTYPE_F32);
    l.act = ACT_GELU;
    check_layer(l);
    l = new_layer(WEIGHT_LINEAR, 1, 5, 3, DTYPE_BF16);
    l.act = ACT_SILU;
    check_layer(l);
    l = new_layer(WEIGHT_LINEAR, 1, 9, 70, DTYPE_BF16);
    l.add = true;
    check_layer(l);
    check_layer(new_layer(WEIGHT_GEGLU, 2, 11, 41, DTYPE_BF16));
}

/* ---- attention, one query row of one head after the other ---- */

static void plain_row(float *y, int own, mat q, mat k, mat v, int row, int head, int dim,
                      float scale)
{
    double *weights = malloc((size_t)k.rows * sizeof *weights), largest = -INFINITY, total = 0;
    for (int s = 0; s < k.rows; s++) {
        double dot = 0;
        for (int i = 0; i < dim; i++)
            dot += (double)at(q, row, head * dim + i) * (double)at(k, s, own + i);
        weights[s] = dot * (double)scale;
        largest = fmax(largest, weights[s]);
    }
    for (int s = 0; s < k.rows; s++) total += weights[s] = exp(weights[s] - largest);
    for (int i = 0; i < dim; i++) {
        double sum = 0;
        for (int s = 0; s < k.rows; s++) sum += weights[s] * (double)at(v, s, own + i);
        y[head * dim + i] = (float)(sum / total);
    }
    free(weights);
}

static void check_attention(int rows, int keys, int heads, int kv_heads, int dim, int threads)
{
    backend b;
    const float scale = 2.5f / sqrtf((float)dim);
    const mat q = random_mat(rows, heads * dim, DTYPE_F32);
    const mat k = random_mat(keys, kv_heads * dim, DTYPE_F32);
    const mat v = random_mat(keys, kv_heads * dim, DTYPE_F32);
    const mat y = random_mat(rows, heads * dim, DTYPE_F32);
    const mat expected = random_mat(rows, heads * dim, DTYPE_F32);
    with_threads(&b, threads);
    take_work(&b, b.ops->attention_work(&b, heads, dim, rows, keys));
    attention(&b, y, q, k, v, heads, scale);
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < heads; h++)
            plain_row(mat_row(expected, r), kv_heads == 1 ? 0 : h * dim, q, k, v, r, h, dim, scale);
    assert_same_bits(y, expected);
    free_backend(&b);
    free(q.p), free(k.p), free(v.p), free(y.p), free(expected.p);
}

static void attention_is_plain(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROWS; i++)
        for (int t = 0; t < N_THREADS; t++) {
            check_attention(some_rows[i], some_rows[i], 4, 4, 18, some_threads[t]);
            check_attention(some_rows[i], 83, 3, 1, 32, some_threads[t]);
            check_attention(some_rows[i], 1, 2, 1, 7, some_threads[t]);
        }
}

/* ---- norms ----
 *
 * Values of +-d have mean 0 and variance d^2: where that is 1e-6, an epsilon of 1e-6 is half of the
 * square, and any other moves the result by percents. */
static void norms_add_their_epsilon(void **state)
{
    (void)state;
    enum { N = 64 };
    backend b;
    const mat x = random_mat(1, N, DTYPE_F32), y = random_mat(1, N, DTYPE_F32);
    const mat scale = random_mat(1, N, DTYPE_F32), shift = random_mat(1, N, DTYPE_F32);
    float *in = mat_row(x, 0);
    for (int i = 0; i < N; i++) in[i] = i % 2 ? 1e-3f : -1e-3f;
    const double inverse = 1 / sqrt((double)1e-3f * (double)1e-3f + 1e-6);
    with_threads(&b, 0);
    for (int rms = 0; rms < 2; rms++) {
        if (rms)
            rmsnorm(&b, y, x, scale, shift);
        else
            layernorm(&b, y, x, scale, shift);
        for (int i = 0; i < N; i++) {
            const double w = (double)at(scale, 0, i) + (rms ? 1 : 0), s = (double)at(shift, 0, i);
            const double want = (double)in[i] * inverse * w + s;
            // one rounding to f32
            if (!(fabs((double)at(y, 0, i) - want) <= 0x1p-23 * fmax(fabs(want), 0x1p-10)))
                fail_msg("%s: value %d is %.9g, expected %.9g", rms ? "rmsnorm" : "layernorm", i,
                         (double)at(y, 0, i), want);
        }
    }
    free(x.p), free(y.p), free(scale.p), free(shift.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_is_plain),
        cmocka_unit_test(attention_is_plain),
        cmocka_unit_test(norms_add_their_epsilon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
