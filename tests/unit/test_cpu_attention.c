/* SPDX-License-Identifier: Apache-2.0 */
/* test_cpu_attention.c - every attention kernel of this machine against a sum in double, within a
 * bound that follows from the roundings that it makes. */
#include "core/cpu.h"
#include "cpu/attention.h"
#include "cpu/kern.h"
#include "cpu/kern_attention.h"
#include "support/expect.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
// cmocka.h needs those above

#define EPS 0x1p-24       // half a unit in the last place of f32
#define EPS_BF16 0x1p-8   // and of bf16
#define EXP_EXACT 0x1p-22 // v_exp2(exact): 1.5 ulp in all, rounded up to 2
#define EXP_SHORT 0x1p-15 // where weights are bf16: v_rough_exp2, 2^-15.05
#define GUARD 0x5a

static uint32_t seed = 1;

static uint32_t random_bits(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

// uniform in [-1, 1)
static float random_float(void)
{
    return (float)random_bits() * 0x1p-23f - 1;
}

static int random_int(int low, int high)
{
    return low + (int)(random_bits() % (uint32_t)(high - low + 1));
}

static float get(mat m, int row, int col)
{
    return dtype_load(m.type, mat_row(m, row), col);
}

static void set(mat m, int row, int col, float x)
{
    if (m.type == DTYPE_F32)
        ((float *)mat_row(m, row))[col] = x;
    else
        ((uint16_t *)mat_row(m, row))[col] = f32_to_bf16(x);
}

// elements from the first to the last of a matrix whose rows are ld apart, and not one more
static size_t span(mat m)
{
    return ((size_t)(m.rows - 1) * (size_t)m.ld + (size_t)m.cols) * dtype_size(m.type);
}

static mat new_mat(int rows, int cols, int ld, dtype type)
{
    mat m = { NULL, rows, cols, ld, type };
    m.p = malloc(span(m));
    assert_non_null(m.p);
    memset(m.p, GUARD, span(m));
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

typedef struct problem {
    mat y, q, k, v;
    int heads, kv_heads, dim;
    float scale;
} problem;

static problem new_problem(dtype type, int rows, int keys, int heads, int kv_heads, int dim,
                           float size)
{
    problem p = { .heads = heads, .kv_heads = kv_heads, .dim = dim };
    p.scale = 1 / sqrtf((float)dim);
    p.y = new_mat(rows, heads * dim, heads * dim + random_int(0, 3), type);
    p.q = new_mat(rows, heads * dim, heads * dim + random_int(0, 3), type);
    p.k = new_mat(keys, kv_heads * dim, kv_heads * dim + random_int(0, 3), type);
    p.v = new_mat(keys, kv_heads * dim, kv_heads * dim + random_int(0, 3), type);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < p.q.cols; i++) set(p.q, r, i, size * random_float());
    for (int r = 0; r < keys; r++)
        for (int i = 0; i < p.k.cols; i++) {
            set(p.k, r, i, size * random_float());
            set(p.v, r, i, random_float());
        }
    return p;
}

static void free_problem(problem *p)
{
    free(p->y.p);
    free(p->q.p);
    free(p->k.p);
    free(p->v.p);
}

static void run(problem *p, cpu_isa isa, int threads)
{
    pi0_error err;
    backend b = { .gemm_type = p->q.type, .impl = pi0_cpu_impl(isa) };
    if (threads > 1) assert_int_equal(pi0_pool_create(&b.threads, threads, &err), PI0_OK);
    b.work_bytes = pi0_cpu_attention_work(&b, p->heads, p->dim, p->q.rows, p->k.rows);
    // room for the alignment, and a guard behind
    const size_t guard = 64;
    char *block = malloc(b.work_bytes + 2 * guard);
    assert_non_null(block);
    b.work = block + (64 - (uintptr_t)block % 64) % 64;
    memset(block, 0xff,
           b.work_bytes + 2 * guard); // NaN, should anything read what it did not write
    pi0_cpu_attention(&b, p->y, p->q, p->k, p->v, p->heads, p->scale);
    for (size_t i = 0; i < guard; i++)
        assert_int_equal(((unsigned char *)b.work)[b.work_bytes + i], 0xff);
    free(block);
    pi0_pool_free(b.threads);
    check_gaps(p->y);
}

/* ---- the bound ----
 *
 * s_j = q . k_j is a sum of dim products, each rounded at most twice (product and sum, one after
 * the other): |error| <= 2 (dim + 1) eps A_j, A_j = sum |q_i k_ji|; so x_j = scale (s_j - s_max)
 * has scale times that, and 3 eps |x_j| from log2(e), from its product with scale and from the one
 * rounding of s_j scale' - s_max scale'. (The rounding of s_max scale' is common to all weights.)
 * Its exponential has a relative error of its own, and bf16 weights are rounded:
 *     r_j = 2 (dim + 1) eps scale A_j + 3 eps |x_j| + e_exp (+ eps_bf16),
 * besides what underflows: less than 2^-125 for each.
 * y = sum p_j v_j / sum p_j moves by at most sum p_j r_j |v_j| + |y| sum p_j r_j, where p_j are the
 * exact weights with sum 1; the two sums and the division add
 *     (2 keys + 4) eps (sum p_j |v_j| + |y|), and y is rounded to its type.
 * All this to first order: 3 percent are added for the others. */
static double bound_factor = 1.03;

struct exact {
    double *s, *a, *p; // logits, sum |q k|, weights
};

static void exact_weights(const problem *p, int row, int head, const struct exact *e)
{
    const int own = p->kv_heads == 1 ? 0 : head * p->dim;
    double most = -INFINITY, total = 0;
    for (int j = 0; j < p->k.rows; j++) {
        e->s[j] = e->a[j] = 0;
        for (int i = 0; i < p->dim; i++) {
            const double t = (double)get(p->q, row, head * p->dim + i) * get(p->k, j, own + i);
            e->s[j] += t;
            e->a[j] += fabs(t);
        }
        most = fmax(most, e->s[j]);
    }
    for (int j = 0; j < p->k.rows; j++) {
        e->s[j] = (e->s[j] - most) * p->scale;
        total += e->p[j] = exp(e->s[j]);
    }
    for (int j = 0; j < p->k.rows; j++) e->p[j] /= total;
}

// largest error of one row of one head, in units of its bound
static double row_error(const problem *p, bool products_bf16, int row, int head,
                        const struct exact *e)
{
    const int own = p->kv_heads == 1 ? 0 : head * p->dim;
    const double eps_weight = products_bf16 ? EXP_SHORT + EPS_BF16 : EXP_EXACT;
    double r_all = 0, worst = 0;
    exact_weights(p, row, head, e);
    for (int j = 0; j < p->k.rows; j++) {
        const double r =
            2 * (p->dim + 1) * EPS * p->scale * e->a[j] + 3 * EPS * fabs(e->s[j]) + eps_weight;
        e->s[j] = e->p[j] * r + 0x1p-125;
        r_all += e->s[j];
    }
    for (int i = 0; i < p->dim; i++) {
        double y = 0, r_value = 0, size = 0;
        for (int j = 0; j < p->k.rows; j++) {
            const double v = get(p->v, j, own + i);
            y += e->p[j] * v;
            size += e->p[j] * fabs(v);
            r_value += e->s[j] * fabs(v);
        }
        double bound = r_value + fabs(y) * r_all + (2 * p->k.rows + 4) * EPS * (size + fabs(y));
        bound += (fabs(y) + bound) * (p->y.type == DTYPE_BF16 ? EPS_BF16 : EPS);
        bound = bound * bound_factor + 0x1p-120;
        const double error = fabs(get(p->y, row, head * p->dim + i) - y) / bound;
        if (!(error <= worst)) worst = error; // NaN too
    }
    return worst;
}

static double check(problem *p, cpu_isa isa)
{
    const struct attention_kernels *set_of = pi0_kernels(isa)->attention;
    const bool bf16 = p->q.type == DTYPE_BF16 && set_of->bf16->type == DTYPE_BF16;
    struct exact e = { malloc((size_t)p->k.rows * 3 * sizeof(double)), NULL, NULL };
    assert_non_null(e.s);
    e.a = e.s + p->k.rows;
    e.p = e.a + p->k.rows;
    double worst = 0;
    run(p, isa, 1);
    // of large problems, some rows; a sanitizer watches the kernel, not this check
#ifdef PI0_TEST_SANITIZED
    const int step = 1 + p->q.rows * p->k.rows / 2000;
#else
    const int step = 1 + p->q.rows * p->k.rows / 20000;
#endif
    for (int r = 0; r < p->q.rows; r += step)
        for (int h = 0; h < p->heads; h++) {
            const double error = row_error(p, bf16, r, h, &e);
            if (!(error <= worst)) worst = error;
        }
    free(e.s);
    if (!(worst <= 1))
        fail_msg("%s: %d rows, %d keys, %d/%d heads of %d: error is %g of the bound",
                 bf16 ? set_of->bf16->name : set_of->f32->name, p->q.rows, p->k.rows, p->heads,
                 p->kv_heads, p->dim, worst);
    return worst;
}

/* ---- the tests, each for every kernel set that this machine has ---- */

static bool has(cpu_isa isa)
{
    cpu_isa got;
    return pi0_cpu_isa(&got, pi0_cpu_isa_name(isa), NULL) == PI0_OK;
}

static void each(void (*test)(cpu_isa isa, dtype type))
{
    for (int isa = 0; isa < CPU_ISA_COUNT; isa++) {
        if (!has((cpu_isa)isa)) continue;
        test((cpu_isa)isa, DTYPE_F32);
        test((cpu_isa)isa, DTYPE_BF16);
    }
}

static void sizes(cpu_isa isa, dtype type)
{
    static const int dims[] = { 1,  2,  3,  4,  5,  6,  7,  8,  9,  12,  15,
                                16, 17, 24, 31, 32, 33, 63, 72, 80, 129, 256 };
    double worst = 0;
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (int keys = 1; keys <= 130; keys += keys < 36 ? 1 : 31) {
            const bool shared = random_bits() & 1;
            const int heads = random_int(1, 3);
            problem p =
                new_problem(type, random_int(1, 14), keys, heads, shared ? 1 : heads, dims[i], 1);
            worst = fmax(worst, check(&p, isa));
            free_problem(&p);
        }
    print_message("%s %s: worst error %.2f of the bound\n", pi0_cpu_isa_name(isa), dtype_name(type),
                  worst);
}

static void test_sizes(void **state)
{
    (void)state;
    each(sizes);
}

static void model_sizes(cpu_isa isa, dtype type)
{
    static const int size[][5] = { { 70, 583, 8, 1, 256 },
                                   { 1, 533, 8, 1, 256 },
                                   { 130, 256, 16, 16, 72 },
                                   { 10, 260, 8, 1, 16 } };
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        const int *n = size[i];
        problem p = new_problem(type, n[0], n[1], n[2], n[3], n[4], 1);
        check(&p, isa);
        free_problem(&p);
    }
}

