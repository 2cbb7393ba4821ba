/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_file.c - a robot described by a JSON file: the same robots as openpi's own described
 * in other words give the same bits, each field does what it says, and nothing odd is taken. */
#include "core/file.h"
#include "policy/robots.h"
#include "support/expect.h"
#include "support/robot_case.h"
#include "support/robot_dir.h"
#include <stdlib.h>

#define STATISTICS PI0_TEST_DATA "/openpi/"
#define ROOT PI0_TEST_DATA "/../../"

/* ---- the same as a named config ---- */

// actions of a golden case with another config; the caller frees
static double *act_with(const robot_case *c, const char *config)
{
    pi0_model *m;
    pi0_session *s;
    pi0_options opt = c->opt;
    pi0_error e;
    const size_t n = (size_t)c->rows * (size_t)c->cols;
    double *actions = calloc(n, sizeof *actions);
    assert_non_null(actions);
    opt.config = config;
    opt.num_steps = 2;
    robot_case_start(c, &opt, &m, &s);
    expect_ok(pi0_act(s, &c->obs, c->noise, actions, n, &e), &e);
    pi0_session_free(s);
    pi0_free(m);
    return actions;
}

static void same_as_named(const char *name, const char *json)
{
    robot_case c;
    char path[TMPDIR_PATH];
    robot_case_open(&c, name);
    const tmpdir dir = tmpdir_make();
    tmpdir_write_text(&dir, "robot.json", json);
    double *named = act_with(&c, c.opt.config);
    double *file = act_with(&c, tmpdir_path(path, &dir, "robot.json"));
    assert_memory_equal(file, named, (size_t)c.rows * (size_t)c.cols * sizeof *named);
    free(named);
    free(file);
    tmpdir_remove(&dir);
    robot_case_close(&c);
}

static void libero_in_words(void **state)
{
    (void)state;
    same_as_named("openpi/pi0_libero",
                  "{\"name\":\"mine\",\"pi05\":false,\"horizon\":50,\"max_tokens\":48,"
                  "\"cameras\":{\"observation/wrist_image\":\"left_wrist_0_rgb\","
                  "\"observation/image\":\"base_0_rgb\"},"
                  "\"states\":{\"observation/state\":8},\"actions\":7,"
                  "\"normalization\":\"zscore\",\"epsilon\":1e-6,\"delta\":[6,-1],"
                  "\"time_grid\":\"openpi\",\"resize\":\"pillow\",\"prompt_format\":\"pi0\","
                  "\"statistics\":\"" STATISTICS
                  "pi0_libero/assets/physical-intelligence/libero/norm_stats.json\"}");
}

static void droid_in_words(void **state)
{
    (void)state;
    same_as_named("openpi/pi05_full_droid_finetune",
                  "{\"pi05\":true,\"asset_id\":\"droid\",\"delta\":[7,-1],"
                  "\"cameras\":{\"observation/exterior_image_1_left\":\"base_0_rgb\","
                  "\"observation/wrist_image_left\":{\"slot\":\"left_wrist_0_rgb\","
                  "\"required\":false}},"
                  "\"states\":{\"observation/joint_position\":7,"
                  "\"observation/gripper_position\":1},"
                  "\"actions\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"gripper\"]}");
}

static void aloha_from_base(void **state)
{
    (void)state;
    same_as_named("openpi/pi05_aloha", "{\"base\":\"pi05_aloha\"}");
    same_as_named("openpi/pi0_aloha_sim",
                  "{\"base\":\"pi0_aloha\",\"delta\":null,\"adapt_to_pi\":true,"
                  "\"asset_id\":\"lerobot/aloha_sim_transfer_cube_human\"}");
}

/* ---- fields ---- */

static int parse(policy_spec *spec, const char *json, pi0_error *err)
{
    return pi0_spec_parse(spec, json, strlen(json), "dir/robot.json", err);
}

#define CAMERAS "\"cameras\":{\"front\":\"base_0_rgb\"}"
#define REST "\"states\":{\"q\":3},\"actions\":3,\"asset_id\":\"x\""

