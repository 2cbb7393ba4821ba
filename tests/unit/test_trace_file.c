/* SPDX-License-Identifier: Apache-2.0 */
/* test_trace_file.c - the file of a trace as a viewer reads it: trace events whose nesting follows
 * from their times, every operation of the plan once, names of a known form; and the tables that
 * are summed up from a trace and from the plan. */
#include "bench_ops.h"
#include "coverage.h"
#include "support/expect.h"
#include "support/network_case.h"
#include "support/tmpdir.h"
#include "trace_file.h"
#include <math.h>
#include <stdlib.h>

typedef struct traced {
    network_case c;
    runner r;
    trace t;
    pi0_plan plan;
} traced;

static void run_case(traced *x, const char *name, const char *flow, int threads, int chunks)
{
    pi0_error err;
    float actions[50 * 32];
    memset(x, 0, sizeof *x);
    network_case_open(&x->c, name);
    pi0_default_options(&x->r.opt);
    x->r.opt.backend = flow;
    x->r.opt.n_threads = threads;
    x->r.opt.num_steps = 4;
    must(pi0_load(&x->r.model, x->c.dir, &x->r.opt, &err), &err);
    must(pi0_session_create(&x->r.session, x->r.model, &x->r.opt, &err), &err);
    pi0_model_info(x->r.model, &x->r.info);
    pi0_session_get_info(x->r.session, &x->r.made);
    must(pi0_model_plan(x->r.model, &x->r.opt, x->c.in.n_images, x->c.in.n_tokens, &x->plan, &err),
         &err);
    must(pi0_trace_new(&x->t, &x->r, chunks, &err), &err);
    must(pi0_trace_begin(&x->t, &x->r, &err), &err);
    for (int i = 0; i < chunks; i++)
        must(pi0_infer(x->r.session, &x->c.in, NULL, actions, COUNT(actions), &err), &err);
    pi0_trace_end(&x->t, &x->r);
    assert_int_equal(x->t.lost, 0);
}

static void close_case(traced *x)
{
    pi0_trace_free(&x->t);
    pi0_runner_free(&x->r);
    network_case_close(&x->c);
}

/* ---- reading the file ---- */

static const char *text(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    assert_true(json_is_string(v));
    return json_string_value(v);
}

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    assert_true(json_is_number(v));
    return json_number_value(v);
}

typedef struct interval {
    double start, end;
    int level; // stage 0, step 1, layer 2, operation 3
    const json_t *event;
} interval;

static int level_of(const char *category)
{
    static const char *const names[] = { "stage", "step", "layer", "op" };
    for (int i = 0; i < 4; i++)
        if (!strcmp(category, names[i])) return i;
    assert_string_equal(category, "share");
    return 3;
}

// what a viewer does: by start, the longer first, of the same interval the outer
static int as_nested(const void *a, const void *b)
{
    const interval *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    if (x->end != y->end) return x->end > y->end ? -1 : 1;
    return x->level - y->level;
}

// a known operation, perhaps with its weight; a stage; "step 3"; "vision", "vision layer 03"
static bool is_known(const char *name, int level)
{
    static const char *const stages[] = { "inputs", "vision", "prefix", "denoise" };
    static const char *const modules[] = { "vision", "prefix", "state", "suffix", "expert" };
    static const char *const ops[] = { "put",       "get",         "patches", "embed",
                                       "linear ",   "linear_add ", "rope",    "rmsnorm",
                                       "layernorm", "attention",   "axpy" };
    int n = -1, at = 0;
    if (level == 1) return sscanf(name, "step %d%n", &n, &at) == 1 && n >= 0 && n < 4 && !name[at];
    for (size_t i = 0; i < COUNT(stages) && level == 0; i++)
        if (!strcmp(name, stages[i])) return true;
    for (size_t i = 0; i < COUNT(modules) && level == 2; i++) {
        const size_t length = strlen(modules[i]);
        if (strncmp(name, modules[i], length)) continue;
        if (!name[length]) return true;
        return sscanf(name + length, " layer %2d%n", &n, &at) == 1 && n >= 0 && n < 4 &&
               !name[length + (size_t)at];
    }
    for (size_t i = 0; i < COUNT(ops) && level == 3; i++)
        if (!strncmp(name, ops[i], strlen(ops[i]))) return true;
    return false;
}

