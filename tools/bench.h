/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h - timing chunks and matrix products through the public API. */
#ifndef PI0_TOOLS_BENCH_H
#define PI0_TOOLS_BENCH_H
#include "bench_ops.h"

typedef struct bench_args {
    run_options run;
    int views, tokens, reps;
    bool gemm, ops, json;
    const char *trace;
} bench_args;

// milliseconds of one stage over the runs; percentiles by nearest rank
typedef struct bench_series {
    double *ms;
    int n;
    double min, p50, p90, p99;
} bench_series;

typedef struct bench {
    runner r;
    notices w;
    int views, tokens;
    pi0_plan plan;
    bench_series vision, prefix, denoise, step, total;
    double peak;  // FLOP/s, the best of the measurements; 0: the backend has none
    double flops; // of the fastest chunk
    double first_ms, rss_mb;
    pi0_product *product; // --gemm
    int n_products;
    trace t;          // --ops, --trace: of the fastest chunk that was traced
    op_table table;   // --ops
    double bandwidth; // bytes/s, the best of the measurements
} bench;

int pi0_bench_run(bench *b, const bench_args *a, pi0_error *err);
void pi0_bench_free(bench *b);
#endif
