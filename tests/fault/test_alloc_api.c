/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc_api.c - every function of pi0.h with each of its allocations failing once: PI0_ENOMEM,
 * outputs as they were, nothing leaked, and the session gives the bits that it gave before. What
 * is said to allocate nothing allocates nothing. */
#include "support/alloc_watch.h"
#include "support/api_list.h"
#include "support/expect.h"
#include "support/robot_case.h"
#include <stdbool.h>
#include <stdlib.h>

enum { ROWS = 50, DIM = 32, N_ACTIONS = 8, PROMPT = 5000, MAX_EVENTS = 3000 };

// what all rows of the table work on
typedef struct bench {
    robot_case c;
    pi0_model *m;
    pi0_session *s; // has observed, has a chunk
    pi0_inputs in;
    int rows;
    float *noise, net[ROWS * DIM];      // what pi0_infer() gives
    double acted[ROWS * N_ACTIONS];     // what pi0_act() gives
    char prompt[PROMPT + 1];            // so long that it takes memory
    pi0_image images[ROBOT_MAX_IMAGES]; // of the network: of another size, as planes
} bench;

/* ---- what must be the same as before ---- */

static void same_network(bench *b, pi0_session *s)
{
    float out[ROWS * DIM];
    pi0_error e;
    alloc_watch_hold(1);
    expect_ok(pi0_infer(s, &b->in, b->noise, out, COUNT(out), &e), &e);
    assert_memory_equal(out, b->net, (size_t)b->rows * DIM * sizeof *out);
    alloc_watch_hold(0);
}

static void same_robot(bench *b, pi0_session *s)
{
    double out[ROWS * N_ACTIONS];
    pi0_error e;
    alloc_watch_hold(1);
    expect_ok(pi0_act(s, &b->c.obs, b->noise, out, COUNT(out), &e), &e);
    assert_memory_equal(out, b->acted, (size_t)b->rows * N_ACTIONS * sizeof *out);
    assert_int_equal(pi0_actions_left(s), b->rows);
    alloc_watch_hold(0);
}

/* ---- sessions of a row's own ---- */

static pi0_session *fresh(bench *b)
{
    pi0_session *s = NULL;
    pi0_error e;
    alloc_watch_hold(1);
    expect_ok(pi0_session_create(&s, b->m, &b->c.opt, &e), &e);
    alloc_watch_hold(0);
    return s;
}

/* ---- the functions that allocate ---- */

static int try_load(void *user, pi0_error *err)
{
    bench *b = user;
    pi0_model *const before = (void *)b, *m = before;
    const int status = pi0_load(&m, b->c.g.dir, &b->c.opt, err);
    assert_true(!status == (m != before));
    if (!status) pi0_free(m);
    return status;
}

static int try_session(void *user, pi0_error *err)
{
    bench *b = user;
    pi0_session *const before = (void *)b, *s = before;
    pi0_options opt = b->c.opt;
    opt.n_threads = 3;
    const int status = pi0_session_create(&s, b->m, &opt, err);
    assert_true(!status == (s != before));
    if (status) return status;
    same_network(b, s);
    pi0_session_free(s);
    return PI0_OK;
}

static int try_plan(void *user, pi0_error *err)
{
    bench *b = user;
    pi0_plan plan;
    memset(&plan, 0x5a, sizeof plan);
    const int status = pi0_model_plan(b->m, &b->c.opt, 2, 9, &plan, err);
    if (status)
        expect_untouched(&plan, sizeof plan);
    else
        assert_true(plan.total.calls > 10);
    return status;
}

static int try_operations(void *user, pi0_error *err)
{
    bench *b = user;
    pi0_operation list[PI0_MAX_OPERATIONS];
    int n = -7;
    const int status =
        pi0_model_operations(b->m, &b->c.opt, 2, 9, list, PI0_MAX_OPERATIONS, &n, err);
    assert_true(status ? n == -7 : n > 10);
    return status;
}

