/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c - config.json of openpi and LeRobot: those of the golden cases, what is refused,
 * and that each message names file and key. */
#include "support/expect.h"

#include "data/config.h"
#include "support/tmpdir.h"

static int parse(checkpoint_config *config, const char *json, pi0_error *err)
{
    return pi0_config_parse(config, json, strlen(json), "config.json", err);
}

// refused, the file named, the text in the message, config as it was
static void expect_refused(const char *json, int code, const char *find)
{
    pi0_error err = { 0 };
    static checkpoint_config config, before;
    memset(&config, 0x5a, sizeof config);
    memset(&before, 0x5a, sizeof before);
    const int status = parse(&config, json, &err);
    expect_error(status, code, &err, "config.json: ");
    expect_error(status, code, &err, find);
    assert_memory_equal(&config, &before, sizeof config);
}

static void read_golden(checkpoint_config *config, const char *dir)
{
    char path[TMPDIR_PATH];
    pi0_error err;
    snprintf(path, sizeof path, "%s/%s", PI0_TEST_DATA, dir);
    expect_ok(pi0_config_read(config, path, &err), &err);
    assert_true(config->found);
    assert_int_equal(config->action_dim, 32);
    assert_string_equal(config->vlm_variant, "gemma_2b");
    assert_string_equal(config->expert_variant, "gemma_300m");
    assert_string_equal(config->warning, "");
}

static void expect_openpi_cameras(const checkpoint_config *config)
{
    assert_int_equal(config->n_cameras, 3);
    assert_string_equal(config->camera[0], "base_0_rgb");
    assert_string_equal(config->camera[1], "left_wrist_0_rgb");
    assert_string_equal(config->camera[2], "right_wrist_0_rgb");
}

