/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_steps.c - the arithmetic of each step, against NumPy 1.26 running the expressions of
 * openpi's transforms.py and aloha_policy.py and of LeRobot's normalize_processor.py: the same
 * order, the same types, so the same bits. */
#include "policy/steps.h"
#include "support/expect.h"
#include <math.h>

static const double mean[] = { 0.1, -0.25, 3.0 }, std[] = { 0.3, 1e-9, 2.5 };
static const double low[] = { -1.0, -0.37, 0.2 }, high[] = { 1.5, 0.91, 0.2 };
static const double raw[] = { 0.7, -0.33, 0.21 };
static const float made[] = { 0x1.6b851ep-1f, -0x1.4cccccp+0f, 0x1.f9adp-4f };

static norm make(enum norm_kind kind, double eps, const double *a, const double *b)
{
    norm s = { .kind = kind, .n = 3, .eps = eps };
    memcpy(s.a, a, 3 * sizeof *a);
    memcpy(s.b, b, 3 * sizeof *b);
    return s;
}

// LeRobot's statistics are f32
static norm make_f32(enum norm_kind kind, const double *a, const double *b)
{
    norm s = make(kind, 1e-8, a, b);
    pi0_step_round_f32(s.a, 3);
    pi0_step_round_f32(s.b, 3);
    return s;
}

static void expect_bits(const double *got, const double *want, int n)
{
    for (int i = 0; i < n; i++)
        if (got[i] != want[i]) fail_msg("value %d: %a, expected %a", i, got[i], want[i]);
}

static void both_ways_of(const norm *s, const double *from, const double *normal,
                         const double *robot)
{
    double x[3], y[3];
    memcpy(x, from, sizeof x);
    if (s->kind >= NORM_MEAN_STD) pi0_step_round_f32(x, 3);
    pi0_step_normalize(s, x, 3);
    expect_bits(x, normal, 3);
    pi0_step_unnormalize(s, y, made, 3);
    expect_bits(y, robot, 3);
}

static void both_ways(const norm *s, const double *normal, const double *robot)
{
    both_ways_of(s, raw, normal, robot);
}

static void zscore(void **state)
{
    (void)state;
    const double normal[] = { 0x1.ffff9026faea5p+0, -0x1.38301475a471ap+16, -0x1.1db225911038cp+0 };
    const double robot[] = { 0x1.408341a5b4edbp-2, -0x1.0000575429b71p-2, 0x1.a78185091ea79p+1 };
    const norm s = make(NORM_ZSCORE, 1e-6, mean, std);
    both_ways(&s, normal, robot);
}

// on the way back (x + 1) / 2 is f32, the rest f64
static void quantile(void **state)
{
    (void)state;
    const double normal[] = { 0x1.70a3b28865184p-2, -0x1.e00001a36e194p-1, 0x1.387bffffffff6p+14 };
    const double robot[] = { 0x1.2333425832768p+0, -0x1.1fbe7acb0ccbcp-1, 0x1.9999e4fe6d58dp-3 };
    const norm s = make(NORM_QUANTILE, 1e-6, low, high);
    both_ways(&s, normal, robot);
}

// the state that absolute actions are added to has gone through the network's values and back
static void state_and_back(void **state)
{
    (void)state;
    const double from_zscore[] = { 0x1.6666666666666p-1, -0x1.51eb851eb851fp-2,
                                   0x1.ae147ae147aep-3 };
    const double from_quantile[] = { 0x1.6666666666666p-1, -0x1.51eb851eb851fp-2,
                                     0x1.ae147ae147ae1p-3 };
    double x[3];
    const norm z = make(NORM_ZSCORE, 1e-6, mean, std), q = make(NORM_QUANTILE, 1e-6, low, high);
    memcpy(x, raw, sizeof x);
    pi0_step_normalize(&z, x, 3);
    pi0_step_unnormalize_state(&z, x, 3);
    expect_bits(x, from_zscore, 3);
    memcpy(x, raw, sizeof x);
    pi0_step_normalize(&q, x, 3);
    pi0_step_unnormalize_state(&q, x, 3);
    expect_bits(x, from_quantile, 3);
}

// eps only on the way in
static void lerobot_mean_std(void **state)
{
    (void)state;
    const double normal[] = { 0x1.fffffcp+0, -0x1.bbe462p+22, -0x1.1db22cp+0 };
    const double robot[] = { 0x1.408312p-2, -0x1p-2, 0x1.a78184p+1 };
    const norm s = make_f32(NORM_MEAN_STD, mean, std);
    both_ways(&s, normal, robot);
}

// eps only where both bounds are the same number; the third value is
static void lerobot_bounds(void **state)
{
    (void)state;
    const double normal[] = { 0x1.70a3d8p-2, -0x1.ep-1, 0x1.e847d2p+20 };
    const double robot[] = { 0x1.233334p+0, -0x1.1fbe76p-1, 0x1.99999ap-3 };
    static const enum norm_kind kinds[] = { NORM_MIN_MAX, NORM_QUANTILES, NORM_QUANTILE10 };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const norm s = make_f32(kinds[i], low, high);
        both_ways(&s, normal, robot);
    }
}

