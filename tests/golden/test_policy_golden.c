/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_golden.c - from a robot's raw observation to its commands, against what openpi's
 * Policy and LeRobot's processors and policies returned. */
#include "support/expect.h"
#include "support/robot_case.h"
#include <math.h>
#include <stdlib.h>

// within one unit in the last place
static bool one_ulp(double a, double b)
{
    return a == b || nextafter(a, b) == b;
}

static bool one_ulp_f32(double a, double b)
{
    const float x = (float)a, y = (float)b;
    return x == y || nextafterf(x, y) == y;
}

/* ---- what enters the network ---- */

static void check_tokens(const robot_case *c, const pi0_policy_inputs *in)
{
    const st_tensor *ids = golden_find(&c->g, c->lerobot ? "tokens" : "taps.in.tokenized_prompt");
    const st_tensor *mask =
        golden_find(&c->g, c->lerobot ? "token_mask" : "taps.in.tokenized_prompt_mask");
    int n = 0;
    for (int64_t i = 0; i < golden_count(mask); i++) {
        if (golden_at(mask, i) == 0) continue;
        assert_true(n < in->network.n_tokens);
        assert_int_equal(in->network.tokens[n++], (int)golden_at(ids, i));
    }
    assert_int_equal(in->network.n_tokens, n);
    assert_true(n > 2);
}

// openpi's resized pictures are bytes
static void check_bytes(const robot_case *c, const pi0_policy_inputs *in)
{
    static const char *const camera[] = { "base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb" };
    char name[128];
    int n = 0;
    for (size_t i = 0; i < COUNT(camera); i++) {
        snprintf(name, sizeof name, "taps.in.image_mask.%s", camera[i]);
        if (golden_at(golden_find(&c->g, name), 0) == 0) continue;
        snprintf(name, sizeof name, "taps.in.image.%s", camera[i]);
        const st_tensor *t = golden_find(&c->g, name);
        assert_true(n < in->network.n_images);
        assert_string_equal(in->cameras[n], camera[i]);
        assert_string_equal(in->network.images[n].camera, camera[i]);
        assert_memory_equal(in->network.images[n].rgb, t->data, t->bytes);
        n++;
    }
    assert_int_equal(in->network.n_images, n);
    assert_null(in->network.pixels);
}

// LeRobot's are floats in [-1,1]
static void check_floats(const robot_case *c, const pi0_policy_inputs *in)
{
    char name[128];
    int n = 0;
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "image_mask%d", i);
        if (golden_at(golden_find(&c->g, name), 0) == 0) continue;
        snprintf(name, sizeof name, "image%d", i);
        const st_tensor *t = golden_find(&c->g, name);
        assert_memory_equal(in->network.pixels + (size_t)n * 3 * 224 * 224, t->data, t->bytes);
        n++;
    }
    assert_int_equal(in->network.n_images, n);
    assert_int_equal(n, 2);
    assert_null(in->network.images);
}

static void check_state(const robot_case *c, const pi0_policy_inputs *in)
{
    const st_tensor *t = golden_find(&c->g, c->lerobot ? "state_normalized" : "taps.in.state");
    const int n = (int)golden_count(t);
    assert_true(in->n_state > 0 && in->n_state <= n);
    for (int i = 0; i < n; i++) {
        const double want = golden_at(t, i), got = i < in->n_state ? in->state[i] : 0;
        if (!(c->lerobot ? one_ulp_f32(got, want) : one_ulp(got, want)))
            fail_msg("%s: state %d is %.17g, expected %.17g", c->name, i, got, want);
    }
}

static void inputs_of(const char *name)
{
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_error e;
    robot_case_open(&c, name);
    robot_case_start(&c, NULL, &m, &s);
    expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    check_tokens(&c, &in);
    if (c.lerobot)
        check_floats(&c, &in);
    else
        check_bytes(&c, &in);
    check_state(&c, &in);
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

static void openpi_inputs(void **state)
{
    (void)state;
    for (int k = 0; golden_openpi[k]; k++) inputs_of(golden_openpi[k]);
}

static void lerobot_inputs(void **state)
{
    (void)state;
    for (int k = 0; golden_lerobot[k]; k++) inputs_of(golden_lerobot[k]);
}

/* ---- what comes out ---- */

// largest difference relative to max(1, |expected|)
static double distance(const double *got, const double *want, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = fabs(got[i] - want[i]) / fmax(1, fabs(want[i]));
        worst = d <= worst ? worst : d; // a NaN must not hide
    }
    return worst;
}

static void actions_of(const char *name)
{
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_info info;
    pi0_error e;
    robot_case_open(&c, name);
    robot_case_start(&c, NULL, &m, &s);
    expect_ok(pi0_model_policy(m, &info, &e), &e);
    assert_int_equal(info.horizon, c.rows);
    assert_int_equal(info.n_actions, c.cols);
    const size_t n = (size_t)c.rows * (size_t)c.cols;
    double *got = calloc(n, sizeof *got);
    assert_non_null(got);
    expect_ok(pi0_act(s, &c.obs, c.noise, got, n, &e), &e);
    const double worst = distance(got, c.actions, n);
    printf("  %-36s %9.2e\n", name, worst);
    if (!(worst < 2e-5)) fail_msg("%s: actions differ by %g", name, worst);

    // a second chunk from the same observation and noise is the same
    double *again = calloc(n, sizeof *again);
    assert_non_null(again);
    expect_ok(pi0_act(s, &c.obs, c.noise, again, n, &e), &e);
    assert_memory_equal(again, got, n * sizeof *got);
    free(again);
    free(got);
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

static void openpi_actions(void **state)
{
    (void)state;
    for (int k = 0; golden_openpi[k]; k++) actions_of(golden_openpi[k]);
}

static void lerobot_actions(void **state)
{
    (void)state;
    for (int k = 0; golden_lerobot[k]; k++) actions_of(golden_lerobot[k]);
}

/* ---- the accelerated backend ---- */

// in f32 as close as the reference; in bf16 not farther than openpi's own bf16 is
static void accelerated(void **state)
{
    (void)state;
    for (int k = 0; golden_openpi[k]; k++) {
        robot_case c;
        pi0_error e;
        double got[50 * 14], own = 0, ours[2];
        static const char *const precision[] = { "f32", "bf16" };
        robot_case_open(&c, golden_openpi[k]);
        const size_t n = (size_t)c.rows * (size_t)c.cols;
        const st_tensor *bf16 = golden_find(&c.g, "actions_bf16");
        for (size_t i = 0; i < n; i++) got[i] = golden_at(bf16, (int64_t)i);
        own = distance(got, c.actions, n);
        c.opt.backend = "cpu";
        for (int i = 0; i < 2; i++) {
            pi0_model *m;
            pi0_session *s;
            c.opt.precision = precision[i];
            robot_case_start(&c, NULL, &m, &s);
            expect_ok(pi0_act(s, &c.obs, c.noise, got, COUNT(got), &e), &e);
            ours[i] = distance(got, c.actions, n);
            pi0_session_free(s);
            pi0_free(m);
        }
        printf("  %-36s f32 %9.2e   bf16 %9.2e   openpi's bf16 %9.2e\n", c.name, ours[0], ours[1],
               own);
        assert_true(ours[0] < 2e-5);
        assert_true(ours[1] < own);
        robot_case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openpi_inputs),  cmocka_unit_test(lerobot_inputs),
        cmocka_unit_test(openpi_actions), cmocka_unit_test(lerobot_actions),
        cmocka_unit_test(accelerated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