static void golden_openpi(void **state)
{
    static const struct {
        const char *dir;
        int horizon;
    } golden[] = {
        { "openpi/pi0_droid", 10 },     { "openpi/pi05_libero", 10 },
        { "openpi/pi0_aloha_sim", 50 }, { "openpi/pi05_aloha", 50 },
        { "openpi/pi05_droid", 15 },    { "openpi/pi05_full_droid_finetune", 16 },
        { "openpi/pi0_libero", 50 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        checkpoint_config config;
        read_golden(&config, golden[i].dir);
        assert_int_equal(config.layout, LAYOUT_OPENPI);
        assert_int_equal(config.pi05, -1);
        assert_int_equal(config.horizon, golden[i].horizon);
        assert_int_equal(config.state_dim, 0);
        assert_int_equal(config.num_steps, 0);
        assert_int_equal(config.max_tokens, 0);
        assert_int_equal(config.image_size, 0);
        expect_openpi_cameras(&config);
    }
}

static void golden_lerobot(void **state)
{
    static const struct {
        const char *dir;
        int pi05, num_steps, max_tokens;
    } golden[] = {
        { "lerobot/lerobot_pi0", 0, 10, 48 },
        { "lerobot/lerobot_pi0_relative", 0, 10, 48 },
        { "lerobot/lerobot_pi05", 1, 10, 200 },
        { "lerobot/lerobot_pi05_meanstd", 1, 5, 200 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        checkpoint_config config;
        read_golden(&config, golden[i].dir);
        assert_int_equal(config.layout, LAYOUT_LEROBOT);
        assert_int_equal(config.pi05, golden[i].pi05);
        assert_int_equal(config.horizon, 20);
        assert_int_equal(config.state_dim, 32);
        assert_int_equal(config.num_steps, golden[i].num_steps);
        assert_int_equal(config.max_tokens, golden[i].max_tokens);
        assert_int_equal(config.image_size, 224);
        // lerobot_pi0 has an empty camera, which is none
        assert_int_equal(config.n_cameras, 2);
        assert_string_equal(config.camera[0], "observation.images.top");
        assert_string_equal(config.camera[1], "observation.images.wrist");
    }
}

static void ranges(void **state)
{
    static const struct {
        const char *type, *key;
        int max;
    } number[] = {
        { "", "action_horizon", 4096 },
        { "", "action_dim", 4096 },
        { "\"type\":\"pi0\",", "chunk_size", 4096 },
        { "\"type\":\"pi05\",", "max_action_dim", 4096 },
        { "\"type\":\"pi05\",", "max_state_dim", 4096 },
        { "\"type\":\"pi0\",", "num_inference_steps", 1024 },
        { "\"type\":\"pi0\",", "tokenizer_max_length", 65536 },
    };
    static const char *const wrong[] = {
        "0", "-1", "1000000000", "50.0", "\"50\"", "true", "[50]"
    };
    (void)state;
    for (size_t i = 0; i < COUNT(number); i++) {
        char json[128], find[64], range[32];
        checkpoint_config config;
        pi0_error err;
        snprintf(find, sizeof find, "\"%s\" is ", number[i].key);
        snprintf(range, sizeof range, "1..%d", number[i].max);
        for (size_t k = 0; k < COUNT(wrong); k++) {
            snprintf(json, sizeof json, "{%s\"%s\":%s}", number[i].type, number[i].key, wrong[k]);
            expect_refused(json, PI0_EFORMAT, find);
            expect_refused(json, PI0_EFORMAT, range);
        }
        // both ends of the range
        snprintf(json, sizeof json, "{%s\"%s\":%d}", number[i].type, number[i].key,
                 number[i].max + 1);
        expect_refused(json, PI0_EFORMAT, find);
        snprintf(json, sizeof json, "{%s\"%s\":%d}", number[i].type, number[i].key, number[i].max);
        expect_ok(parse(&config, json, &err), &err);
        assert_int_equal(config.horizon + config.action_dim + config.state_dim + config.num_steps +
                             config.max_tokens,
                         number[i].max);
        snprintf(json, sizeof json, "{%s\"%s\":null}", number[i].type, number[i].key);
        expect_ok(parse(&config, json, &err), &err);
    }
}

static void not_a_config(void **state)
{
    (void)state;
    expect_refused("", PI0_EFORMAT, "empty");
    expect_refused("[]", PI0_EFORMAT, "array");
    expect_refused("{\"type\":\"pi0\"", PI0_EFORMAT, "line 1");
    expect_refused("{\"type\":\"pi0\xff\"}", PI0_EFORMAT, "UTF-8");
    expect_refused("{\"action_dim\":7,\"action_dim\":8}", PI0_EFORMAT, "\"action_dim\"");
    expect_refused("{\"type\":5}", PI0_EFORMAT, "\"type\" is an integer");
    expect_refused("{\"paligemma_variant\":5}", PI0_EFORMAT, "\"paligemma_variant\" is an integer");
    expect_refused("{\"type\":\"pi0\",\"action_expert_variant\":[]}", PI0_EFORMAT,
                   "\"action_expert_variant\" is an array");
    char json[256];
    snprintf(json, sizeof json, "{\"paligemma_variant\":\"%0130d\"}", 0);
    expect_refused(json, PI0_EFORMAT, "\"paligemma_variant\" has 130 bytes, at most 127");
}

static void unsupported(void **state)
{
    static const char *const types[] = { "pi0_fast", "pi0fast", "smolvla", "act", "PI0", "" };
    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        char json[64], find[64];
        snprintf(json, sizeof json, "{\"type\":\"%s\"}", types[i]);
        snprintf(find, sizeof find, "policy type \"%s\" is not supported", types[i]);
        expect_refused(json, PI0_EUNSUPPORTED, find);
        expect_refused(json, PI0_EUNSUPPORTED, "supported are pi0 and pi05");
    }
    expect_refused("{\"type\":null}", PI0_EUNSUPPORTED, "policy type \"\"");
    expect_refused("{\"type\":\"pi05\",\"use_visual_memory\":true}", PI0_EUNSUPPORTED,
                   "\"use_visual_memory\" is true: MEM memory");
    expect_refused("{\"type\":\"pi05\",\"use_proprioceptive_memory\":true}", PI0_EUNSUPPORTED,
                   "\"use_proprioceptive_memory\" is true: MEM memory");
    expect_refused("{\"type\":\"pi0\",\"use_peft\":true}", PI0_EUNSUPPORTED,
                   "\"use_peft\" is true: a PEFT adapter");
    expect_refused("{\"type\":\"pi0\",\"use_peft\":true}", PI0_EUNSUPPORTED, "merge_and_unload");
    expect_refused("{\"type\":\"pi0\",\"use_peft\":\"yes\"}", PI0_EFORMAT,
                   "\"use_peft\" is a string");
    // other periods would make another time embedding
    expect_refused("{\"type\":\"pi0\",\"min_period\":0.04}", PI0_EUNSUPPORTED,
                   "\"min_period\" is 0.04, only 0.004");
    expect_refused("{\"type\":\"pi05\",\"max_period\":5}", PI0_EUNSUPPORTED,
                   "\"max_period\" is 5, only 4");
    expect_refused("{\"type\":\"pi05\",\"max_period\":\"4\"}", PI0_EFORMAT,
                   "\"max_period\" is a string");
}

static void tolerated(void **state)
{
    checkpoint_config config;
    pi0_error err;
    (void)state;
    // nothing said, unknown fields
    expect_ok(parse(&config, "{}", &err), &err);
    assert_true(config.found);
    assert_int_equal(config.layout, LAYOUT_OPENPI);
    assert_int_equal(config.horizon, 0);
    assert_string_equal(config.vlm_variant, "");
    expect_openpi_cameras(&config);
    expect_ok(parse(&config, "{\"new\":{\"a\":[1]},\"chunk_size\":\"openpi's has none\"}", &err),
              &err);
    expect_ok(parse(&config,
                    "{\"type\":\"pi0\",\"action_horizon\":0,\"new\":[],\"use_peft\":false,"
                    "\"use_visual_memory\":null,\"min_period\":4e-3,\"max_period\":4}",
                    &err),
              &err);
    assert_int_equal(config.layout, LAYOUT_LEROBOT);
    assert_int_equal(config.horizon, 0);
    assert_int_equal(config.n_cameras, 0);
    assert_int_equal(config.image_size, 0);
    // openpi's flag, where somebody has written it
    expect_ok(parse(&config, "{\"pi05\":true}", &err), &err);
    assert_int_equal(config.pi05, 1);
    expect_ok(parse(&config, "{\"pi05\":false}", &err), &err);
    assert_int_equal(config.pi05, 0);
    expect_ok(parse(&config, "{\"pi05\":\"?\"}", &err), &err);
    assert_int_equal(config.pi05, -1);
    // real-time chunking is the runtime's affair: a warning
    expect_ok(parse(&config, "{\"type\":\"pi0\",\"rtc_config\":null}", &err), &err);
    assert_string_equal(config.warning, "");
    expect_ok(parse(&config, "{\"type\":\"pi0\",\"rtc_config\":{\"enabled\":true}}", &err), &err);
    assert_non_null(strstr(config.warning, "\"rtc_config\""));
}

static void resolution(void **state)
{
    static const char *const wrong[] = { "224",           "[224]",       "[224,224,3]",
                                         "[224,225]",     "[0,0]",       "[-224,-224]",
                                         "[224.0,224.0]", "[4097,4097]", "{}" };
    checkpoint_config config;
    pi0_error err;
    char json[128];
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(json, sizeof json, "{\"type\":\"pi0\",\"image_resolution\":%s}", wrong[i]);
        expect_refused(json, PI0_EFORMAT, "\"image_resolution\" is ");
    }
    expect_ok(parse(&config, "{\"type\":\"pi0\",\"image_resolution\":[448,448]}", &err), &err);
    assert_int_equal(config.image_size, 448);
}

