/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_bench.c - pi0 bench: how fast a chunk is, stage by stage, beside this machine's peak. */
#include "bench.h"
#include "commands.h"
#include "json_out.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(bench_args, name)
static const option options[] = {
    { "views", "N", OPTION_INT, FIELD(views), "cameras. Default: 2, or all if there are fewer", 1,
      64, NULL },
    { "tokens", "N", OPTION_INT, FIELD(tokens), "prompt tokens. Default: 16", 1, 65536, NULL },
    { "reps", "N", OPTION_INT, FIELD(reps), "chunks that are timed, after a first one. Default: 5",
      1, 100000, NULL },
    { "gemm", NULL, OPTION_FLAG, FIELD(gemm),
      "instead of chunks: each kind of matrix product of the model, with the\n"
      "conversion of its input and its ending, beside the peak",
      0, 0, NULL },
    { "ops", NULL, OPTION_FLAG, FIELD(ops),
      "instead of chunks: each operation of the fastest chunk by kind and\n"
      "shape: time, GFLOP/s, GB/s, and how near it comes to what the peak\n"
      "and the memory of this machine allow",
      0, 0, NULL },
    { "trace", "FILE.json", OPTION_TEXT, FIELD(trace),
      "write a chunk as trace events, for ui.perfetto.dev or\n"
      "chrome://tracing: stages, steps, layers, operations, threads",
      0, 0, NULL },
    { "json", NULL, OPTION_FLAG, FIELD(json), "one JSON object on stdout", 0, 0, NULL },
};

/* ---- results ---- */

static void print_row(const char *name, const bench_series *s)
{
    printf("  %-10s %10.1f %10.1f %10.1f %10.1f\n", name, s->min, s->p50, s->p90, s->p99);
}

static void print_what(const bench_args *a, const bench *b)
{
    const pi0_info *i = &b->r.info;
    printf("%s: %s, %d view%s, %d tokens, %d steps, chunk of %d\n", a->run.model,
           i->pi05 ? "pi0.5" : "pi0", b->views, b->views == 1 ? "" : "s", b->tokens,
           b->r.made.num_steps, b->r.made.horizon);
    printf("backend %s, instruction set %s, precision %s, %d threads\n\n", i->backend, i->isa,
           i->precision, b->r.made.n_threads);
}

static void print_chunks(const bench_args *a, const bench *b)
{
    const pi0_info *i = &b->r.info;
    print_what(a, b);
    printf("  %-10s %10s %10s %10s %10s   ms, of %d runs\n", "", "min", "p50", "p90", "p99",
           a->reps);
    print_row("vision", &b->vision);
    print_row("prefix", &b->prefix);
    print_row("denoise", &b->denoise);
    print_row("  a step", &b->step);
    print_row("chunk", &b->total);
    printf("\n  %-26s %.3f TFLOP\n", "work of a chunk", b->plan.total.flop * 1e-12);
    printf("  %-26s %.3f TFLOP/s\n", "speed, fastest chunk", b->flops * 1e-12);
    if (b->peak > 0) {
        printf("  %-26s %.3f TFLOP/s, measured in this run\n", "peak of the instruction",
               b->peak * 1e-12);
        printf("  %-26s %.1f %%: vision %.1f, prefix %.1f, denoise %.1f\n", "fraction of the peak",
               100 * b->flops / b->peak,
               100 * b->plan.vision.flop / (b->vision.min * 1e-3 * b->peak),
               100 * b->plan.prefix.flop / (b->prefix.min * 1e-3 * b->peak),
               100 * b->plan.step.flop / (b->step.min * 1e-3 * b->peak));
    }
    printf("  %-26s %.0f ms\n", "load", b->r.load_ms);
    printf("  %-26s %.1f ms\n", "first chunk", b->first_ms);
    printf("  %-26s %.1f ms\n", "spread, p99 - p50", b->total.p99 - b->total.p50);
    printf("  %-26s %.0f MB (weights %.0f MB, session %.0f MB)\n", "resident memory", b->rss_mb,
           (double)i->packed_bytes * 1e-6, (double)b->r.made.block_bytes * 1e-6);
}

static json_t *chunks_json(const bench *b)
{
    json_t *o =
        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "min_ms", b->total.min, "p50_ms",
                  b->total.p50, "p90_ms", b->total.p90, "p99_ms", b->total.p99, "vision_ms",
                  b->vision.min, "prefix_ms", b->prefix.min, "denoise_ms", b->denoise.min, "tflop",
                  b->plan.total.flop * 1e-12, "tflops", b->flops * 1e-12);
    json_object_set_new(o, "peak_tflops", b->peak > 0 ? json_real(b->peak * 1e-12) : json_null());
    json_object_set_new(o, "fraction_of_peak",
                        b->peak > 0 ? json_real(b->flops / b->peak) : json_null());
    json_object_set_new(o, "rss_mb", json_real(b->rss_mb));
    json_object_set_new(o, "load_ms", json_real(b->r.load_ms));
    json_object_set_new(o, "first_ms", json_real(b->first_ms));
    json_object_set_new(o, "spread_ms", json_real(b->total.p99 - b->total.p50));
    return o;
}