static void defaults(void **state)
{
    (void)state;
    static policy_spec s;
    pi0_policy_info p;
    pi0_error e;
    expect_ok(parse(&s, "{\"pi05\":true," CAMERAS "," REST "}", &e), &e);
    pi0_spec_info(&p, &s);
    assert_string_equal(p.config, "custom");
    assert_string_equal(p.robot, "custom");
    assert_true(p.pi05 && p.horizon == 0 && p.max_tokens == 200 && p.state_dim == 3);
    assert_true(p.cameras[0].required && !p.extra_allowed && !p.relative && !p.action_names);
    assert_string_equal(p.prompt_format, "pi05");
    assert_string_equal(p.state_norm.kind, "quantile");
    assert_string_equal(p.time_grid, "openpi");
    assert_string_equal(p.resize, "pillow");
    assert_null(p.default_prompt);
    assert_string_equal(p.metadata, "{}");
    assert_string_equal(p.asset_id, "x");
    pi0_spec_free(&s);
    expect_ok(parse(&s, "{\"pi05\":false," CAMERAS "," REST "}", &e), &e);
    pi0_spec_info(&p, &s);
    assert_true(!p.pi05 && p.max_tokens == 48);
    assert_string_equal(p.prompt_format, "pi0");
    assert_string_equal(p.state_norm.kind, "zscore");
    pi0_spec_free(&s);
}

static void every_field(void **state)
{
    (void)state;
    static policy_spec s;
    pi0_policy_info p;
    pi0_error e;
    expect_ok(parse(&s,
                    "{\"name\":\"mine\",\"pi05\":true,\"horizon\":7,\"max_tokens\":90,"
                    "\"cameras\":{\"depth\":null,\"side\":{\"slot\":null},"
                    "\"front\":\"right_wrist_0_rgb\"},"
                    "\"states\":{\"b\":2,\"a\":1},\"actions\":[\"x\",\"y\"],"
                    "\"normalization\":\"zscore\",\"epsilon\":0.5,\"delta\":[1,-1,0],"
                    "\"time_grid\":\"lerobot\",\"resize\":\"torch\","
                    "\"prompt_format\":\"lerobot_pi0\",\"default_prompt\":\"go\","
                    "\"statistics\":\"stats/n.json\",\"metadata\":{\"hz\":50,\"a\":[1]},"
                    "\"state_units\":\"rad\",\"action_units\":\"m\"}",
                    &e),
              &e);
    pi0_spec_info(&p, &s);
    assert_string_equal(p.config, "mine");
    assert_true(p.horizon == 7 && p.max_tokens == 90 && p.n_cameras == 3);
    assert_string_equal(p.cameras[0].name, "depth");
    assert_true(!p.cameras[0].slot && !p.cameras[0].required && !p.cameras[1].slot);
    assert_string_equal(p.cameras[2].slot, "right_wrist_0_rgb");
    assert_string_equal(p.states[0].name, "b");
    assert_true(p.states[1].size == 1 && p.state_dim == 3 && p.n_actions == 2);
    assert_string_equal(p.action_names[1], "y");
    assert_string_equal(p.state_norm.kind, "zscore");
    assert_true(p.state_norm.eps == 0.5 && p.relative[0] == 1 && p.relative[1] == 0);
    assert_string_equal(p.time_grid, "lerobot");
    assert_string_equal(p.resize, "torch");
    assert_string_equal(p.prompt_format, "lerobot_pi0");
    assert_string_equal(p.default_prompt, "go");
    assert_null(p.asset_id);
    assert_string_equal(s.statistics, "dir/stats/n.json");
    assert_string_equal(p.metadata, "{\"hz\":50,\"a\":[1]}");
    assert_string_equal(p.state_units, "rad");
    assert_string_equal(p.action_units, "m");
    pi0_spec_free(&s);
}