static void test_model_sizes(void **state)
{
    (void)state;
    each(model_sizes);
}

// logits up to +-80 and beyond: one key takes all, the others underflow
static void large(cpu_isa isa, dtype type)
{
    for (int i = 0; i < 12; i++) {
        problem p = new_problem(type, 7, random_int(1, 70), 2, 1 + i % 2, 16, 1);
        for (int r = 0; r < p.q.rows; r++)
            for (int c = 0; c < p.q.cols; c++)
                set(p.q, r, c, (r & 1 ? 80.0f : 1000.0f) * (random_bits() & 1 ? 0.25f : -0.25f));
        for (int r = 0; r < p.k.rows; r++)
            for (int c = 0; c < p.k.cols; c++) set(p.k, r, c, random_bits() & 1 ? 1 : -1);
        check(&p, isa);
        free_problem(&p);
    }
}

static void test_large(void **state)
{
    (void)state;
    each(large);
}

// equal logits: the mean of the values
static void equal(cpu_isa isa, dtype type)
{
    for (int keys = 1; keys < 70; keys += 3) {
        problem p = new_problem(type, 3, keys, 2, 2, 8, 1);
        for (int r = 0; r < p.q.rows; r++)
            for (int c = 0; c < p.q.cols; c++) set(p.q, r, c, keys & 1 ? 0 : 2);
        for (int r = 0; r < p.k.rows; r++)
            for (int c = 0; c < p.k.cols; c++) set(p.k, r, c, 3);
        check(&p, isa);
        free_problem(&p);
    }
}