// n cameras c0, c1 … in one input_features, with `more` behind
static const char *camera_json(int n, const char *more)
{
    static char json[4096];
    char *to = json + sprintf(json, "{\"type\":\"pi05\",\"input_features\":{");
    for (int i = 0; i < n; i++)
        to += sprintf(to, "\"c%d\":{\"type\":\"VISUAL\",\"shape\":[3,2,2]},", i);
    sprintf(to, "%s}}", more);
    return json;
}

static void cameras(void **state)
{
    checkpoint_config config;
    pi0_error err;
    char name[200];
    (void)state;
    // as many as there is room for, beside what is no camera
    expect_ok(parse(&config,
                    camera_json(16, "\"observation.images.empty_camera_0\":{\"type\":\"VISUAL\"},"
                                    "\"observation.state\":{\"type\":\"STATE\",\"shape\":[6]}"),
                    &err),
              &err);
    assert_int_equal(config.n_cameras, 16);
    for (int i = 0; i < 16; i++) {
        snprintf(name, sizeof name, "c%d", i);
        assert_string_equal(config.camera[i], name);
    }
    // in the file's order, not the alphabet's
    expect_ok(parse(&config,
                    camera_json(1, "\"b\":{\"type\":\"VISUAL\"},\"a\":{\"type\":\"VISUAL\"}"),
                    &err),
              &err);
    assert_int_equal(config.n_cameras, 3);
    assert_string_equal(config.camera[1], "b");
    assert_string_equal(config.camera[2], "a");

    expect_refused(camera_json(16, "\"c16\":{\"type\":\"VISUAL\"}"), PI0_EFORMAT,
                   "\"c16\" is one camera more than the 16");
    expect_refused(camera_json(1, "\"x\":{}"), PI0_EFORMAT, "\"x\" has no \"type\"");
    expect_refused(camera_json(1, "\"x\":{\"type\":1}"), PI0_EFORMAT, "\"x\" has no \"type\"");
    expect_refused(camera_json(1, "\"x\":[]"), PI0_EFORMAT, "\"x\" has no \"type\"");
    expect_refused("{\"type\":\"pi0\",\"input_features\":[]}", PI0_EFORMAT,
                   "\"input_features\" is an array");
    snprintf(name, sizeof name, "\"%0128d\":{\"type\":\"VISUAL\"}", 0);
    expect_refused(camera_json(1, name), PI0_EFORMAT, "is a name of more than 127 bytes");
    snprintf(name, sizeof name, "\"%0127d\":{\"type\":\"VISUAL\"}", 0);
    expect_ok(parse(&config, camera_json(1, name), &err), &err);
    assert_int_equal(strlen(config.camera[1]), 127);
}

