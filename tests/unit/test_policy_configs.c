/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_configs.c - the table of openpi's named configs, row by row, and names that are not
 * in it. */
#include "support/expect.h"

// openpi src/openpi/training/config.py, training/misc/polaris_config.py; delta: make_bool_mask
static const struct row {
    const char *name, *robot;
    int pi05, horizon, tokens, state_in_prompt;
    const char *delta, *asset_id, *prompt;
    int reset_pose;
} rows[] = {
    { "pi0_aloha", "ALOHA", 0, 50, 48, 0, "11111101111110", "trossen", NULL, 1 },
    { "pi05_aloha", "ALOHA", 1, 50, 200, 1, "11111101111110", "trossen", NULL, 1 },
    { "pi0_aloha_towel", "ALOHA", 0, 50, 48, 0, "11111101111110", "trossen", "fold the towel", 1 },
    { "pi0_aloha_tupperware", "ALOHA", 0, 50, 48, 0, "11111101111110", "trossen",
      "open the tupperware and put the food on the plate", 1 },
    { "pi0_aloha_pen_uncap", "ALOHA", 0, 50, 48, 0, "11111101111110", "trossen", "uncap the pen",
      0 },
    { "pi05_aloha_pen_uncap", "ALOHA", 1, 50, 200, 1, "11111101111110", "trossen", "uncap the pen",
      0 },
    { "pi0_aloha_sim", "ALOHA", 0, 50, 48, 0, NULL, "lerobot/aloha_sim_transfer_cube_human",
      "Transfer cube", 0 },
    { "pi0_droid", "DROID", 0, 10, 48, 0, NULL, "droid", NULL, 0 },
    { "pi05_droid", "DROID", 1, 15, 200, 1, NULL, "droid", NULL, 0 },
    { "pi05_droid_finetune", "DROID", 1, 16, 200, 1, NULL, "droid", NULL, 0 },
    { "pi05_full_droid_finetune", "DROID", 1, 16, 200, 1, "11111110", "droid", NULL, 0 },
    { "pi05_droid_jointpos_polaris", "DROID", 1, 15, 200, 1, "11111110", "droid", NULL, 0 },
    { "pi0_droid_jointpos_polaris", "DROID", 0, 10, 100, 0, "11111110", "droid", NULL, 0 },
    { "pi0_droid_jointpos_100k_polaris", "DROID", 0, 10, 100, 0, "11111110", "droid", NULL, 0 },
    { "pi0_libero", "LIBERO", 0, 50, 48, 0, "1111110", "physical-intelligence/libero", NULL, 0 },
    { "pi0_libero_low_mem_finetune", "LIBERO", 0, 50, 48, 0, "1111110",
      "physical-intelligence/libero", NULL, 0 },
    { "pi05_libero", "LIBERO", 1, 10, 200, 0, NULL, "physical-intelligence/libero", NULL, 0 },
};

static void expect_text(const char *got, const char *want)
{
    if (!want)
        assert_null(got);
    else
        assert_string_equal(got, want);
}

static void expect_row(const struct row *r, const pi0_policy_info *p)
{
    char delta[32] = "";
    assert_string_equal(p->config, r->name);
    assert_string_equal(p->robot, r->robot);
    assert_int_equal(p->pi05, r->pi05);
    assert_int_equal(p->horizon, r->horizon);
    assert_int_equal(p->max_tokens, r->tokens);
    assert_int_equal(p->state_in_prompt, r->state_in_prompt);
    assert_string_equal(p->prompt_format, r->state_in_prompt ? "pi05" : "pi0");
    for (int i = 0; p->relative && i < p->n_actions; i++) delta[i] = p->relative[i] ? '1' : '0';
    expect_text(p->relative ? delta : NULL, r->delta);
    expect_text(p->asset_id, r->asset_id);
    expect_text(p->default_prompt, r->prompt);
    assert_string_equal(p->metadata,
                        r->reset_pose ? "{\"reset_pose\": [0, -1.5, 1.5, 0, 0, 0]}" : "{}");
    assert_string_equal(p->state_norm.kind, r->pi05 ? "quantile" : "zscore");
    assert_true(p->state_norm.eps == 1e-6 && p->action_norm.eps == 1e-6);
    assert_string_equal(p->time_grid, "openpi");
    assert_string_equal(p->resize, "pillow");
}

