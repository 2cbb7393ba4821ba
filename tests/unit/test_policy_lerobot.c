/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_lerobot.c - LeRobot's processor files: steps in the order of the file, names renamed,
 * modes and statistics obeyed, and whatever would silently change numbers refused. */
#include "data/safetensors.h"
#include "policy/prompt.h"
#include "policy/steps.h"
#include "support/expect.h"
#include "support/robot_case.h"
#include "support/robot_dir.h"
#include <math.h>
#include <stdlib.h>

#define PRE "policy_preprocessor.json"
#define POST "policy_postprocessor.json"
#define PRE_STATE "policy_preprocessor_step_3_normalizer_processor.safetensors"
#define POST_STATE "policy_postprocessor_step_0_unnormalizer_processor.safetensors"

// a golden case with its folder replaced
typedef struct changed {
    robot_case c;
    tmpdir dir;
} changed;

static void open_changed(changed *x, const char *name)
{
    robot_case_open(&x->c, name);
    x->dir = robot_dir_make(name);
    snprintf(x->c.g.dir, sizeof x->c.g.dir, "%s", x->dir.path);
}

static void close_changed(changed *x)
{
    tmpdir_remove(&x->dir);
    robot_case_close(&x->c);
}

static void expect_names(const char *const *names, const char *want)
{
    char text[400] = "";
    for (int i = 0; names[i]; i++)
        snprintf(text + strlen(text), 60, "%s%s", i ? " " : "", names[i]);
    assert_string_equal(text, want);
}

/* ---- what it says of itself ---- */

static void describes(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_info p;
    pi0_error e;
    robot_case_open(&c, "lerobot/lerobot_pi0_relative");
    robot_case_start(&c, NULL, &m, &s);
    expect_ok(pi0_model_policy(m, &p, &e), &e);
    assert_string_equal(p.config, "lerobot");
    assert_string_equal(p.robot, "LeRobot");
    assert_true(!p.pi05 && p.horizon == 20 && p.max_tokens == 48 && p.n_action_steps == 10);
    assert_int_equal(p.n_cameras, 2);
    assert_string_equal(p.cameras[1].name, "observation.images.wrist");
    assert_string_equal(p.cameras[1].slot, "observation.images.wrist");
    assert_string_equal(p.states[0].name, "observation.state");
    assert_true(p.state_dim == 6 && p.n_actions == 6);
    assert_string_equal(p.action_names[5], "gripper.pos");
    for (int i = 0; i < 6; i++) assert_int_equal(p.relative[i], i < 5);
    assert_string_equal(p.prompt_format, "lerobot_pi0");
    assert_string_equal(p.time_grid, "lerobot");
    assert_string_equal(p.resize, "torch");
    assert_string_equal(p.state_norm.kind, "MEAN_STD");
    assert_true(p.state_norm.eps == 1e-8 && p.state_norm.n == 6 && p.action_norm.n == 6);
    expect_names(p.input_steps, "round_state_to_f32 keep_state normalize_state");
    expect_names(p.output_steps, "unnormalize_actions absolute_actions_f32");
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);

    robot_case_open(&c, "lerobot/lerobot_pi05");
    robot_case_start(&c, NULL, &m, &s);
    expect_ok(pi0_model_policy(m, &p, &e), &e);
    assert_true(p.pi05 && p.state_in_prompt && p.max_tokens == 200 && !p.relative);
    assert_string_equal(p.action_norm.kind, "QUANTILES");
    expect_names(p.input_steps, "round_state_to_f32 keep_state normalize_state state_into_prompt");
    expect_names(p.output_steps, "unnormalize_actions");
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

/* ---- settings of the files ---- */

static void prepare(const changed *x, const pi0_options *opt, pi0_model **m, pi0_session **s,
                    pi0_policy_inputs *in)
{
    pi0_error e;
    robot_case_start(&x->c, opt, m, s);
    expect_ok(pi0_prepare(*s, &x->c.obs, in, &e), &e);
}

