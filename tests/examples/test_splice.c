/* SPDX-License-Identifier: Apache-2.0 */
/* test_splice.c - examples/robot_loop/splice.c: which command belongs to which tick, whatever the
 * inference took, and how one plan becomes the next. */
#include "robot_loop/splice.h"
#include "support/expect.h"

enum { ROWS = 4, COLS = 2 };

// a plan whose commands say who they are: column 0 is base + the tick, column 1 its negative
static plan plan_of(double data[ROWS][COLS], long begin, double base)
{
    for (int i = 0; i < ROWS; i++) {
        data[i][0] = base + (double)(begin + i);
        data[i][1] = -data[i][0];
    }
    return (plan){ begin, ROWS, COLS, data[0] };
}

static void expect_row(const plan *p, long tick, double value)
{
    const double *row = plan_row(p, tick);
    assert_non_null(row);
    assert_float_equal(row[0], value, 1e-12);
    assert_float_equal(row[1], -value, 1e-12);
}

static void rows_belong_to_ticks(void **state)
{
    (void)state;
    double a[ROWS][COLS];
    const plan p = plan_of(a, 10, 0);
    assert_null(plan_row(&p, 9));
    for (int i = 0; i < ROWS; i++) expect_row(&p, 10 + i, 10 + i);
    assert_null(plan_row(&p, 14));
    // a plan that is long over
    const plan never = { -1000000000L, ROWS, COLS, a[0] };
    assert_null(plan_row(&never, 0));
}

static void delayed_chunks_begin_in_their_middle(void **state)
{
    (void)state;
    // observed at tick 2, there at tick 2 + delay: from then on that tick's own row is obeyed
    for (long delay = 0; delay < ROWS; delay++) {
        double a[ROWS][COLS], b[ROWS][COLS];
        plan p = plan_of(a, 0, 100), newer = plan_of(b, 2, 200);
        if (2 + delay < ROWS) expect_row(&p, 2 + delay, 100 + 2 + (double)delay);
        plan_splice(&p, &newer, 2 + delay, 0);
        for (long t = 2 + delay; t < 2 + ROWS; t++) expect_row(&p, t, 200 + (double)t);
        assert_null(plan_row(&p, 2 + ROWS));
        // the old one's memory is the next one's
        assert_ptr_equal(p.data, b[0]);
        assert_ptr_equal(newer.data, a[0]);
        assert_int_equal(newer.begin, 0);
    }
}

static void too_late_is_no_row(void **state)
{
    (void)state;
    double a[ROWS][COLS], b[ROWS][COLS];
    plan p = plan_of(a, 0, 100), newer = plan_of(b, 2, 200);
    plan_splice(&p, &newer, 6, 3);
    assert_null(plan_row(&p, 6));
    for (int i = 0; i < ROWS; i++) assert_float_equal(b[i][0], 202 + i, 0);
}

static void blending_goes_from_old_to_new(void **state)
{
    (void)state;
    double a[ROWS][COLS], b[ROWS][COLS];
    plan p = plan_of(a, 0, 100), newer = plan_of(b, 1, 200);
    plan_splice(&p, &newer, 1, 2);
    expect_row(&p, 1, 101 + 100 / 3.0);
    expect_row(&p, 2, 102 + 200 / 3.0);
    expect_row(&p, 3, 203);
    expect_row(&p, 4, 204);
}

static void blending_ends_with_the_old_plan(void **state)
{
    (void)state;
    double a[ROWS][COLS], b[ROWS][COLS];
    plan p = plan_of(a, 0, 100), newer = plan_of(b, 2, 200);
    plan_splice(&p, &newer, 3, 9);
    expect_row(&p, 3, 103 + 100 / 10.0);
    expect_row(&p, 4, 204);
    expect_row(&p, 5, 205);
    // the row of a tick that was over is as it was
    assert_float_equal(b[0][0], 202, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_belong_to_ticks),
        cmocka_unit_test(delayed_chunks_begin_in_their_middle),
        cmocka_unit_test(too_late_is_no_row),
        cmocka_unit_test(blending_goes_from_old_to_new),
        cmocka_unit_test(blending_ends_with_the_old_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