// what is not said is the base's
static void base_and_changes(void **state)
{
    (void)state;
    static policy_spec s;
    pi0_policy_info p;
    pi0_error e;
    expect_ok(parse(&s,
                    "{\"base\":\"pi05_full_droid_finetune\",\"asset_id\":\"mine\","
                    "\"default_prompt\":\"go\",\"horizon\":20}",
                    &e),
              &e);
    pi0_spec_info(&p, &s);
    assert_string_equal(p.robot, "DROID");
    assert_true(p.horizon == 20 && p.n_actions == 8 && p.relative[6] && !p.relative[7]);
    assert_string_equal(p.asset_id, "mine");
    assert_string_equal(p.default_prompt, "go");
    assert_string_equal(p.states[0].name, "observation/joint_position");
    pi0_spec_free(&s);
    // more actions than the base's mask and names have
    expect_ok(parse(&s, "{\"base\":\"pi05_full_droid_finetune\",\"actions\":30}", &e), &e);
    pi0_spec_info(&p, &s);
    assert_true(p.n_actions == 30 && !p.action_names && !p.relative[29] && p.relative[0]);
    pi0_spec_free(&s);
    // ALOHA without its flips
    expect_ok(parse(&s, "{\"base\":\"pi0_aloha\",\"adapt_to_pi\":false}", &e), &e);
    assert_true(s.robot.input[0] == STEP_END && s.robot.output[0] == STEP_END);
    pi0_spec_free(&s);
}

// the example of docs/CONFIG_FILE.md is the file that it says it is, and it can be read
static void the_example(void **state)
{
    (void)state;
    static policy_spec s;
    pi0_policy_info p;
    pi0_error e;
    char *example, *doc;
    size_t size;
    expect_ok(pi0_spec_read(&s, ROOT "examples/robot.json", &e), &e);
    pi0_spec_info(&p, &s);
    assert_string_equal(p.config, "two_cameras_six_joints");
    assert_true(p.n_cameras == 3 && p.state_dim == 7 && p.n_actions == 7 && p.relative[5]);
    assert_true(p.cameras[0].required && !p.cameras[1].required && !p.cameras[2].slot);
    pi0_spec_free(&s);
    expect_ok(pi0_file_read(&example, &size, ROOT "examples/robot.json", 1 << 20, &e), &e);
    expect_ok(pi0_file_read(&doc, &size, ROOT "docs/CONFIG_FILE.md", 1 << 20, &e), &e);
    assert_non_null(strstr(doc, example));
    free(example);
    free(doc);
}

/* ---- what is refused ---- */

