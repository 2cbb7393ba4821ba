/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_errors.c - wrong observations and wrong checkpoints: each has its status and a
 * message that names the thing, nothing is written, and the session works afterwards. */
#include "support/expect.h"
#include "support/robot_case.h"
#include "support/robot_dir.h"
#include <math.h>
#include <stdlib.h>

/* ---- observations ---- */

// one mistake: what it does to a good observation
typedef struct mistake {
    void (*make)(robot_case *c);
    const char *text;
} mistake;

static float *floats;       // a picture of floats
static double values[40];   // a state of any length
static char long_name[300]; // of a camera

static void use_floats(robot_case *c, float value, int format)
{
    const size_t n = 3 * (size_t)c->images[0].width * (size_t)c->images[0].height;
    floats = realloc(floats, n * sizeof *floats);
    assert_non_null(floats);
    for (size_t i = 0; i < n; i++) floats[i] = 0.5f;
    floats[n / 2] = value;
    c->images[0].rgb = floats;
    c->images[0].format = format;
}

static void use_values(robot_case *c, int n)
{
    for (size_t i = 0; i < COUNT(values); i++) values[i] = 0.1;
    c->states[0].values = values;
    c->states[0].n = n;
}

// pictures
static void no_images(robot_case *c)
{
    c->obs.n_images = 0;
}
static void null_images(robot_case *c)
{
    c->obs.images = NULL;
}
static void negative_images(robot_case *c)
{
    c->obs.n_images = -1;
}
static void first_missing(robot_case *c)
{
    c->obs.images++, c->obs.n_images--;
}
static void misspelt(robot_case *c)
{
    c->images[0].camera = "cam_hihg";
}
static void long_camera(robot_case *c)
{
    c->images[0].camera = long_name;
}
static void twice(robot_case *c)
{
    c->images[1].camera = c->images[0].camera;
}
static void networks_name(robot_case *c)
{
    c->images[0].camera = "base_0_rgb";
}
static void null_pixels(robot_case *c)
{
    c->images[0].rgb = NULL;
}
static void no_width(robot_case *c)
{
    c->images[0].width = 0;
}
static void negative_height(robot_case *c)
{
    c->images[0].height = -4;
}
static void axes_first(robot_case *c)
{
    c->images[0].height = 3;
}
static void axes_width(robot_case *c)
{
    c->images[0].width = 3;
}
static void axes_planes(robot_case *c)
{
    c->images[0].width = 3;
    c->images[0].format = PI0_RGB8_CHW;
}
static void short_stride(robot_case *c)
{
    c->images[0].stride = 5;
}
static void short_stride_planes(robot_case *c)
{
    c->images[0].stride = (size_t)c->images[0].width - 1;
    c->images[0].format = PI0_RGB8_CHW;
}
static void bad_format(robot_case *c)
{
    c->images[0].format = 9;
}
static void floats_255(robot_case *c)
{
    use_floats(c, 143, PI0_RGBF32_HWC);
}
static void floats_below(robot_case *c)
{
    use_floats(c, -0.001f, PI0_RGBF32_CHW);
}
static void floats_nan(robot_case *c)
{
    use_floats(c, NAN, PI0_RGBF32_HWC);
}
static void floats_inf(robot_case *c)
{
    use_floats(c, INFINITY, PI0_RGBF32_CHW);
}
static void too_narrow(robot_case *c)
{
    c->images[0].width = 1;
    c->images[0].height = 300;
    c->images[0].stride = 0;
}

