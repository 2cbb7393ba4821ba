/* SPDX-License-Identifier: Apache-2.0 */
/* verify_report.c - the results of a verification as JSON, put into the page of tools/web. */
#include "verify_report.h"
#include "json_out.h"
#include "pages.h"
#include "verify_print.h"
#include <stdio.h>
#include <string.h>

/* ---- the parts of the JSON ---- */

// rows of --json, and what the curves need to know of them
static json_t *rows_json(const verify *v)
{
    json_t *list = pi0_verify_json(v);
    for (int i = 0; i < v->n_rows && list; i++) {
        const verify_row *r = &v->row[i];
        json_t *o = json_array_get(list, (size_t)i);
        json_object_set_new(o, "kind", json_string(pi0_verify_kinds[r->kind].key));
        json_object_set_new(o, "layer", json_integer(r->layer));
        json_object_set_new(o, "step", json_integer(r->step));
        json_object_set_new(o, "why", json_string(r->why));
    }
    return list;
}

static json_t *kinds_json(void)
{
    json_t *list = json_array();
    for (int k = 0; k < KIND_COUNT; k++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "key", pi0_verify_kinds[k].key, "title",
                                              pi0_verify_kinds[k].title));
    return list;
}

static json_t *actions_json(const verify_job *j)
{
    const verify_actions *a = &j->v.actions;
    const pi0_policy_info *p = j->has_policy ? &j->policy : NULL;
    if (!a->reference) return json_null();
    json_t *names = p && p->action_names ? json_array() : json_null();
    for (int i = 0; p && p->action_names && i < a->cols; i++)
        json_array_append_new(names, json_string(p->action_names[i]));
    return json_pack("{s:b, s:s?, s:o, s:o, s:o}", "robot", p != NULL, "units",
                     p ? p->action_units : NULL, "names", names, "reference",
                     pi0_rows_json(a->reference, a->rows, a->cols), "accelerated",
                     pi0_rows_json(a->accelerated, a->rows, a->cols));
}

static json_t *roofline_json(const verify_job *j)
{
    if (!j->ops.n) return json_null();
    json_t *list = json_array();
    for (int i = 0; i < j->ops.n; i++) {
        const op_row *row = &j->ops.row[i];
        const pi0_trace_event *e = &row->first;
        char name[96], label[64], shape[48];
        snprintf(name, sizeof name, "%s %s", e->module, pi0_trace_label(label, e));
        snprintf(shape, sizeof shape, e->inner ? "%d×%d×%d" : "%d×%d", e->rows, e->cols, e->inner);
        json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f}", "name", name,
                                              "shape", shape, "calls", row->calls, "ms", row->ms,
                                              "flop", row->flop, "bytes", row->bytes, "share",
                                              row->ms > 0 ? row->ideal_ms / row->ms : 0));
    }
    return json_pack("{s:f, s:f, s:o}", "peak", j->peak, "bandwidth", j->bandwidth, "ops", list);
}

// percent of the FLOPs that kernels compute
static json_t *coverage_json(const verify_job *j)
{
    if (!j->share.n) return json_null();
    const coverage_row *all = &j->share.row[j->share.n - 1];
    return json_real(pi0_coverage_percent(all->kernels.flop, all->all.flop));
}

static json_t *report_json(const verify_job *j)
{
    const pi0_info *i = &j->fast.info;
    const pi0_session_info *made = &j->fast.made;
    // the model by its name alone: a page may be shown to others
    const char *slash = strrchr(j->a->run.model, '/');
    const char *name = slash && slash[1] ? slash + 1 : j->a->run.model;
    json_t *ms = json_array();
    for (int k = 0; k < j->n_ms; k++) json_array_append_new(ms, json_real(j->ms[k]));
    json_t *about = json_sprintf(
        "%s: %s, %s layout, %d steps, chunk of %d; %s. Reference: plain C, "
        "f32, sums in double. Accelerated: %s, %s, %s, %d thread%s.",
        name, i->pi05 ? "pi0.5" : "pi0", i->layout, made->num_steps, made->horizon, j->what,
        i->backend, i->isa, i->precision, made->n_threads, made->n_threads == 1 ? "" : "s");
    // a path that is not UTF-8
    if (!about) about = json_string("pi0 verify");
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:i, s:o}", "about", about, "rows",
                     rows_json(&j->v), "kinds", kinds_json(), "coverage", coverage_json(j),
                     "actions", actions_json(j), "latency_ms", ms, "reference_ms",
                     j->v.reference_ms, "n_steps", made->num_steps, "roofline", roofline_json(j));
}

/* ---- the file ---- */

int pi0_verify_report(const verify_job *j, const char *path, pi0_error *err)
{
    pi0_interrupt_hold(true);
    const int status = pi0_page_write(path, pi0_page_report, report_json(j), 8, err);
    pi0_interrupt_hold(false);
    return status;
}
