/* SPDX-License-Identifier: Apache-2.0 */
/* test_verify_rows.c - one comparison of pi0 verify: its numbers, its bound, its verdict. What is
 * just above a bound fails, what is just below it passes. */
#include "support/expect.h"
#include "verify.h"
#include <math.h>

static void stages_are_kept(void **state)
{
    (void)state;
    stage_store s = { .n = 0 };
    const float a[] = { 1, 2, 3, 4 }, b[] = { 5, 6 };
    pi0_store_keep(&s, "x", a, 2, 2);
    pi0_store_keep(&s, "y", b, 1, 2);
    pi0_store_keep(&s, "x", b, 2, 1);
    assert_int_equal(s.n, 2);
    assert_int_equal(pi0_store_find(&s, "x")->cols, 1);
    assert_memory_equal(pi0_store_find(&s, "x")->data, b, sizeof b);
    assert_memory_equal(pi0_store_find(&s, "y")->data, b, sizeof b);
    assert_null(pi0_store_find(&s, "z"));
    assert_false(s.failed);
    pi0_store_free(&s);
}

/* ---- bounds ---- */

// a matrix, and the same with an error of relative size `by` spread over all of it
static likeness off_by(double by)
{
    enum { N = 4096 };
    float a[N], b[N];
    uint32_t x = 5;
    for (int i = 0; i < N; i++)
        b[i] = (float)((x = x * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1;
    const double rms = pi0_likeness(b, NULL, b, NULL, N).rms;
    for (int i = 0; i < N; i++) a[i] = (float)((double)b[i] + (i % 2 ? by : -by) * rms);
    return pi0_likeness(a, NULL, b, NULL, N);
}

static void just_above_a_bound(void **state)
{
    (void)state;
    const verify_terms t = { true,
                             588,
                             { 27, 1152, 4304, 16, 72 },
                             { 18, 2048, 16384, 8, 256 },
                             { 18, 1024, 4096, 8, 256 } };
    for (int bf16 = 0; bf16 < 2; bf16++)
        for (int k = 0; k < KIND_COUNT; k++)
            for (int m = 0; m < MODE_COUNT; m++) {
                verify_terms terms = t;
                verify_row row = { .kind = (enum verify_kind)k,
                                   .mode = (enum verify_mode)m,
                                   .rows = 50,
                                   .cols = 32,
                                   .layer = 3,
                                   .step = 1 };
                double floor;
                terms.bf16 = bf16;
                const double bound = pi0_verify_bound(&terms, &row, &floor);
                // a correlation of 0.999 is an error of 0.0447
                assert_true(bound <= (bf16 ? 0.0447 : 1e-3));
                assert_true(floor >= (bf16 ? 0.999 : 0.999999));
                if (bound < 1e-6) continue; // f32 has no such small errors to offer
                row.is = off_by(bound * 0.99);
                pi0_verify_judge(&terms, &row, 0);
                if (!row.pass) fail_msg("%s below its bound: %s", pi0_verify_kinds[k].key, row.why);
                row.is = off_by(bound * 1.01);
                pi0_verify_judge(&terms, &row, 0);
                assert_false(row.pass);
            }
}

// each criterion for itself
static void criteria(void **state)
{
    (void)state;
    const verify_terms t = { .bf16 = true };
    verify_row row = { .kind = KIND_PREFIX_ATTENTION, .mode = MODE_ALONE, .layer = 1 };
    const likeness good = off_by(1e-3);
    const struct {
        likeness is;
        const char *why;
    } cases[] = {
        { good, "" },
        { { good.pcc, good.max_error, good.rms_error, NAN, 0, 1, true }, "relative L2" },
        { { 0.9989, good.max_error, good.rms_error, good.rel_l2, 0, 1, true }, "correlation" },
        { { good.pcc, 1, good.rms_error, good.rel_l2, 1, 1, true }, "single value" },
        { { good.pcc, 1, good.rms_error, good.rel_l2, 0, 1, false }, "not finite" },
        { { NAN, 0, good.rms_error, good.rel_l2, 0, 1, true }, "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        row.is = cases[i].is;
        pi0_verify_judge(&t, &row, 0);
        assert_int_equal(row.pass, !*cases[i].why);
        assert_non_null(strstr(row.why, cases[i].why));
    }
}

static void exact_rows(void **state)
{
    (void)state;
    const verify_terms t = { .bf16 = true };
    const float a[] = { 1, 2, 3 }, b[] = { 1, 2, 3.0000002f };
    verify_row row = { .kind = KIND_NOISE, .mode = MODE_ALONE, .rows = 1, .cols = 3 };
    row.is = pi0_likeness(a, NULL, a, NULL, 3);
    pi0_verify_judge(&t, &row, 0);
    assert_true(row.pass);
    row.is = pi0_likeness(b, NULL, a, NULL, 3);
    pi0_verify_judge(&t, &row, 0);
    assert_false(row.pass);
}

static void likeness_of_known_values(void **state)
{
    (void)state;
    const float a[] = { 2, 4, 6, 9 }, b[] = { 1, 2, 3, 4 }, zero[] = { 0, 0, 0, 0 };
    const float same[] = { 7, 7, 7, 7 }, bad[] = { 1, NAN, 3, 4 };
    likeness l = pi0_likeness(a, NULL, b, NULL, 4);
    assert_true(fabs(l.pcc - 11.5 / sqrt(26.75 * 5)) < 1e-12);
    assert_true(l.max_error == 5 && fabs(l.rms_error - sqrt(39 / 4.0)) < 1e-12);
    assert_true(fabs(l.rel_l2 - sqrt(39 / 30.0)) < 1e-12);
    assert_true(fabs(l.outlier - 5 / (4 + sqrt(7.5))) < 1e-12);
    // what was added to a stream
    l = pi0_likeness(a, b, a, b, 4);
    assert_true(l.pcc == 1 && l.rel_l2 == 0);
    l = pi0_likeness(b, zero, a, b, 4);
    assert_true(l.max_error == 1);
    // a constant has no correlation, zeros have no size
    assert_true(isnan(pi0_likeness(a, NULL, same, NULL, 4).pcc));
    assert_true(pi0_likeness(same, NULL, a, NULL, 4).pcc == 0);
    assert_true(isinf(pi0_likeness(a, NULL, zero, NULL, 4).rel_l2));
    assert_true(pi0_likeness(zero, NULL, zero, NULL, 4).rel_l2 == 0);
    assert_false(pi0_likeness(bad, NULL, b, NULL, 4).finite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likeness_of_known_values),
        cmocka_unit_test(stages_are_kept),
        cmocka_unit_test(just_above_a_bound),
        cmocka_unit_test(criteria),
        cmocka_unit_test(exact_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