// state
static void no_state(robot_case *c)
{
    c->obs.n_states = 0;
}
static void null_states(robot_case *c)
{
    c->obs.states = NULL;
}
static void negative_states(robot_case *c)
{
    c->obs.n_states = -2;
}
static void null_values(robot_case *c)
{
    c->states[0].values = NULL;
}
static void short_state(robot_case *c)
{
    use_values(c, c->states[0].n - 1);
}
static void long_state(robot_case *c)
{
    use_values(c, c->states[0].n + 1);
}
static void network_state(robot_case *c)
{
    use_values(c, 32);
}
static void empty_state(robot_case *c)
{
    use_values(c, 0);
}
static void nan_state(robot_case *c)
{
    use_values(c, c->states[0].n);
    values[2] = NAN;
}
static void inf_state(robot_case *c)
{
    use_values(c, c->states[0].n);
    values[0] = -INFINITY;
}
static void unknown_state(robot_case *c)
{
    c->states[0].name = "qpos";
}
static void whole_short(robot_case *c)
{
    c->states[0].name = NULL;
    c->obs.n_states = 1;
    use_values(c, 5);
}
static void state_twice(robot_case *c)
{
    c->states[1] = c->states[0];
    c->obs.n_states = 2;
}
static void unnamed_second(robot_case *c)
{
    c->states[1] = (pi0_state){ NULL, c->states[0].values, 1 };
    c->obs.n_states = 2;
}

// prompt
static void no_prompt(robot_case *c)
{
    c->obs.prompt = NULL;
}
static void bad_utf8(robot_case *c)
{
    c->obs.prompt = "pick \xc3( up";
}
static void surrogate(robot_case *c)
{
    c->obs.prompt = "\xed\xa0\x80";
}

static const mistake common[] = {
    { no_images, "camera" },
    { null_images, "at no address" },
    { negative_images, "-1 pictures" },
    { null_pixels, "no pixels (NULL)" },
    { no_width, "0 x " },
    { negative_height, "x -4 pixels" },
    { axes_first, "a side of 3 is the axis of colours" },
    { axes_width, "Give format PI0_RGB8_CHW" },
    { axes_planes, "Give format PI0_RGB8_HWC" },
    { short_stride, "rows 5 bytes apart" },
    { short_stride_planes, "bytes apart, expected" },
    { bad_format, "format 9" },
    { floats_255, "is 143; f32 pictures are from 0 to 1" },
    { floats_below, "is -0.001; f32 pictures" },
    { floats_nan, "f32 pictures are from 0 to 1" },
    { floats_inf, "is inf" },
    { too_narrow, "less than one pixel" },
    { twice, "is given twice" },
    { no_state, "no state \"" },
    { null_states, "states at no address" },
    { negative_states, "-2 states" },
    { null_values, "has 0 values, expected" },
    { short_state, "values, expected" },
    { long_state, "values, expected" },
    { network_state, "has 32 values, expected" },
    { empty_state, "has 0 values" },
    { nan_state, "value 2 of state" },
    { inf_state, "value 0 of state" },
    { whole_short, "has 5 values, expected" },
    { state_twice, "is given twice" },
    { unnamed_second, "has no name" },
    { bad_utf8, "not UTF-8 at byte 5" },
    { surrogate, "not UTF-8 at byte 0" },
};

static const mistake strict[] = {
    { misspelt, "camera \"cam_hihg\" is not one of this robot's: " },
    { long_camera, "is not one of this robot's" },
    { networks_name, "camera \"base_0_rgb\" is not one of this robot's: " },
    { unknown_state, "state \"qpos\" is not one of this robot's: " },
};

static const mistake needs_first[] = {
    { first_missing, "which this policy needs" },
};

static const mistake needs_prompt[] = {
    { no_prompt, "no prompt: the observation has none and config" },
};

// the mistakes one by one in one session; a good observation between them gives the same tokens
static void make_mistakes(const char *name, const mistake *list, size_t n)
{
    robot_case good;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_error e;
    double actions[1000];
    memset(long_name, 'n', sizeof long_name - 1);
    robot_case_open(&good, name);
    robot_case_start(&good, NULL, &m, &s);
    for (size_t i = 0; i < n; i++) {
        robot_case c = good;
        c.obs.images = c.images;
        c.obs.states = c.states;
        list[i].make(&c);
        for (size_t k = 0; k < COUNT(actions); k++) actions[k] = 77;
        expect_error(pi0_act(s, &c.obs, good.noise, actions, COUNT(actions), &e), PI0_EINVAL, &e,
                     list[i].text);
        expect_error(pi0_prepare(s, &c.obs, &in, &e), PI0_EINVAL, &e, list[i].text);
        for (size_t k = 0; k < COUNT(actions); k++) assert_true(actions[k] == 77);
        expect_ok(pi0_prepare(s, &good.obs, &in, &e), &e);
        assert_true(in.network.n_tokens > 2);
        assert_int_equal(pi0_actions_left(s), 0);
    }
    // and it still acts as it should
    expect_ok(pi0_act(s, &good.obs, good.noise, actions, COUNT(actions), &e), &e);
    for (int i = 0; i < good.rows * good.cols; i++)
        assert_true(fabs(actions[i] - good.actions[i]) < 2e-5 * fmax(1, fabs(good.actions[i])));
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&good);
    free(floats);
    floats = NULL;
}