static const struct {
    const char *json, *text;
} wrong[] = {
    { "{", "not JSON" },
    { "{}", "neither \"base\"" },
    { "{\"pi05\":1}", "\"pi05\" is an integer, expected true or false" },
    { "{\"camera\":{}}", "\"camera\" is not a key of this file; the nearest is \"cameras\"" },
    { "{\"base\":\"pi0_droid\",\"horizonn\":3}", "the nearest is \"horizon\"" },
    { "{\"base\":\"pi0_droid\",\"pi05\":true}", "\"pi05\" contradicts the base" },
    { "{\"base\":3}", "\"base\" is an integer" },
    { "{\"pi05\":true," REST "}", "\"cameras\" is missing" },
    { "{\"pi05\":true," CAMERAS ",\"actions\":3,\"asset_id\":\"x\"}", "\"states\" is missing" },
    { "{\"pi05\":true," CAMERAS ",\"states\":{\"q\":3},\"asset_id\":\"x\"}",
      "\"actions\" is missing" },
    { "{\"pi05\":true," CAMERAS ",\"states\":{\"q\":3},\"actions\":3}", "\"asset_id\" is missing" },
    { "{\"pi05\":true,\"cameras\":[]," REST "}", "\"cameras\" is an array" },
    { "{\"pi05\":true,\"cameras\":{}," REST "}",
      "\"cameras\" is an object, expected an object of 1" },
    { "{\"pi05\":true,\"cameras\":{\"a\":\"base\"}," REST "}", "slot of camera \"a\" is another" },
    { "{\"pi05\":true,\"cameras\":{\"a\":3}," REST "}", "slot of camera \"a\" is an integer" },
    { "{\"pi05\":true,\"cameras\":{\"a\":null}," REST "}", "none of them has a slot" },
    { "{\"pi05\":true,\"cameras\":{\"a\":{\"required\":true}}," REST "}",
      "slot of camera \"a\" is missing" },
    { "{\"pi05\":true,\"cameras\":{\"a\":{\"slot\":\"base_0_rgb\",\"need\":1}}," REST "}",
      "\"need\" is not a key" },
    { "{\"pi05\":true,\"cameras\":{\"a\":\"base_0_rgb\",\"b\":\"base_0_rgb\"}," REST "}",
      "\"a\" and \"b\" have one slot" },
    { "{\"pi05\":true,\"cameras\":{\"\":\"base_0_rgb\"}," REST "}", "name has 0 bytes" },
    { "{\"base\":\"pi0_droid\",\"states\":{\"q\":0}}", "state \"q\"" },
    { "{\"base\":\"pi0_droid\",\"states\":{\"q\":-1}}", "state \"q\"" },
    { "{\"base\":\"pi0_droid\",\"states\":{\"q\":200,\"p\":100}}", "state \"p\"" },
    { "{\"base\":\"pi0_droid\",\"states\":{\"q\":\"3\"}}", "state \"q\"" },
    { "{\"base\":\"pi0_droid\",\"states\":[8]}", "\"states\" is an array" },
    { "{\"base\":\"pi0_droid\",\"actions\":0}", "\"actions\" is an integer" },
    { "{\"base\":\"pi0_droid\",\"actions\":[]}", "\"actions\" is an array" },
    { "{\"base\":\"pi0_droid\",\"actions\":[\"a\",1]}", "\"actions\" is an integer" },
    { "{\"base\":\"pi0_droid\",\"actions\":9223372036854775807}", "\"actions\"" },
    { "{\"base\":\"pi0_droid\",\"delta\":\"all\"}", "\"delta\" is a string" },
    { "{\"base\":\"pi0_droid\",\"delta\":[true]}", "\"delta\" is a boolean" },
    { "{\"base\":\"pi0_droid\",\"delta\":[200,-100]}", "\"delta\" is an integer" },
    { "{\"base\":\"pi0_droid\",\"delta\":[-9223372036854775807]}", "\"delta\"" },
    { "{\"base\":\"pi0_droid\",\"normalization\":\"none\"}",
      "\"normalization\" is \"none\", expected one of zscore, quantile" },
    { "{\"base\":\"pi0_droid\",\"epsilon\":-1}", "\"epsilon\"" },
    { "{\"base\":\"pi0_droid\",\"epsilon\":\"tiny\"}", "\"epsilon\" is a string" },
    { "{\"base\":\"pi0_droid\",\"horizon\":0}", "\"horizon\" is 0, expected 1..4096" },
    { "{\"base\":\"pi0_droid\",\"max_tokens\":1.5}", "\"max_tokens\" is a real number" },
    { "{\"base\":\"pi0_droid\",\"time_grid\":\"jax\"}", "expected one of openpi, lerobot" },
    { "{\"base\":\"pi0_droid\",\"resize\":5}", "\"resize\" is an integer" },
    { "{\"base\":\"pi0_droid\",\"prompt_format\":\"pi0.5\"}", "\"prompt_format\" is \"pi0.5\"" },
    { "{\"base\":\"pi0_droid\",\"default_prompt\":\"\"}", "\"default_prompt\" is a string" },
    { "{\"base\":\"pi0_droid\",\"asset_id\":\"a\",\"statistics\":\"b\"}", "both \"asset_id\"" },
    { "{\"base\":\"pi0_droid\",\"metadata\":[]}", "\"metadata\" is an array" },
    { "{\"base\":\"pi0_droid\",\"adapt_to_pi\":true}", "here are 8 and 8" },
    { "{\"base\":\"pi0_aloha\",\"actions\":7}", "here are 14 and 7" },
};

static void refuses(void **state)
{
    (void)state;
    static policy_spec s;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        pi0_error e = { 0 };
        expect_error(parse(&s, wrong[i].json, &e), PI0_EFORMAT, &e, wrong[i].text);
        assert_non_null(strstr(e.message, "dir/robot.json"));
    }
    pi0_error e = { 0 };
    expect_error(parse(&s, "{\"base\":\"pi0_driod\"}", &e), PI0_EINVAL, &e, "nearest is pi0_droid");
    expect_error(pi0_spec_read(&s, "/nowhere/robot.json", &e), PI0_EIO, &e, "/nowhere/robot.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libero_in_words), cmocka_unit_test(droid_in_words),
        cmocka_unit_test(aloha_from_base), cmocka_unit_test(defaults),
        cmocka_unit_test(every_field),     cmocka_unit_test(base_and_changes),
        cmocka_unit_test(the_example),     cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