static int try_observe(void *user, pi0_error *err)
{
    bench *b = user;
    pi0_session *s = fresh(b);
    pi0_inputs in = b->in;
    in.prompt = b->prompt;
    const int status = pi0_observe(s, &in, err);
    same_network(b, s);
    pi0_session_free(s);
    return status;
}

static int try_infer(void *user, pi0_error *err)
{
    bench *b = user;
    float out[ROWS * DIM];
    pi0_session *s = fresh(b);
    memset(out, 0x5a, sizeof out);
    const int status = pi0_infer(s, &b->in, b->noise, out, COUNT(out), err);
    if (status) expect_untouched(out, sizeof out);
    same_network(b, s);
    pi0_session_free(s);
    return status;
}

static void looks(void *user, const char *name, const float *data, int rows, int cols)
{
    (void)name, (void)data, (void)rows, (void)cols;
    ++*(int *)user;
}

static int edits(void *user, const char *name, float *data, int rows, int cols)
{
    looks(user, name, data, rows, cols);
    return 0;
}

// edit: the other one of the two. What was not set is not called
static int set_tap(bench *b, bool edit, pi0_error *err)
{
    int calls = 0;
    pi0_session *s = fresh(b);
    const int status = edit ? pi0_session_set_edit(s, edits, &calls, err)
                            : pi0_session_set_tap(s, looks, &calls, err);
    same_network(b, s);
    assert_true(status ? !calls : calls > 10);
    pi0_session_free(s);
    return status;
}

static int try_tap(void *user, pi0_error *err)
{
    return set_tap(user, false, err);
}

static int try_edit(void *user, pi0_error *err)
{
    return set_tap(user, true, err);
}

static int try_act(void *user, pi0_error *err)
{
    bench *b = user;
    double out[ROWS * N_ACTIONS];
    pi0_session *s = fresh(b);
    memset(out, 0x5a, sizeof out);
    const int status = pi0_act(s, &b->c.obs, b->noise, out, COUNT(out), err);
    if (status) expect_untouched(out, sizeof out);
    if (status) assert_int_equal(pi0_actions_left(s), 0);
    same_robot(b, s);
    same_network(b, s);
    pi0_session_free(s);
    return status;
}

static int try_prepare(void *user, pi0_error *err)
{
    bench *b = user;
    pi0_policy_inputs made;
    pi0_session *s = fresh(b);
    pi0_observation obs = b->c.obs;
    obs.prompt = b->prompt;
    memset(&made, 0x5a, sizeof made);
    const int status = pi0_prepare(s, &obs, &made, err);
    if (status)
        expect_untouched(&made, sizeof made);
    else
        assert_true(made.prompt_cut && made.network.n_images == b->c.obs.n_images);
    same_robot(b, s);
    pi0_session_free(s);
    return status;
}

static int try_tokenize(void *user, pi0_error *err)
{
    bench *b = user;
    int32_t ids[512];
    int n = -7;
    memset(ids, 0x5a, sizeof ids);
    const int status = pi0_tokenize(b->m, b->prompt, NULL, 0, ids, 512, &n, err);
    if (status) expect_untouched(ids, sizeof ids);
    assert_true(status ? n == -7 : n > 10);
    return status;
}

static int try_resize(void *user, pi0_error *err)
{
    bench *b = user;
    uint8_t out[32 * 32 * 3];
    memset(out, 0x5a, sizeof out);
    const int status = pi0_resize_with_pad(&b->images[0], 32, out, err);
    if (status) expect_untouched(out, sizeof out);
    return status;
}

static int try_bandwidth(void *user, pi0_error *err)
{
    bench *b = user;
    double bytes = -7;
    const int status = pi0_measure_bandwidth(b->s, 0.01, &bytes, err);
    assert_true(status ? bytes == -7 : bytes > 0);
    same_network(b, b->s);
    return status;
}