// microseconds: the file has 17 digits, sums of doubles end within this
#define SLACK 1e-3

// each interval lies in the one that is open, or behind it: none crosses another
static void check_nesting(interval *list, size_t n)
{
    const interval *open[8];
    int depth = 0;
    qsort(list, n, sizeof *list, as_nested);
    for (size_t i = 0; i < n; i++) {
        const interval *x = &list[i];
        while (depth && open[depth - 1]->end <= x->start + SLACK) depth--;
        if (depth) {
            assert_true(x->end <= open[depth - 1]->end + SLACK);
            assert_true(x->level > open[depth - 1]->level);
        }
        assert_true(depth < 8);
        open[depth++] = x;
    }
}

// all that is on one thread; returns how many operations there are
static int check_thread(const json_t *events, int thread, bool caller)
{
    const json_t *e;
    size_t i, n = 0;
    int ops = 0;
    interval *list = calloc(json_array_size(events) + 1, sizeof *list);
    json_array_foreach((json_t *)(uintptr_t)events, i, e)
    {
        if (strcmp(text(e, "ph"), "X") || (int)number(e, "tid") != thread) continue;
        const double start = number(e, "ts"), length = number(e, "dur");
        const int level = level_of(text(e, "cat"));
        assert_true(start >= 0 && length > 0);
        assert_true(is_known(text(e, "name"), level));
        assert_true(caller || level == 3);
        if (level == 3) {
            const json_t *args = json_object_get(e, "args");
            assert_true(number(args, "rows") > 0 && number(args, "cols") > 0);
            assert_true(number(args, "busy_ms") > 0);
            assert_string_equal(text(e, "cat"), caller ? "op" : "share");
            assert_true(strlen(text(args, "kernel")) > 0);
        }
        ops += level == 3;
        list[n++] = (interval){ start, start + length, level, e };
    }
    check_nesting(list, n);
    free(list);
    return ops;
}

static int count_of(const json_t *events, const char *category)
{
    size_t i;
    const json_t *e;
    int n = 0;
    json_array_foreach((json_t *)(uintptr_t)events, i, e)
    {
        const json_t *c = json_object_get(e, "cat");
        n += c && !strcmp(json_string_value(c), category);
    }
    return n;
}

static void check_metadata(const json_t *events, int threads)
{
    size_t i;
    const json_t *e;
    int names = 0, process = 0;
    json_array_foreach((json_t *)(uintptr_t)events, i, e)
    {
        assert_int_equal((int)number(e, "pid"), 1);
        if (strcmp(text(e, "ph"), "M")) continue;
        const char *name = text(json_object_get(e, "args"), "name");
        if (!strcmp(text(e, "name"), "process_name")) {
            process++;
            assert_string_equal(name, "pi0");
            continue;
        }
        assert_string_equal(text(e, "name"), "thread_name");
        assert_string_equal(name, (int)number(e, "tid") ? "worker 1" : "calling thread");
        names++;
    }
    assert_int_equal(process, 1);
    assert_int_equal(names, threads);
}

