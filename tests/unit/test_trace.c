/* SPDX-License-Identifier: Apache-2.0 */
/* test_trace.c - a trace is what ran: every operation of the plan once, in order, inside its stage,
 * with the threads' shares inside it; and the kernels that it and the plan name are those that were
 * called. */
#include "api.h"
#include "cpu/kern.h"
#include "cpu/kern_attention.h"
#include "cpu/kern_rows.h"
#include "support/expect.h"
#include "support/network_case.h"
#include <math.h>
#include <stdlib.h>

#define ROOM 20000
static pi0_trace_event events[ROOM];

typedef struct traced {
    network_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_plan plan;
    pi0_operation list[PI0_MAX_OPERATIONS];
    int n_list;
    float actions[50 * 32], again[50 * 32];
    size_t n_actions, n; // n: events
} traced;

static void open_case(traced *t, const char *name, const char *flow, const char *precision,
                      int threads)
{
    pi0_options opt;
    pi0_error err;
    memset(t, 0, sizeof *t);
    network_case_open(&t->c, name);
    pi0_default_options(&opt);
    opt.backend = flow;
    opt.precision = precision;
    opt.n_threads = threads;
    t->n_actions = (size_t)t->c.horizon * 32;
    must(pi0_load(&t->m, t->c.dir, &opt, &err), &err);
    must(pi0_session_create(&t->s, t->m, &opt, &err), &err);
    must(pi0_model_plan(t->m, &opt, t->c.in.n_images, t->c.in.n_tokens, &t->plan, &err), &err);
    must(pi0_model_operations(t->m, &opt, t->c.in.n_images, t->c.in.n_tokens, t->list,
                              PI0_MAX_OPERATIONS, &t->n_list, &err),
         &err);
}

static void infer(traced *t, float *actions)
{
    pi0_error err;
    must(pi0_infer(t->s, &t->c.in, t->c.noise, actions, t->n_actions, &err), &err);
}

static void trace(traced *t, size_t room, size_t *lost)
{
    pi0_error err;
    must(pi0_session_trace_start(t->s, events, room, &err), &err);
    infer(t, t->actions);
    t->n = pi0_session_trace_stop(t->s, lost);
}

static void close_case(traced *t)
{
    pi0_session_free(t->s);
    pi0_free(t->m);
    network_case_close(&t->c);
}

/* ---- what a trace has to be ---- */

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (!strcmp(name, *names)) return true;
    return false;
}

static void check_names(const pi0_trace_event *e)
{
    static const char *const stages[] = { "inputs", "vision", "prefix", "denoise", NULL };
    static const char *const ops[] = { "put",    "get",       "patches",    "embed",
                                       "linear", "layernorm", "linear_add", "rmsnorm",
                                       "rope",   "attention", "axpy",       NULL };
    static const char *const modules[] = { "common", "vision", "prefix", "state",
                                           "suffix", "expert", NULL };
    static const char *const weights[] = {
        "qkv",    "kv",         "out",     "fc1",       "fc2",      "patch_embedding", "projector",
        "o",      "down",       "gate_up", "action_in", "time_out", "action_time_in",  "state_in",
        "tokens", "action_out", NULL
    };
    assert_true(is_one_of(e->name, e->kind == PI0_TRACE_STAGE ? stages : ops));
    if (e->kind == PI0_TRACE_STAGE) return;
    assert_true(is_one_of(e->module, modules));
    const bool product = !strncmp(e->name, "linear", 6), lookup = !strcmp(e->name, "embed");
    assert_int_equal(e->weight != NULL, product || lookup);
    if (e->weight) assert_true(is_one_of(e->weight, weights));
    assert_true(e->rows > 0 && e->cols > 0);
    assert_int_equal(e->inner > 0, product || !strcmp(e->name, "attention"));
}

// in step k of the time, layers from the first to the last
static void check_places(const traced *t)
{
    int step = -1, layer = -1;
    for (size_t i = 0; i < t->n; i++) {
        const pi0_trace_event *e = &events[i];
        if (e->kind != PI0_TRACE_OP || e->step < 0) continue;
        assert_true(!strcmp(e->module, "suffix") || !strcmp(e->module, "expert"));
        assert_true(e->step == step || e->step == step + 1);
        if (e->step != step) layer = -1;
        step = e->step;
        if (e->layer < 0) continue;
        assert_true(e->layer == layer || e->layer == layer + 1);
        layer = e->layer;
    }
    assert_int_equal(step, t->s->r.limits.num_steps - 1);
    assert_int_equal(layer, t->m->net.expert.n_layers - 1);
}

