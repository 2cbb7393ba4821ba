/* SPDX-License-Identifier: Apache-2.0 */
/* test_norm_stats.c - openpi's norm_stats.json: read exactly, and nothing wrong taken. */
#include "data/norm_stats.h"
#include "support/expect.h"
#include "support/tmpdir.h"
#include <stdlib.h>

#define GOOD "{\"mean\":[1,2],\"std\":[0.5,0],\"q01\":[-1,0],\"q99\":[1,0]}"

static int parse(norm_stats *s, const char *json, pi0_error *err)
{
    return pi0_norm_stats_parse(s, json, strlen(json), "stats", err);
}

static void reads_exactly(void **state)
{
    (void)state;
    static norm_stats s;
    pi0_error e;
    expect_ok(parse(&s,
                    "{\"norm_stats\":{\"state\":{\"mean\":[0.1,-2],\"std\":[1e-3,0],"
                    "\"q01\":[0.30000000000000004,-7],\"q99\":[1,-7],\"count\":12},"
                    "\"actions\":{\"mean\":[3],\"std\":[4],\"q01\":null,\"q99\":null}}}",
                    &e),
              &e);
    assert_int_equal(s.state.n, 2);
    assert_true(s.state.mean[0] == 0.1 && s.state.mean[1] == -2);
    assert_true(s.state.std[0] == 1e-3 && s.state.std[1] == 0);
    assert_true(s.state.quantiles && s.state.q01[0] == 0.1 + 0.2 && s.state.q99[1] == -7);
    assert_int_equal(s.actions.n, 1);
    assert_true(s.actions.mean[0] == 3 && s.actions.std[0] == 4);
    assert_false(s.actions.quantiles);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } wrong[] = {
        { "", "empty" },
        { "[]", "expected a JSON object" },
        { "{\"norm_stats\":{\"state\":" GOOD "}", "not JSON" },
        { "{}", "\"norm_stats\" is missing" },
        { "{\"norm_stats\":[]}", "\"norm_stats\" is an array" },
        { "{\"norm_stats\":{\"state\":" GOOD "}}", "\"actions\" are missing" },
        { "{\"norm_stats\":{\"actions\":" GOOD "}}", "\"state\" are missing" },
        { "{\"norm_stats\":{\"state\":3,\"actions\":" GOOD "}}", "\"state\" are an integer" },
        { "{\"norm_stats\":{\"state\":" GOOD ",\"actions\":" GOOD ",\"extra\":" GOOD "}}",
          "statistics of \"extra\"" },
        { "{\"norm_stats\":{\"state\":{\"std\":[1]},\"actions\":" GOOD "}}",
          "\"mean\" of \"state\" is missing" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[1]},\"actions\":" GOOD "}}",
          "\"std\" of \"state\" is missing" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[],\"std\":[]},\"actions\":" GOOD "}}",
          "has 0 values, expected 1 to 256" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[1,2],\"std\":[1]},\"actions\":" GOOD "}}",
          "\"std\" of \"state\" has 1 values, but \"mean\" has 2" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[[1]],\"std\":[1]},\"actions\":" GOOD "}}",
          "value 0 of \"mean\" of \"state\" is an array" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[null],\"std\":[1]},\"actions\":" GOOD "}}",
          "value 0 of \"mean\" of \"state\" is null" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[NaN],\"std\":[1]},\"actions\":" GOOD "}}",
          "not JSON" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[1e999],\"std\":[1]},\"actions\":" GOOD "}}",
          "not JSON" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[1],\"std\":[-0.5]},\"actions\":" GOOD "}}",
          "std[0] is -0.5" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[1],\"std\":[1],\"q01\":[1]},\"actions\":" GOOD
          "}}",
          "\"q99\" of \"state\" is missing" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[1],\"std\":[1],\"q01\":[2],\"q99\":[1]},"
          "\"actions\":" GOOD "}}",
          "q01[0] is 2, above q99[0], which is 1" },
        { "{\"norm_stats\":{\"state\":{\"mean\":[1],\"mean\":[1],\"std\":[1]},\"actions\":" GOOD
          "}}",
          "there twice" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        static norm_stats s, before;
        pi0_error e = { 0 };
        memset(&s, 0x5a, sizeof s);
        before = s;
        expect_error(parse(&s, wrong[i].json, &e), PI0_EFORMAT, &e, wrong[i].text);
        assert_memory_equal(&s, &before, sizeof s);
    }
}

static void refuses_long_lists(void **state)
{
    (void)state;
    static norm_stats s;
    static char json[4096];
    pi0_error e;
    size_t at =
        (size_t)sprintf(json, "{\"norm_stats\":{\"actions\":" GOOD ",\"state\":{\"mean\":[0");
    for (int i = 0; i < NORM_STATS_MAX; i++) at += (size_t)sprintf(json + at, ",0");
    sprintf(json + at, "],\"std\":[1]}}}");
    expect_error(parse(&s, json, &e), PI0_EFORMAT, &e, "has 257 values, expected 1 to 256");
}

/* ---- where they are looked for ---- */

static void finds_by_id(void **state)
{
    (void)state;
    static norm_stats s;
    char *path = NULL;
    pi0_error e;
    expect_ok(pi0_norm_stats_find(&s, &path, PI0_TEST_DATA "/openpi/pi0_libero",
                                  "physical-intelligence/libero", &e),
              &e);
    assert_string_equal(path, PI0_TEST_DATA "/openpi/pi0_libero/assets/physical-intelligence/"
                                            "libero/norm_stats.json");
    assert_int_equal(s.state.n, 8);
    assert_int_equal(s.actions.n, 7);
    free(path);
}

static void names_what_is_missing(void **state)
{
    (void)state;
    static norm_stats s;
    char *path = NULL, file[TMPDIR_PATH];
    pi0_error e;
    // others are there
    expect_error(pi0_norm_stats_find(&s, &path, PI0_TEST_DATA "/openpi/pi0_libero", "droid", &e),
                 PI0_EIO, &e, "/openpi/pi0_libero/assets/droid/norm_stats.json is not there");
    assert_non_null(strstr(e.message, "there are: physical-intelligence/libero"));
    // none is
    const tmpdir dir = tmpdir_make();
    expect_error(pi0_norm_stats_find(&s, &path, dir.path, "droid", &e), PI0_EIO, &e,
                 "no statistics are below");
    // several, in order
    tmpdir_mkdir(&dir, "assets");
    tmpdir_mkdir(&dir, "assets/b");
    tmpdir_mkdir(&dir, "assets/a");
    tmpdir_mkdir(&dir, "assets/a/inner");
    tmpdir_write_text(&dir, "assets/b/norm_stats.json", "{}");
    tmpdir_write_text(&dir, "assets/a/inner/norm_stats.json", "{}");
    expect_error(pi0_norm_stats_find(&s, &path, dir.path, "a", &e), PI0_EIO, &e,
                 "there are: a/inner, b");
    // there, but wrong: the message has its whole name
    expect_error(pi0_norm_stats_find(&s, &path, dir.path, "b", &e), PI0_EFORMAT, &e,
                 tmpdir_path(file, &dir, "assets/b/norm_stats.json"));
    assert_null(path);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_exactly),         cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_long_lists),    cmocka_unit_test(finds_by_id),
        cmocka_unit_test(names_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