static void renames(void **state)
{
    (void)state;
    changed x;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_policy_info p;
    pi0_error e;
    open_changed(&x, "lerobot/lerobot_pi05");
    robot_dir_replace(&x.dir, PRE, "\"rename_map\": {}",
                      "\"rename_map\": {\"front\": \"observation.images.top\", "
                      "\"joints\": \"observation.state\"}");
    x.c.images[0].camera = "front";
    x.c.states[0].name = "joints";
    prepare(&x, NULL, &m, &s, &in);
    assert_int_equal(in.network.n_images, 2);
    assert_string_equal(in.cameras[0], "observation.images.top");
    expect_ok(pi0_model_policy(m, &p, &e), &e);
    assert_string_equal(p.cameras[0].name, "front");
    assert_string_equal(p.cameras[1].name, "observation.images.wrist");
    assert_string_equal(p.states[0].name, "joints");
    // names that the map does not list stay as they are, LeRobot's own too
    x.c.images[0].camera = "observation.images.top";
    x.c.states[0].name = "observation.state";
    expect_ok(pi0_prepare(s, &x.c.obs, &in, &e), &e);
    x.c.images[1].camera = "front";
    expect_error(pi0_prepare(s, &x.c.obs, &in, &e), PI0_EINVAL, &e, "\"front\" is given twice");
    pi0_session_free(s);
    pi0_free(m);
    close_changed(&x);
}

// a mode with other statistics, and eps of the file
static void modes(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *a, *b;
        enum norm_kind kind;
    } list[] = {
        { "MEAN_STD", "mean", "std", NORM_MEAN_STD },
        { "MIN_MAX", "min", "max", NORM_MIN_MAX },
        { "QUANTILE10", "q10", "q90", NORM_QUANTILE10 },
    };
    for (size_t k = 0; k < COUNT(list); k++) {
        changed x;
        pi0_model *m;
        pi0_session *s;
        pi0_policy_inputs in;
        safetensors st;
        char path[TMPDIR_PATH], text[64], a[64], b[64];
        pi0_error e;
        open_changed(&x, "lerobot/lerobot_pi05");
        snprintf(text, sizeof text, "\"STATE\": \"%s\"", list[k].mode);
        robot_dir_replace(&x.dir, PRE, "\"STATE\": \"QUANTILES\"", text);
        robot_dir_replace(&x.dir, PRE, "\"eps\": 1e-08", "\"eps\": 0.25");
        expect_ok(pi0_safetensors_open(&st, tmpdir_path(path, &x.dir, PRE_STATE), &e), &e);
        snprintf(a, sizeof a, "observation.state.%s", list[k].a);
        snprintf(b, sizeof b, "observation.state.%s", list[k].b);
        const st_tensor *ta = pi0_safetensors_find(&st, a), *tb = pi0_safetensors_find(&st, b);
        assert_true(ta && tb);
        prepare(&x, NULL, &m, &s, &in);
        norm n = { .kind = list[k].kind, .n = 6, .eps = 0.25 };
        double want[6];
        for (int i = 0; i < 6; i++) {
            n.a[i] = golden_at(ta, i);
            n.b[i] = golden_at(tb, i);
            want[i] = (float)x.c.states[0].values[i];
        }
        pi0_step_normalize(&n, want, 6);
        for (int i = 0; i < 6; i++) assert_true(in.state[i] == want[i]);
        pi0_safetensors_close(&st);
        pi0_session_free(s);
        pi0_free(m);
        close_changed(&x);
    }
}

// IDENTITY is obeyed where the file says it; so is a list of the keys to normalise
static void identity_when_said(void **state)
{
    (void)state;
    static const char *const change[][2] = {
        { "\"STATE\": \"QUANTILES\"", "\"STATE\": \"IDENTITY\"" },
        { "\"eps\": 1e-08", "\"eps\": 1e-08, \"normalize_observation_keys\": [\"x\"]" },
    };
    for (size_t k = 0; k < COUNT(change); k++) {
        changed x;
        pi0_model *m;
        pi0_session *s;
        pi0_policy_inputs in;
        pi0_policy_info p;
        pi0_error e;
        open_changed(&x, "lerobot/lerobot_pi05");
        robot_dir_replace(&x.dir, PRE, change[k][0], change[k][1]);
        prepare(&x, NULL, &m, &s, &in);
        for (int i = 0; i < 6; i++) assert_true(in.state[i] == (float)x.c.states[0].values[i]);
        expect_ok(pi0_model_policy(m, &p, &e), &e);
        assert_string_equal(p.state_norm.kind, "IDENTITY");
        pi0_session_free(s);
        pi0_free(m);
        close_changed(&x);
    }
}

