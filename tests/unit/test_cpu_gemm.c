/* SPDX-License-Identifier: Apache-2.0 */
/* test_cpu_gemm.c - every matrix kernel of this machine against sums in double: random sizes and
 * strides, all endings, guards around what is written; packing from every stored form; the same
 * bits for any number of threads and whatever other rows there are; memory for fewer rows. */
#include "core/cpu.h"
#include "core/pool.h"
#include "cpu/gemm.h"
#include "cpu/panels.h"
#include "support/expect.h"
#include <math.h>
#include <stdlib.h>

#define EPS 0x1p-24     // half a unit in the last place of f32
#define EPS_BF16 0x1p-8 // of bf16
#define GUARD 0x5a
// rounding errors of a sum, in units of EPS * sum |x||w|: those of random signs stay below this,
// the bound that holds for any signs is the number of terms
#define SUM_UNITS 5.0

static uint32_t seed = 1;

static uint32_t random_bits(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static int random_int(int low, int high)
{
    return low + (int)(random_bits() % (uint32_t)(high - low + 1));
}

static float random_float(void)
{
    return (float)random_bits() * 0x1p-23f - 1;
}

static void *allocate(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(p);
    return p;
}

/* ---- the kernels of this machine ---- */

#define MAX_KERNELS (2 * CPU_ISA_COUNT)
static const gemm_kernel *kernel[MAX_KERNELS];
static int n_kernels;

static void add_kernel(const gemm_kernel *k)
{
    for (int i = 0; i < n_kernels; i++)
        if (kernel[i] == k) return;
    kernel[n_kernels++] = k;
}

static int find_kernels(void **state)
{
    (void)state;
    for (int i = 0; i < CPU_ISA_COUNT; i++) {
        cpu_isa isa;
        if (pi0_cpu_isa(&isa, pi0_cpu_isa_name((cpu_isa)i), NULL)) continue;
        add_kernel(pi0_kernels(isa)->gemm_f32);
        add_kernel(pi0_kernels(isa)->gemm_bf16);
    }
    for (int i = 0; i < n_kernels; i++) printf("  %s\n", kernel[i]->name);
    return n_kernels < 2;
}

/* ---- one random layer ---- */

typedef struct layer {
    const gemm_kernel *k;
    weight w;
    enum gemm_end_op op;
    int rows, n_y;
    mat x, y[WEIGHT_PARTS], gate;
    size_t y_bytes[WEIGHT_PARTS];
    void *stored[WEIGHT_PARTS], *work;
    size_t work_bytes;
} layer;

static size_t span(mat m)
{
    return m.rows ? ((size_t)(m.rows - 1) * (size_t)m.ld + (size_t)m.cols) * dtype_size(m.type) : 0;
}

static void put(dtype type, void *p, ptrdiff_t i, float f)
{
    if (type == DTYPE_BF16)
        ((uint16_t *)p)[i] = f32_to_bf16(f);
    else
        ((float *)p)[i] = f;
}

// exactly as many bytes as the matrix has, so that a sanitizer sees one more
static mat random_mat(int rows, int cols, dtype type)
{
    mat m = { NULL, rows, cols, cols + random_int(0, 5), type };
    m.p = malloc(span(m) ? span(m) : 1);
    assert_non_null(m.p);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) put(type, mat_row(m, r), c, random_float());
    return m;
}

static void random_part(layer *l, int part, int rows)
{
    const int in = l->w.in;
    // [out][in] with some stride, or [in][out]
    const bool transposed = random_int(0, 3) == 0;
    const int stride = (transposed ? rows : in) + random_int(0, 3);
    const size_t n = (size_t)stride * (size_t)(transposed ? in : rows);
    void *p = malloc(n * dtype_size(l->k->type));
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) put(l->k->type, p, (ptrdiff_t)i, random_float());
    l->stored[part] = p;
    l->w.part[part] = (tensor_view){ p, rows, in, stride, 1, l->k->type };
    if (!transposed) return;
    l->w.part[part].row_stride = 1;
    l->w.part[part].col_stride = stride;
}