static void aloha(void **state)
{
    (void)state;
    make_mistakes("openpi/pi05_aloha", common, COUNT(common));
    make_mistakes("openpi/pi05_aloha", strict, COUNT(strict));
    make_mistakes("openpi/pi05_aloha", needs_first, COUNT(needs_first));
    make_mistakes("openpi/pi05_aloha", needs_prompt, COUNT(needs_prompt));
}

static void droid(void **state)
{
    (void)state;
    make_mistakes("openpi/pi05_droid", common, COUNT(common));
    make_mistakes("openpi/pi05_droid", needs_first, COUNT(needs_first));
    make_mistakes("openpi/pi05_droid", needs_prompt, COUNT(needs_prompt));
}

static void libero(void **state)
{
    (void)state;
    make_mistakes("openpi/pi05_libero", needs_first, COUNT(needs_first));
    make_mistakes("openpi/pi05_libero", needs_prompt, COUNT(needs_prompt));
}

static void lerobot(void **state)
{
    (void)state;
    make_mistakes("lerobot/lerobot_pi0", common, COUNT(common));
    make_mistakes("lerobot/lerobot_pi0", strict, COUNT(strict));
    make_mistakes("lerobot/lerobot_pi0", needs_prompt, COUNT(needs_prompt));
}

static void arguments(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_error e;
    double actions[1000];
    robot_case_open(&c, "openpi/pi0_droid");
    robot_case_start(&c, NULL, &m, &s);
    expect_error(pi0_act(NULL, &c.obs, NULL, actions, 1000, &e), PI0_EINVAL, &e, "NULL");
    expect_error(pi0_act(s, NULL, NULL, actions, 1000, &e), PI0_EINVAL, &e, "NULL");
    expect_error(pi0_act(s, &c.obs, NULL, NULL, 1000, &e), PI0_EINVAL, &e, "room for 0 actions");
    expect_error(pi0_act(s, &c.obs, NULL, actions, 79, &e), PI0_EINVAL, &e,
                 "room for 79 actions, expected 10 x 8 = 80");
    expect_error(pi0_prepare(s, &c.obs, NULL, &e), PI0_EINVAL, &e, "NULL");
    expect_error(pi0_prepare(s, NULL, &in, &e), PI0_EINVAL, &e, "NULL");
    expect_error(pi0_model_policy(m, NULL, &e), PI0_EINVAL, &e, "NULL");
    expect_error(pi0_next_action(s, NULL, 8, &e), PI0_EINVAL, &e, "NULL");
    c.noise[3] = NAN;
    expect_error(pi0_act(s, &c.obs, c.noise, actions, 1000, &e), PI0_EINVAL, &e, "noise value 3");
    // more pictures than a session was made for
    pi0_session_free(s);
    c.opt.max_images = 1;
    expect_ok(pi0_session_create(&s, m, &c.opt, &e), &e);
    expect_error(pi0_prepare(s, &c.obs, &in, &e), PI0_EINVAL, &e, "made for 1");
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

/* ---- checkpoints and configs ---- */

static void wrong_config(void **state)
{
    (void)state;
    static const struct {
        const char *name, *config;
        int status;
        const char *text;
    } list[] = {
        { "openpi/pi05_droid", "pi05_driod", PI0_EINVAL, "the nearest is pi05_droid" },
        { "openpi/pi05_droid", "pi0_droid", PI0_EINVAL,
          "config \"pi0_droid\" is of pi0, but the tensors" },
        { "openpi/pi0_droid", "pi05_droid", PI0_EINVAL, "are those of pi0" },
        { "openpi/pi05_droid", "pi05_droid_finetune", PI0_EINVAL, "chunks of 16 actions, but" },
        { "openpi/pi05_full_droid_finetune", "pi05_libero", PI0_EINVAL, "action_horizon 16" },
        { "openpi/pi0_libero", "pi0_aloha", PI0_EIO,
          "assets/trossen/norm_stats.json is not there" },
        { "openpi/pi0_droid", "pi0_fast_droid", PI0_EUNSUPPORTED, "pi0-FAST" },
        { "openpi/pi0_droid", "./nothing.json", PI0_EIO, "./nothing.json" },
    };
    for (size_t i = 0; i < COUNT(list); i++) {
        robot_case c;
        pi0_model *m = NULL;
        pi0_error e = { 0 };
        robot_case_open(&c, list[i].name);
        c.opt.config = list[i].config;
        expect_error(pi0_load(&m, c.g.dir, &c.opt, &e), list[i].status, &e, list[i].text);
        assert_null(m);
        robot_case_close(&c);
    }
}

// without a config an openpi folder's network works, and the rest says what to give
static void no_config(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_info p;
    pi0_policy_inputs in;
    pi0_error e;
    double actions[80];
    robot_case_open(&c, "openpi/pi0_droid");
    c.opt.config = NULL;
    robot_case_start(&c, NULL, &m, &s);
    for (int i = 0; pi0_model_warning(m, i); i++)
        assert_null(strstr(pi0_model_warning(m, i), "robot"));
    expect_error(pi0_act(s, &c.obs, NULL, actions, 80, &e), PI0_EINVAL, &e, "give option config");
    assert_non_null(strstr(e.message, "pi0_aloha, "));
    expect_error(pi0_prepare(s, &c.obs, &in, &e), PI0_EINVAL, &e, "give option config");
    expect_error(pi0_model_policy(m, &p, &e), PI0_EINVAL, &e, "give option config");
    expect_error(pi0_next_action(s, actions, 80, &e), PI0_EINVAL, &e, "no action is left");
    assert_int_equal(pi0_actions_left(s), 0);
    pi0_session_reset(s);
    pi0_session_free(s);
    pi0_free(m);
    c.opt.lerobot_state_padding = "v0.4";
    expect_error(pi0_load(&m, c.g.dir, &c.opt, &e), PI0_EINVAL, &e, "is an openpi checkpoint");
    robot_case_close(&c);
}

#define DROID_STATS "assets/droid/norm_stats.json"
#define LIST7 "[0,0,0,0,0,0,0]"
#define LIST8 "[0,0,0,0,0,0,0,0]"
#define ONES8 "[1,1,1,1,1,1,1,1]"
#define MEANS(list) "{\"mean\":" list ",\"std\":" list "}"
#define FULL "{\"mean\":" LIST8 ",\"std\":" ONES8 ",\"q01\":" LIST8 ",\"q99\":" ONES8 "}"

// statistics that do not fit the robot; every one of them is an error of the load
static void wrong_statistics(void **state)
{
    (void)state;
    static char wide[4096] = "{\"norm_stats\":{\"actions\":" FULL ",\"state\":{\"mean\":[0";
    static const struct {
        const char *name, *json;
        int status;
        const char *text;
    } list[] = {
        { "openpi/pi0_droid", NULL, PI0_EIO, DROID_STATS " is not there" },
        { "openpi/pi0_droid", "", PI0_EFORMAT, DROID_STATS ": empty" },
        { "openpi/pi0_droid", "{\"norm_stats\":{\"state\":" FULL "}}", PI0_EFORMAT,
          "\"actions\" are missing" },
        { "openpi/pi0_droid", "{\"norm_stats\":{\"state\":" MEANS(LIST7) ",\"actions\":" FULL "}}",
          PI0_EFORMAT, "statistics of 7 values of \"state\", but config \"pi0_droid\" has 8" },
        { "openpi/pi0_droid", "{\"norm_stats\":{\"state\":" FULL ",\"actions\":" MEANS(LIST7) "}}",
          PI0_EFORMAT, "statistics of 7 values of \"actions\"" },
        { "openpi/pi05_droid", "{\"norm_stats\":{\"state\":" MEANS(LIST8) ",\"actions\":" FULL "}}",
          PI0_EFORMAT, "\"state\" has no q01 and q99" },
        { "openpi/pi0_droid", wide, PI0_EFORMAT, "but the network has only 32" },
    };
    for (int i = 0; i < 32; i++) strcat(wide, ",0");
    strcat(wide, "],\"std\":[1");
    for (int i = 0; i < 32; i++) strcat(wide, ",1");
    strcat(wide, "]}}}");
    for (size_t i = 0; i < COUNT(list); i++) {
        robot_case c;
        pi0_model *m = NULL;
        pi0_error e = { 0 };
        robot_case_open(&c, list[i].name);
        const tmpdir dir = robot_dir_make(list[i].name);
        if (list[i].json)
            robot_dir_write(&dir, DROID_STATS, list[i].json);
        else
            robot_dir_remove(&dir, DROID_STATS);
        expect_error(pi0_load(&m, dir.path, &c.opt, &e), list[i].status, &e, list[i].text);
        assert_null(m);
        tmpdir_remove(&dir);
        robot_case_close(&c);
    }
}

// a robot's file that contradicts the checkpoint
static void wrong_file(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } list[] = {
        { "{\"base\":\"pi0_droid\",\"actions\":33}", "33 actions, but the network makes 32" },
        { "{\"base\":\"pi0_droid\",\"states\":{\"q\":33}}",
          "a state of 33 values, but the network" },
        { "{\"base\":\"pi0_droid\",\"states\":{\"q\":2},\"delta\":[4]}", "action 2 is relative" },
        { "{\"base\":\"pi0_droid\",\"horizon\":12}", "\"custom\" has chunks of 12 actions" },
        { "{\"base\":\"pi05_droid\"}", "is of pi0.5, but the tensors" },
    };
    robot_case c;
    robot_case_open(&c, "openpi/pi0_droid");
    const tmpdir dir = tmpdir_make();
    for (size_t i = 0; i < COUNT(list); i++) {
        pi0_model *m = NULL;
        pi0_error e = { 0 };
        char path[TMPDIR_PATH];
        tmpdir_write_text(&dir, "robot.json", list[i].json);
        c.opt.config = tmpdir_path(path, &dir, "robot.json");
        expect_error(pi0_load(&m, c.g.dir, &c.opt, &e), PI0_EINVAL, &e, list[i].text);
        assert_null(m);
    }
    tmpdir_remove(&dir);
    robot_case_close(&c);
}

