/* SPDX-License-Identifier: Apache-2.0 */
/* test_session_errors.c - a table of all ways in which a call on a session can fail. After each one
 * the next good calls, on the network's side and on the robot's, give the bits that they gave
 * before; outputs and the session's own noise are as they were.
 * not under ThreadSanitizer: it has one thread, whose calls cancel themselves. */
#include "support/expect.h"
#include "support/network_case.h"
#include "support/robot_case.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { ROWS = 50, DIM = 32, N_ACTIONS = 8, CHUNK = ROWS * DIM, SEED = 7, MANY_EVENTS = 10 };

typedef struct bench {
    robot_case r;
    network_case c;
    pi0_model *m;
    pi0_session *s;
    size_t n, n_robot;
    float net[CHUNK];                 // of the session's own noise, seed SEED
    double acted[ROWS * N_ACTIONS];   // of the case's noise
    const char *cancel_at, *spoil_at; // stages

    // what a row may change: copies of good ones
    pi0_inputs in;
    pi0_image image[4], picture[ROBOT_MAX_IMAGES];
    pi0_observation obs;
    pi0_state state[ROBOT_MAX_STATES];
    double values[64];
    float noise[CHUNK];
    size_t room;

    // outputs
    float out[CHUNK];
    double robot[ROWS * N_ACTIONS];
} bench;

/* ---- network: what a row changes in a good call ---- */

static void no_inputs(bench *b)
{
    b->in.n_images = 0;
}
static void four_pictures(bench *b)
{
    b->in.n_images = 4;
}
static void camera_twice(bench *b)
{
    b->image[1].camera = b->image[0].camera;
}
static void camera_unknown(bench *b)
{
    b->image[0].camera = "cam_high";
}
static void no_width(bench *b)
{
    b->image[0].width = 0;
}
static void no_rgb(bench *b)
{
    b->image[1].rgb = NULL;
}
static void short_stride(bench *b)
{
    b->image[1].stride = 5;
}
static void other_format(bench *b)
{
    b->image[0].format = 9;
}
static void pixels_too(bench *b)
{
    b->in.pixels = b->noise;
}
static void pixel_nan(bench *b)
{
    static float pixels[3 * 224 * 224];
    pixels[77] = NAN;
    b->in.images = NULL;
    b->in.n_images = 1;
    b->in.pixels = pixels;
}
static void words_twice(bench *b)
{
    b->in.prompt = "up";
}
static void no_words(bench *b)
{
    b->in.tokens = NULL;
}
static void bad_utf8(bench *b)
{
    b->in.tokens = NULL;
    b->in.prompt = "\xff";
}
static void token_outside(bench *b)
{
    static const int32_t ids[] = { 2, 5, 1 << 20 };
    b->in.tokens = ids;
    b->in.n_tokens = 3;
}
static void many_tokens(bench *b)
{
    static const int32_t ids[49];
    b->in.tokens = ids;
    b->in.n_tokens = 49;
}
static void no_state(bench *b)
{
    b->in.state = NULL;
}
static void long_state(bench *b)
{
    b->in.state = b->values;
    b->in.n_state = 33;
}
static void nan_state(bench *b)
{
    b->values[3] = NAN;
    b->in.state = b->values;
    b->in.n_state = 8;
}
static void nan_noise(bench *b)
{
    b->noise[40] = NAN;
}
static void huge_noise(bench *b)
{
    for (int i = 0; i < CHUNK; i++) b->noise[i] = 3e38f;
}
static void little_room(bench *b)
{
    b->room--;
}
static void cancel_vision(bench *b)
{
    b->cancel_at = "vision.0.embeddings";
}
static void cancel_prefix(bench *b)
{
    b->cancel_at = "prefix.embeddings";
}
static void cancel_step(bench *b)
{
    b->cancel_at = "step1.x";
}
static void nan_inside(bench *b)
{
    b->spoil_at = "step1.norm";
}
static void nan_in_cache(bench *b)
{
    b->spoil_at = "prefix.L00.k";
}

/* ---- robot ---- */

static void no_pictures(bench *b)
{
    b->obs.n_images = 0;
}
static void missing_camera(bench *b)
{
    b->obs.images = b->picture + 1;
    b->obs.n_images = 1;
}
static void picture_twice(bench *b)
{
    b->picture[1].camera = b->picture[0].camera;
}
static void planes_as_pixels(bench *b)
{
    b->picture[0].width = 224;
    b->picture[0].height = 3;
}
static void no_robot_state(bench *b)
{
    b->obs.n_states = 0;
}
static void short_robot_state(bench *b)
{
    b->state[0].n--;
}
static void nan_robot_state(bench *b)
{
    b->values[2] = NAN;
    b->state[0].values = b->values;
}
static void state_twice(bench *b)
{
    b->state[1] = b->state[0];
}
static void robot_utf8(bench *b)
{
    b->obs.prompt = "pick \xc3( up";
}
static void no_prompt(bench *b)
{
    b->obs.prompt = NULL;
}

