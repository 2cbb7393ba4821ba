/* SPDX-License-Identifier: Apache-2.0 */
/* gemm_onednn.c - every matrix product of the model, ours beside oneDNN's in one run.
 *
 *     gemm_onednn [threads [precision [instruction set [rounds [name of a shape]]]]]
 *
 * Ours is the whole linear layer: input as the model has it, bias, activation, residual, output
 * type. oneDNN's is its plain matmul with f32 output and nothing else, weights in the layout that
 * it chooses. Both read as many different weights as do not fit into a cache, both from memory of
 * the same kind. Each thread has a processor of its own: products of few rows are over before the
 * system has moved two threads that it woke on one processor.
 *
 * A processor's frequency and its neighbours change from second to second by more than the two
 * differ. So they run in rounds, one after the other, each first in half of them, with the peak of
 * the instruction our kernel uses in between; what counts is each round's ratio and fraction, of
 * which the median is printed, and for the ratio the quartiles too. Rounds whose threads did not
 * have a processor each all the time, because other programs ran, do not count; '*': all were so.
 *
 * Columns: milliseconds and GFLOP/s of ours, the fraction of the peak that it reaches, GFLOP/s of
 * oneDNN, ours / oneDNN: median (quartiles). */
#define _GNU_SOURCE // sched_setaffinity and its sets
#include "core/cpu.h"
#include "core/pool.h"
#include "cpu/gemm.h"
#include "cpu/panels.h"
#include <dnnl.h>
#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef struct shape {
    const char *name;
    int n, k, rows[4];
    enum gemm_end_op op;
    bool bias;
    dtype out;
} shape;

#define VISION        \
    {                 \
        256, 512, 768 \
    }
#define PREFIX        \
    {                 \
        272, 528, 816 \
    }
#define EXPERT        \
    {                 \
        50, 51, 10, 1 \
    }
static const shape shapes[] = {
    { "vision.patches", 1152, 588, VISION, GEMM_ADD, true, DTYPE_F32 },
    { "vision.qkv", 3456, 1152, VISION, GEMM_STORE, true, DTYPE_BF16 },
    { "vision.out", 1152, 1152, VISION, GEMM_ADD, true, DTYPE_F32 },
    { "vision.fc1", 4304, 1152, VISION, GEMM_GELU, true, DTYPE_BF16 },
    { "vision.fc2", 1152, 4304, VISION, GEMM_ADD, true, DTYPE_F32 },
    { "projector", 2048, 1152, VISION, GEMM_STORE, true, DTYPE_F32 },
    { "vlm.qkv", 2560, 2048, PREFIX, GEMM_STORE, false, DTYPE_F32 },
    { "vlm.out", 2048, 2048, PREFIX, GEMM_ADD, false, DTYPE_F32 },
    { "vlm.gate_up", 32768, 2048, PREFIX, GEMM_GEGLU, false, DTYPE_BF16 },
    { "vlm.down", 2048, 16384, PREFIX, GEMM_ADD, false, DTYPE_F32 },
    { "expert.qkv", 2560, 1024, EXPERT, GEMM_STORE, false, DTYPE_F32 },
    { "expert.out", 1024, 2048, EXPERT, GEMM_ADD, false, DTYPE_F32 },
    { "expert.gate_up", 8192, 1024, EXPERT, GEMM_GEGLU, false, DTYPE_BF16 },
    { "expert.down", 1024, 4096, EXPERT, GEMM_ADD, false, DTYPE_F32 },
};
#define MAX_WEIGHTS 64
#define MAX_THREADS 64
#define WEIGHT_BYTES (128u << 20) // of all weights of a shape together