static void wrong_horizon(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m = NULL;
    pi0_session *s = NULL;
    pi0_error e;
    robot_case_open(&c, "openpi/pi0_droid");
    const tmpdir dir = robot_dir_make("openpi/pi0_droid");
    robot_dir_remove(&dir, "config.json");
    c.opt.horizon = 12;
    expect_error(pi0_load(&m, dir.path, &c.opt, &e), PI0_EINVAL, &e,
                 "horizon 12 was asked for, but config \"pi0_droid\" has chunks of 10");
    // the config says what config.json would
    c.opt.horizon = 0;
    expect_ok(pi0_load(&m, dir.path, &c.opt, &e), &e);
    pi0_info info;
    pi0_model_info(m, &info);
    assert_int_equal(info.horizon, 10);
    c.opt.horizon = 12;
    expect_error(pi0_session_create(&s, m, &c.opt, &e), PI0_EINVAL, &e,
                 "horizon 12 was asked for, but config \"pi0_droid\" says 10");
    pi0_free(m);
    tmpdir_remove(&dir);
    robot_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aloha),      cmocka_unit_test(droid),
        cmocka_unit_test(libero),     cmocka_unit_test(lerobot),
        cmocka_unit_test(arguments),  cmocka_unit_test(wrong_config),
        cmocka_unit_test(no_config),  cmocka_unit_test(wrong_statistics),
        cmocka_unit_test(wrong_file), cmocka_unit_test(wrong_horizon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
