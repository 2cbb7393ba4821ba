/* SPDX-License-Identifier: Apache-2.0 */
/* attention_peak.c - times attention at the model's shapes beside the peak of its multiply
 * instruction, all taken in turn in one run, the best of each: attention [isa] [f32|bf16] [threads]
 * [rounds]. */
#include "core/clock.h"
#include "cpu/attention.h"
#include "cpu/kern.h"
#include "cpu/kern_attention.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_THREADS 64

/* ---- the peak: independent multiply-adds on registers alone ---- */

#if defined(__x86_64__)
#define ONE(ins, set, n) ins " %%" set "mm14,%%" set "mm15,%%" set "mm" #n "\n"
#define LOOP(ins, set)                                                                          \
    __asm__ volatile("1:\n" ONE(ins, set, 0) ONE(ins, set, 1) ONE(ins, set, 2) ONE(ins, set, 3) \
                         ONE(ins, set, 4) ONE(ins, set, 5) ONE(ins, set, 6) ONE(ins, set, 7)    \
                             ONE(ins, set, 8) ONE(ins, set, 9) ONE(ins, set, 10)                \
                                 ONE(ins, set, 11) "dec %0\n jnz 1b"                            \
                     : "+r"(n)                                                                  \
                     :                                                                          \
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",  \
                       "xmm9", "xmm10", "xmm11", "xmm14", "xmm15")

// runs 12 n multiply instructions; returns the flop of one
static int multiply(cpu_isa isa, dtype type, long n)
{
    switch (isa) {
    case CPU_AVX512BF16:
        if (type == DTYPE_BF16) {
            LOOP("vdpbf16ps", "z");
            return 64;
        } // fall through
    case CPU_AVX512: LOOP("vfmadd231ps", "z"); return 32;
    case CPU_AVX2: LOOP("vfmadd231ps", "y"); return 16;
    default:
        // a product and a sum
        __asm__ volatile("1:\n mulps %%xmm14,%%xmm0\n addps %%xmm14,%%xmm1\n"
                         "mulps %%xmm14,%%xmm2\n addps %%xmm14,%%xmm3\n"
                         "mulps %%xmm14,%%xmm4\n addps %%xmm14,%%xmm5\n"
                         "mulps %%xmm14,%%xmm6\n addps %%xmm14,%%xmm7\n"
                         "mulps %%xmm14,%%xmm8\n addps %%xmm14,%%xmm9\n"
                         "mulps %%xmm14,%%xmm10\n addps %%xmm14,%%xmm11\n"
                         "dec %0\n jnz 1b"
                         : "+r"(n)
                         :
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                           "xmm9", "xmm10", "xmm11", "xmm14");
        return 4;
    }
}
#else
static int multiply(cpu_isa isa, dtype type, long n)
{
    (void)isa, (void)type, (void)n;
    return 0; // not known on this processor: printed as nan
}
#endif

struct peak_job {
    cpu_isa isa;
    dtype type;
    double flops[MOST_THREADS];
};

static void peak_thread(void *arg, int thread, int n_threads)
{
    struct peak_job *j = arg;
    const long n = 100000;
    (void)n_threads;
    const double t = clock_ms();
    const int flop = multiply(j->isa, j->type, n);
    j->flops[thread] = 12.0 * (double)n * flop / ((clock_ms() - t) * 1e-3);
}

/* ---- the cases ---- */

struct bench_case {
    int rows, keys, heads, kv_heads, dim;
    mat y, q, k, v;
    double seconds;
};

static mat random_mat(int rows, int cols, dtype type)
{
    mat m = mat_make(NULL, rows, cols, type);
    m.p = aligned_alloc(64, (mat_bytes(m) + 63) / 64 * 64);
    if (!m.p) exit(1);
    for (int i = 0; i < rows * cols; i++) {
        const float x = (float)(rand() % 2001 - 1000) * 1e-3f;
        if (type == DTYPE_F32)
            ((float *)m.p)[i] = x;
        else
            ((uint16_t *)m.p)[i] = f32_to_bf16(x);
    }
    return m;
}

static void make_case(struct bench_case *c, backend *b)
{
    c->q = random_mat(c->rows, c->heads * c->dim, b->gemm_type);
    c->y = random_mat(c->rows, c->heads * c->dim, b->gemm_type);
    c->k = random_mat(c->keys, c->kv_heads * c->dim, b->gemm_type);
    c->v = random_mat(c->keys, c->kv_heads * c->dim, b->gemm_type);
    c->seconds = 1e9;
    const size_t bytes = pi0_cpu_attention_work(b, c->heads, c->dim, c->rows, c->keys);
    if (bytes <= b->work_bytes) return;
    free(b->work);
    b->work_bytes = (bytes + 63) / 64 * 64;
    b->work = aligned_alloc(64, b->work_bytes);
    if (!b->work) exit(1);
}

// q, k and v were written a moment ago, as they are in the model
static void touch_thread(void *arg, int thread, int n_threads)
{
    const struct bench_case *c = arg;
    const mat m[] = { c->q, c->k, c->v };
    for (int i = 0; i < 3; i++) {
        int first, last;
        pool_share(m[i].rows, thread, n_threads, &first, &last);
        volatile unsigned char *p = mat_row(m[i], first), *end = mat_row(m[i], last);
        for (; p < end; p += 64) *p = *p;
    }
}

static void run_case(struct bench_case *c, backend *b)
{
    pi0_pool_run(b->threads, touch_thread, c);
    const double t = clock_ms();
    pi0_cpu_attention(b, c->y, c->q, c->k, c->v, c->heads, 1 / sqrtf((float)c->dim));
    const double seconds = (clock_ms() - t) * 1e-3;
    if (seconds < c->seconds) c->seconds = seconds;
}

int main(int argc, char **argv)
{
    pi0_error err;
    backend b = { .gemm_type = argc > 2 && !strcmp(argv[2], "f32") ? DTYPE_F32 : DTYPE_BF16 };
    struct peak_job peak = { .type = b.gemm_type };
    if (pi0_cpu_isa(&peak.isa, argc > 1 ? argv[1] : NULL, &err) ||
        pi0_pool_create(&b.threads, argc > 3 ? atoi(argv[3]) : 0, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    b.impl = pi0_cpu_impl(peak.isa);
    const int rounds = argc > 4 ? atoi(argv[4]) : 30, threads = pi0_pool_threads(b.threads);
    struct bench_case cases[] = {
        { .rows = 532, .keys = 532, .heads = 8, .kv_heads = 1, .dim = 256 },
        { .rows = 968, .keys = 968, .heads = 8, .kv_heads = 1, .dim = 256 },
        { .rows = 50, .keys = 583, .heads = 8, .kv_heads = 1, .dim = 256 },
        { .rows = 1, .keys = 533, .heads = 8, .kv_heads = 1, .dim = 256 },
        { .rows = 256, .keys = 256, .heads = 16, .kv_heads = 16, .dim = 72 }
    };
    const int n = sizeof cases / sizeof *cases;
    for (int i = 0; i < n; i++) make_case(&cases[i], &b);

    // in turn, the best of each
    double best = 0;
    pi0_pool_wake(b.threads);
    for (int r = 0; r < rounds; r++) {
        double sum = 0;
        pi0_pool_run(b.threads, peak_thread, &peak);
        for (int t = 0; t < threads; t++) sum += peak.flops[t];
        if (sum > best) best = sum;
        for (int i = 0; i < n; i++) run_case(&cases[i], &b);
    }
    pi0_pool_rest(b.threads);

    printf("%s, %d threads, peak %.1f GFLOP/s\n", pi0_cpu_isa_name(peak.isa), threads, best * 1e-9);
    printf("%6s %6s %6s %4s %4s %9s %9s %6s\n", "rows", "keys", "heads", "kv", "dim", "us",
           "GFLOP/s", "peak");
    for (int i = 0; i < n; i++) {
        const struct bench_case *c = &cases[i];
        const double flop = 4.0 * c->rows * c->keys * c->heads * c->dim;
        printf("%6d %6d %6d %4d %4d %9.1f %9.1f %5.1f%%\n", c->rows, c->keys, c->heads, c->kv_heads,
               c->dim, c->seconds * 1e6, flop / c->seconds * 1e-9, 100 * flop / c->seconds / best);
    }
    return 0;
}
