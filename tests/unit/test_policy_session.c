/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_session.c - what a control loop does with a session: chunks row by row, default
 * prompts, the whole state in one vector, warnings, noise from a seed, cancelling. */
#include "support/canceler.h"
#include "support/expect.h"
#include "support/robot_case.h"
#include "support/robot_dir.h"
#include <math.h>
#include <stdlib.h>

typedef struct notes {
    char text[20][400];
    int n;
} notes;

static void note(void *user, int level, const char *message)
{
    notes *t = user;
    (void)level;
    if (t->n < 20) snprintf(t->text[t->n++], sizeof t->text[0], "%s", message);
}

static int count(const notes *t, const char *text)
{
    int n = 0;
    for (int i = 0; i < t->n; i++) n += strstr(t->text[i], text) != NULL;
    return n;
}

/* ---- a chunk row by row ---- */

static void row_by_row(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_error e;
    double chunk[80], row[8];
    robot_case_open(&c, "openpi/pi0_droid");
    c.opt.num_steps = 1;
    robot_case_start(&c, NULL, &m, &s);
    assert_int_equal(pi0_actions_left(s), 0);
    expect_error(pi0_next_action(s, row, 8, &e), PI0_EINVAL, &e, "no action is left");
    expect_ok(pi0_act(s, &c.obs, NULL, chunk, 80, &e), &e);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pi0_actions_left(s), 10 - i);
        expect_error(pi0_next_action(s, row, 7, &e), PI0_EINVAL, &e, "an action has 8");
        expect_ok(pi0_next_action(s, row, 8, &e), &e);
        assert_memory_equal(row, chunk + 8 * i, sizeof row);
    }
    assert_int_equal(pi0_actions_left(s), 0);
    expect_error(pi0_next_action(s, row, 8, &e), PI0_EINVAL, &e, "call pi0_act()");
    // the next chunk has other noise; a failed call leaves what is there
    double second[80];
    expect_ok(pi0_act(s, &c.obs, NULL, second, 80, &e), &e);
    assert_memory_not_equal(second, chunk, sizeof chunk);
    expect_ok(pi0_next_action(s, row, 8, &e), &e);
    assert_int_equal(pi0_act(s, &c.obs, NULL, chunk, 3, &e), PI0_EINVAL);
    assert_int_equal(pi0_actions_left(s), 9);
    pi0_session_reset(s);
    assert_int_equal(pi0_actions_left(s), 0);
    // the same seed, the same chunk
    pi0_session_seed(s, 0);
    double third[80];
    expect_ok(pi0_act(s, &c.obs, NULL, third, 80, &e), &e);
    assert_memory_equal(third, chunk, sizeof chunk);
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

// LeRobot's n_action_steps, and the option above it
static void rows_to_execute(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_info p;
    pi0_error e;
    double chunk[120];
    robot_case_open(&c, "lerobot/lerobot_pi0");
    c.opt.num_steps = 1;
    robot_case_start(&c, NULL, &m, &s);
    expect_ok(pi0_act(s, &c.obs, NULL, chunk, 120, &e), &e);
    assert_int_equal(pi0_actions_left(s), 10);
    pi0_session_free(s);
    c.opt.n_action_steps = 4;
    expect_ok(pi0_session_create(&s, m, &c.opt, &e), &e);
    expect_ok(pi0_act(s, &c.obs, NULL, chunk, 120, &e), &e);
    assert_int_equal(pi0_actions_left(s), 4);
    pi0_session_free(s);
    pi0_free(m);
    expect_ok(pi0_load(&m, c.g.dir, &c.opt, &e), &e);
    expect_ok(pi0_model_policy(m, &p, &e), &e);
    assert_int_equal(p.n_action_steps, 4);
    pi0_free(m);
    robot_case_close(&c);
}

/* ---- observations in other words ---- */

// the same tokens, pictures and state
static void expect_same(pi0_session *s, const pi0_observation *a, const pi0_observation *b)
{
    pi0_policy_inputs x, y;
    pi0_error e;
    int32_t tokens[200];
    double values[32];
    const size_t bytes = 224 * 224 * 3;
    uint8_t *rgb = malloc(bytes);
    assert_non_null(rgb);
    expect_ok(pi0_prepare(s, a, &x, &e), &e);
    const int n_tokens = x.network.n_tokens, n_state = x.n_state, n_images = x.network.n_images;
    memcpy(tokens, x.network.tokens, (size_t)n_tokens * sizeof *tokens);
    memcpy(values, x.state, (size_t)n_state * sizeof *values);
    memcpy(rgb, x.network.images[0].rgb, bytes);
    expect_ok(pi0_prepare(s, b, &y, &e), &e);
    assert_true(y.network.n_tokens == n_tokens && y.n_state == n_state);
    assert_int_equal(y.network.n_images, n_images);
    assert_memory_equal(y.network.tokens, tokens, (size_t)n_tokens * sizeof *tokens);
    assert_memory_equal(y.state, values, (size_t)n_state * sizeof *values);
    assert_memory_equal(y.network.images[0].rgb, rgb, bytes);
    free(rgb);
}

