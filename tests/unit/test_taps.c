/* SPDX-License-Identifier: Apache-2.0 */
/* test_taps.c - stages shown and changed: every stage is read from where an edit puts it, tables
 * that outlive the call are not, and a run whose stages are put back as they are has the same bits.
 */
#include "support/expect.h"
#include "support/network_case.h"
#include <stdlib.h>

enum { MAX_NAMES = 512, STEPS = 2, MAX_CHUNK = 50 * 32 };

static const char *const tables[] = { ".rope", ".time", ".time_bias", ".cond" };

static bool is_table(const char *name)
{
    const char *end = strrchr(name, '.');
    for (size_t i = 0; end && i < COUNT(tables); i++)
        if (!strcmp(end, tables[i])) return true;
    return false;
}

typedef struct fixture {
    network_case c;
    pi0_model *m;
    pi0_session *s;
    float plain[MAX_CHUNK]; // the chunk without taps
    size_t n;
} fixture;

typedef struct name_list {
    char name[MAX_NAMES][64];
    int n;
} name_list;

static void keep_name(void *user, const char *name, const float *data, int rows, int cols)
{
    name_list *l = user;
    (void)data;
    assert_true(l->n < MAX_NAMES && rows > 0 && cols > 0);
    snprintf(l->name[l->n++], sizeof l->name[0], "%s", name);
}

static void infer(fixture *f, float *actions)
{
    pi0_error err;
    must(pi0_infer(f->s, &f->c.in, f->c.noise, actions, f->n, &err), &err);
}

static void open_case(fixture *f, const char *name, const char *backend)
{
    pi0_error err;
    pi0_options opt;
    network_case_open(&f->c, name);
    pi0_default_options(&opt);
    opt.backend = backend;
    opt.num_steps = STEPS;
    must(pi0_load(&f->m, f->c.dir, &opt, &err), &err);
    must(pi0_session_create(&f->s, f->m, &opt, &err), &err);
    f->n = (size_t)f->c.horizon * 32;
    infer(f, f->plain);
}

static void close_case(fixture *f)
{
    pi0_session_free(f->s);
    pi0_free(f->m);
    network_case_close(&f->c);
}

/* ---- edits ---- */

typedef struct edit {
    const char *name; // the stage that is set to zero; NULL: none
    bool put_back;
    int seen;
} edit;

static int zero_one(void *user, const char *name, float *data, int rows, int cols)
{
    edit *e = user;
    e->seen++;
    if (!e->name) return e->put_back;
    if (strcmp(name, e->name)) return 0;
    memset(data, 0, (size_t)rows * (size_t)cols * sizeof *data);
    return e->put_back;
}

static bool changes_chunk(fixture *f, edit *e)
{
    float actions[MAX_CHUNK];
    pi0_error err;
    must(pi0_session_set_edit(f->s, zero_one, e, &err), &err);
    infer(f, actions);
    must(pi0_session_set_edit(f->s, NULL, NULL, &err), &err);
    return memcmp(actions, f->plain, f->n * sizeof *actions);
}

static void check_case(const char *name, const char *backend)
{
    fixture f;
    static name_list l;
    float actions[MAX_CHUNK];
    pi0_error err;
    int edited = 0;
    open_case(&f, name, backend);
    l.n = 0;
    must(pi0_session_set_tap(f.s, keep_name, &l, &err), &err);
    infer(&f, actions);
    assert_memory_equal(actions, f.plain, f.n * sizeof *actions);
    for (int i = 0; i < l.n; i++)
        for (int k = 0; k < i; k++) assert_string_not_equal(l.name[i], l.name[k]);

    // all stages put back as they were shown
    edit same = { .put_back = true };
    assert_false(changes_chunk(&f, &same));
    assert_int_equal(same.seen, l.n);

    // one stage at a time set to zero
    for (int i = 0; i < l.n; i++) {
        edit zero = { l.name[i], true, 0 }, looked = { l.name[i], false, 0 };
        if (changes_chunk(&f, &zero) == is_table(l.name[i]))
            fail_msg("%s: the chunk %s", l.name[i],
                     is_table(l.name[i]) ? "changed" : "did not change");
        if (i % 8 == 0 && changes_chunk(&f, &looked))
            fail_msg("%s: changed without being put back", l.name[i]);
        edited += !is_table(l.name[i]);
    }
    printf("  %-20s %-10s %d stages, %d of them edited\n", name, backend, l.n, edited);

    // nothing of all that is left in the session
    infer(&f, actions);
    assert_memory_equal(actions, f.plain, f.n * sizeof *actions);
    close_case(&f);
}

static void every_stage_is_read(void **state)
{
    (void)state;
    check_case("openpi/pi0_libero", "cpu");
    check_case("openpi/pi05_droid", "cpu");
    check_case("openpi/pi0_droid", "reference");
}

// the table of include/pi0.h: what comes, and in which order
static void names_and_order(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "vision.0.embeddings",
        "vision.0.L00.attention",
        "vision.0.L00",
        "vision.0.L01.attention",
        "vision.0.L01",
        "vision.0.tokens",
        "prefix.rope",
        "prefix.embeddings",
        "prefix.L00.k",
        "prefix.L00.v",
        "prefix.L00.attention",
        "prefix.L00.out",
        "prefix.L02.k",
        "prefix.L02.v",
        "suffix.state",
        "state.L00.k",
        "state.L00.v",
        "state.L00.attention",
        "state.L00.out",
        "state.L02.k",
        "state.L02.v",
        "step0.x",
        "step0.time",
        "step0.time_bias",
        "step0.action_in",
        "suffix.embeddings",
        "suffix.rope",
        "step0.expert.L00.k",
        "step0.expert.L00.v",
        "step0.expert.L00.attention",
        "step0.expert.L00",
        "step0.expert.L02",
        "step0.norm",
        "step0.v",
        "step1.x",
        "step1.time",
        "step1.embeddings",
        "step1.expert.L02",
        "step1.v",
        "actions",
    };
    fixture f;
    static name_list l;
    float actions[MAX_CHUNK];
    pi0_error err;
    int at = 0;
    open_case(&f, "openpi/pi0_libero", "cpu");
    l.n = 0;
    must(pi0_session_set_tap(f.s, keep_name, &l, &err), &err);
    infer(&f, actions);
    for (size_t i = 0; i < COUNT(expected); i++, at++) {
        while (at < l.n && strcmp(l.name[at], expected[i])) at++;
        if (at == l.n) fail_msg("no stage %s in its place", expected[i]);
    }
    close_case(&f);
}

// setting one takes the other away
static void tap_or_edit(void **state)
{
    (void)state;
    fixture f;
    static name_list l;
    float actions[MAX_CHUNK];
    pi0_error err;
    edit e = { .put_back = true };
    open_case(&f, "openpi/pi05_libero", "cpu");
    l.n = 0;
    must(pi0_session_set_tap(f.s, keep_name, &l, &err), &err);
    must(pi0_session_set_edit(f.s, zero_one, &e, &err), &err);
    infer(&f, actions);
    assert_true(l.n == 0 && e.seen > 0);
    e.seen = 0;
    must(pi0_session_set_tap(f.s, keep_name, &l, &err), &err);
    infer(&f, actions);
    assert_true(l.n > 0 && e.seen == 0);
    must(pi0_session_set_tap(f.s, NULL, NULL, &err), &err);
    l.n = 0;
    infer(&f, actions);
    assert_true(l.n == 0 && e.seen == 0);
    close_case(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stage_is_read),
        cmocka_unit_test(names_and_order),
        cmocka_unit_test(tap_or_edit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