static void test_equal(void **state)
{
    (void)state;
    each(equal);
}

static void *copy_of(mat m)
{
    void *c = malloc(span(m));
    assert_non_null(c);
    return memcpy(c, m.p, span(m));
}

static void threads(cpu_isa isa, dtype type)
{
    static const int size[][5] = { { 19, 75, 8, 1, 32 }, { 23, 40, 5, 5, 24 }, { 1, 9, 1, 1, 6 } };
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        const int *n = size[i];
        problem p = new_problem(type, n[0], n[1], n[2], n[3], n[4], 1);
        run(&p, isa, 1);
        void *one = copy_of(p.y);
        static const int counts[] = { 2, 3, 5 };
        for (int t = 0; t < 3; t++) {
            memset(p.y.p, GUARD, span(p.y));
            run(&p, isa, counts[t]);
            assert_memory_equal(p.y.p, one, span(p.y));
        }
        free(one);
        free_problem(&p);
    }
}

static void test_threads(void **state)
{
    (void)state;
    each(threads);
}

// NaN in a query spoils its own row and no other; NaN in a value its own column
static void nan_stays(cpu_isa isa, dtype type)
{
    problem p = new_problem(type, 5, 37, 1, 1, 24, 1);
    // the largest payload: bits that a careless 2^x would add to an exponent
    set(p.q, 2, 3, f32_from_bits(0x7fffffffu));
    set(p.v, 36, 20, NAN);
    run(&p, isa, 1);
    for (int r = 0; r < p.y.rows; r++)
        for (int c = 0; c < p.y.cols; c++)
            assert_int_equal(isnan(get(p.y, r, c)) != 0, r == 2 || c == 20);
    free_problem(&p);
}

