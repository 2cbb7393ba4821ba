/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c - run chunks, keep their times, measure the peak in between. */
#include "bench.h"
#include "fail.h"
#include "times.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEAK_MS 60.0

/* ---- series ---- */

static int series_new(bench_series *s, int n, pi0_error *err)
{
    s->n = n;
    s->ms = calloc((size_t)n, sizeof *s->ms);
    return s->ms ? PI0_OK : pi0_fail(err, PI0_ENOMEM, "no memory for %d times", n);
}

static void series_finish(bench_series *s)
{
    const size_t n = (size_t)s->n;
    pi0_times_sort(s->ms, n);
    s->min = s->ms[0];
    s->p50 = pi0_times_percentile(s->ms, n, 50);
    s->p90 = pi0_times_percentile(s->ms, n, 90);
    s->p99 = pi0_times_percentile(s->ms, n, 99);
}

/* ---- what is run ---- */

typedef struct made_up {
    uint8_t *rgb;
    pi0_image *images;
    int32_t *tokens;
    double *state;
    float *actions;
    size_t n_actions;
    pi0_inputs in;
} made_up;

// pictures of noise, tokens that every table has
static int make_inputs(made_up *m, const bench *b, pi0_error *err)
{
    const pi0_info *info = &b->r.info;
    const size_t pixels = (size_t)info->image_size * (size_t)info->image_size * 3;
    const int n_state = info->state_dim ? info->state_dim : 1;
    m->n_actions = (size_t)b->r.made.horizon * (size_t)b->r.made.action_dim;
    m->rgb = malloc(pixels);
    m->images = calloc((size_t)b->views, sizeof *m->images);
    m->tokens = calloc((size_t)b->tokens, sizeof *m->tokens);
    m->state = calloc((size_t)n_state, sizeof *m->state);
    m->actions = calloc(m->n_actions, sizeof *m->actions);
    if (!m->rgb || !m->images || !m->tokens || !m->state || !m->actions)
        return pi0_fail(err, PI0_ENOMEM, "no memory for inputs");
    uint32_t x = 1;
    for (size_t i = 0; i < pixels; i++)
        m->rgb[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
    for (int i = 0; i < b->views; i++)
        m->images[i] =
            (pi0_image){ .rgb = m->rgb, .width = info->image_size, .height = info->image_size };
    for (int i = 0; i < b->tokens; i++) m->tokens[i] = (i * 7 + 3) % info->vocabulary;
    m->in = (pi0_inputs){ .images = m->images,
                          .n_images = b->views,
                          .tokens = m->tokens,
                          .n_tokens = b->tokens,
                          .state = m->state,
                          .n_state = info->state_dim };
    if (info->pi05) m->in.state = NULL;
    return PI0_OK;
}

static void free_inputs(made_up *m)
{
    free(m->rgb);
    free(m->images);
    free(m->tokens);
    free(m->state);
    free(m->actions);
}

// the best that was seen so far; a backend without one leaves it at 0
static int measure_peak(bench *b, pi0_error *err)
{
    double flops = 0;
    const int status = pi0_measure_peak(b->r.session, PEAK_MS, &flops, err);
    if (status == PI0_EDEVICE) return PI0_OK;
    if (!status && flops > b->peak) b->peak = flops;
    return status;
}

// resident memory of this process from /proc, in MB; 0 where it can't be read
static double resident_mb(void)
{
    char line[256];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %lf", &kb) == 1) break;
    if (f) fclose(f);
    return kb * 1024e-6;
}

static int time_chunk(bench *b, made_up *m, int rep, pi0_error *err)
{
    int status = measure_peak(b, err);
    if (!status) status = pi0_runner_infer(&b->r, &m->in, NULL, m->actions, m->n_actions, err);
    if (status) return status;
    const pi0_timing *t = &b->r.timing;
    if (rep < 0) {
        b->first_ms = t->total_ms;
        return PI0_OK;
    }
    b->vision.ms[rep] = t->vision_ms;
    b->prefix.ms[rep] = t->prefix_ms;
    b->denoise.ms[rep] = t->denoise_ms;
    b->step.ms[rep] = t->denoise_ms / b->r.made.num_steps;
    b->total.ms[rep] = t->total_ms;
    return PI0_OK;
}

static int run_chunks(bench *b, int reps, pi0_error *err)
{
    made_up m = { 0 };
    bench_series *const series[] = { &b->vision, &b->prefix, &b->denoise, &b->step, &b->total };
    int status = make_inputs(&m, b, err);
    for (int i = 0; i < 5 && !status; i++) status = series_new(series[i], reps, err);
    for (int rep = -1; rep < reps && !status; rep++) status = time_chunk(b, &m, rep, err);
    if (!status) status = measure_peak(b, err);
    free_inputs(&m);
    if (status) return status;
    for (int i = 0; i < 5; i++) series_finish(series[i]);
    b->flops = b->plan.total.flop / (b->total.min * 1e-3);
    b->rss_mb = resident_mb();
    return PI0_OK;
}

/* ---- traced chunks ---- */

static int measure_bandwidth(bench *b, pi0_error *err)
{
    double rate = 0;
    const int status = pi0_measure_bandwidth(b->r.session, PEAK_MS, &rate, err);
    if (!status && rate > b->bandwidth) b->bandwidth = rate;
    return status;
}

static int trace_chunk(bench *b, made_up *m, trace *t, pi0_error *err)
{
    int status = pi0_trace_begin(t, &b->r, err);
    if (status) return status;
    status = pi0_runner_infer(&b->r, &m->in, NULL, m->actions, m->n_actions, err);
    pi0_trace_end(t, &b->r);
    return status;
}

// the fastest of some chunks, whose trace stays in b->t, beside what this machine can do at most
static int run_operations(bench *b, made_up *m, int reps, pi0_error *err)
{
    trace spare;
    double best_ms = 0;
    int status = pi0_trace_new(&spare, &b->r, 1, err);
    if (!status) status = pi0_runner_infer(&b->r, &m->in, NULL, m->actions, m->n_actions, err);
    if (!status) status = measure_bandwidth(b, err);
    for (int i = 0; i < reps && !status; i++) {
        status = measure_peak(b, err);
        if (!status) status = trace_chunk(b, m, &spare, err);
        if (status || (i && b->r.timing.total_ms >= best_ms)) continue;
        const trace t = b->t;
        best_ms = b->r.timing.total_ms;
        b->t = spare;
        spare = t;
    }
    if (!status) status = measure_peak(b, err);
    if (!status) status = measure_bandwidth(b, err);
    if (!status) status = pi0_op_table_new(&b->table, &b->t, b->peak, b->bandwidth, err);
    pi0_trace_free(&spare);
    return status;
}

// where only a trace was asked for, one chunk: those before it have warmed it up
static int run_traced(bench *b, const bench_args *a, pi0_error *err)
{
    made_up m = { 0 };
    int status = make_inputs(&m, b, err);
    if (!status) status = pi0_trace_new(&b->t, &b->r, 1, err);
    if (!status && a->ops)
        status = run_operations(b, &m, a->reps, err);
    else if (!status)
        status = trace_chunk(b, &m, &b->t, err);
    free_inputs(&m);
    return status;
}

static int run_products(bench *b, int reps, pi0_error *err)
{
    b->n_products = pi0_product_count();
    b->product = calloc((size_t)b->n_products, sizeof *b->product);
    if (!b->product) return pi0_fail(err, PI0_ENOMEM, "no memory for the products' times");
    int status = PI0_OK;
    for (int i = 0; i < b->n_products && !status; i++) {
        status = measure_peak(b, err);
        if (!status)
            status = pi0_measure_product(b->r.session, i, b->views, b->tokens, reps, &b->product[i],
                                         err);
    }
    return status ? status : measure_peak(b, err);
}

int pi0_bench_run(bench *b, const bench_args *a, pi0_error *err)
{
    // a horizon has to be known, and no checkpoint without a config has one: 50 is openpi's default
    const int default_horizon = 50;
    int status = pi0_runner_load(&b->r, &a->run, NULL, &b->w, err);
    if (status) return status;
    b->views = a->views ? a->views : b->r.info.n_cameras < 2 ? 1 : 2;
    b->tokens = a->tokens ? a->tokens : b->r.info.max_tokens < 16 ? b->r.info.max_tokens : 16;
    b->r.opt.max_images = b->views > b->r.info.n_cameras ? b->views : 0;
    b->r.opt.max_tokens = b->tokens > b->r.info.max_tokens ? b->tokens : 0;
    status = pi0_runner_session(&b->r, b->r.info.horizon ? 0 : default_horizon, err);
    if (!status) status = pi0_model_plan(b->r.model, &b->r.opt, b->views, b->tokens, &b->plan, err);
    if (status) return status;
    if (a->gemm) return run_products(b, a->reps, err);
    if (!a->ops) status = run_chunks(b, a->reps, err);
    if (!status && (a->ops || a->trace)) status = run_traced(b, a, err);
    return !status && a->trace ? pi0_trace_write(&b->t, &b->r, a->trace, err) : status;
}

void pi0_bench_free(bench *b)
{
    bench_series *const series[] = { &b->vision, &b->prefix, &b->denoise, &b->step, &b->total };
    for (int i = 0; i < 5; i++) free(series[i]->ms);
    free(b->product);
    pi0_trace_free(&b->t);
    pi0_op_table_free(&b->table);
    pi0_notices_free(&b->w);
    pi0_runner_free(&b->r);
}
