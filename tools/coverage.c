/* SPDX-License-Identifier: Apache-2.0 */
/* coverage.c - the plan's operations summed up by module: on kernels, and in plain C. */
#include "coverage.h"
#include <stdio.h>
#include <string.h>

static void add(pi0_cost *to, const pi0_cost *c)
{
    to->calls += c->calls;
    to->flop += c->flop;
    to->weight_bytes += c->weight_bytes;
    to->bytes += c->bytes;
}

static void add_operation(coverage_row *row, const pi0_operation *o)
{
    add(&row->all, &o->cost);
    if (o->kernel) add(&row->kernels, &o->cost);
}

int pi0_coverage_count(coverage *c, const runner *r, int views, int tokens, pi0_error *err)
{
    // in the order of the data flow
    static const char *const modules[] = { "common", "vision", "prefix", "state",
                                           "suffix", "expert", "time" };
    *c = (coverage){ .n = 0 };
    const int status = pi0_model_operations(r->model, &r->opt, views, tokens, c->operation,
                                            PI0_MAX_OPERATIONS, &c->n_operations, err);
    if (status) return status;
    coverage_row all = { .module = "all" };
    for (size_t m = 0; m < sizeof modules / sizeof *modules; m++) {
        coverage_row row = { .module = modules[m] };
        for (int i = 0; i < c->n_operations; i++)
            if (!strcmp(c->operation[i].module, modules[m])) add_operation(&row, &c->operation[i]);
        // pi0.5 has no state token
        if (row.all.calls) c->row[c->n++] = row;
    }
    for (int i = 0; i < c->n_operations; i++) add_operation(&all, &c->operation[i]);
    c->row[c->n++] = all;
    return PI0_OK;
}

double pi0_coverage_percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 100;
}

/* ---- for people ---- */

void pi0_coverage_print(const coverage *c)
{
    printf("computed by accelerated kernels (time: once a session, all else once a chunk):\n");
    printf("  %-9s %9s %6s %12s %6s %11s %6s\n", "", "calls", "%", "GFLOP", "%", "MB moved", "%");
    for (int i = 0; i < c->n; i++) {
        const coverage_row *r = &c->row[i];
        printf("  %-9s %9d %6.1f %12.3f %6.1f %11.1f %6.1f\n", r->module, r->all.calls,
               pi0_coverage_percent(r->kernels.calls, r->all.calls), r->all.flop * 1e-9,
               pi0_coverage_percent(r->kernels.flop, r->all.flop), r->all.bytes * 1e-6,
               pi0_coverage_percent(r->kernels.bytes, r->all.bytes));
    }
    for (int i = 0; i < c->n_operations; i++) {
        const pi0_operation *o = &c->operation[i];
        if (o->kernel) continue;
        printf("  plain C: %s %s, %d call%s, %.3f GFLOP, %.1f MB: %s\n", o->module, o->op,
               o->cost.calls, o->cost.calls == 1 ? "" : "s", o->cost.flop * 1e-9,
               o->cost.bytes * 1e-6, o->reason);
    }
}

/* ---- for programs ---- */

static json_t *row_json(const coverage_row *r)
{
    return json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f}", "module", r->module, "operations",
                     r->all.calls, "operations_on_kernels", r->kernels.calls, "flop", r->all.flop,
                     "flop_on_kernels", r->kernels.flop, "bytes", r->all.bytes, "bytes_on_kernels",
                     r->kernels.bytes);
}

static json_t *operation_json(const pi0_operation *o)
{
    return json_pack("{s:s, s:s, s:s?, s:s?, s:i, s:f, s:f}", "module", o->module, "op", o->op,
                     "kernel", o->kernel, "reason", o->reason, "operations", o->cost.calls, "flop",
                     o->cost.flop, "bytes", o->cost.bytes);
}

json_t *pi0_coverage_json(const coverage *c)
{
    json_t *rows = json_array(), *operations = json_array();
    for (int i = 0; i < c->n; i++) json_array_append_new(rows, row_json(&c->row[i]));
    for (int i = 0; i < c->n_operations; i++)
        json_array_append_new(operations, operation_json(&c->operation[i]));
    return json_pack("{s:o, s:o}", "modules", rows, "operations", operations);
}