static int try_product(void *user, pi0_error *err)
{
    bench *b = user;
    pi0_product p;
    memset(&p, 0x5a, sizeof p);
    // one whose result is added to: two rows of numbers
    const int status = pi0_measure_product(b->s, 1, 1, 1, 1, &p, err);
    if (status)
        expect_untouched(&p, sizeof p);
    else
        assert_true(p.ms > 0);
    same_network(b, b->s);
    return status;
}

static int try_trace(void *user, pi0_error *err)
{
    bench *b = user;
    static pi0_trace_event events[MAX_EVENTS];
    const int status = pi0_session_trace_start(b->s, events, MAX_EVENTS, err);
    same_network(b, b->s);
    assert_true(status ? !pi0_session_trace_stop(b->s, NULL)
                       : pi0_session_trace_stop(b->s, NULL) > 100);
    return status;
}

static int try_config(void *user, pi0_error *err)
{
    pi0_policy_info info;
    (void)user;
    memset(&info, 0x5a, sizeof info);
    const int status = pi0_config_info("pi0_droid", &info, err);
    if (status) expect_untouched(&info, sizeof info);
    return status;
}

/* ---- those that do not ---- */

static int try_denoise(void *user, pi0_error *err)
{
    bench *b = user;
    float out[ROWS * DIM];
    const int status = pi0_denoise(b->s, NULL, out, COUNT(out), err);
    return status ? status : pi0_denoise(b->s, b->noise, out, COUNT(out), err);
}

static int try_next(void *user, pi0_error *err)
{
    bench *b = user;
    double row[N_ACTIONS];
    if (!pi0_actions_left(b->s)) same_robot(b, b->s);
    return pi0_next_action(b->s, row, N_ACTIONS, err);
}

static int try_peak(void *user, pi0_error *err)
{
    bench *b = user;
    double flops;
    return pi0_measure_peak(b->s, 0.01, &flops, err);
}

static int try_policy(void *user, pi0_error *err)
{
    bench *b = user;
    pi0_policy_info info;
    return pi0_model_policy(b->m, &info, err);
}

// a function that cannot fail, with its arguments in parentheses
#define QUIET(function, arguments)                          \
    static int quiet_##function(void *user, pi0_error *err) \
    {                                                       \
        bench *const b = user;                              \
        (void)b, (void)err;                                 \
        (void)function arguments;                           \
        return PI0_OK;                                      \
    }

static union {
    pi0_options options;
    pi0_info model;
    pi0_session_info session;
    pi0_timing timing;
    float noise[9];
} out;

QUIET(pi0_version, ())
QUIET(pi0_status_name, (PI0_ENOMEM))
QUIET(pi0_default_options, (&out.options))
QUIET(pi0_free, (NULL))
QUIET(pi0_model_info, (b->m, &out.model))
QUIET(pi0_model_camera, (b->m, 0))
QUIET(pi0_model_warning, (b->m, 0))
QUIET(pi0_session_free, (NULL))
QUIET(pi0_cancel, (b->s))
QUIET(pi0_session_seed, (b->s, 5))
QUIET(pi0_session_get_info, (b->s, &out.session))
QUIET(pi0_session_timing, (b->s, &out.timing))
QUIET(pi0_actions_left, (b->s))
QUIET(pi0_session_reset, (b->s))
QUIET(pi0_config_name, (0))
QUIET(pi0_noise, (3, 4, out.noise, 9))
QUIET(pi0_session_trace_stop, (b->s, NULL))
QUIET(pi0_product_count, ())

/* ---- the table ---- */

// one of those that QUIET() made
#define NEVER_QUIET(function)              \
    {                                      \
#function, quiet_##function, false \
    }