static void test_nan(void **state)
{
    (void)state;
    each(nan_stays);
}

// weights alone: the exponential's documented error
static void exponential(cpu_isa isa, dtype type)
{
    const struct attention_kernels *set_of = pi0_kernels(isa)->attention;
    const attention_kernel *k = type == DTYPE_BF16 ? set_of->bf16 : set_of->f32;
    const bool bf16 = k->type == DTYPE_BF16;
    enum { KEYS = 4096 };
    static float logits[KEYS], x[KEYS];
    attention_shape s;
    float inverse;
    double total = 0, worst = 0;
    k->shape(&s, KEYS, 8);
    assert_int_equal(s.ld, KEYS);
    for (int i = 0; i < KEYS; i++) {
        // most of them near 0, some down to underflow
        x[i] = i ? (i & 1 ? 4 : 100) * (random_float() - 1) * 0.5f : 0;
        if (i == 5) x[i] = -FLT_MAX;
        logits[i] = x[i];
    }
    k->softmax(&s, logits, &inverse, 1, 1);
    for (int i = 0; i < KEYS; i++) {
        const double e = exp(x[i]);
        const double w = bf16 ? dtype_load(DTYPE_BF16, logits, i) : logits[i];
        // 2^-126 and what bf16 products flush
        const double bound = e * ((bf16 ? EXP_SHORT + EPS_BF16 : EXP_EXACT) + 3 * EPS * -x[i]);
        worst = fmax(worst, fabs(w - e) / (bound + 0x1p-125));
        total += w;
    }
    print_message("%s: worst error %.2f of the bound\n", k->name, worst);
    assert_true(worst <= 1);
    assert_true(fabs(total * inverse - 1) <= KEYS * EPS);
}

static void test_exponential(void **state)
{
    (void)state;
    each(exponential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_model_sizes),
        cmocka_unit_test(test_large),       cmocka_unit_test(test_equal),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_nan),
        cmocka_unit_test(test_exponential),
    };
    threads_are_in("*threads*");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