/* ---- the calls ---- */

static int call_infer(bench *b, pi0_error *err)
{
    return pi0_infer(b->s, &b->in, b->noise, b->out, b->room, err);
}

static int call_infer_own_noise(bench *b, pi0_error *err)
{
    return pi0_infer(b->s, &b->in, NULL, b->out, b->room, err);
}

// what was not observed is not acted on
static int call_observe(bench *b, pi0_error *err)
{
    pi0_error e;
    const int status = pi0_observe(b->s, &b->in, err);
    expect_error(pi0_denoise(b->s, NULL, b->out, b->n, &e), PI0_EINVAL, &e, "no observation yet");
    return status;
}

static int call_denoise(bench *b, pi0_error *err)
{
    pi0_error e;
    const char *const at = b->cancel_at;
    b->cancel_at = NULL;
    expect_ok(pi0_observe(b->s, &b->in, &e), &e);
    b->cancel_at = at;
    return pi0_denoise(b->s, b->noise, b->out, b->room, err);
}

static int call_act(bench *b, pi0_error *err)
{
    return pi0_act(b->s, &b->obs, b->noise, b->robot, b->room < b->n ? 1 : b->n_robot, err);
}

static int call_prepare(bench *b, pi0_error *err)
{
    pi0_policy_inputs in;
    return pi0_prepare(b->s, &b->obs, &in, err);
}

static int call_next_none(bench *b, pi0_error *err)
{
    pi0_session_reset(b->s);
    return pi0_next_action(b->s, b->robot, N_ACTIONS, err);
}

static int call_next_room(bench *b, pi0_error *err)
{
    return pi0_next_action(b->s, b->robot, N_ACTIONS - 1, err);
}

static int call_tokenize(bench *b, pi0_error *err)
{
    int32_t ids[4];
    int n;
    return pi0_tokenize(b->m, "up", NULL, 0, ids, 4, &n, err);
}

static int call_product(bench *b, pi0_error *err)
{
    pi0_product p;
    return pi0_measure_product(b->s, 99, 1, 1, 1, &p, err);
}

static int call_product_rows(bench *b, pi0_error *err)
{
    pi0_product p;
    return pi0_measure_product(b->s, 0, 9, 1, 1, &p, err);
}

static int call_peak(bench *b, pi0_error *err)
{
    double flops;
    return pi0_measure_peak(b->s, -1, &flops, err);
}

static int call_bandwidth(bench *b, pi0_error *err)
{
    double bytes;
    return pi0_measure_bandwidth(b->s, 0, &bytes, err);
}

static int call_trace(bench *b, pi0_error *err)
{
    static pi0_trace_event events[MANY_EVENTS];
    pi0_error e;
    expect_ok(pi0_session_trace_start(b->s, events, MANY_EVENTS, &e), &e);
    const int status = pi0_session_trace_start(b->s, events, MANY_EVENTS, err);
    pi0_session_trace_stop(b->s, NULL);
    return status;
}

static int call_plan(bench *b, pi0_error *err)
{
    pi0_plan plan;
    return pi0_model_plan(b->m, NULL, 9, 1, &plan, err);
}

static int call_operations(bench *b, pi0_error *err)
{
    pi0_operation list[2];
    int n;
    return pi0_model_operations(b->m, NULL, 1, 1, list, 2, &n, err);
}

static int call_session(bench *b, pi0_error *err)
{
    pi0_options opt = b->r.opt;
    pi0_session *s;
    opt.horizon = 3;
    return pi0_session_create(&s, b->m, &opt, err);
}

/* ---- the table ---- */

