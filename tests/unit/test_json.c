/* SPDX-License-Identifier: Apache-2.0 */
/* test_json.c - what JSON is refused and what the message says; typed values and their ranges. */
#include "support/expect.h"

#include "data/json.h"
#include "support/tmpdir.h"
#include <stdlib.h>

static int parse(json_t **root, const char *text, pi0_error *err)
{
    return pi0_json_parse(root, text, strlen(text), "a.json", err);
}

static void bad_text(void **state)
{
    static const struct {
        const char *text, *find;
    } bad[] = {
        { "", "empty" },
        { "   \n ", "line 2" },
        { "{\"a\": 1", "line 1, column 7" },
        { "{\n\"a\": 1,\n}", "line 3, column 1" },
        { "{\"a\": tru}", "tru" },
        { "{\"a\": 1} x", "end of file expected" },
        { "{\"a\": 01}", "not JSON" },
        { "{\"a\": 9223372036854775808}", "too big integer" },
        { "{\"a\": 1e999}", "real number overflow" },
        { "{\"a\": \"\xff\"}", "not UTF-8" },
        { "{\"a\": \"\xc0\x80\"}", "not UTF-8" },
        { "{\"a\": \"\xed\xa0\x80\"}", "not UTF-8" },
        { "{\"a\": \"\xe2\x82", "not UTF-8" },
        { "{\"a\": \"\\ud800\"}", "Unicode" },
        { "{\"a\": \"x\\u0000y\"}", "u0000" },
        { "{\"a\\u0000b\": 1}", "NUL" },
        { "{\"a\": \"tab\t\"}", "control character 0x9" },
        { "{\"a\": \"\\\xc3\xa9\"}", "invalid escape" },
        { "\xef\xbb\xbf{}", "expected" },
        { "[1]", "found an array" },
        { "1", "expected" },
        { "{\"one\": 1, \"two\": 2, \"one\": 3}", "key \"one\" is there twice" },
        { "{\"one\": 1, \"\\u006fne\": 3}", "ne\" is there twice" },
        { "{\"\": 1, \"\": 3}", "key \"\" is there twice" },
        { "{\"x\": {\"a rather long name of a tensor.weight\": 1, "
          "\"a rather long name of a tensor.weight\": 2}}",
          "key \"a rather long name of a tensor.weight\" is there twice" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        pi0_error err = { 0 };
        json_t *root = (json_t *)&err;
        const int status = parse(&root, bad[i].text, &err);
        expect_error(status, PI0_EFORMAT, &err, bad[i].find);
        expect_error(status, PI0_EFORMAT, &err, "a.json: ");
        assert_ptr_equal(root, &err);
        // the message itself is text
        json_t *copy = json_string(err.message);
        assert_non_null(copy);
        json_decref(copy);
    }
}

// a NUL byte in the text is not its end
static void nul_byte(void **state)
{
    pi0_error err;
    json_t *root;
    (void)state;
    const char text[] = "{\"a\": 1}\0{";
    expect_error(pi0_json_parse(&root, text, sizeof text - 1, "a.json", &err), PI0_EFORMAT, &err,
                 "end of file expected");
}

static void deep_nesting(void **state)
{
    enum { DEPTH = 100000 };
    static char text[DEPTH + 6];
    pi0_error err;
    json_t *root;
    (void)state;
    memcpy(text, "{\"a\":", 5);
    memset(text + 5, '[', DEPTH);
    expect_error(pi0_json_parse(&root, text, sizeof text - 1, "a.json", &err), PI0_EFORMAT, &err,
                 "depth");
}

static void too_large(void **state)
{
    pi0_error err;
    json_t *root;
    (void)state;
    // refused by its size, before a byte of it is looked at
    expect_error(pi0_json_parse(&root, "", 100000001, "a.json", &err), PI0_EFORMAT, &err,
                 "100000001 bytes");
}

static void integers(void **state)
{
    static const struct {
        const char *key, *find;
    } bad[] = {
        { "real", "\"real\" is a real number, expected an integer, 1..100" },
        { "text", "\"text\" is a string" },
        { "yes", "\"yes\" is a boolean" },
        { "list", "\"list\" is an array" },
        { "object", "\"object\" is an object" },
        { "zero", "\"zero\" is 0, expected 1..100" },
        { "many", "\"many\" is 101, expected" },
        { "huge", "\"huge\" is 4294967298, expected" },
        { "negative", "\"negative\" is -9223372036854775808, expected" },
    };
    pi0_error err;
    json_t *root;
    int value = -7;
    (void)state;
    expect_ok(
        parse(&root,
              "{\"real\":2.0,\"text\":\"2\",\"yes\":true,\"list\":[],\"object\":{},\"zero\":0,"
              "\"many\":101,\"huge\":4294967298,\"negative\":-9223372036854775808,"
              "\"nothing\":null,\"least\":1,\"most\":100}",
              &err),
        &err);
    for (size_t i = 0; i < COUNT(bad); i++) {
        expect_error(pi0_json_int(root, bad[i].key, 1, 100, &value, "a.json", &err), PI0_EFORMAT,
                     &err, bad[i].find);
        assert_int_equal(value, -7);
    }
    // missing or null: as before
    expect_ok(pi0_json_int(root, "missing", 1, 100, &value, "a.json", &err), &err);
    expect_ok(pi0_json_int(root, "nothing", 1, 100, &value, "a.json", &err), &err);
    assert_int_equal(value, -7);
    expect_ok(pi0_json_int(root, "least", 1, 100, &value, "a.json", &err), &err);
    assert_int_equal(value, 1);
    expect_ok(pi0_json_int(root, "most", 1, 100, &value, "a.json", &err), &err);
    assert_int_equal(value, 100);
    json_decref(root);
}

static void strings_and_booleans(void **state)
{
    pi0_error err;
    json_t *root;
    char text[6] = "as is";
    bool value = true;
    (void)state;
    expect_ok(parse(&root,
                    "{\"fits\":\"\\u00e9\\u00e9x\",\"long\":\"123456\",\"number\":1,"
                    "\"nothing\":null,\"no\":false}",
                    &err),
              &err);
    expect_ok(pi0_json_string(root, "missing", text, sizeof text, "a.json", &err), &err);
    expect_ok(pi0_json_string(root, "nothing", text, sizeof text, "a.json", &err), &err);
    expect_error(pi0_json_string(root, "long", text, sizeof text, "a.json", &err), PI0_EFORMAT,
                 &err, "\"long\" has 6 bytes, at most 5");
    expect_error(pi0_json_string(root, "number", text, sizeof text, "a.json", &err), PI0_EFORMAT,
                 &err, "\"number\" is an integer, expected a string");
    assert_string_equal(text, "as is");
    expect_ok(pi0_json_string(root, "fits", text, sizeof text, "a.json", &err), &err);
    assert_string_equal(text, "\xc3\xa9\xc3\xa9x");

    expect_ok(pi0_json_bool(root, "missing", &value, "a.json", &err), &err);
    expect_ok(pi0_json_bool(root, "nothing", &value, "a.json", &err), &err);
    expect_error(pi0_json_bool(root, "number", &value, "a.json", &err), PI0_EFORMAT, &err,
                 "\"number\" is an integer, expected true or false");
    assert_true(value);
    expect_ok(pi0_json_bool(root, "no", &value, "a.json", &err), &err);
    assert_false(value);
    json_decref(root);
}

static void files(void **state)
{
    const tmpdir dir = tmpdir_make();
    char path[TMPDIR_PATH];
    pi0_error err;
    json_t *root;
    int value = 0;
    (void)state;
    expect_error(pi0_json_read(&root, tmpdir_path(path, &dir, "none.json"), &err), PI0_EIO, &err,
                 "none.json");
    tmpdir_write_text(&dir, "bad.json", "{");
    expect_error(pi0_json_read(&root, tmpdir_path(path, &dir, "bad.json"), &err), PI0_EFORMAT, &err,
                 "bad.json: line 1");
    tmpdir_write_text(&dir, "good.json", "{\"a\": 5}\n");
    expect_ok(pi0_json_read(&root, tmpdir_path(path, &dir, "good.json"), &err), &err);
    expect_ok(pi0_json_int(root, "a", 0, 9, &value, path, &err), &err);
    assert_int_equal(value, 5);
    json_decref(root);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_text),     cmocka_unit_test(nul_byte),
        cmocka_unit_test(deep_nesting), cmocka_unit_test(too_large),
        cmocka_unit_test(integers),     cmocka_unit_test(strings_and_booleans),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