static double seconds(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

#define UNDISTURBED 0.97 // processor time / (time * threads)
#define MAX_ROUNDS 1000

typedef struct round {
    double mine, theirs, peak; // seconds, seconds, FLOP/s
    bool disturbed;
} round;

typedef struct rounds {
    round of[MAX_ROUNDS];
    int n;
} rounds;

static int undisturbed(const rounds *r)
{
    int n = 0;
    for (int i = 0; i < r->n; i++) n += !r->of[i].disturbed;
    return n;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// quartile 1, 2 (the median) or 3 of what `of` says about the rounds that count
static double quartile(const rounds *r, double (*of)(const round *, double), double flop, int q)
{
    static double v[MAX_ROUNDS];
    const bool all = undisturbed(r) == 0;
    int n = 0;
    for (int i = 0; i < r->n; i++)
        if (all || !r->of[i].disturbed) v[n++] = of(&r->of[i], flop);
    qsort(v, (size_t)n, sizeof *v, compare);
    return v[n * q / 4];
}

static double speed_of(const round *r, double flop)
{
    return flop / r->mine;
}

static double their_speed_of(const round *r, double flop)
{
    return flop / r->theirs;
}

static double fraction_of(const round *r, double flop)
{
    return flop / r->mine / r->peak;
}

static double ratio_of(const round *r, double flop)
{
    (void)flop;
    return r->theirs / r->mine;
}

// what the other library's threads do while they wait must not disturb
static void pause_between(void)
{
    usleep(15000);
}

static void *memory(size_t bytes)
{
    const size_t huge = (size_t)2 << 20;
    void *p = aligned_alloc(huge, (bytes + huge - 1) / huge * huge);
    if (!p) abort();
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

// values in [-1, 1)
static void fill(void *p, dtype type, size_t n)
{
    static uint32_t seed = 1;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        const float f = (float)(int32_t)seed * 0x1p-31f;
        if (type == DTYPE_F32)
            ((float *)p)[i] = f;
        else
            ((uint16_t *)p)[i] = f32_to_bf16(f);
    }
}

/* ---- ours ---- */

typedef struct ours {
    pool *threads;
    const gemm_kernel *kernel;
    weight w[MAX_WEIGHTS];
    mat x, y;
    enum gemm_end_op op;
    void *work;
} ours;

static void ours_init(ours *o, const shape *s, int rows, int n_weights)
{
    const gemm_kernel *k = o->kernel;
    const bool geglu = s->op == GEMM_GEGLU;
    const size_t size = dtype_size(k->type);
    void *stored = memory((size_t)s->n * (size_t)s->k * size);
    float *bias = memory((size_t)s->n * sizeof *bias);
    fill(stored, k->type, (size_t)s->n * (size_t)s->k);
    fill(bias, DTYPE_F32, (size_t)s->n);
    for (int i = 0; i < n_weights; i++) {
        const int half = s->n / 2;
        weight *w = &o->w[i];
        *w = (weight){ .n_parts = 1, .out = s->n, .in = s->k, .type = k->type };
        w->part[0] = (tensor_view){ stored, s->n, s->k, s->k, 1, k->type };
        if (geglu) {
            w->kind = WEIGHT_GEGLU;
            w->n_parts = 2;
            w->part[0].rows = half;
            w->part[1] = w->part[0];
            w->part[1].data = (char *)stored + (size_t)half * (size_t)s->k * size;
        }
        if (s->bias) w->bias = mat_make(bias, 1, s->n, DTYPE_F32);
        const size_t bytes = pi0_gemm_packed_size(k, w);
        w->packed = memory(bytes);
        if (i == 0)
            pi0_gemm_pack(o->threads, k, w);
        else
            memcpy(w->packed, o->w[0].packed, bytes);
    }
    free(stored);
    o->op = s->op;
    const dtype out = k->type == DTYPE_F32 ? DTYPE_F32 : s->out;
    o->x = mat_make(memory((size_t)rows * (size_t)s->k * size), rows, s->k, k->type);
    o->y = mat_make(memory((size_t)rows * (size_t)s->n * 4), rows, geglu ? s->n / 2 : s->n, out);
    fill(o->x.p, k->type, (size_t)rows * (size_t)s->k);
    memset(o->y.p, 0, (size_t)rows * (size_t)s->n * 4);
    o->work = memory(pi0_gemm_work(k, &o->w[0], rows, pi0_pool_threads(o->threads)) + 64);
}

static void ours_run(ours *o, int n_weights)
{
    for (int i = 0; i < n_weights; i++)
        pi0_gemm(o->threads, o->kernel, &o->y, 1, o->x, &o->w[i], o->op, MAT_NONE, o->work);
}

static void ours_free(ours *o, int n_weights)
{
    free(o->w[0].bias.p);
    for (int i = 0; i < n_weights; i++) free(o->w[i].packed);
    free(o->x.p);
    free(o->y.p);
    free(o->work);
}

/* ---- oneDNN ---- */

#define CHECK(call)                                                       \
    do {                                                                  \
        const dnnl_status_t status = call;                                \
        if (status != dnnl_success) {                                     \
            fprintf(stderr, "oneDNN: %s gives %d\n", #call, (int)status); \
            exit(1);                                                      \
        }                                                                 \
    } while (0)

typedef struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t product;
    dnnl_memory_t x, y, w[MAX_WEIGHTS];
    void *memory[MAX_WEIGHTS + 2];
} onednn;

static void onednn_init(onednn *o, const shape *s, int rows, int n_weights, dtype type)
{
    const dnnl_data_type_t t = type == DTYPE_F32 ? dnnl_f32 : dnnl_bf16;
    const size_t size = dtype_size(type);
    const dnnl_dims_t x_dims = { rows, s->k }, w_dims = { s->k, s->n }, y_dims = { rows, s->n };
    dnnl_memory_desc_t x, w, y;
    dnnl_matmul_desc_t d;
    dnnl_primitive_desc_t pd;
    CHECK(dnnl_memory_desc_init_by_tag(&x, 2, x_dims, t, dnnl_ab));
    CHECK(dnnl_memory_desc_init_by_tag(&w, 2, w_dims, t, dnnl_format_tag_any));
    CHECK(dnnl_memory_desc_init_by_tag(&y, 2, y_dims, dnnl_f32, dnnl_ab));
    CHECK(dnnl_matmul_desc_init(&d, &x, &w, NULL, &y));
    CHECK(dnnl_primitive_desc_create(&pd, &d, NULL, o->engine, NULL));
    const dnnl_memory_desc_t *chosen = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    const size_t bytes = dnnl_memory_desc_get_size(chosen);
    for (int i = 0; i < n_weights; i++) {
        o->memory[i] = memory(bytes);
        if (i == 0)
            fill(o->memory[i], type, bytes / size);
        else
            memcpy(o->memory[i], o->memory[0], bytes);
        CHECK(dnnl_memory_create(&o->w[i], chosen, o->engine, o->memory[i]));
    }
    o->memory[n_weights] = memory((size_t)rows * (size_t)s->k * size);
    o->memory[n_weights + 1] = memory((size_t)rows * (size_t)s->n * 4);
    fill(o->memory[n_weights], type, (size_t)rows * (size_t)s->k);
    CHECK(dnnl_memory_create(&o->x, &x, o->engine, o->memory[n_weights]));
    CHECK(dnnl_memory_create(&o->y, &y, o->engine, o->memory[n_weights + 1]));
    CHECK(dnnl_primitive_create(&o->product, pd));
    CHECK(dnnl_primitive_desc_destroy(pd));
}

static void onednn_run(onednn *o, int n_weights)
{
    for (int i = 0; i < n_weights; i++) {
        const dnnl_exec_arg_t args[3] = { { DNNL_ARG_SRC, o->x },
                                          { DNNL_ARG_WEIGHTS, o->w[i] },
                                          { DNNL_ARG_DST, o->y } };
        CHECK(dnnl_primitive_execute(o->product, o->stream, 3, args));
    }
    CHECK(dnnl_stream_wait(o->stream));
}

static void onednn_free(onednn *o, int n_weights)
{
    for (int i = 0; i < n_weights; i++) dnnl_memory_destroy(o->w[i]);
    dnnl_memory_destroy(o->x);
    dnnl_memory_destroy(o->y);
    dnnl_primitive_destroy(o->product);
    for (int i = 0; i < n_weights + 2; i++) free(o->memory[i]);
}

/* ---- side by side ---- */

typedef struct peak_job {
    const gemm_kernel *kernel;
    float sink[MAX_THREADS];
} peak_job;

#define PEAK_ROUNDS 2000000
static void run_peak(void *arg, int thread, int n_threads)
{
    peak_job *job = arg;
    (void)n_threads;
    job->sink[thread % MAX_THREADS] = job->kernel->peak(PEAK_ROUNDS);
}

static double peak_flops(pool *threads, const gemm_kernel *k)
{
    peak_job job = { .kernel = k };
    const double t = now();
    pi0_pool_run(threads, run_peak, &job);
    return 2.0 * PEAK_ROUNDS * k->mr * k->nr * k->k_step * pi0_pool_threads(threads) / (now() - t);
}

static void read_cpu(void *arg, int thread, int n_threads)
{
    double *clock = arg;
    (void)n_threads;
    clock[thread % MAX_THREADS] = seconds(CLOCK_THREAD_CPUTIME_ID);
}

// of all threads of one library. Each reads its own: others' clocks stand still between ticks
static double cpu_time(ours *o, bool mine)
{
    double clock[MAX_THREADS] = { 0 }, sum = 0;
    if (mine) {
        pi0_pool_run(o->threads, read_cpu, clock);
    } else {
#pragma omp parallel
        read_cpu(clock, omp_get_thread_num(), 0);
    }
    for (int i = 0; i < MAX_THREADS; i++) sum += clock[i];
    return sum;
}

static void run(ours *o, onednn *other, int n_weights, bool mine)
{
    if (mine)
        ours_run(o, n_weights);
    else
        onednn_run(other, n_weights);
}

// seconds of all products, after one that wakes the threads
static double time_one(ours *o, onednn *other, int n_weights, bool mine, bool *disturbed)
{
    if (mine) pi0_pool_wake(o->threads);
    run(o, other, 1, mine);
    const double cpu = cpu_time(o, mine), begin = now();
    run(o, other, n_weights, mine);
    const double t = now() - begin;
    *disturbed |= cpu_time(o, mine) - cpu < UNDISTURBED * t * pi0_pool_threads(o->threads);
    if (mine) pi0_pool_rest(o->threads);
    return t;
}

static round one_round(ours *o, onednn *other, int n_weights, bool ours_first)
{
    round r = { 0 };
    for (int i = 0; i < 2; i++) {
        const bool mine = ours_first == (i == 0);
        pause_between();
        *(mine ? &r.mine : &r.theirs) = time_one(o, other, n_weights, mine, &r.disturbed);
        pause_between();
        if (i == 0) r.peak = peak_flops(o->threads, o->kernel);
    }
    return r;
}

static void bench(ours *o, onednn *other, const shape *s, int rows, int reps)
{
    static rounds r;
    const size_t bytes = (size_t)s->n * (size_t)s->k * dtype_size(o->kernel->type);
    int n_weights = (int)(WEIGHT_BYTES / bytes) + 1;
    if (n_weights > MAX_WEIGHTS) n_weights = MAX_WEIGHTS;
    ours_init(o, s, rows, n_weights);
    onednn_init(other, s, rows, n_weights, o->kernel->type);

    // (both have run once before they are timed)
    one_round(o, other, n_weights, true);
    for (r.n = 0; undisturbed(&r) < reps && r.n < 5 * reps && r.n < MAX_ROUNDS; r.n++)
        r.of[r.n] = one_round(o, other, n_weights, r.n % 2 == 0);
    const double flop = 2.0 * rows * s->n * s->k * n_weights;
    const double speed = quartile(&r, speed_of, flop, 2);
    printf("%-15s %5d %6d %6d  %8.3f ms %7.1f %5.1f%% %7.1f %6.3fx (%.3f %.3f)%s\n", s->name, rows,
           s->n, s->k, flop / n_weights / speed * 1e3, speed * 1e-9,
           100 * quartile(&r, fraction_of, flop, 2), 1e-9 * quartile(&r, their_speed_of, flop, 2),
           quartile(&r, ratio_of, flop, 2), quartile(&r, ratio_of, flop, 1),
           quartile(&r, ratio_of, flop, 3), undisturbed(&r) ? "" : " *");
    fflush(stdout);
    ours_free(o, n_weights);
    onednn_free(other, n_weights);
}

/* ---- a processor for each thread ---- */

typedef struct places {
    cpu_set_t allowed;
    atomic_int n_failed;
} places;

// thread i of ours on the i-th processor
static void take_place(void *arg, int thread, int n_threads)
{
    places *p = arg;
    cpu_set_t one;
    int cpu = -1;
    (void)n_threads;
    for (int left = thread; left >= 0 && ++cpu < CPU_SETSIZE;) left -= CPU_ISSET(cpu, &p->allowed);
    CPU_ZERO(&one);
    if (cpu < CPU_SETSIZE) CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one)) p->n_failed++;
}