static const struct row {
    int (*call)(bench *, pi0_error *);
    void (*change)(bench *); // NULL: nothing
    int code;
    const char *text;
} rows[] = {
    { call_infer, no_inputs, PI0_EINVAL, "no picture" },
    { call_infer, four_pictures, PI0_EINVAL, "4 pictures" },
    { call_infer, camera_twice, PI0_EINVAL, "given twice" },
    { call_infer, camera_unknown, PI0_EINVAL, "\"cam_high\" is not one" },
    { call_infer, no_width, PI0_EINVAL, "0 x 224" },
    { call_infer, no_rgb, PI0_EINVAL, "NULL" },
    { call_infer, short_stride, PI0_EINVAL, "5 bytes apart" },
    { call_infer, other_format, PI0_EINVAL, "format 9" },
    { call_infer, pixels_too, PI0_EINVAL, "both images and pixels" },
    { call_infer, pixel_nan, PI0_EINVAL, "pixel value 77" },
    { call_infer, words_twice, PI0_EINVAL, "both prompt and tokens" },
    { call_infer, no_words, PI0_EINVAL, "no prompt" },
    { call_infer, bad_utf8, PI0_EINVAL, "UTF-8" },
    { call_infer, token_outside, PI0_EINVAL, "token 2 of the prompt" },
    { call_infer, many_tokens, PI0_EINVAL, "49 tokens" },
    { call_infer, no_state, PI0_EINVAL, "no state" },
    { call_infer, long_state, PI0_EINVAL, "33 values" },
    { call_infer, nan_state, PI0_EINVAL, "state value 3" },
    { call_infer, nan_noise, PI0_EINVAL, "noise value 40" },
    { call_infer, little_room, PI0_EINVAL, "room for" },
    { call_infer, huge_noise, PI0_ENUMERIC, "is not finite" },
    { call_infer, nan_inside, PI0_ENUMERIC, "is not finite" },
    { call_infer, nan_in_cache, PI0_ENUMERIC, "is not finite" },
    { call_infer, cancel_vision, PI0_ECANCELED, "canceled" },
    { call_infer, cancel_prefix, PI0_ECANCELED, "canceled" },
    { call_infer, cancel_step, PI0_ECANCELED, "canceled" },
    { call_infer_own_noise, nan_state, PI0_EINVAL, "state value 3" },
    { call_infer_own_noise, nan_inside, PI0_ENUMERIC, "is not finite" },
    { call_infer_own_noise, cancel_step, PI0_ECANCELED, "canceled" },
    { call_infer_own_noise, little_room, PI0_EINVAL, "room for" },
    { call_observe, no_inputs, PI0_EINVAL, "no picture" },
    { call_observe, bad_utf8, PI0_EINVAL, "UTF-8" },
    { call_observe, cancel_vision, PI0_ECANCELED, "canceled" },
    { call_observe, cancel_prefix, PI0_ECANCELED, "canceled" },
    { call_denoise, nan_noise, PI0_EINVAL, "noise value 40" },
    { call_denoise, little_room, PI0_EINVAL, "room for" },
    { call_denoise, huge_noise, PI0_ENUMERIC, "is not finite" },
    { call_denoise, nan_inside, PI0_ENUMERIC, "is not finite" },
    { call_denoise, cancel_step, PI0_ECANCELED, "canceled" },
    { call_act, no_pictures, PI0_EINVAL, "camera" },
    { call_act, missing_camera, PI0_EINVAL, "which this policy needs" },
    { call_act, picture_twice, PI0_EINVAL, "given twice" },
    { call_act, planes_as_pixels, PI0_EINVAL, "a side of 3" },
    { call_act, no_robot_state, PI0_EINVAL, "no state \"" },
    { call_act, short_robot_state, PI0_EINVAL, "values, expected" },
    { call_act, nan_robot_state, PI0_EINVAL, "value 2 of state" },
    { call_act, state_twice, PI0_EINVAL, "given twice" },
    { call_act, robot_utf8, PI0_EINVAL, "not UTF-8" },
    { call_act, no_prompt, PI0_EINVAL, "no prompt" },
    { call_act, nan_noise, PI0_EINVAL, "noise value 40" },
    { call_act, little_room, PI0_EINVAL, "room for 1 actions" },
    { call_act, huge_noise, PI0_ENUMERIC, "is not finite" },
    { call_act, nan_inside, PI0_ENUMERIC, "is not finite" },
    { call_act, cancel_vision, PI0_ECANCELED, "canceled" },
    { call_act, cancel_step, PI0_ECANCELED, "canceled" },
    { call_prepare, picture_twice, PI0_EINVAL, "given twice" },
    { call_prepare, nan_robot_state, PI0_EINVAL, "value 2 of state" },
    { call_next_none, NULL, PI0_EINVAL, "no action is left" },
    { call_next_room, NULL, PI0_EINVAL, "room for 7 values" },
    { call_tokenize, NULL, PI0_EINVAL, "room for 4 tokens" },
    { call_product, NULL, PI0_EINVAL, "index 99" },
    { call_product_rows, NULL, PI0_EINVAL, "9 images" },
    { call_peak, NULL, PI0_EINVAL, "ms is not positive" },
    { call_bandwidth, NULL, PI0_EINVAL, "ms is not positive" },
    { call_trace, NULL, PI0_EINVAL, "runs already" },
    { call_plan, NULL, PI0_EINVAL, "9 images" },
    { call_operations, NULL, PI0_EINVAL, "room for 2 rows" },
    { call_session, NULL, PI0_EINVAL, "horizon 3" },
};