static int random_rows(const gemm_kernel *k)
{
    switch (random_int(0, 4)) {
    case 0: return 1;
    case 1: return 50 + random_int(0, 1);
    case 2: return k->mr + random_int(-1, 1);
    case 3: return 10;
    default: return random_int(1, 40);
    }
}

static int random_width(const gemm_kernel *k)
{
    switch (random_int(0, 3)) {
    case 0: return random_int(1, 2);
    case 1: return k->nr * random_int(1, 3) + random_int(-1, 1);
    case 2: return 16 * random_int(1, 9);
    default: return random_int(1, 150);
    }
}

static int random_depth(const gemm_kernel *k)
{
    static const int of_models[] = { 80, 96, 172, 588, 1024 };
    switch (random_int(0, 4)) {
    case 0: return random_int(1, 3);
    case 1: return of_models[random_int(0, (int)COUNT(of_models) - 1)];
    case 2: return 16 * k->k_step * random_int(1, 3) + random_int(-1, 1);
    case 3:
        return random_int(1, 3) == 1 ? k->k_step * random_int(1150, 2500) : 32; // several blocks
    default: return random_int(1, 200);
    }
}

static void random_weight(layer *l)
{
    weight *w = &l->w;
    w->type = l->k->type;
    w->in = random_depth(l->k);
    w->n_parts = l->op == GEMM_GEGLU ? 2 : l->op == GEMM_ADD ? 1 : random_int(1, WEIGHT_PARTS);
    w->kind = l->op == GEMM_GEGLU ? WEIGHT_GEGLU : WEIGHT_LINEAR;
    const int width = random_width(l->k);
    for (int i = 0; i < w->n_parts; i++) {
        random_part(l, i, l->op == GEMM_GEGLU ? width : random_width(l->k));
        w->out += w->part[i].rows;
    }
    if (random_int(0, 1)) {
        w->bias = random_mat(1, w->out, DTYPE_F32);
        w->bias.ld = w->bias.cols;
    }
    w->packed = allocate(pi0_gemm_packed_size(l->k, w));
    pi0_gemm_pack(NULL, l->k, w);
}

static void random_outputs(layer *l)
{
    l->n_y = l->op == GEMM_STORE && random_int(0, 1) ? l->w.n_parts : 1;
    const int all = l->op == GEMM_GEGLU ? l->w.out / 2 : l->w.out;
    const dtype type = l->op != GEMM_ADD && random_int(0, 1) ? DTYPE_BF16 : DTYPE_F32;
    for (int i = 0; i < l->n_y; i++) {
        const int cols = l->n_y > 1 ? l->w.part[i].rows : all;
        l->y[i] = random_mat(l->rows, cols, type);
        l->y_bytes[i] = span(l->y[i]);
    }
}

static layer random_layer(const gemm_kernel *k, int rows)
{
    layer l = { .k = k, .op = (enum gemm_end_op)random_int(GEMM_STORE, GEMM_ADD), .rows = rows };
    random_weight(&l);
    l.x = random_mat(rows, l.w.in, k->type);
    random_outputs(&l);
    if (l.op == GEMM_ADD && random_int(0, 1)) l.gate = random_mat(1, l.w.out, DTYPE_F32);
    return l;
}

static void free_layer(layer *l)
{
    for (int i = 0; i < WEIGHT_PARTS; i++) {
        free(l->stored[i]);
        free(l->y[i].p);
    }
    free(l->w.bias.p);
    free(l->w.packed);
    free(l->x.p);
    free(l->gate.p);
}

// run on `threads`, into copies of y with guards before, behind and between the rows
static void run_layer(const layer *l, pool *threads, mat y[WEIGHT_PARTS])
{
    const size_t work_bytes = pi0_gemm_work(l->k, &l->w, l->rows, pi0_pool_threads(threads));
    void *work = allocate(work_bytes + 64);
    memset((char *)work + work_bytes, GUARD, 64);
    for (int i = 0; i < l->n_y; i++) {
        y[i] = l->y[i];
        char *p = malloc(l->y_bytes[i] + 128);
        assert_non_null(p);
        memset(p, GUARD, l->y_bytes[i] + 128);
        y[i].p = p + 64;
        for (int r = 0; r < l->rows; r++)
            memcpy(mat_row(y[i], r), mat_row(l->y[i], r),
                   (size_t)y[i].cols * dtype_size(y[i].type));
    }
    pi0_gemm(threads, l->k, y, l->n_y, l->x, &l->w, l->op, l->gate, work);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(((unsigned char *)work)[work_bytes + i], GUARD);
    free(work);
}