// LeRobot 0.4: 26 more values, all 0, which are bin 128
static void state_padding(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_error e;
    robot_case_open(&c, "lerobot/lerobot_pi05");
    c.opt.lerobot_state_padding = "v0.4";
    robot_case_start(&c, NULL, &m, &s);
    expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    double padded[32] = { 0 };
    memcpy(padded, in.state, 6 * sizeof *padded);
    int32_t ids[200];
    int n;
    expect_ok(pi0_tokenize(m, c.prompt, padded, 32, ids, 200, &n, &e), &e);
    assert_int_equal(in.network.n_tokens, n);
    assert_memory_equal(in.network.tokens, ids, (size_t)n * sizeof *ids);
    assert_int_equal(in.n_state, 6);
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

// the prompt sees the state as it is where the step stands
static void order_of_the_file(void **state)
{
    (void)state;
    changed x;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_policy_info p;
    pi0_error e;
    open_changed(&x, "lerobot/lerobot_pi05");
    robot_dir_replace(&x.dir, PRE,
                      "\"registry_name\": \"pi05_prepare_state_tokenizer_processor_step\"",
                      "\"registry_name\": \"to_batch_processor\"");
    robot_dir_replace(&x.dir, PRE, "\"registry_name\": \"relative_actions_processor\",",
                      "\"registry_name\": \"pi05_prepare_state_tokenizer_processor_step\"}, {"
                      "\"registry_name\": \"relative_actions_processor\",");
    prepare(&x, NULL, &m, &s, &in);
    expect_ok(pi0_model_policy(m, &p, &e), &e);
    expect_names(p.input_steps, "round_state_to_f32 state_into_prompt keep_state normalize_state");
    double raw[6];
    int32_t ids[200];
    int n;
    for (int i = 0; i < 6; i++) raw[i] = (float)x.c.states[0].values[i];
    expect_ok(pi0_tokenize(m, x.c.prompt, raw, 6, ids, 200, &n, &e), &e);
    assert_int_equal(in.network.n_tokens, n);
    assert_memory_equal(in.network.tokens, ids, (size_t)n * sizeof *ids);
    pi0_session_free(s);
    pi0_free(m);
    close_changed(&x);
}

/* ---- relative actions ---- */

// which actions are relative with other names and exclusions
static void masks(void **state)
{
    (void)state;
    static const struct {
        const char *exclude, *mask;
    } list[] = {
        { "[\"GRIP\"]", "111110" },       { "[]", "111111" },
        { "[\"\"]", "111111" },           { "[\"e\"]", "111100" },
        { "[\"pos\", \"a\"]", "011110" }, { "null", "111111" },
    };
    for (size_t k = 0; k < COUNT(list); k++) {
        changed x;
        pi0_model *m;
        pi0_policy_info p;
        pi0_error e;
        char text[64], mask[8] = "";
        open_changed(&x, "lerobot/lerobot_pi0_relative");
        robot_dir_replace(&x.dir, PRE, "\"gripper\"\n", "\"@\"\n");
        robot_dir_replace(&x.dir, PRE, "\"exclude_joints\": [", "\"exclude_joints\": @ [");
        // the whole list, whatever its white space
        snprintf(text, sizeof text, "\"exclude_joints\": %s, \"action_names\"", list[k].exclude);
        robot_dir_replace(&x.dir, PRE,
                          "\"exclude_joints\": @ [\n          \"@\"\n        ],\n        "
                          "\"action_names\"",
                          text);
        expect_ok(pi0_load(&m, x.dir.path, &x.c.opt, &e), &e);
        expect_ok(pi0_model_policy(m, &p, &e), &e);
        for (int i = 0; i < 6; i++) mask[i] = p.relative[i] ? '1' : '0';
        assert_string_equal(mask, list[k].mask);
        pi0_free(m);
        close_changed(&x);
    }
}

/* ---- what is refused ---- */

typedef struct refusal {
    const char *checkpoint, *file, *from, *to;
    int status;
    const char *text;
} refusal;

#define P0 "lerobot/lerobot_pi0"
#define P5 "lerobot/lerobot_pi05"
#define PR "lerobot/lerobot_pi0_relative"

static const refusal refusals[] = {
    { P0, PRE, "\"to_batch_processor\"", "\"shuffle_processor\"", PI0_EUNSUPPORTED,
      PRE ": step 1, \"shuffle_processor\", is not one" },
    { P0, POST, "\"device_processor\"", "\"clip_processor\"", PI0_EUNSUPPORTED,
      POST ": step 2, \"clip_processor\"" },
    { P0, PRE, "\"registry_name\": \"to_batch_processor\"", "\"class\": \"my.Step\"",
      PI0_EUNSUPPORTED, "step 1, \"my.Step\", is not one" },
    { P0, PRE, "\"registry_name\": \"to_batch_processor\",", "", PI0_EFORMAT,
      "step 1 has no \"registry_name\"" },
    { P0, PRE, "\"to_batch_processor\"", "\"unnormalizer_processor\"", PI0_EUNSUPPORTED,
      "is not supported in this file" },
    { P0, PRE, "\"rename_map\": {}", "\"rename_map\": {\"a\": 3}", PI0_EFORMAT, "\"a\" becomes" },
    { P0, PRE, "\"rename_map\": {}", "\"map\": {}", PI0_EUNSUPPORTED, "a setting \"map\"" },
    { P0, PRE, "\"truncation\": true", "\"truncation\": false", PI0_EUNSUPPORTED, "truncation" },
    { P0, PRE, "\"max_length\": 48", "\"max_length\": 0", PI0_EFORMAT, "\"max_length\" is 0" },
    { P0, PRE, "\"float_dtype\": null", "\"float_dtype\": \"bfloat16\"", PI0_EUNSUPPORTED,
      "float_dtype" },
    { P0, PRE, "\"VISUAL\": \"IDENTITY\"", "\"VISUAL\": \"MEAN_STD\"", PI0_EUNSUPPORTED,
      "normalises pictures" },
    { P0, PRE, "\"STATE\": \"MEAN_STD\"", "\"STATE\": \"SQRT\"", PI0_EUNSUPPORTED,
      "mode \"SQRT\" of STATE" },
    { P0, PRE, "\"STATE\": \"MEAN_STD\",", "", PI0_EFORMAT, "says nothing about STATE" },
    { P0, POST, "\"ACTION\": \"MEAN_STD\"", "\"ACTION\": 3", PI0_EFORMAT,
      "says nothing about ACTION" },
    { P0, PRE, "\"observation.state\": {", "\"other\": {", PI0_EFORMAT,
      "does not list \"observation.state\"" },
    { P0, PRE, "\"eps\": 1e-08", "\"eps\": -1", PI0_EFORMAT, "\"eps\"" },
    { P0, PRE, "\"state_file\": \"policy", "\"state_file\": \"../policy", PI0_EFORMAT,
      "expected the name of a file beside" },
    { P0, PRE, "\"state_file\": \"policy", "\"state_file\": \"nowhere", PI0_EIO,
      "nowhere_preprocessor_step_6_normalizer_processor.safetensors is not there" },
    { P0, POST, "\"state_file\"", "\"no_file\"", PI0_EFORMAT, "has no \"state_file\"" },
    { P0, PRE, "\"pi0_new_line_processor\"", "\"to_batch_processor\"", PI0_EUNSUPPORTED,
      "has no pi0_new_line_processor or" },
    { P0, PRE, "\"to_batch_processor\"", "\"pi0_new_line_processor\"", PI0_EUNSUPPORTED,
      "stands behind another step" },
    { P5, PRE, "\"to_batch_processor\"", "\"pi0_new_line_processor\"", PI0_EUNSUPPORTED,
      "stands behind another step" },
    { P5, PRE, "_processor_step\",\n      \"config\": {}",
      "_processor_step\", \"config\": {\"include_state_in_prompt\": false}", PI0_EUNSUPPORTED,
      "MEM memory" },
    { PR, PRE, "\"enabled\": true", "\"enabled\": false", PI0_EFORMAT, "off by the state" },
    { PR, POST, "\"enabled\": true", "\"enabled\": false", PI0_EFORMAT, "off by the state" },
    { PR, POST, "\"absolute_actions_processor\"", "\"to_batch_processor\"", PI0_EUNSUPPORTED,
      "a setting \"enabled\"" },
    { PR, POST,
      "\"absolute_actions_processor\",\n      \"config\": {\n        \"enabled\": true\n      }",
      "\"to_batch_processor\"", PI0_EFORMAT, "has no absolute_actions_processor" },
    { PR, PRE, "\"gripper.pos\"", "7", PI0_EFORMAT, "expected an array of strings" },
    { PR, POST, "\"unnormalizer_processor\"", "\"normalizer_processor\"", PI0_EUNSUPPORTED,
      "is not supported in this file" },
    { P0, POST, "{", "[", PI0_EFORMAT, POST },
    { P0, "config.json", "\"shape\": [\n                6\n            ]", "\"shape\": [7]",
      PI0_EFORMAT, "is [6] of F32, expected [7]" },
    { P0, "config.json", "\"shape\": [\n                6\n            ]", "\"shape\": [6, 6]",
      PI0_EFORMAT, "\"shape\" of \"observation.state\"" },
    { P0, "config.json", "\"shape\": [\n                6\n            ]", "\"shape\": [40]",
      PI0_EFORMAT, "but the network has 32 and 32" },
};

static bool has_warning(const pi0_model *m)
{
    for (int i = 0; pi0_model_warning(m, i); i++)
        if (strstr(pi0_model_warning(m, i), "no robot policy")) return true;
    return false;
}

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const refusal *r = &refusals[i];
        changed x;
        pi0_model *m;
        pi0_session *s;
        pi0_policy_info p;
        pi0_error e = { 0 };
        double actions[120];
        open_changed(&x, r->checkpoint);
        robot_dir_replace(&x.dir, r->file, r->from, r->to);
        // the network works without; the robot's side says why it does not
        robot_case_start(&x.c, NULL, &m, &s);
        if (!has_warning(m)) fail_msg("%s: %s is taken (expected: %s)", r->file, r->to, r->text);
        expect_error(pi0_model_policy(m, &p, &e), r->status, &e, r->text);
        expect_error(pi0_act(s, &x.c.obs, NULL, actions, 120, &e), r->status, &e, r->text);
        pi0_session_free(s);
        pi0_free(m);
        close_changed(&x);
    }
}