// operations follow each other on the calling thread; shares of a thread do, inside theirs
static void check_times(const traced *t, int threads)
{
    double last[8] = { 0 };
    const pi0_trace_event *op = NULL;
    for (size_t i = 0; i < t->n; i++) {
        const pi0_trace_event *e = &events[i];
        assert_true(e->end_ms > e->start_ms && e->busy_ms > 0);
        assert_true(e->busy_ms <= (e->end_ms - e->start_ms) * (1 + 1e-9) + 1e-9);
        if (e->kind == PI0_TRACE_STAGE) {
            assert_int_equal(e->thread, 0);
            continue;
        }
        assert_true(e->thread >= 0 && e->thread < threads);
        assert_true(e->start_ms >= last[e->thread]);
        last[e->thread] = e->end_ms;
        if (e->kind == PI0_TRACE_OP) {
            op = e;
            assert_int_equal(e->thread, 0);
        } else {
            assert_true(op && e->thread > 0 && e->flop == 0 && e->bytes == 0);
            assert_true(e->start_ms >= op->start_ms && e->end_ms <= op->end_ms);
        }
    }
}

// each operation lies in one stage, and stages follow each other
static void check_stages(const traced *t)
{
    static const char *const order[] = { "inputs", "vision", "prefix", "denoise" };
    const pi0_trace_event *stage[4];
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (events[i].kind != PI0_TRACE_STAGE) continue;
        assert_true(n < COUNT(order));
        assert_string_equal(events[i].name, order[n]);
        if (n) assert_true(events[i].start_ms >= stage[n - 1]->end_ms);
        stage[n++] = &events[i];
    }
    assert_int_equal(n, COUNT(order));
    for (size_t i = 0; i < t->n; i++) {
        const pi0_trace_event *e = &events[i];
        int inside = 0;
        for (size_t k = 0; k < n && e->kind != PI0_TRACE_STAGE; k++)
            inside += e->start_ms >= stage[k]->start_ms && e->end_ms <= stage[k]->end_ms;
        assert_int_equal(inside, e->kind != PI0_TRACE_STAGE);
    }
}

// the work of the operations of one row of the plan's list
static pi0_cost cost_in_trace(const traced *t, const pi0_operation *o)
{
    pi0_cost c = { 0 };
    for (size_t i = 0; i < t->n; i++) {
        const pi0_trace_event *e = &events[i];
        if (e->kind != PI0_TRACE_OP || strcmp(e->name, o->op) || strcmp(e->module, o->module))
            continue;
        if ((e->kernel == NULL) != (o->kernel == NULL)) continue;
        if (e->kernel && strcmp(e->kernel, o->kernel)) continue;
        c.calls++;
        c.flop += e->flop;
        c.weight_bytes += e->weight_bytes;
        c.bytes += e->bytes;
    }
    return c;
}

// the same operations as the plan counts, and no other
static void check_plan(const traced *t)
{
    int ops = 0, listed = 0;
    double flop = 0, bytes = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (events[i].kind != PI0_TRACE_OP) continue;
        ops++;
        flop += events[i].flop;
        bytes += strcmp(events[i].module, "common") ? events[i].bytes : 0;
        check_names(&events[i]);
    }
    assert_int_equal(ops, t->plan.total.calls + t->plan.puts + t->plan.gets);
    assert_true(flop == t->plan.total.flop && bytes == t->plan.total.bytes);
    for (int i = 0; i < t->n_list; i++) {
        const pi0_operation *o = &t->list[i];
        assert_int_equal(o->kernel == NULL, o->reason != NULL);
        // once a session, which was made before the trace began: its two transfers, its products
        if (!strcmp(o->module, "time")) continue;
        const pi0_cost c = cost_in_trace(t, o);
        const bool puts = !strcmp(o->op, "put");
        assert_int_equal(c.calls, o->cost.calls - (puts ? 2 : 0));
        if (!puts) assert_true(c.flop == o->cost.flop && c.bytes == o->cost.bytes);
        listed += c.calls;
    }
    assert_int_equal(listed, ops);
}