static void check_guards(const layer *l, const mat *y)
{
    for (int i = 0; i < l->n_y; i++) {
        const size_t size = dtype_size(y[i].type);
        const unsigned char *p = (unsigned char *)y[i].p - 64;
        for (size_t b = 0; b < l->y_bytes[i] + 128; b++) {
            const size_t col = b < 64 ? 0 : (b - 64) / size % (size_t)y[i].ld;
            const bool inside = b >= 64 && b < 64 + l->y_bytes[i] && col < (size_t)y[i].cols;
            if (!inside && p[b] != GUARD)
                fail_msg("%s: byte %zu of output %d was overwritten", l->k->name, b, i);
        }
    }
}

static void free_outputs(const layer *l, mat *y)
{
    for (int i = 0; i < l->n_y; i++) free((char *)y[i].p - 64);
}

/* ---- what it should have been ---- */

static double gelu(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// row of x times column of all parts together, plus bias; *size: sum of the terms' magnitudes
static double product(const layer *l, int row, int col, double *size)
{
    int p = 0, in_part = col;
    double sum = mat_is_none(l->w.bias) ? 0 : ((float *)l->w.bias.p)[col];
    *size = fabs(sum);
    while (in_part >= l->w.part[p].rows) in_part -= l->w.part[p++].rows;
    for (int i = 0; i < l->w.in; i++) {
        const double t = (double)dtype_load(l->x.type, mat_row(l->x, row), i) *
                         tensor_view_at(l->w.part[p], in_part, i);
        sum += t;
        *size += fabs(t);
    }
    return sum;
}

// what output `col` of a row should be, and how far it may be from it
static double expected(const layer *l, int row, int col, double before, dtype type, double *bound)
{
    double size, up_size;
    const double rough = l->k->isa == CPU_AVX512BF16 ? 0x1p-15 : 0x1p-18; // 2^x, to become bf16
    const double power = type == DTYPE_BF16 ? rough : 4 * EPS;            // error of an activation
    double v = product(l, row, col, &size), e = SUM_UNITS * EPS * size;
    // the slopes of gelu and silu are at most 1.13 and 1.1
    if (l->op == GEMM_GELU || l->op == GEMM_SILU) {
        e = 1.13 * e + power * fabs(v);
        v = l->op == GEMM_GELU ? gelu(v) : v / (1 + exp(-v));
    }
    if (l->op == GEMM_GEGLU) {
        const double up = product(l, row, col + l->w.out / 2, &up_size), g = gelu(v);
        e = fabs(up) * (1.13 * e + power * fabs(v)) + (fabs(g) + e) * SUM_UNITS * EPS * up_size;
        v = g * up;
        e += EPS * fabs(v);
    }
    if (l->op == GEMM_ADD) {
        const double gate = mat_is_none(l->gate) ? 1 : ((float *)l->gate.p)[col];
        e = fabs(gate) * e + EPS * (fabs(gate * v) + fabs(before));
        v = before + gate * v;
    }
    *bound = e + (type == DTYPE_BF16 ? EPS_BF16 * (fabs(v) + e) : EPS * fabs(v)) + 1e-37;
    return v;
}

// largest error of a bare f32 sum, in units of EPS * sum |x||w|; every value against its bound
static double check_values(const layer *l, const mat *y)
{
    const bool bare = l->op == GEMM_STORE && y[0].type == DTYPE_F32;
    double worst = 0, size;
    for (int i = 0, offset = 0; i < l->n_y; offset += y[i++].cols)
        for (int r = 0; r < l->rows; r++)
            for (int c = 0; c < y[i].cols; c++) {
                double bound;
                const double before = dtype_load(l->y[i].type, mat_row(l->y[i], r), c);
                const double want = expected(l, r, offset + c, before, y[i].type, &bound);
                const double got = dtype_load(y[i].type, mat_row(y[i], r), c);
                const double error = fabs(got - want);
                if (!(error <= bound))
                    fail_msg("%s op %d: [%d][%d] of %d x %d x %d is %.9g, expected %.9g +- %.2g",
                             l->k->name, (int)l->op, r, offset + c, l->rows, l->w.out, l->w.in, got,
                             want, bound);
                if (!bare) continue;
                product(l, r, offset + c, &size);
                worst = error > worst * EPS * size ? error / (EPS * size) : worst;
            }
    return worst;
}

static void values_and_guards(void **state)
{
    (void)state;
    for (int i = 0; i < n_kernels; i++) {
        double worst = 0;
        for (int n = 0; n < 150; n++) {
            mat y[WEIGHT_PARTS];
            layer l = random_layer(kernel[i], random_rows(kernel[i]));
            run_layer(&l, NULL, y);
            check_guards(&l, y);
            const double e = check_values(&l, y);
            worst = e > worst ? e : worst;
            free_outputs(&l, y);
            free_layer(&l);
        }
        printf("  %-22s largest error of a sum: %.2f eps sum |x||w|\n", kernel[i]->name, worst);
    }
}

/* ---- the same bits ---- */

static void expect_same(const layer *l, const mat *a, const mat *b, int n_threads)
{
    for (int i = 0; i < l->n_y; i++)
        if (memcmp((char *)a[i].p - 64, (char *)b[i].p - 64, l->y_bytes[i] + 128))
            fail_msg("%s: %d threads give other bits", l->k->name, n_threads);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    static const int counts[] = { 2, 3, 5 };
    for (size_t t = 0; t < COUNT(counts); t++) {
        pool *threads;
        pi0_error err;
        expect_ok(pi0_pool_create(&threads, counts[t], &err), &err);
        for (int i = 0; i < n_kernels; i++)
            for (int n = 0; n < 25; n++) {
                mat one[WEIGHT_PARTS], many[WEIGHT_PARTS];
                layer l = random_layer(kernel[i], random_rows(kernel[i]));
                run_layer(&l, NULL, one);
                run_layer(&l, threads, many);
                expect_same(&l, one, many, counts[t]);
                free_outputs(&l, one);
                free_outputs(&l, many);
                free_layer(&l);
            }
        pi0_pool_free(threads);
    }
}

// a row gives the same bits alone as among others, at any place in a tile
static void other_rows_do_not_matter(void **state)
{
    (void)state;
    for (int i = 0; i < n_kernels; i++)
        for (int n = 0; n < 20; n++) {
            mat all[WEIGHT_PARTS], alone[WEIGHT_PARTS];
            layer l = random_layer(kernel[i], random_int(2, 20));
            run_layer(&l, NULL, all);
            for (int r = 0; r < l.rows; r++) {
                layer row = l;
                row.rows = 1;
                row.x = mat_rows(l.x, r, 1);
                for (int p = 0; p < l.n_y; p++) {
                    row.y[p] = mat_rows(l.y[p], r, 1);
                    row.y_bytes[p] = span(row.y[p]);
                }
                run_layer(&row, NULL, alone);
                for (int p = 0; p < l.n_y; p++)
                    assert_memory_equal(mat_row(all[p], r), alone[p].p,
                                        (size_t)all[p].cols * dtype_size(all[p].type));
                free_outputs(&row, alone);
            }
            free_outputs(&l, all);
            free_layer(&l);
        }
}

// more panels than are gone through together, and a narrow one
static void check_large(const gemm_kernel *k, int rows, pool *threads)
{
    layer l = { .k = k, .op = GEMM_STORE, .rows = rows };
    mat y[WEIGHT_PARTS];
    l.w = (weight){ .n_parts = 1, .in = 1153 * k->k_step, .type = k->type };
    l.w.out = 17 * k->nr + 3;
    random_part(&l, 0, l.w.out);
    l.w.packed = allocate(pi0_gemm_packed_size(k, &l.w));
    pi0_gemm_pack(threads, k, &l.w);
    l.x = random_mat(l.rows, l.w.in, k->type);
    random_outputs(&l);
    run_layer(&l, threads, y);
    check_guards(&l, y);
    for (int n = 0; n < 200; n++) {
        const int r = random_int(0, l.rows - 1), c = random_int(0, l.w.out - 1);
        double bound, want = expected(&l, r, c, 0, y[0].type, &bound);
        assert_true(fabs(dtype_load(y[0].type, mat_row(y[0], r), c) - want) <= bound);
    }
    free_outputs(&l, y);
    free_layer(&l);
}

// rows enough to be converted in blocks, and few, with other blocks of k
static void large_layers_on_threads(void **state)
{
    (void)state;
    pool *threads;
    pi0_error err;
    expect_ok(pi0_pool_create(&threads, 2, &err), &err);
    for (int i = 0; i < n_kernels; i++) {
        const int rows[] = { 33 * kernel[i]->mr + 1, 8 * kernel[i]->mr + 2, 2 * kernel[i]->mr - 1 };
        for (int n = 0; n < 3; n++) check_large(kernel[i], rows[n], threads);
    }
    pi0_pool_free(threads);
}

static void work_for_many_rows_is_enough_for_fewer(void **state)
{
    (void)state;
    weight w = { .n_parts = 1, .part = { { .rows = 100 } }, .out = 100 };
    for (int i = 0; i < n_kernels; i++)
        for (w.in = 1; w.in < 5000; w.in = w.in * 3 + 1) {
            size_t work, before = 0;
            for (int rows = 0; rows < 250; rows++, before = work) {
                work = pi0_gemm_work(kernel[i], &w, rows, 2);
                if (work < before) fail_msg("%d rows need more than %d", rows - 1, rows);
            }
        }
}

static void no_rows(void **state)
{
    (void)state;
    for (int i = 0; i < n_kernels; i++) {
        layer l = random_layer(kernel[i], 0);
        mat y[WEIGHT_PARTS];
        run_layer(&l, NULL, y);
        check_guards(&l, y);
        free_outputs(&l, y);
        free_layer(&l);
    }
}

/* ---- packing ---- */

static uint16_t f16_of_eighths(int eighths)
{
    // n / 8 with |n| <= 64: exact
    if (!eighths) return 0;
    int exponent = 0, n = abs(eighths);
    while (n >> (exponent + 1)) exponent++;
    const unsigned mantissa = ((unsigned)n << (10 - exponent)) & 0x3ffu;
    return (uint16_t)((eighths < 0 ? 0x8000u : 0u) | (unsigned)(exponent - 3 + 15) << 10 |
                      mantissa);
}

static void store(dtype type, void *p, size_t i, int eighths)
{
    const float f = (float)eighths / 8;
    const double d = f;
    const uint16_t b = f32_to_bf16(f), h = f16_of_eighths(eighths);
    const void *from = type == DTYPE_F32    ? (const void *)&f
                       : type == DTYPE_F64  ? (const void *)&d
                       : type == DTYPE_BF16 ? (const void *)&b
                                            : (const void *)&h;
    memcpy((char *)p + i * dtype_size(type), from, dtype_size(type));
}

// the panel of a contiguous f32 matrix, value by value
static void pack_plainly(const gemm_kernel *k, char *panel, int column, int n, int rows, int in,
                         const int *eighths)
{
    const int padded = (in + k->k_step - 1) / k->k_step * k->k_step;
    for (int i = 0; i < padded; i++)
        for (int j = 0; j < n; j++) {
            const float f = j < rows && i < in ? (float)eighths[j * in + i] / 8 : 0;
            const size_t at = ((size_t)(i / k->k_step) * (size_t)k->nr + (size_t)(column + j)) *
                                  (size_t)k->k_step +
                              (size_t)(i % k->k_step);
            put(k->type, panel, (ptrdiff_t)at, f);
        }
}

static void check_packer(const gemm_kernel *k, dtype type)
{
    const int rows = random_int(1, k->nr / 2), in = random_int(1, 300), n = k->nr / 2;
    const int column = random_int(0, 1) * n;
    const int row_gap = random_int(0, 3), col_step = random_int(1, 2);
    const bool transposed = random_int(0, 1);
    tensor_view w = { NULL, rows, in, in * col_step + row_gap, col_step, type };
    if (transposed) {
        w.row_stride = col_step;
        w.col_stride = rows * col_step + row_gap;
    }
    const size_t last = (size_t)((rows - 1) * w.row_stride + (in - 1) * w.col_stride);
    // an odd address: files align to bytes
    char *memory = malloc((last + 1) * dtype_size(type) + 1), *data = memory + 1;
    int *eighths = malloc((size_t)rows * (size_t)in * sizeof *eighths);
    assert_non_null(memory);
    assert_non_null(eighths);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < in; i++) {
            eighths[r * in + i] = random_int(-64, 64);
            store(type, data, (size_t)(r * w.row_stride + i * w.col_stride), eighths[r * in + i]);
        }
    w.data = data;

    const size_t steps = (size_t)((in + k->k_step - 1) / k->k_step);
    const size_t bytes = steps * (size_t)(k->nr * k->k_step) * dtype_size(k->type);
    char *got = allocate(bytes), *want = allocate(bytes);
    memset(got, GUARD, bytes);
    memset(want, GUARD, bytes);
    k->pack(got, k->nr, column, n, &w);
    pack_plainly(k, want, column, n, rows, in, eighths);
    if (memcmp(got, want, bytes))
        fail_msg("%s packs %s %d x %d wrongly", k->name, dtype_name(type), rows, in);
    free(memory);
    free(eighths);
    free(got);
    free(want);
}