static void check_file(const char *name, const char *flow, int threads, int chunks)
{
    traced x;
    pi0_error err;
    char path[TMPDIR_PATH];
    run_case(&x, name, flow, threads, chunks);
    const tmpdir dir = tmpdir_make();
    tmpdir_path(path, &dir, "trace.json");
    must(pi0_trace_write(&x.t, &x.r, path, &err), &err);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_string_equal(text(root, "displayTimeUnit"), "ms");
    assert_string_equal(text(json_object_get(root, "otherData"), "backend"), flow);
    const json_t *events = json_object_get(root, "traceEvents");
    assert_true(json_is_array(events));

    check_metadata(events, threads);
    const int ops = check_thread(events, 0, true);
    assert_int_equal(ops, chunks * (x.plan.total.calls + x.plan.puts + x.plan.gets));
    assert_int_equal(count_of(events, "stage"), 4 * chunks);
    assert_int_equal(count_of(events, "step"), 4 * chunks);
    // patches and projector around the vision's layers, prompt, suffix and end of each step around
    // the others'; pi0's state token
    const int vision = x.r.info.vision.layers + 2, prefix = x.r.info.language.layers + 1;
    const int state = x.r.info.pi05 ? 0 : x.r.info.expert.layers + 1;
    const int steps = 4 * (x.r.info.expert.layers + 2);
    assert_int_equal(count_of(events, "layer"), chunks * (vision + prefix + state + steps));
    if (threads > 1) assert_true(check_thread(events, 1, false) > 0);
    assert_int_equal(count_of(events, "share") > 0, threads > 1);
    json_decref(root);
    tmpdir_remove(&dir);

    expect_error(pi0_trace_write(&x.t, &x.r, "/nowhere/trace.json", &err), PI0_EIO, &err,
                 "/nowhere/trace.json");
    close_case(&x);
}

static void files_nest(void **state)
{
    (void)state;
    check_file("openpi/pi0_libero", "cpu", 2, 1);
    check_file("openpi/pi05_droid", "cpu", 1, 2);
    check_file("lerobot/lerobot_pi05", "reference", 2, 1);
}

/* ---- tables ---- */

static void table_has_all(void **state)
{
    (void)state;
    traced x;
    pi0_error err;
    op_table o;
    run_case(&x, "openpi/pi0_libero", "cpu", 2, 1);
    must(pi0_op_table_new(&o, &x.t, 1e9, 1e9, &err), &err);
    int calls = 0;
    double flop = 0, ms = 0, stage_ms = 0;
    for (int i = 0; i < o.n; i++) {
        const op_row *r = &o.row[i];
        calls += r->calls;
        flop += r->flop;
        ms += r->ms;
        // at 1 GFLOP/s and 1 GB/s: the larger number
        assert_true(fabs(r->ideal_ms - 1e-6 * fmax(r->flop, r->bytes)) <= 1e-9 * r->ideal_ms);
        assert_int_equal(r->memory, r->bytes > r->flop);
        if (i) assert_true(r->ms <= o.row[i - 1].ms);
    }
    assert_int_equal(calls, x.plan.total.calls + x.plan.puts + x.plan.gets);
    assert_true(flop == x.plan.total.flop);
    assert_int_equal(o.n_stages, 4);
    for (int i = 0; i < o.n_stages; i++) {
        assert_true(o.stage[i].ops_ms <= o.stage[i].wall_ms);
        stage_ms += o.stage[i].ops_ms;
    }
    // every operation is in one stage
    assert_true(fabs(stage_ms - ms) < 1e-6 * ms);
    pi0_op_table_free(&o);
    close_case(&x);
}

static void coverage_sums_up(void **state)
{
    (void)state;
    static const char *const flows[] = { "cpu", "reference" };
    for (size_t f = 0; f < COUNT(flows); f++) {
        traced x;
        pi0_error err;
        coverage c;
        run_case(&x, "openpi/pi0_libero", flows[f], 1, 1);
        must(pi0_coverage_count(&c, &x.r, x.c.in.n_images, x.c.in.n_tokens, &err), &err);
        const coverage_row *all = &c.row[c.n - 1], *time = &c.row[c.n - 2];
        assert_string_equal(all->module, "all");
        assert_string_equal(time->module, "time");
        // beside the chunk: what depends on time alone, the two tables of a session
        assert_true(all->all.flop == x.plan.total.flop + time->all.flop);
        assert_int_equal(all->all.calls,
                         x.plan.total.calls + x.plan.puts + x.plan.gets + time->all.calls + 2);
        assert_true(all->kernels.flop == (f ? 0 : all->all.flop));
        assert_true(all->kernels.calls < all->all.calls);
        assert_int_equal(all->kernels.calls > 0, f == 0);
        close_case(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_nest),
        cmocka_unit_test(table_has_all),
        cmocka_unit_test(coverage_sums_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
