/* SPDX-License-Identifier: Apache-2.0 */
/* reference_speed.c - times the reference backend's products and attention at the model's shapes,
 * the best of some rounds: bench_reference_speed [threads] [rounds]. */
#include "core/clock.h"
#include "reference/reference.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void *room(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) exit(1);
    return p;
}

static mat random_mat(int rows, int cols, dtype type)
{
    mat m = mat_make(NULL, rows, cols, type);
    m.p = room(mat_bytes(m));
    for (size_t i = 0; i < (size_t)rows * (size_t)cols; i++) {
        const float x = (float)(rand() % 2001 - 1000) * 1e-3f;
        if (type == DTYPE_F32)
            ((float *)m.p)[i] = x;
        else
            ((uint16_t *)m.p)[i] = f32_to_bf16(x);
    }
    return m;
}

static void need(backend *b, size_t bytes)
{
    if (bytes <= b->work_bytes) return;
    free(b->work);
    b->work = room(bytes);
    b->work_bytes = bytes;
}

static void report(const char *what, double ms, double flop)
{
    printf("%-44s %9.2f ms %8.2f GFLOP/s\n", what, ms, flop / ms * 1e-6);
}

static void time_linear(backend *b, int rows, int out, int in, int rounds)
{
    const mat x = random_mat(rows, in, DTYPE_F32), y = random_mat(rows, out, DTYPE_F32);
    const mat stored = random_mat(out, in, DTYPE_BF16);
    const weight w = { .part = { { stored.p, out, in, in, 1, DTYPE_BF16 } },
                       .n_parts = 1,
                       .out = out,
                       .in = in,
                       .type = DTYPE_F32,
                       .kind = WEIGHT_LINEAR };
    double best = INFINITY;
    char what[64];
    need(b, b->ops->linear_work(b, &w, rows));
    for (int i = 0; i < rounds; i++) {
        const double t = clock_ms();
        linear(b, y, x, &w, ACT_NONE);
        best = fmin(best, clock_ms() - t);
    }
    snprintf(what, sizeof what, "linear %d rows, %d x %d", rows, out, in);
    report(what, best, 2.0 * rows * out * in);
    free(x.p), free(y.p), free(stored.p);
}

static void time_attention(backend *b, int rows, int keys, int heads, int kv_heads, int dim,
                           int rounds)
{
    const mat q = random_mat(rows, heads * dim, DTYPE_F32);
    const mat y = random_mat(rows, heads * dim, DTYPE_F32);
    const mat k = random_mat(keys, kv_heads * dim, DTYPE_F32);
    const mat v = random_mat(keys, kv_heads * dim, DTYPE_F32);
    double best = INFINITY;
    char what[64];
    need(b, b->ops->attention_work(b, heads, dim, rows, keys));
    for (int i = 0; i < rounds; i++) {
        const double t = clock_ms();
        attention(b, y, q, k, v, heads, 1 / sqrtf((float)dim));
        best = fmin(best, clock_ms() - t);
    }
    snprintf(what, sizeof what, "attention %d x %d, %d heads of %d", rows, keys, heads, dim);
    report(what, best, 4.0 * rows * keys * heads * dim);
    free(q.p), free(y.p), free(k.p), free(v.p);
}

int main(int argc, char **argv)
{
    pi0_error err;
    backend b = { .ops = &pi0_reference_ops, .gemm_type = DTYPE_F32 };
    if (pi0_pool_create(&b.threads, argc > 1 ? atoi(argv[1]) : 0, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const int rounds = argc > 2 ? atoi(argv[2]) : 3;
    pi0_pool_wake(b.threads);
    time_linear(&b, 512, 1152, 4304, rounds);
    time_linear(&b, 512, 4304, 1152, rounds);
    time_linear(&b, 528, 4096, 2048, rounds);
    time_linear(&b, 528, 512, 16384, rounds);
    time_linear(&b, 50, 8192, 1024, rounds);
    time_linear(&b, 50, 1024, 4096, rounds);
    time_attention(&b, 256, 256, 16, 16, 72, rounds);
    time_attention(&b, 528, 528, 8, 1, 256, rounds);
    time_attention(&b, 50, 579, 8, 1, 256, rounds);
    pi0_pool_rest(b.threads);
    pi0_pool_free(b.threads);
    free(b.work);
    return 0;
}