static void check_case(const char *name, const char *flow, const char *precision, int threads)
{
    traced t;
    size_t lost;
    int shares = 0;
    open_case(&t, name, flow, precision, threads);
    infer(&t, t.again);
    trace(&t, ROOM, &lost);
    assert_int_equal(lost, 0);
    // the room that the header asks for is enough
    assert_true(t.n <=
                (size_t)(t.plan.total.calls + t.plan.puts + t.plan.gets) * (size_t)threads + 6);
    check_plan(&t);
    check_places(&t);
    check_times(&t, threads);
    check_stages(&t);
    for (size_t i = 0; i < t.n; i++) shares += events[i].kind == PI0_TRACE_SHARE;
    assert_int_equal(shares > 0, threads > 1);
    // it changes no bit, and neither does what comes after it
    assert_memory_equal(t.actions, t.again, t.n_actions * sizeof(float));
    infer(&t, t.again);
    assert_memory_equal(t.actions, t.again, t.n_actions * sizeof(float));
    close_case(&t);
}

static void a_trace_is_what_ran(void **state)
{
    (void)state;
    check_case("openpi/pi0_libero", "cpu", "auto", 1);
    check_case("openpi/pi0_aloha_sim", "cpu", "f32", 2);
    check_case("openpi/pi05_droid", "cpu", "auto", 3);
    check_case("lerobot/lerobot_pi05_meanstd", "reference", "auto", 2);
    check_case("lerobot/lerobot_pi0", "reference", "auto", 1);
}

static void what_finds_no_room_is_counted(void **state)
{
    (void)state;
    traced t;
    pi0_error err;
    size_t lost, all;
    open_case(&t, "openpi/pi0_libero", "cpu", "auto", 2);
    assert_int_equal(pi0_session_trace_stop(t.s, &lost), 0);
    trace(&t, ROOM, &lost);
    all = t.n;
    // shares of a thread that came too late to have any are not there: not always the same number
    events[100].name = "guard";
    trace(&t, 100, &lost);
    assert_int_equal(t.n, 100);
    assert_true(lost > 0 && lost <= 2 * all);
    assert_string_equal(events[100].name, "guard");
    must(pi0_session_trace_start(t.s, NULL, 0, &err), &err);
    expect_error(pi0_session_trace_start(t.s, events, ROOM, &err), PI0_EINVAL, &err,
                 "runs already");
    // freed while it runs
    close_case(&t);
    expect_error(pi0_session_trace_start(NULL, events, ROOM, &err), PI0_EINVAL, &err, "NULL");
    open_case(&t, "openpi/pi0_libero", "cpu", "auto", 2);
    expect_error(pi0_model_operations(t.m, NULL, 1, 10, t.list, 3, &t.n_list, &err), PI0_EINVAL,
                 &err, "room for 3");
    close_case(&t);
}

/* ---- kernels that count their calls ---- */

static const kernels *real;
static struct {
    double products, queries; // outputs written; query rows of heads
    int layernorm, rmsnorm, rope, axpy, scale;
} called;

static void tile_f32(const gemm_tile *t)
{
    if (t->end) called.products += (double)t->end->rows * t->end->cols;
    real->gemm_f32->tile(t);
}

static void tile_bf16(const gemm_tile *t)
{
    if (t->end) called.products += (double)t->end->rows * t->end->cols;
    real->gemm_bf16->tile(t);
}

static void layernorm_row(void *y, dtype type, const float *x, const float *scale,
                          const float *shift, int n)
{
    called.layernorm++;
    real->rows->layernorm(y, type, x, scale, shift, n);
}

static void rmsnorm_row(void *y, dtype type, const float *x, const float *scale, const float *shift,
                        int n)
{
    called.rmsnorm++;
    real->rows->rmsnorm(y, type, x, scale, shift, n);
}

static void rope_row(void *y, dtype type, const float *x, const float *table, int half, int heads)
{
    called.rope++;
    real->rows->rope(y, type, x, table, half, heads);
}

static void axpy_row(float *y, float a, const float *x, int n)
{
    called.axpy++;
    real->rows->axpy(y, a, x, n);
}

static void scale_row(float *y, float a, const void *x, dtype type, int n)
{
    called.scale++;
    real->rows->scale(y, a, x, type, n);
}

static void softmax_f32(const attention_shape *s, float *logits, float *inverse, int rows,
                        float scale)
{
    called.queries += rows;
    real->attention->f32->softmax(s, logits, inverse, rows, scale);
}

static void softmax_bf16(const attention_shape *s, float *logits, float *inverse, int rows,
                         float scale)
{
    called.queries += rows;
    real->attention->bf16->softmax(s, logits, inverse, rows, scale);
}