static const struct row {
    const char *name;
    alloc_watch_try try;
    bool allocates;
} rows[] = {
    { "pi0_load", try_load, true },
    { "pi0_session_create", try_session, true },
    { "pi0_model_plan", try_plan, true },
    { "pi0_model_operations", try_operations, true },
    { "pi0_observe", try_observe, true },
    { "pi0_infer", try_infer, true },
    { "pi0_session_set_tap", try_tap, true },
    { "pi0_session_set_edit", try_edit, true },
    { "pi0_act", try_act, true },
    { "pi0_prepare", try_prepare, true },
    { "pi0_tokenize", try_tokenize, true },
    { "pi0_config_info", try_config, true },
    { "pi0_resize_with_pad", try_resize, true },
    { "pi0_measure_bandwidth", try_bandwidth, true },
    { "pi0_measure_product", try_product, true },
    { "pi0_session_trace_start", try_trace, true },
    { "pi0_denoise", try_denoise, false },
    { "pi0_next_action", try_next, false },
    { "pi0_measure_peak", try_peak, false },
    { "pi0_model_policy", try_policy, false },
    NEVER_QUIET(pi0_version),
    NEVER_QUIET(pi0_status_name),
    NEVER_QUIET(pi0_default_options),
    NEVER_QUIET(pi0_free),
    NEVER_QUIET(pi0_model_info),
    NEVER_QUIET(pi0_model_camera),
    NEVER_QUIET(pi0_model_warning),
    NEVER_QUIET(pi0_session_free),
    NEVER_QUIET(pi0_cancel),
    NEVER_QUIET(pi0_session_seed),
    NEVER_QUIET(pi0_session_get_info),
    NEVER_QUIET(pi0_session_timing),
    NEVER_QUIET(pi0_actions_left),
    NEVER_QUIET(pi0_session_reset),
    NEVER_QUIET(pi0_config_name),
    NEVER_QUIET(pi0_noise),
    NEVER_QUIET(pi0_session_trace_stop),
    NEVER_QUIET(pi0_product_count),
};

static void every_function_has_a_row(void **state)
{
    const char *names[COUNT(rows)];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) names[i] = rows[i].name;
    api_list_check("pi0.h", names, (int)COUNT(rows));
}

// pictures that are resized, of planes that are interleaved; actions of a session that works
static void set_up(bench *b)
{
    pi0_error e;
    memset(b, 0, sizeof *b);
    robot_case_open(&b->c, "openpi/pi0_droid");
    b->c.opt.backend = "auto";
    b->c.opt.num_steps = 2;
    b->c.opt.n_threads = 1; // of try_session() more: they wait long on busy machines
    b->c.images[0].format = PI0_RGB8_CHW;
    robot_case_start(&b->c, NULL, &b->m, &b->s);
    b->rows = b->c.rows;
    b->noise = b->c.noise;
    memset(b->prompt, 'a', PROMPT);
    for (int i = 0; i < b->c.obs.n_images; i++) {
        b->images[i] = b->c.images[i];
        b->images[i].camera = NULL;
        b->images[i].height -= 7;
    }
    b->in = (pi0_inputs){ .images = b->images,
                          .n_images = b->c.obs.n_images,
                          .prompt = "pick it up",
                          .state = b->c.states[0].values,
                          .n_state = b->c.states[0].n };
    assert_true(b->rows <= ROWS && b->c.cols == N_ACTIONS);
    expect_ok(pi0_infer(b->s, &b->in, b->noise, b->net, COUNT(b->net), &e), &e);
    expect_ok(pi0_act(b->s, &b->c.obs, b->noise, b->acted, COUNT(b->acted), &e), &e);
}

static void each_one_failing(void **state)
{
    bench *b = calloc(1, sizeof *b);
    (void)state;
    assert_non_null(b);
    set_up(b);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const long before = alloc_watch_calls();
        const int n = alloc_watch_fail_each(rows[i].try, b);
        if (n) printf("  %s: %d allocations, each failed once\n", rows[i].name, n);
        if (rows[i].allocates != (n > 0) || rows[i].allocates != (alloc_watch_calls() > before))
            fail_msg("%s: %d allocations", rows[i].name, n);
    }
    same_robot(b, b->s);
    same_network(b, b->s);
    pi0_session_free(b->s);
    pi0_free(b->m);
    robot_case_close(&b->c);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_has_a_row),
        cmocka_unit_test(each_one_failing),
    };
    return cmocka_run_group_tests_name("alloc_api", tests, NULL, NULL);
}