// files without the steps that nothing works without
static void missing_steps(void **state)
{
    (void)state;
    static const struct {
        const char *file, *json, *text;
    } list[] = {
        { PRE, "{\"steps\":[]}", PRE " has no pi0_new_line_processor" },
        { PRE, "{\"steps\":[{\"registry_name\":\"pi0_new_line_processor\"}]}",
          PRE " has no tokenizer_processor" },
        { PRE,
          "{\"steps\":[{\"registry_name\":\"pi0_new_line_processor\"},"
          "{\"registry_name\":\"tokenizer_processor\"}]}",
          PRE " has no normalizer_processor: the state would not be normalised" },
        { POST, "{\"steps\":[]}", POST " has no unnormalizer_processor" },
        { POST, "{\"steps\":{}}", "\"steps\" is an object" },
        { POST, "{}", "\"steps\" is missing" },
    };
    for (size_t i = 0; i < COUNT(list); i++) {
        changed x;
        pi0_model *m;
        pi0_policy_info p;
        pi0_error e;
        open_changed(&x, P0);
        robot_dir_write(&x.dir, list[i].file, list[i].json);
        expect_ok(pi0_load(&m, x.dir.path, &x.c.opt, &e), &e);
        const int status = pi0_model_policy(m, &p, &e);
        assert_true(status == PI0_EUNSUPPORTED || status == PI0_EFORMAT);
        expect_error(status, status, &e, list[i].text);
        pi0_free(m);
        close_changed(&x);
    }
}