static void other_words(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    double whole[8];
    robot_case_open(&c, "openpi/pi05_droid");
    robot_case_start(&c, NULL, &m, &s);
    // the state in one vector, pictures without names, in any order of the names
    memcpy(whole, c.states[0].values, 7 * sizeof *whole);
    whole[7] = c.states[1].values[0];
    const pi0_state one = { NULL, whole, 8 };
    pi0_image unnamed[2] = { c.images[0], c.images[1] }, swapped[2] = { c.images[1], c.images[0] };
    unnamed[0].camera = unnamed[1].camera = NULL;
    const pi0_observation b = { unnamed, 2, &one, 1, c.prompt };
    const pi0_state turned[2] = { c.states[1], c.states[0] };
    const pi0_observation d = { swapped, 2, turned, 2, c.prompt };
    expect_same(s, &c.obs, &b);
    expect_same(s, &c.obs, &d);
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

// ALOHA's cam_low is accepted and never seen; wrists may be missing
static void cameras(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_error e;
    robot_case_open(&c, "openpi/pi05_aloha");
    robot_case_start(&c, NULL, &m, &s);
    pi0_image three[3] = { c.images[1], c.images[0], c.images[1] };
    three[0].camera = "cam_low";
    three[1].camera = "cam_high";
    three[2].camera = "cam_right_wrist";
    c.obs.images = three;
    c.obs.n_images = 3;
    expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    assert_int_equal(in.network.n_images, 2);
    assert_string_equal(in.cameras[0], "base_0_rgb");
    assert_string_equal(in.cameras[1], "right_wrist_0_rgb");
    c.obs.images = three + 1;
    c.obs.n_images = 1;
    expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    assert_int_equal(in.network.n_images, 1);
    c.obs.images = three;
    expect_error(pi0_prepare(s, &c.obs, &in, &e), PI0_EINVAL, &e,
                 "no picture of camera \"cam_high\"");
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

static void default_prompt(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_error e;
    int32_t ids[48];
    int n;
    robot_case_open(&c, "openpi/pi0_aloha_sim");
    robot_case_start(&c, NULL, &m, &s);
    c.obs.prompt = NULL;
    expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    assert_string_equal(in.prompt, "Transfer cube");
    expect_ok(pi0_tokenize(m, "Transfer cube", NULL, 0, ids, 48, &n, &e), &e);
    assert_int_equal(in.network.n_tokens, n);
    assert_memory_equal(in.network.tokens, ids, (size_t)n * sizeof *ids);
    assert_true(!in.prompt_has_state && !in.prompt_cut);
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

// what pi0_prepare() gives is what another session's network takes
static void for_another_session(void **state)
{
    (void)state;
    static const char *const names[] = { "openpi/pi0_droid", "lerobot/lerobot_pi05" };
    for (size_t k = 0; k < COUNT(names); k++) {
        robot_case c;
        pi0_model *m;
        pi0_session *s, *other;
        pi0_policy_inputs in;
        pi0_error e;
        static float a[20 * 32], b[20 * 32];
        double actions[120];
        robot_case_open(&c, names[k]);
        c.opt.num_steps = 1;
        robot_case_start(&c, NULL, &m, &s);
        expect_ok(pi0_session_create(&other, m, &c.opt, &e), &e);
        expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
        expect_ok(pi0_infer(other, &in.network, c.noise, a, COUNT(a), &e), &e);
        expect_ok(pi0_infer(s, &in.network, c.noise, b, COUNT(b), &e), &e);
        assert_memory_equal(a, b, (size_t)c.rows * 32 * sizeof *a);
        expect_ok(pi0_act(s, &c.obs, c.noise, actions, 120, &e), &e);
        pi0_session_free(other);
        pi0_session_free(s);
        pi0_free(m);
        robot_case_close(&c);
    }
}

// a file may ask for LeRobot's resizing and time steps on an openpi checkpoint
static void other_routes(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_info info;
    pi0_error e;
    char path[TMPDIR_PATH];
    double actions[80];
    const tmpdir dir = tmpdir_make();
    tmpdir_write_text(&dir, "robot.json",
                      "{\"base\":\"pi0_droid\",\"resize\":\"torch\",\"time_grid\":\"lerobot\"}");
    robot_case_open(&c, "openpi/pi0_droid");
    c.opt.config = tmpdir_path(path, &dir, "robot.json");
    robot_case_start(&c, NULL, &m, &s);
    pi0_model_info(m, &info);
    assert_string_equal(info.time_grid, "lerobot");
    expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    assert_true(in.network.pixels && !in.network.images && in.network.n_images == 2);
    assert_string_equal(in.cameras[1], "left_wrist_0_rgb");
    expect_ok(pi0_act(s, &c.obs, c.noise, actions, 80, &e), &e);
    // close to openpi's own, and not the same
    double worst = 0;
    for (int i = 0; i < 80; i++) worst = fmax(worst, fabs(actions[i] - c.actions[i]));
    assert_true(worst > 1e-5 && worst < 0.5);
    pi0_session_free(s);
    pi0_free(m);
    tmpdir_remove(&dir);
    robot_case_close(&c);
}

/* ---- warnings ---- */

static void warns_once(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_error e;
    notes t = { .n = 0 };
    char endless[4000];
    robot_case_open(&c, "openpi/pi05_droid");
    c.opt.log = note;
    c.opt.log_user = &t;
    robot_case_start(&c, NULL, &m, &s);
    t.n = 0;
    // nothing to say about a good one
    expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    assert_int_equal(t.n, 0);
    // names that openpi passes over
    c.images[2] = (pi0_image){ .camera = "observation/exterior_image_2_left",
                               .rgb = c.images[0].rgb,
                               .width = 4,
                               .height = 4 };
    c.states[2] = (pi0_state){ "observation/cartesian_position", c.states[0].values, 6 };
    c.obs.n_images = c.obs.n_states = 3;
    // an empty prompt, then one that is too long
    c.obs.prompt = "";
    for (int i = 0; i < 2; i++) expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    memset(endless, 'q', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    c.obs.prompt = endless;
    for (int i = 0; i < 2; i++) expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    assert_true(in.prompt_cut && in.network.n_tokens == 200);
    // floats
    const size_t n = 3 * (size_t)c.images[0].width * (size_t)c.images[0].height;
    float *unit = calloc(n, sizeof *unit);
    assert_non_null(unit);
    c.images[0].rgb = unit;
    c.images[0].format = PI0_RGBF32_HWC;
    for (int i = 0; i < 2; i++) expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    assert_int_equal(count(&t, "\"observation/exterior_image_2_left\" is not looked at"), 1);
    assert_int_equal(count(&t, "the prompt is empty"), 1);
    assert_int_equal(count(&t, "longer than 200 tokens and was cut at its end, where the state"),
                     1);
    assert_int_equal(count(&t, "f32 is cut to 8 bits"), 1);
    assert_int_equal(t.n, 4);
    free(unit);
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

// statistics that openpi goes on with, though nothing good can come of it
static void warns_of_flat_statistics(void **state)
{
    (void)state;
    static const char flat[] =
        "{\"norm_stats\":{\"state\":{\"mean\":[0,0,0,0,0,0,0,0],\"std\":[1,1,0,1,1,1,1,1],"
        "\"q01\":[0,0,0,0,5,0,0,0],\"q99\":[1,1,1,1,5,1,1,1]},"
        "\"actions\":{\"mean\":[0,0,0,0,0,0,0,0],\"std\":[1,1,1,1,1,1,1,1],"
        "\"q01\":[0,0,0,0,0,0,0,0],\"q99\":[1,1,1,1,1,1,1,1]}}}";
    static const char *const names[] = { "openpi/pi0_droid", "openpi/pi05_droid" };
    static const char *const text[] = {
        "value 2 of \"state\" never moved in training (std is 0)",
        "value 4 of \"state\" never moved in training (q01 = q99)"
    };
    for (size_t k = 0; k < 2; k++) {
        robot_case c;
        pi0_model *m;
        pi0_error e;
        notes t = { .n = 0 };
        robot_case_open(&c, names[k]);
        const tmpdir dir = robot_dir_make(names[k]);
        robot_dir_write(&dir, "assets/droid/norm_stats.json", flat);
        c.opt.log = note;
        c.opt.log_user = &t;
        expect_ok(pi0_load(&m, dir.path, &c.opt, &e), &e);
        assert_int_equal(count(&t, text[k]), 1);
        assert_int_equal(count(&t, "never moved"), 1);
        pi0_free(m);
        tmpdir_remove(&dir);
        robot_case_close(&c);
    }
}

/* ---- another thread ---- */

static void cancels(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_error e;
    canceler stopper;
    double chunk[700];
    for (int i = 0; i < 700; i++) chunk[i] = 77;
    robot_case_open(&c, "openpi/pi0_aloha_sim");
    c.opt.num_steps = 1024;
    robot_case_start(&c, NULL, &m, &s);
    canceler_start(&stopper, s);
    expect_error(pi0_act(s, &c.obs, c.noise, chunk, 700, &e), PI0_ECANCELED, &e, "canceled");
    canceler_stop(&stopper);
    for (int i = 0; i < 700; i++) assert_true(chunk[i] == 77);
    assert_int_equal(pi0_actions_left(s), 0);
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_by_row),
        cmocka_unit_test(rows_to_execute),
        cmocka_unit_test(other_words),
        cmocka_unit_test(cameras),
        cmocka_unit_test(default_prompt),
        cmocka_unit_test(for_another_session),
        cmocka_unit_test(other_routes),
        cmocka_unit_test(warns_once),
        cmocka_unit_test(warns_of_flat_statistics),
        cmocka_unit_test(cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
