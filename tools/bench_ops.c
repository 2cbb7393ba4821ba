/* SPDX-License-Identifier: Apache-2.0 */
/* bench_ops.c - the operations of a traced chunk in rows of one kind and shape, beside what this
 * machine could do at most: a roofline in words. */
#include "bench_ops.h"
#include "fail.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- summing up ---- */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool belongs(const op_row *row, const pi0_trace_event *e)
{
    const pi0_trace_event *f = &row->first;
    return same(f->module, e->module) && same(f->name, e->name) && same(f->weight, e->weight) &&
           f->rows == e->rows && f->cols == e->cols && f->inner == e->inner;
}

// attention over more keys with each step or of other images is the same kind, but not shape
static op_row *row_of(op_table *o, const pi0_trace_event *e)
{
    for (int i = 0; i < o->n; i++)
        if (belongs(&o->row[i], e)) return &o->row[i];
    o->row[o->n] = (op_row){ .first = *e };
    return &o->row[o->n++];
}

static void add_operation(op_table *o, const pi0_trace_event *e)
{
    op_row *row = row_of(o, e);
    row->calls++;
    row->ms += e->end_ms - e->start_ms;
    row->flop += e->flop;
    row->bytes += e->bytes;
}

// stages come behind their operations
static void add_stage(op_table *o, const trace *t, const pi0_trace_event *stage)
{
    if (o->n_stages == OP_STAGES) return;
    op_stage *s = &o->stage[o->n_stages++];
    *s = (op_stage){ stage->name, stage->end_ms - stage->start_ms, 0 };
    o->total_ms += s->wall_ms;
    for (size_t i = 0; i < t->n; i++) {
        const pi0_trace_event *e = &t->event[i];
        if (e->kind == PI0_TRACE_OP && e->start_ms >= stage->start_ms && e->end_ms <= stage->end_ms)
            s->ops_ms += e->end_ms - e->start_ms;
    }
}

static int by_time(const void *a, const void *b)
{
    const double x = ((const op_row *)a)->ms, y = ((const op_row *)b)->ms;
    return (x < y) - (x > y);
}

int pi0_op_table_new(op_table *o, const trace *t, double peak, double bandwidth, pi0_error *err)
{
    *o = (op_table){ .row = calloc(t->n + 1, sizeof *o->row) };
    if (!o->row) return pi0_fail(err, PI0_ENOMEM, "no memory for a table of operations");
    for (size_t i = 0; i < t->n; i++) {
        if (t->event[i].kind == PI0_TRACE_OP) add_operation(o, &t->event[i]);
        if (t->event[i].kind == PI0_TRACE_STAGE) add_stage(o, t, &t->event[i]);
    }
    for (int i = 0; i < o->n; i++) {
        op_row *row = &o->row[i];
        const double compute = peak > 0 ? 1e3 * row->flop / peak : 0;
        const double memory = 1e3 * row->bytes / bandwidth;
        row->memory = memory > compute;
        row->ideal_ms = fmax(compute, memory);
    }
    qsort(o->row, (size_t)o->n, sizeof *o->row, by_time);
    return PI0_OK;
}

void pi0_op_table_free(op_table *o)
{
    free(o->row);
    *o = (op_table){ .row = NULL };
}

/* ---- for people ---- */

static void print_op(const op_row *row, double total_ms)
{
    char shape[48], label[64];
    const pi0_trace_event *e = &row->first;
    const double seconds = 1e-3 * row->ms;
    if (e->inner)
        snprintf(shape, sizeof shape, "%d x %d x %d", e->rows, e->cols, e->inner);
    else
        snprintf(shape, sizeof shape, "%d x %d", e->rows, e->cols);
    printf("  %-7s %-26s %-19s %5d %9.2f %5.1f %9.1f %7.1f  %-7s %7.1f %9.2f\n", e->module,
           pi0_trace_label(label, e), shape, row->calls, row->ms, 100 * row->ms / total_ms,
           row->flop / seconds * 1e-9, row->bytes / seconds * 1e-9,
           row->memory ? "memory" : "compute", 100 * row->ideal_ms / row->ms,
           row->ms - row->ideal_ms);
}

void pi0_op_table_print(const op_table *o)
{
    double ops = 0, ideal = 0;
    printf("  %-7s %-26s %-19s %5s %9s %5s %9s %7s  %-7s %7s %9s\n", "module", "operation",
           "rows x out x in", "calls", "ms", "%", "GFLOP/s", "GB/s", "limit", "% of it",
           "ms above");
    for (int i = 0; i < o->n; i++) {
        print_op(&o->row[i], o->total_ms);
        ops += o->row[i].ms;
        ideal += o->row[i].ideal_ms;
    }
    printf("  %-7s %-26s %-19s %5s %9.2f %5.1f %9s %7s  %-7s %7.1f %9.2f\n\n", "all", "", "", "",
           ops, 100 * ops / o->total_ms, "", "", "", 100 * ideal / ops, ops - ideal);
    printf("  %-16s %10s %12s %10s %8s   ms\n", "stage", "wall", "operations", "between", "%");
    for (int i = 0; i < o->n_stages; i++) {
        const op_stage *s = &o->stage[i];
        printf("  %-16s %10.2f %12.2f %10.2f %8.2f\n", s->name, s->wall_ms, s->ops_ms,
               s->wall_ms - s->ops_ms, 100 * (s->wall_ms - s->ops_ms) / s->wall_ms);
    }
}

/* ---- for programs ---- */

static json_t *op_json(const op_row *row, double total_ms)
{
    const pi0_trace_event *e = &row->first;
    const double seconds = 1e-3 * row->ms;
    json_t *o = json_pack("{s:s, s:s, s:s?, s:s?, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f}",
                          "module", e->module, "op", e->name, "weight", e->weight, "kernel",
                          e->kernel, "rows", e->rows, "cols", e->cols, "inner", e->inner, "calls",
                          row->calls, "ms", row->ms, "share", row->ms / total_ms, "gflops",
                          row->flop / seconds * 1e-9, "gbps", row->bytes / seconds * 1e-9);
    json_object_set_new(o, "limit", json_string(row->memory ? "memory" : "compute"));
    json_object_set_new(o, "roofline", json_real(row->ideal_ms / row->ms));
    json_object_set_new(o, "above_ms", json_real(row->ms - row->ideal_ms));
    return o;
}

void pi0_op_table_json(json_t *to, const op_table *o)
{
    json_t *ops = json_array(), *stages = json_array();
    for (int i = 0; i < o->n; i++) json_array_append_new(ops, op_json(&o->row[i], o->total_ms));
    for (int i = 0; i < o->n_stages; i++)
        json_array_append_new(stages,
                              json_pack("{s:s, s:f, s:f}", "name", o->stage[i].name, "wall_ms",
                                        o->stage[i].wall_ms, "ops_ms", o->stage[i].ops_ms));
    json_object_set_new(to, "ops", ops);
    json_object_set_new(to, "stages", stages);
    json_object_set_new(to, "total_ms", json_real(o->total_ms));
}