/* ---- the session between them ---- */

// stages that cancel the call, or that make it something that is no number
static int at_stage(void *user, const char *name, float *data, int n_rows, int cols)
{
    bench *b = user;
    if (b->cancel_at && !strcmp(name, b->cancel_at)) pi0_cancel(b->s);
    if (!b->spoil_at || strcmp(name, b->spoil_at)) return 0;
    for (int i = 0; i < n_rows * cols; i++) data[i] = NAN;
    return 1;
}

static void good_inputs(bench *b)
{
    b->cancel_at = b->spoil_at = NULL;
    b->in = b->c.in;
    b->in.images = b->image;
    for (int i = 0; i < 4; i++) b->image[i] = b->c.images[i % b->c.in.n_images];
    b->obs = b->r.obs;
    b->obs.images = b->picture;
    b->obs.states = b->state;
    memcpy(b->picture, b->r.images, sizeof b->picture);
    memcpy(b->state, b->r.states, sizeof b->state);
    memset(b->values, 0, sizeof b->values);
    memcpy(b->noise, b->c.noise, b->n * sizeof *b->noise);
    b->room = b->n;
    memset(b->out, 0x5a, sizeof b->out);
    memset(b->robot, 0x5a, sizeof b->robot);
    pi0_session_seed(b->s, SEED);
}

static void good_calls(bench *b, bool first)
{
    float net[CHUNK];
    double acted[ROWS * N_ACTIONS];
    pi0_error err;
    // the first chunk of the seed still: a call that fails takes none
    expect_ok(pi0_infer(b->s, &b->c.in, NULL, net, b->n, &err), &err);
    expect_ok(pi0_act(b->s, &b->r.obs, b->r.noise, acted, b->n_robot, &err), &err);
    if (first) {
        memcpy(b->net, net, sizeof net);
        memcpy(b->acted, acted, sizeof acted);
    }
    assert_memory_equal(net, b->net, b->n * sizeof *net);
    assert_memory_equal(acted, b->acted, b->n_robot * sizeof *acted);
    assert_int_equal(pi0_actions_left(b->s), b->r.rows);
}

static bench *start(const char *backend)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    network_case_open(&b->c, "openpi/pi0_droid");
    robot_case_open(&b->r, "openpi/pi0_droid");
    b->r.opt.backend = backend;
    b->r.opt.num_steps = 2;
    b->r.opt.n_threads = 1; // more of them wait long on busy machines
    robot_case_start(&b->r, NULL, &b->m, &b->s);
    b->n = (size_t)b->c.horizon * DIM;
    b->n_robot = (size_t)b->r.rows * N_ACTIONS;
    assert_true(b->n <= CHUNK && b->n_robot <= ROWS * N_ACTIONS && b->r.cols == N_ACTIONS);
    return b;
}

static void finish(bench *b)
{
    pi0_session_free(b->s);
    pi0_free(b->m);
    network_case_close(&b->c);
    robot_case_close(&b->r);
    free(b);
}

static void fail_each(const char *backend)
{
    bench *b = start(backend);
    pi0_error err;
    int n = 0;
    good_inputs(b);
    good_calls(b, true);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *r = &rows[i];
        // inputs are judged before the flow, and the reference takes its time
        if (!strcmp(backend, "reference") && r->code == PI0_EINVAL && i % 5) continue;
        n++;
        good_inputs(b);
        if (r->change) r->change(b);
        const bool stage = b->cancel_at || b->spoil_at;
        if (stage) expect_ok(pi0_session_set_edit(b->s, at_stage, b, &err), &err);
        expect_error(r->call(b, &err), r->code, &err, r->text);
        if (stage) expect_ok(pi0_session_set_edit(b->s, NULL, NULL, &err), &err);
        expect_untouched(b->out, sizeof b->out);
        expect_untouched(b->robot, sizeof b->robot);
        good_calls(b, false);
    }
    printf("  %s: %d failures, the same actions after each\n", backend, n);
    finish(b);
}

static void on_the_reference(void **state)
{
    (void)state;
    fail_each("reference");
}

static void on_the_processor(void **state)
{
    (void)state;
    fail_each("cpu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_reference),
        cmocka_unit_test(on_the_processor),
    };
    return cmocka_run_group_tests_name("session_errors", tests, NULL, NULL);
}
