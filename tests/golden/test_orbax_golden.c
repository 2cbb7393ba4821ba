/* SPDX-License-Identifier: Apache-2.0 */
/* test_orbax_golden.c - openpi's own JAX checkpoints against the actions of openpi's JAX model. */
#include "support/expect.h"
#include "support/jax_case.h"
#include "support/network_case.h"
#include <stdlib.h>

// bounds of docs/NUMERICS.md
#define BOUND_JAX 1e-4
#define BOUND_BF16_PCC 0.9999

static difference run_case(const jax_case *c, const char *path, const char *backend,
                           const char *precision)
{
    static float actions[JAX_HORIZON * 32];
    jax_case_run(c, path, backend, precision, actions);
    return compare(actions, 32, c->actions, JAX_HORIZON, 32);
}

static void reference_matches(void **state)
{
    (void)state;
    for (int i = 0; i < N_JAX_CASES; i++) {
        jax_case c;
        jax_case_open(&c, jax_names[i]);
        const difference d = run_case(&c, c.model, "reference", NULL);
        printf("  reference %-36s %10.2e rms %10.2e pcc %.9f of %.2f\n", c.name, d.max, d.rms,
               d.pcc, d.largest);
        assert_true(d.max <= BOUND_JAX);
        jax_case_close(&c);
    }
}

static void cpu_matches(void **state)
{
    (void)state;
    for (int i = 0; i < N_JAX_CASES; i++) {
        jax_case c;
        jax_case_open(&c, jax_names[i]);
        const difference f = run_case(&c, c.model, "cpu", "f32");
        const difference h = run_case(&c, c.model, "cpu", "bf16");
        printf("  cpu %-36s f32 %10.2e bf16 %10.2e pcc %.7f\n", c.name, f.max, h.max, h.pcc);
        assert_true(f.max <= BOUND_JAX);
        assert_true(h.pcc >= BOUND_BF16_PCC);
        jax_case_close(&c);
    }
}

// <step>, <step>/params and <step>/params/ are one checkpoint
static void paths_are_one(void **state)
{
    (void)state;
    char path[700];
    static float whole[JAX_HORIZON * 32], params[JAX_HORIZON * 32];
    jax_case c;
    jax_case_open(&c, jax_names[2]);
    jax_case_run(&c, c.model, NULL, NULL, whole);
    for (int slash = 0; slash < 2; slash++) {
        snprintf(path, sizeof path, "%s/params%s", c.model, slash ? "/" : "");
        jax_case_run(&c, path, NULL, NULL, params);
        assert_memory_equal(whole, params, sizeof whole);
    }
    jax_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_matches),
        cmocka_unit_test(cpu_matches),
        cmocka_unit_test(paths_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