static void missing_files(void **state)
{
    (void)state;
    static const char *const files[] = { PRE, POST, PRE_STATE, POST_STATE };
    for (size_t i = 0; i < COUNT(files); i++) {
        changed x;
        pi0_model *m;
        pi0_policy_info p;
        pi0_error e;
        open_changed(&x, P5);
        robot_dir_remove(&x.dir, files[i]);
        expect_ok(pi0_load(&m, x.dir.path, &x.c.opt, &e), &e);
        expect_error(pi0_model_policy(m, &p, &e), PI0_EIO, &e, files[i]);
        pi0_free(m);
        close_changed(&x);
    }
}

// options that do not fit a LeRobot folder are errors of the load
static void wrong_options(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m = NULL;
    pi0_error e;
    robot_case_open(&c, P5);
    c.opt.config = "pi05_droid";
    expect_error(pi0_load(&m, c.g.dir, &c.opt, &e), PI0_EINVAL, &e, "its own processors");
    c.opt.config = NULL;
    c.opt.lerobot_state_padding = "0.4";
    expect_error(pi0_load(&m, c.g.dir, &c.opt, &e), PI0_EINVAL, &e, "expected \"v0.4\"");
    c.opt.lerobot_state_padding = NULL;
    c.opt.n_action_steps = 21;
    expect_error(pi0_load(&m, c.g.dir, &c.opt, &e), PI0_EINVAL, &e, "a chunk has 20 rows");
    assert_null(m);
    robot_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes),     cmocka_unit_test(renames),
        cmocka_unit_test(modes),         cmocka_unit_test(identity_when_said),
        cmocka_unit_test(state_padding), cmocka_unit_test(order_of_the_file),
        cmocka_unit_test(masks),         cmocka_unit_test(refuses),
        cmocka_unit_test(missing_steps), cmocka_unit_test(missing_files),
        cmocka_unit_test(wrong_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