static void packers(void **state)
{
    (void)state;
    static const dtype types[] = { DTYPE_F32, DTYPE_BF16, DTYPE_F16, DTYPE_F64 };
    for (int i = 0; i < n_kernels; i++)
        for (size_t t = 0; t < COUNT(types); t++)
            for (int n = 0; n < 40; n++) check_packer(kernel[i], types[t]);
}

// halfway cases go to the even neighbour, a NaN stays one
static void packing_rounds_to_nearest_even(void **state)
{
    (void)state;
    const uint32_t bits[] = { 0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff, 0x7f800000,
                              0xff800000, 0x7f7fffff, 0x80000000, 0x7f800001, 0x3f80ffff };
    const uint16_t want[] = { 0x3f80, 0x3f82, 0x3f81, 0x3f80, 0x7f80,
                              0xff80, 0x7f80, 0x8000, 0x7fc0, 0x3f81 };
    // rows enough for whole vectors, and one more
    enum { ROWS = 17, COLS = 4 * COUNT(bits) };
    uint32_t stored[ROWS * COLS];
    for (size_t i = 0; i < ROWS * COLS; i++) stored[i] = bits[i % COUNT(bits)];
    const tensor_view w = { stored, ROWS, COLS, COLS, 1, DTYPE_F32 };
    for (int i = 0; i < n_kernels; i++) {
        const gemm_kernel *k = kernel[i];
        if (k->type != DTYPE_BF16) continue;
        const int n = k->nr < ROWS ? k->nr : ROWS;
        uint16_t *panel = allocate(COLS * (size_t)k->nr * 2);
        k->pack(panel, k->nr, 0, n, &w);
        for (int r = 0; r < n; r++)
            for (int c = 0; c < (int)COLS; c++)
                assert_int_equal(panel[(c / k->k_step * k->nr + r) * k->k_step + c % k->k_step],
                                 want[(size_t)c % COUNT(bits)]);
        free(panel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_guards),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(other_rows_do_not_matter),
        cmocka_unit_test(large_layers_on_threads),
        cmocka_unit_test(work_for_many_rows_is_enough_for_fewer),
        cmocka_unit_test(no_rows),
        cmocka_unit_test(packers),
        cmocka_unit_test(packing_rounds_to_nearest_even),
    };
    threads_are_in("*threads*");
    return cmocka_run_group_tests(tests, find_kernels, NULL);
}
