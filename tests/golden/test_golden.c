/* SPDX-License-Identifier: Apache-2.0 */
/* test_golden.c - the whole network against openpi's and LeRobot's own outputs. */
#include "api.h"
#include "support/expect.h"
#include "support/network_case.h"
#include <stdlib.h>

// bounds of docs/NUMERICS.md
#define BOUND_OPENPI 1e-5
#define BOUND_LEROBOT 5e-6

static difference run_case(const network_case *c, const char *flow, bool other_grid)
{
    pi0_error err;
    pi0_options opt;
    pi0_model *m = NULL;
    pi0_session *s = NULL;
    const size_t n = (size_t)c->horizon * 32;
    float *actions = malloc(n * sizeof *actions);
    pi0_default_options(&opt);
    opt.backend = flow;
    must(pi0_load(&m, c->dir, &opt, &err), &err);
    if (other_grid) m->limits.grid = m->limits.grid == TIME_OPENPI ? TIME_LEROBOT : TIME_OPENPI;
    must(pi0_session_create(&s, m, &opt, &err), &err);
    must(pi0_infer(s, &c->in, c->noise, actions, n, &err), &err);
    const difference d = compare(actions, 32, c->actions, c->horizon, c->cols);
    pi0_session_free(s);
    pi0_free(m);
    free(actions);
    return d;
}

static void reference_matches(void **state)
{
    (void)state;
    printf("  %-32s %10s %10s %12s %8s\n", "reference flow against", "max error", "rms error",
           "correlation", "of");
    for (int i = 0; i < N_CASES; i++) {
        network_case c;
        network_case_open(&c, case_names[i]);
        const difference d = run_case(&c, "reference", false);
        printf("  %-32s %10.2e %10.2e %12.9f %8.2f\n", c.name, d.max, d.rms, d.pcc, d.largest);
        assert_true(d.max <= (c.lerobot ? BOUND_LEROBOT : BOUND_OPENPI));
        network_case_close(&c);
    }
}

// openpi accumulates t, LeRobot doesn't: with the other's grid three of LeRobot's cases are off
static void grid_matters(void **state)
{
    (void)state;
    int off = 0;
    for (int i = N_OPENPI_CASES; i < N_CASES; i++) {
        network_case c;
        network_case_open(&c, case_names[i]);
        const difference d = run_case(&c, "reference", true);
        printf("  %-32s on openpi's time grid: %.2e\n", c.name, d.max);
        off += d.max > BOUND_LEROBOT;
        network_case_close(&c);
    }
    assert_int_equal(off, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_matches),
        cmocka_unit_test(grid_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
