/* SPDX-License-Identifier: Apache-2.0 */
/* trace_file.c - a session's trace as Chrome's trace event format: "X" events, whose nesting
 * follows from their times, and the threads' names. Steps and layers are the operations in a row
 * that lie in them. */
#include "trace_file.h"
#include "fail.h"
#include "output_file.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_BESIDE 6 // of a chunk: its stages

int pi0_trace_new(trace *t, const runner *r, int chunks, pi0_error *err)
{
    pi0_plan plan;
    *t = (trace){ NULL, 0, 0, 0 };
    const int status =
        pi0_model_plan(r->model, &r->opt, r->made.max_images, r->made.max_tokens, &plan, err);
    if (status) return status;
    const size_t calls = (size_t)(plan.total.calls + plan.puts + plan.gets);
    t->capacity = (size_t)chunks * (calls * (size_t)r->made.n_threads + EVENTS_BESIDE);
    t->event = calloc(t->capacity, sizeof *t->event);
    if (t->event) return PI0_OK;
    return pi0_fail(err, PI0_ENOMEM, "no memory for a trace of %zu events", t->capacity);
}

void pi0_trace_free(trace *t)
{
    free(t->event);
    *t = (trace){ NULL, 0, 0, 0 };
}

int pi0_trace_begin(trace *t, runner *r, pi0_error *err)
{
    t->n = 0;
    return pi0_session_trace_start(r->session, t->event, t->capacity, err);
}

void pi0_trace_end(trace *t, runner *r)
{
    t->n = pi0_session_trace_stop(r->session, &t->lost);
}

/* ---- events ---- */

const char *pi0_trace_label(char text[64], const pi0_trace_event *e)
{
    snprintf(text, 64, "%s%s%s", e->name, e->weight ? " " : "", e->weight ? e->weight : "");
    return text;
}

// an event whose args are filled in by the caller
static json_t *complete(json_t *list, const char *name, const char *category, int thread,
                        double start_ms, double end_ms)
{
    json_t *args = json_object();
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:O}", "name", name,
                                          "cat", category, "ph", "X", "pid", 1, "tid", thread, "ts",
                                          1e3 * start_ms, "dur", 1e3 * (end_ms - start_ms), "args",
                                          args));
    json_decref(args); // the list has it
    return args;
}

static void name_thread(json_t *list, const char *what, int thread, const char *name)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", what, "ph", "M",
                                          "pid", 1, "tid", thread, "args", "name", name));
}

static void name_threads(json_t *list, const runner *r)
{
    char name[32];
    name_thread(list, "process_name", 0, "pi0");
    name_thread(list, "thread_name", 0, "calling thread");
    for (int t = 1; t < r->made.n_threads; t++) {
        snprintf(name, sizeof name, "worker %d", t);
        name_thread(list, "thread_name", t, name);
    }
}

static void set(json_t *args, const char *key, double value)
{
    json_object_set_new(args, key, json_real(value));
}

static void add_operation(json_t *list, const pi0_trace_event *e)
{
    char name[64];
    const double seconds = 1e-3 * (e->end_ms - e->start_ms);
    json_t *args =
        complete(list, pi0_trace_label(name, e), e->kind == PI0_TRACE_OP ? "op" : "share",
                 e->thread, e->start_ms, e->end_ms);
    json_object_set_new(args, "module", json_string(e->module));
    if (e->step >= 0) json_object_set_new(args, "step", json_integer(e->step));
    if (e->layer >= 0) json_object_set_new(args, "layer", json_integer(e->layer));
    json_object_set_new(args, "rows", json_integer(e->rows));
    json_object_set_new(args, "cols", json_integer(e->cols));
    if (e->inner) json_object_set_new(args, "inner", json_integer(e->inner));
    json_object_set_new(args, "kernel", json_string(e->kernel ? e->kernel : "plain C"));
    set(args, "busy_ms", e->busy_ms);
    if (e->flop > 0) set(args, "GFLOP/s", e->flop / seconds * 1e-9);
    if (e->bytes > 0) set(args, "GB/s", e->bytes / seconds * 1e-9);
}

/* ---- steps and layers ---- */

// operations that follow each other in one step, or in one layer of it
typedef struct span {
    const char *module;
    int step, layer;
    double start_ms, end_ms;
    bool open;
} span;

static void close_span(json_t *list, span *s, const char *category)
{
    char name[64];
    if (!s->open) return;
    s->open = false;
    if (!strcmp(category, "step"))
        snprintf(name, sizeof name, "step %d", s->step);
    else if (s->layer >= 0)
        snprintf(name, sizeof name, "%s layer %02d", s->module, s->layer);
    else
        snprintf(name, sizeof name, "%s", s->module);
    complete(list, name, category, 0, s->start_ms, s->end_ms);
}

static void open_span(span *s, const pi0_trace_event *e)
{
    if (!s->open) *s = (span){ e->module, e->step, e->layer, e->start_ms, 0, true };
    s->end_ms = e->end_ms;
}

static void follow_places(json_t *list, span *step, span *layer, const pi0_trace_event *e)
{
    const bool none = !strcmp(e->module, "common");
    if (layer->open && (none || strcmp(layer->module, e->module) || layer->layer != e->layer ||
                        layer->step != e->step))
        close_span(list, layer, "layer");
    if (step->open && (none || step->step != e->step)) close_span(list, step, "step");
    if (none) return;
    if (e->step >= 0) open_span(step, e);
    open_span(layer, e);
}

static json_t *all_events(const trace *t, const runner *r)
{
    json_t *list = json_array();
    span step = { .open = false }, layer = { .open = false };
    name_threads(list, r);
    for (size_t i = 0; i < t->n; i++) {
        const pi0_trace_event *e = &t->event[i];
        if (e->kind == PI0_TRACE_STAGE) {
            complete(list, e->name, "stage", 0, e->start_ms, e->end_ms);
            continue;
        }
        if (e->kind == PI0_TRACE_OP) follow_places(list, &step, &layer, e);
        add_operation(list, e);
    }
    close_span(list, &layer, "layer");
    close_span(list, &step, "step");
    return list;
}

int pi0_trace_write(const trace *t, const runner *r, const char *path, pi0_error *err)
{
    json_t *root =
        json_pack("{s:s, s:o, s:{s:s, s:s, s:s, s:s, s:i, s:I}}", "displayTimeUnit", "ms",
                  "traceEvents", all_events(t, r), "otherData", "version", pi0_version(), "backend",
                  r->info.backend, "isa", r->info.isa, "precision", r->info.precision, "threads",
                  r->made.n_threads, "events lost", (json_int_t)t->lost);
    if (!root) return pi0_fail(err, PI0_ENOMEM, "no memory for a trace");
    pi0_interrupt_hold(true);
    const int status = pi0_output_json(root, path, JSON_COMPACT, err);
    pi0_interrupt_hold(false);
    json_decref(root);
    return status;
}