static void folders(void **state)
{
    const tmpdir dir = tmpdir_make();
    checkpoint_config config;
    pi0_error err;
    (void)state;
    // no config.json
    memset(&config, 0x5a, sizeof config);
    expect_ok(pi0_config_read(&config, dir.path, &err), &err);
    assert_false(config.found);
    assert_int_equal(config.layout, LAYOUT_OPENPI);
    assert_int_equal(config.pi05, -1);
    assert_int_equal(config.horizon, 0);
    expect_openpi_cameras(&config);
    // a bad one is named with its path
    tmpdir_write_text(&dir, "config.json", "{\"action_dim\":0}");
    expect_error(pi0_config_read(&config, dir.path, &err), PI0_EFORMAT, &err, dir.path);
    expect_error(pi0_config_read(&config, dir.path, &err), PI0_EFORMAT, &err,
                 "/config.json: \"action_dim\" is 0");
    // of LeRobot's folder no other file can say what it says
    tmpdir_unlink(&dir, "config.json");
    tmpdir_write_text(&dir, "policy_preprocessor.json", "{}");
    expect_error(pi0_config_read(&config, dir.path, &err), PI0_EIO, &err,
                 "/config.json is not there, but LeRobot's");
    // an adapter beside a good one
    tmpdir_write_text(&dir, "config.json", "{\"type\":\"pi0\"}");
    expect_ok(pi0_config_read(&config, dir.path, &err), &err);
    tmpdir_write_text(&dir, "adapter_config.json", "{}");
    expect_error(pi0_config_read(&config, dir.path, &err), PI0_EUNSUPPORTED, &err,
                 "/adapter_config.json: a PEFT adapter");
    expect_error(pi0_config_read(&config, dir.path, &err), PI0_EUNSUPPORTED, &err,
                 "merge_and_unload");
    tmpdir_remove(&dir);
}

static void variants(void **state)
{
    static const struct {
        const char *name;
        int width, depth, mlp;
    } known[] = {
        { "gemma_2b", 2048, 18, 16384 },
        { "gemma_300m", 1024, 18, 4096 },
        { "gemma_2b_lora", 2048, 18, 16384 },
        { "gemma_300m_lora", 1024, 18, 4096 },
        { "dummy", 64, 4, 128 },
    };
    int width, depth, mlp;
    (void)state;
    for (size_t i = 0; i < COUNT(known); i++) {
        assert_true(pi0_config_variant(known[i].name, &width, &depth, &mlp));
        assert_int_equal(width, known[i].width);
        assert_int_equal(depth, known[i].depth);
        assert_int_equal(mlp, known[i].mlp);
    }
    width = depth = mlp = -1;
    assert_false(pi0_config_variant("gemma_2", &width, &depth, &mlp));
    assert_false(pi0_config_variant("", &width, &depth, &mlp));
    assert_int_equal(width + depth + mlp, -3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_openpi), cmocka_unit_test(golden_lerobot),
        cmocka_unit_test(ranges),        cmocka_unit_test(not_a_config),
        cmocka_unit_test(unsupported),   cmocka_unit_test(tolerated),
        cmocka_unit_test(resolution),    cmocka_unit_test(cameras),
        cmocka_unit_test(folders),       cmocka_unit_test(variants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