// and the threads of OpenMP, which oneDNN uses, the same
static void take_places(pool *threads)
{
    places p = { .n_failed = 0 };
    const int n = pi0_pool_threads(threads);
    sched_getaffinity(0, sizeof p.allowed, &p.allowed);
    omp_set_dynamic(0);
    omp_set_num_threads(n);
#pragma omp parallel
    take_place(&p, omp_get_thread_num(), n);
    pi0_pool_run(threads, take_place, &p);
    if (p.n_failed) fprintf(stderr, "some threads have no processor of their own\n");
}

int main(int argc, char **argv)
{
    const int n_threads = argc > 1 ? atoi(argv[1]) : 0, reps = argc > 4 ? atoi(argv[4]) : 20;
    const bool f32 = argc > 2 && strcmp(argv[2], "f32") == 0;
    const char *only = argc > 5 ? argv[5] : "";
    static ours o;
    static onednn other;
    pi0_error err;
    cpu_isa isa;
    if (pi0_cpu_isa(&isa, argc > 3 ? argv[3] : NULL, &err) ||
        pi0_pool_create(&o.threads, n_threads, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    take_places(o.threads);
    o.kernel = f32 ? pi0_kernels(isa)->gemm_f32 : pi0_kernels(isa)->gemm_bf16;
    CHECK(dnnl_engine_create(&other.engine, dnnl_cpu, 0));
    CHECK(dnnl_stream_create(&other.stream, other.engine, dnnl_stream_default_flags));

    printf("%s, %d threads\n", o.kernel->name, pi0_pool_threads(o.threads));
    printf("%-15s %5s %6s %6s  %11s %7s %6s %7s  %6s\n", "layer", "M", "N", "K", "ours", "GFLOP/s",
           "peak", "oneDNN", "ratio (quartiles)");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int j = 0; j < 4 && shapes[i].rows[j]; j++)
            if (strstr(shapes[i].name, only))
                bench(&o, &other, &shapes[i], shapes[i].rows[j], reps);
    dnnl_stream_destroy(other.stream);
    dnnl_engine_destroy(other.engine);
    pi0_pool_free(o.threads);
    return 0;
}
