/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc_policy.c - memory on the robot's side: none of ours in a second chunk, and every
 * allocation of a load, a session and a first chunk failing once, without a leak. */
#include "support/alloc_watch.h"
#include "support/expect.h"
#include "support/robot_case.h"

static void none_in_a_second_chunk(void **state)
{
    (void)state;
    static const char *const names[] = { "openpi/pi05_aloha", "openpi/pi0_libero",
                                         "openpi/pi05_full_droid_finetune",
                                         "lerobot/lerobot_pi0_relative", "lerobot/lerobot_pi05" };
    for (size_t k = 0; k < COUNT(names); k++) {
        robot_case c;
        pi0_model *m;
        pi0_session *s;
        pi0_error e;
        double actions[50 * 14], row[14];
        robot_case_open(&c, names[k]);
        c.opt.num_steps = 1;
        robot_case_start(&c, NULL, &m, &s);
        expect_ok(pi0_act(s, &c.obs, NULL, actions, COUNT(actions), &e), &e);
        const long before = alloc_watch_calls();
        expect_ok(pi0_act(s, &c.obs, NULL, actions, COUNT(actions), &e), &e);
        while (pi0_actions_left(s)) expect_ok(pi0_next_action(s, row, 14, &e), &e);
        pi0_session_reset(s);
        assert_int_equal(alloc_watch_calls(), before);
        assert_true(before > 0);
        pi0_session_free(s);
        pi0_free(m);
        robot_case_close(&c);
    }
}

// a load, a session and a chunk; what was made is freed
static int run(void *user, pi0_error *err)
{
    const robot_case *c = user;
    pi0_model *m = NULL;
    pi0_session *s = NULL;
    double actions[50 * 14] = { -77 };
    int status = pi0_load(&m, c->g.dir, &c->opt, err);
    if (!status) status = pi0_session_create(&s, m, &c->opt, err);
    if (!status) status = pi0_act(s, &c->obs, c->noise, actions, COUNT(actions), err);
    assert_true(!status == (actions[0] != -77));
    pi0_session_free(s);
    pi0_free(m);
    return status;
}

static void fail_each(const char *name)
{
    robot_case c;
    robot_case_open(&c, name);
    c.opt.num_steps = 1;
    // planes need a buffer of their own
    c.images[0].format = PI0_RGB8_CHW;
    const int n = alloc_watch_fail_each(run, &c);
    printf("  %s: %d allocations, each failed once\n", name, n);
    assert_true(n > 10);
    robot_case_close(&c);
}

static void each_one_failing(void **state)
{
    (void)state;
    fail_each("openpi/pi05_full_droid_finetune");
    fail_each("lerobot/lerobot_pi0_relative");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_in_a_second_chunk),
        cmocka_unit_test(each_one_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
