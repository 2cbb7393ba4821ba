/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc_load.c - loading checkpoints of every kind with each allocation failing once, those of
 * the JSON parser too: PI0_ENOMEM, no model, nothing leaked. */
#include "support/alloc_watch.h"
#include "support/checkpoint_kinds.h"
#include "support/expect.h"

typedef struct load {
    const char *path;
    pi0_options opt;
    pi0_info whole; // what is loaded where nothing fails
} load;

static int try_load(void *user, pi0_error *err)
{
    load *l = user;
    pi0_model *const before = (void *)l, *m = before;
    pi0_info info;
    const int status = pi0_load(&m, l->path, &l->opt, err);
    assert_true(!status == (m != before));
    if (status) return status;
    pi0_model_info(m, &info);
    assert_int_equal(info.n_warnings, l->whole.n_warnings);
    assert_int_equal(info.parameters, l->whole.parameters);
    pi0_free(m);
    return PI0_OK;
}

// json: the parser's allocations too, some thousands
static void fail_each(const checkpoint_kinds *kinds, int i, const char *backend, int json)
{
    pi0_model *m;
    pi0_error err;
    load l = { .path = kinds->kind[i].path, .opt = checkpoint_kinds_options(kinds, i) };
    l.opt.backend = backend;
    if (i == NAMED) l.opt.n_threads = 2; // and the pool that packs
    alloc_watch_jansson(json);
    expect_ok(pi0_load(&m, l.path, &l.opt, &err), &err);
    pi0_model_info(m, &l.whole);
    pi0_free(m);
    // a chunk is read as the others are
    const int step = i == ORBAX_CHUNKS ? 13 : 1, n = alloc_watch_fail_every(step, try_load, &l);
    printf("  %s, %s: %d allocations failed once, one of %d\n", kinds->kind[i].name, backend, n,
           step);
    assert_true(n > (json ? 1000 : 10));
    alloc_watch_jansson(0);
}

static void each_one_failing(void **state)
{
    static checkpoint_kinds kinds;
    (void)state;
    checkpoint_kinds_make(&kinds);
    for (int i = 0; i < kinds.n; i++) fail_each(&kinds, i, "auto", 0);
    // weights that stay where they are, and Orbax's values in memory
    fail_each(&kinds, NAMED, "reference", 0);
    if (kinds.n > ORBAX) fail_each(&kinds, ORBAX, "reference", 0);
    checkpoint_kinds_remove(&kinds);
}

static void each_one_of_the_parser_failing(void **state)
{
    static checkpoint_kinds kinds;
    (void)state;
    checkpoint_kinds_make(&kinds);
    fail_each(&kinds, LEROBOT, "auto", 1);
    fail_each(&kinds, IN_CONFIG, "auto", 1);
    checkpoint_kinds_remove(&kinds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_one_failing),
        cmocka_unit_test(each_one_of_the_parser_failing),
    };
    return cmocka_run_group_tests_name("alloc_load", tests, NULL, NULL);
}