// bounds so close that an eps of 1e-8 would count
static void lerobot_close_bounds(void **state)
{
    (void)state;
    const double from[] = { 0.1, -0.5, 2e-7 }, to[] = { 0.13, -0.49, 3e-7 };
    const double near[] = { 0.115, -0.4951, 2.25e-7 };
    const double normal[] = { 0x1p-22, -0x1.47a3p-6, -0x1.000008p-1 };
    const double robot[] = { 0x1.0154c8p-3, -0x1.00c49cp-1, 0x1.13103ep-22 };
    static const enum norm_kind kinds[] = { NORM_MIN_MAX, NORM_QUANTILES, NORM_QUANTILE10 };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const norm s = make_f32(kinds[i], from, to);
        both_ways_of(&s, near, normal, robot);
    }
}

static void identity(void **state)
{
    (void)state;
    const norm s = { .kind = NORM_IDENTITY };
    double x[] = { 3, -4 }, y[2];
    pi0_step_normalize(&s, x, 2);
    assert_true(x[0] == 3 && x[1] == -4);
    pi0_step_unnormalize(&s, y, made, 2);
    assert_true(y[0] == made[0] && y[1] == made[1]);
}

static void absolute(void **state)
{
    (void)state;
    static const unsigned char mask[] = { 1, 0, 1 };
    const double anchor[] = { 0.1, 100, 0x1.000002p+0 };
    double x[] = { 0.2, 5, 0x1.8p-24 }, y[] = { 0.2, 5, 0x1.8p-24 };
    pi0_step_absolute(x, 3, mask, anchor);
    assert_true(x[0] == 0.1 + 0.2 && x[1] == 5 && x[2] == 0x1.0000038p+0);
    // f32 has no room for the last bits
    pi0_step_absolute_f32(y, 3, mask, anchor);
    assert_true(y[0] == (double)(0.1f + 0.2f) && y[1] == 5 && y[2] == 0x1.000004p+0);
}

/* ---- ALOHA ---- */

static bool one_ulp(double a, double b)
{
    return a == b || nextafter(a, b) == b;
}

static void aloha_flip(void **state)
{
    (void)state;
    double x[ALOHA_VALUES];
    for (int i = 0; i < ALOHA_VALUES; i++) x[i] = i + 1;
    pi0_step_aloha_flip(x);
    const double want[] = { 1, -2, -3, 4, 5, 6, 7, 8, -9, -10, 11, 12, 13, 14 };
    expect_bits(x, want, ALOHA_VALUES);
}

// closed, half, open, and two beyond what the linkage can reach or was made for
static void aloha_gripper_in(void **state)
{
    (void)state;
    static const double in[] = { 0, 0.5, 1, -0.2, 1.3 };
    static const double want[] = { -0x1.1472118aa58f9p+0, -0x1.1ed5a39a93211p-3,
                                   0x1.e42c9a7c78dbfp-1, -0x1.f535d113757f6p+0,
                                   0x1.e42c9a7c78dbfp-1 };
    for (size_t i = 0; i < COUNT(in); i++) {
        double x[ALOHA_VALUES] = { 9, 9, 9, 9, 9, 9, in[i], 9, 9, 9, 9, 9, 9, in[i] };
        pi0_step_aloha_gripper_in(x);
        // asin is each C library's own
        if (!one_ulp(x[6], want[i]) || x[13] != x[6])
            fail_msg("gripper %g: %a and %a, expected %a", in[i], x[6], x[13], want[i]);
        for (int k = 0; k < ALOHA_VALUES; k++) assert_true(k == 6 || k == 13 || x[k] == 9);
    }
}

// not the inverse of the way in
static void aloha_gripper_out(void **state)
{
    (void)state;
    static const double in[] = { 0, 0.5, 1 };
    static const double want[] = { 0x1.1b5456ebc5c71p-1, 0x1.94863c4847d82p-1,
                                   0x1.06dc10d264f48p+0 };
    for (size_t i = 0; i < COUNT(in); i++) {
        double x[ALOHA_VALUES] = { 9, 9, 9, 9, 9, 9, in[i], 9, 9, 9, 9, 9, 9, in[i] };
        pi0_step_aloha_gripper_out(x);
        assert_true(x[6] == want[i] && x[13] == want[i] && x[5] == 9 && x[7] == 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zscore),
        cmocka_unit_test(quantile),
        cmocka_unit_test(state_and_back),
        cmocka_unit_test(lerobot_mean_std),
        cmocka_unit_test(lerobot_bounds),
        cmocka_unit_test(lerobot_close_bounds),
        cmocka_unit_test(identity),
        cmocka_unit_test(absolute),
        cmocka_unit_test(aloha_flip),
        cmocka_unit_test(aloha_gripper_in),
        cmocka_unit_test(aloha_gripper_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