// rows, or rows times columns, of all operations of a kind that a kernel is said to compute
static double said(const traced *t, const char *op, bool cols)
{
    double n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const pi0_trace_event *e = &events[i];
        if (e->kind != PI0_TRACE_OP || strcmp(e->name, op) || !e->kernel) continue;
        const bool geglu = e->weight && !strcmp(e->weight, "gate_up");
        n += (double)e->rows * (cols ? e->cols : 1) / (geglu ? 2 : 1);
    }
    return n;
}

static void check_kernels(const char *name, const char *precision)
{
    traced t;
    open_case(&t, name, "cpu", precision, 1);
    real = ((const cpu_impl *)t.m->backend.b.impl)->kernels;
    gemm_kernel f32 = *real->gemm_f32, bf16 = *real->gemm_bf16;
    struct row_kernels rows = *real->rows;
    attention_kernel attention_f32 = *real->attention->f32, attention_bf16 = *real->attention->bf16;
    const struct attention_kernels attention = { &attention_f32, &attention_bf16 };
    const kernels counting = { real->isa, &f32, &bf16, &rows, &attention };
    const cpu_impl impl = { &counting };
    f32.tile = tile_f32;
    bf16.tile = tile_bf16;
    rows = (struct row_kernels){ rows.name, layernorm_row, rmsnorm_row,
                                 rope_row,  axpy_row,      scale_row };
    attention_f32.softmax = softmax_f32;
    attention_bf16.softmax = softmax_bf16;

    t.s->b.impl = &impl;
    memset(&called, 0, sizeof called);
    trace(&t, ROOM, NULL);
    assert_true(called.products > 0 && called.queries > 0 && called.rmsnorm > 0);
    assert_true(called.products == said(&t, "linear", true) + said(&t, "linear_add", true));
    assert_true(called.layernorm == said(&t, "layernorm", false));
    assert_true(called.rmsnorm == said(&t, "rmsnorm", false));
    assert_true(called.rope == said(&t, "rope", false));
    assert_true(called.axpy == said(&t, "axpy", false));
    assert_true(called.scale == said(&t, "embed", false));
    // a query row of each head: vision has heads of its own size
    double queries = 0;
    for (size_t i = 0; i < t.n; i++) {
        const pi0_trace_event *e = &events[i];
        if (e->kind != PI0_TRACE_OP || strcmp(e->name, "attention") || !e->kernel) continue;
        const bool vision = !strcmp(e->module, "vision");
        queries += (double)e->rows * (vision ? SIGLIP_HEADS : t.m->net.n_heads);
    }
    assert_true(called.queries == queries);
    t.s->b.impl = t.m->backend.b.impl;
    close_case(&t);
}

static void named_kernels_are_called(void **state)
{
    (void)state;
    check_kernels("openpi/pi0_libero", "bf16");
    check_kernels("openpi/pi05_droid", "f32");
    check_kernels("lerobot/lerobot_pi0", "bf16");
}

// on the cpu backend all multiply-adds are a kernel's; on the reference none
static void all_flops_are_accelerated(void **state)
{
    (void)state;
    static const char *const backends[] = { "cpu", "reference" };
    for (size_t b = 0; b < COUNT(backends); b++)
        for (int k = 0; k < N_CASES; k++) {
            traced t;
            double all = 0, fast = 0;
            open_case(&t, case_names[k], backends[b], "auto", 1);
            for (int i = 0; i < t.n_list; i++) {
                all += t.list[i].cost.flop;
                fast += t.list[i].kernel ? t.list[i].cost.flop : 0;
            }
            assert_true(all > 0 && fast == (b ? 0 : all));
            close_case(&t);
        }
}

static void bandwidth_is_measured(void **state)
{
    (void)state;
    traced t;
    pi0_error err;
    double rate = 0;
    open_case(&t, "openpi/pi0_libero", "cpu", "auto", 2);
    must(pi0_measure_bandwidth(t.s, 20, &rate, &err), &err);
    assert_true(rate > 1e6 && isfinite(rate));
    expect_error(pi0_measure_bandwidth(t.s, 0, &rate, &err), PI0_EINVAL, &err, "not positive");
    close_case(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_is_what_ran),      cmocka_unit_test(what_finds_no_room_is_counted),
        cmocka_unit_test(named_kernels_are_called), cmocka_unit_test(all_flops_are_accelerated),
        cmocka_unit_test(bandwidth_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