static void print_products(const bench *b)
{
    printf("  %-22s %6s %6s %6s %6s %10s %10s %8s\n", "product", "rows", "out", "in", "calls", "ms",
           "GFLOP/s", "of peak");
    for (int i = 0; i < b->n_products; i++) {
        const pi0_product *p = &b->product[i];
        const double flops = p->flop / (p->ms * 1e-3);
        printf("  %-22s %6d %6d %6d %6d %10.3f %10.1f", p->name, p->rows, p->out, p->in, p->calls,
               p->ms, flops * 1e-9);
        if (b->peak > 0) printf(" %6.1f %%", 100 * flops / b->peak);
        printf("\n");
    }
    if (b->peak > 0) printf("peak, measured in this run: %.1f GFLOP/s\n", b->peak * 1e-9);
}

static json_t *products_json(const bench *b)
{
    json_t *list = json_array();
    for (int i = 0; i < b->n_products; i++) {
        const pi0_product *p = &b->product[i];
        json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:i, s:i, s:f, s:f}", "name",
                                              p->name, "rows", p->rows, "out", p->out, "in", p->in,
                                              "calls", p->calls, "ms", p->ms, "tflops",
                                              p->flop / (p->ms * 1e-3) * 1e-12));
    }
    json_t *o = json_object();
    json_object_set_new(o, "products", list);
    json_object_set_new(o, "peak_tflops", b->peak > 0 ? json_real(b->peak * 1e-12) : json_null());
    return o;
}

static void print_ops(const bench_args *a, const bench *b)
{
    print_what(a, b);
    pi0_op_table_print(&b->table);
    printf("\nfastest of %d chunks, traced: %.1f ms; measured in this run: ", a->reps,
           b->table.total_ms);
    if (b->peak > 0) printf("peak %.1f GFLOP/s, ", b->peak * 1e-9);
    printf("memory %.1f GB/s\n", b->bandwidth * 1e-9);
    printf(
        "limit: what takes longer, the work at the peak or the bytes at memory's speed; ms above "
        "it\n");
}

static json_t *ops_json(const bench *b)
{
    json_t *o = json_object();
    pi0_op_table_json(o, &b->table);
    json_object_set_new(o, "peak_tflops", b->peak > 0 ? json_real(b->peak * 1e-12) : json_null());
    json_object_set_new(o, "memory_gbps", json_real(b->bandwidth * 1e-9));
    return o;
}

static void print_all(const bench_args *a, const bench *b)
{
    if (a->gemm)
        print_products(b);
    else if (a->ops)
        print_ops(a, b);
    else
        print_chunks(a, b);
}

static json_t *all_json(const bench_args *a, const bench *b)
{
    json_t *o = a->gemm ? products_json(b) : a->ops ? ops_json(b) : chunks_json(b);
    json_object_set_new(o, "backend", json_string(b->r.info.backend));
    json_object_set_new(o, "isa", json_string(b->r.info.isa));
    json_object_set_new(o, "precision", json_string(b->r.info.precision));
    json_object_set_new(o, "threads", json_integer(b->r.made.n_threads));
    return o;
}

static int run(const command *self, int argc, char **argv)
{
    bench_args a = { .run = RUN_OPTIONS_DEFAULT, .reps = 5 };
    const option_group groups[] = { OPTION_GROUP("What is timed", options, &a),
                                    pi0_run_options_group(&a.run) };
    arguments rest;
    const enum options_result parsed = pi0_options_parse(self, groups, 2, 1, &rest, argc, argv);
    if (parsed != OPTIONS_OK) return parsed == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    if (a.gemm && (a.ops || a.trace))
        return pi0_usage_error(self, "--gemm runs no chunk: it cannot be with --%s",
                               a.ops ? "ops" : "trace");
    int status = pi0_run_options_check(self, &a.run, &rest);
    if (status) return status;

    bench b = { 0 };
    pi0_error err;
    int failed = pi0_bench_run(&b, &a, &err);
    if (!failed && a.json)
        failed = pi0_json_print(all_json(&a, &b), 0, &err);
    else if (!failed)
        print_all(&a, &b);
    status = failed ? pi0_report(failed, &err) : STATUS_OK;
    pi0_bench_free(&b);
    return status;
}

const command pi0_command_bench = {
    "bench",
    "how fast a chunk is, beside this machine's peak",
    "--model DIR [options]",
    "Times whole chunks on made-up pictures and tokens (time does not depend on them), prints\n"
    "each stage, and compares with the peak of the multiply instruction in use, measured in\n"
    "between. With --gemm it times each kind of matrix product of the model instead, with --ops\n"
    "each operation inside a chunk. More than 100 % of the peak means that the machine was busy\n"
    "while it was measured; of --ops also data in a cache (docs/PROFILE.md).",
    "pi0 synth --size pi0 /tmp/pi0-random\n"
    "pi0 bench --model /tmp/pi0-random\n"
    "pi0 bench --model /tmp/pi0-random --gemm\n"
    "pi0 bench --model /tmp/pi0-random --ops --trace trace.json\n",
    run,
};