static void all_rows(void **state)
{
    (void)state;
    pi0_policy_info p;
    pi0_error e;
    for (size_t i = 0; i < COUNT(rows); i++) {
        expect_ok(pi0_config_info(rows[i].name, &p, &e), &e);
        expect_row(&rows[i], &p);
        assert_string_equal(pi0_config_name((int)i), rows[i].name);
    }
    assert_null(pi0_config_name((int)COUNT(rows)));
    assert_null(pi0_config_name(-1));
}

static void expect_names(const char *const *names, const char *want)
{
    char text[400] = "";
    for (int i = 0; names[i]; i++)
        snprintf(text + strlen(text), 60, "%s%s", i ? " " : "", names[i]);
    assert_string_equal(text, want);
}

static void robots(void **state)
{
    (void)state;
    pi0_policy_info p;
    pi0_error e;
    expect_ok(pi0_config_info("pi05_aloha", &p, &e), &e);
    assert_int_equal(p.n_cameras, 4);
    assert_string_equal(p.cameras[0].name, "cam_high");
    assert_string_equal(p.cameras[0].slot, "base_0_rgb");
    assert_true(p.cameras[0].required && !p.cameras[1].required);
    assert_string_equal(p.cameras[3].name, "cam_low");
    assert_null(p.cameras[3].slot);
    assert_int_equal(p.state_dim, 14);
    assert_int_equal(p.n_actions, 14);
    assert_string_equal(p.action_names[6], "left_gripper");
    expect_names(p.input_steps,
                 "aloha_flip_state aloha_gripper_state normalize_state state_into_prompt");
    expect_names(p.output_steps, "unnormalize_actions unnormalize_state absolute_actions "
                                 "aloha_flip_actions aloha_gripper_actions");

    expect_ok(pi0_config_info("pi0_droid", &p, &e), &e);
    assert_int_equal(p.n_states, 2);
    assert_string_equal(p.states[1].name, "observation/gripper_position");
    assert_int_equal(p.state_dim, 8);
    assert_true(strstr(p.action_units, "velocities") && p.extra_allowed);
    expect_names(p.input_steps, "normalize_state");
    expect_names(p.output_steps, "unnormalize_actions");
    expect_ok(pi0_config_info("pi0_droid_jointpos_polaris", &p, &e), &e);
    assert_non_null(strstr(p.action_units, "angles"));

    expect_ok(pi0_config_info("pi05_libero", &p, &e), &e);
    assert_int_equal(p.state_dim, 8);
    assert_int_equal(p.n_actions, 7);
    expect_names(p.input_steps, "normalize_state");
}

static void unknown_names(void **state)
{
    (void)state;
    pi0_policy_info p;
    pi0_error e;
    expect_error(pi0_config_info("pi05_driod", &p, &e), PI0_EINVAL, &e,
                 "the nearest is pi05_droid.");
    assert_non_null(strstr(e.message, "pi0_aloha, pi05_aloha, "));
    assert_non_null(strstr(e.message, "pi05_libero; or"));
    expect_error(pi0_config_info("", &p, &e), PI0_EINVAL, &e, "\"\" is not known");
    expect_error(pi0_config_info("PI0_LIBERO", &p, &e), PI0_EINVAL, &e, "not known");
    expect_error(pi0_config_info("pi0_fast_droid", &p, &e), PI0_EUNSUPPORTED, &e, "pi0-FAST");
    expect_error(pi0_config_info("debug_pi05", &p, &e), PI0_EUNSUPPORTED, &e, "without a robot");
    expect_error(pi0_config_info("paligemma_diffusion_droid", &p, &e), PI0_EUNSUPPORTED, &e,
                 "openpi itself cannot");
    expect_error(pi0_config_info(NULL, &p, &e), PI0_EINVAL, &e, "NULL");
    expect_error(pi0_config_info("pi0_droid", NULL, &e), PI0_EINVAL, &e, "NULL");
    // a name longer than any message
    static char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    expect_error(pi0_config_info(longest, &p, &e), PI0_EINVAL, &e, "not known; the nearest is");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows),
        cmocka_unit_test(robots),
        cmocka_unit_test(unknown_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
