/* SPDX-License-Identifier: Apache-2.0 */
/* test_prompt.c - the prompt's tokens against those of openpi and of LeRobot, the state's bins at
 * every edge, cleaning, cutting, and text that is not UTF-8. */
#include "policy/prompt.h"
#include "support/expect.h"
#include "support/golden.h"
#include "support/observation.h"
#include <math.h>
#include <stdlib.h>

static tokenizer *open_model(const char *path)
{
    tokenizer *t = NULL;
    pi0_error e;
    expect_ok(pi0_tokenizer_open(&t, path, &e), &e);
    return t;
}

#define OPENPI_MODEL PI0_TEST_DATA "/openpi/tokenizer.model"
#define LEROBOT_MODEL PI0_TEST_DATA "/lerobot/tokenizer/tokenizer.model"

// our ids are those in front of the padding; the padding is not ours
static void expect_tokens(const golden *g, const int32_t *ids, int n, const char *tokens,
                          const char *mask)
{
    const st_tensor *want = golden_find(g, tokens), *valid = golden_find(g, mask);
    assert_int_equal(golden_count(want), golden_count(valid));
    assert_true(n <= golden_count(want));
    for (int64_t i = 0; i < golden_count(want); i++) {
        assert_int_equal(golden_at(valid, i), i < n);
        if (i < n) assert_int_equal(golden_at(want, i), ids[i]);
    }
}

/* ---- the reference's own tokens ---- */

// robot dimensions that pi0.5's prompt lists; pi05_libero's config turns the state off
static const struct {
    const char *name;
    enum prompt_format format;
    int n_state, max_tokens;
} openpi_case[] = {
    { "openpi/pi0_aloha_sim", PROMPT_OPENPI, 14, 48 },
    { "openpi/pi0_droid", PROMPT_OPENPI, 8, 48 },
    { "openpi/pi0_libero", PROMPT_OPENPI, 8, 48 },
    { "openpi/pi05_aloha", PROMPT_PI05, 14, 200 },
    { "openpi/pi05_droid", PROMPT_PI05, 8, 200 },
    { "openpi/pi05_full_droid_finetune", PROMPT_PI05, 8, 200 },
    { "openpi/pi05_libero", PROMPT_PI05, 0, 200 },
};

static void openpi_tokens(void **state)
{
    (void)state;
    tokenizer *t = open_model(OPENPI_MODEL);
    for (size_t k = 0; k < COUNT(openpi_case); k++) {
        golden g;
        observation o;
        char path[600];
        golden_open(&g, openpi_case[k].name);
        snprintf(path, sizeof path, "%s/observation.msgpack", g.dir);
        observation_open(&o, path);
        char *prompt = observation_text(&o, "prompt");
        assert_non_null(prompt);
        // the state as openpi keeps it: f64, normalised, before it is padded
        const st_tensor *s = golden_find(&g, "taps.in.state");
        double values[14];
        assert_int_equal(s->type, DTYPE_F64);
        for (int i = 0; i < openpi_case[k].n_state; i++) values[i] = golden_at(s, i);

        int32_t ids[200];
        int n = 0;
        bool cut = true;
        pi0_error e;
        expect_ok(pi0_prompt_tokens(t, openpi_case[k].format, prompt,
                                    openpi_case[k].n_state ? values : NULL, openpi_case[k].n_state,
                                    openpi_case[k].max_tokens, ids, &n, &cut, &e),
                  &e);
        assert_false(cut);
        assert_true(n > 8);
        expect_tokens(&g, ids, n, "taps.in.tokenized_prompt", "taps.in.tokenized_prompt_mask");
        free(prompt);
        observation_close(&o);
        golden_close(&g);
    }
    pi0_tokenizer_free(t);
}

static void lerobot_tokens(void **state)
{
    (void)state;
    tokenizer *t = open_model(LEROBOT_MODEL);
    for (int k = 0; golden_lerobot[k]; k++) {
        golden g;
        golden_open(&g, golden_lerobot[k]);
        const bool pi05 = strstr(golden_lerobot[k], "pi05") != NULL;
        const st_tensor *task = golden_find(&g, "task"), *s = golden_find(&g, "state_normalized");
        char prompt[128] = "";
        assert_true(task->bytes < sizeof prompt);
        memcpy(prompt, task->data, task->bytes);
        double values[6];
        assert_int_equal(golden_count(s), 6);
        for (int i = 0; i < 6; i++) values[i] = golden_at(s, i);

        int32_t ids[200];
        int n = 0;
        bool cut = true;
        pi0_error e;
        expect_ok(pi0_prompt_tokens(t, pi05 ? PROMPT_PI05 : PROMPT_LEROBOT_PI0, prompt, values, 6,
                                    pi05 ? 200 : 48, ids, &n, &cut, &e),
                  &e);
        assert_false(cut);
        expect_tokens(&g, ids, n, "tokens", "token_mask");
        golden_close(&g);
    }
    pi0_tokenizer_free(t);
}

/* ---- the state's bins ---- */

static void bins_at_every_edge(void **state)
{
    (void)state;
    for (int k = 0; k < 256; k++) {
        const double edge = -1 + k / 128.0;
        assert_int_equal(pi0_prompt_state_bin(edge), k);
        assert_int_equal(pi0_prompt_state_bin(nextafter(edge, -INFINITY)), k - 1);
        assert_int_equal(pi0_prompt_state_bin(nextafter(edge, INFINITY)), k);
        // LeRobot's states are f32
        assert_int_equal(pi0_prompt_state_bin((double)nextafterf((float)edge, -INFINITY)), k - 1);
        assert_int_equal(pi0_prompt_state_bin((double)nextafterf((float)edge, INFINITY)), k);
        // and half-way to the next
        assert_int_equal(pi0_prompt_state_bin(edge + 1 / 256.0), k);
    }
    // values that numpy.digitize was asked for
    static const struct {
        double x;
        int bin;
    } known[] = {
        { -1.2, -1 },      { -1, 0 },        { -0.5, 64 },   { 0, 128 },
        { -0.0, 128 },     { 0.25, 160 },    { 0.999, 255 }, { 1, 255 },
        { 1.7, 255 },      { -5e-324, 127 }, { NAN, 255 },   { INFINITY, 255 },
        { -INFINITY, -1 }, { -1e300, -1 },   { 1e300, 255 }, { -NAN, 255 },
    };
    for (size_t i = 0; i < COUNT(known); i++)
        assert_int_equal(pi0_prompt_state_bin(known[i].x), known[i].bin);
}

/* ---- cleaning ---- */

static size_t put_utf8(char *out, uint32_t c)
{
    unsigned char *p = (unsigned char *)out;
    const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n; i-- > 1; c >>= 6) p[i] = 0x80 | (c & 0x3f);
    p[0] = (unsigned char)(lead[n] | c);
    return n;
}

// the code points for which Python 3.11's str.isspace() is true
static const uint32_t space[] = { 0x9,    0xa,    0xb,    0xc,    0xd,    0x1c,   0x1d,   0x1e,
                                  0x1f,   0x20,   0x85,   0xa0,   0x1680, 0x2000, 0x2001, 0x2002,
                                  0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a,
                                  0x2028, 0x2029, 0x202f, 0x205f, 0x3000 };

static void strips_what_python_strips(void **state)
{
    (void)state;
    size_t next = 0;
    for (uint32_t c = 1; c <= 0x10ffff; c++) {
        if (c >= 0xd800 && c <= 0xdfff) continue;
        const bool is_space = next < COUNT(space) && space[next] == c;
        next += is_space;
        // c x c
        char text[16] = "", out[16], kept[16];
        size_t n = put_utf8(text, c);
        text[n++] = 'x';
        n += put_utf8(text + n, c);
        text[n] = 0;
        assert_true(pi0_utf8_valid(text, n));
        strcpy(kept, is_space ? "x" : c == '_' ? " x " : text);
        pi0_prompt_clean(out, text);
        if (strcmp(out, kept)) fail_msg("U+%04X: \"%s\"", c, out);
    }
    assert_int_equal(next, COUNT(space));
}

static void cleans(void **state)
{
    (void)state;
    static const char *const known[][2] = {
        { "", "" },
        { " \t\n", "" },
        { "\xe3\x80\x80", "" },
        { "pick_up the cube", "pick up the cube" },
        // stripped first: an underscore at the end leaves a space, as does one in front
        { " _a_b\nc_ ", " a b c " },
        { "_", " " },
        { "a \xc2\xa0\xe2\x80\x83\n", "a" },
        { "\xc2\x85\xe1\x9a\x80 a b", "a b" },
        // carriage returns inside stay, bytes that look like white space in a longer one do too
        { "a\r\nb", "a\r b" },
        { "\xe0\xa0\x85", "\xe0\xa0\x85" },
        { "a\xc4\xa0", "a\xc4\xa0" },
        // not UTF-8: left alone, nothing read beyond the end
        { " \xe3\x80", "\xe3\x80" },
        { "\x80 ", "\x80" },
        { "\xa0\xf0", "\xa0\xf0" },
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        // both in blocks of their exact size
        char *in = malloc(strlen(known[i][0]) + 1), *out = malloc(strlen(known[i][0]) + 1);
        assert_true(in && out);
        strcpy(in, known[i][0]);
        pi0_prompt_clean(out, in);
        assert_string_equal(out, known[i][1]);
        free(in);
        free(out);
    }
}

static void knows_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int at; // of the first wrong byte, -1: fine
    } known[] = {
        { "", -1 },
        { "a\x7f", -1 },
        { "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", -1 },
        { "\xed\x9f\xbf\xee\x80\x80", -1 },
        { "\x80", 0 },
        { "ab\xbf", 2 },
        { "\xc0\x80", 0 },
        { "\xc1\xbf", 0 },
        { "\xe0\x80\x80", 0 },
        { "\xe0\x9f\xbf", 0 },
        { "a\xf0\x8f\xbf\xbf", 1 },
        { "\xed\xa0\x80", 0 },
        { "\xed\xbf\xbf", 0 },
        { "abc\xf4\x90\x80\x80", 3 },
        { "\xf5\x80\x80\x80", 0 },
        { "\xff", 0 },
        { "\xfe", 0 },
        { "\xc3", 0 },
        { "a\xc3"
          "a",
          1 },
        { "\xe2\x82", 0 },
        { "\xe2\x82"
          "a",
          0 },
        { "\xf0\x9f\xa4", 0 },
        { "\xf0\x9f\xa4\x41", 0 },
    };
    tokenizer *t = open_model(OPENPI_MODEL);
    for (size_t i = 0; i < COUNT(known); i++) {
        const size_t size = strlen(known[i].text);
        assert_int_equal(pi0_utf8_valid(known[i].text, size), known[i].at < 0);
        int32_t ids[48] = { 77 };
        int n = 77;
        bool cut = false;
        pi0_error e = { 0 };
        char where[64];
        const int status =
            pi0_prompt_tokens(t, PROMPT_OPENPI, known[i].text, NULL, 0, 48, ids, &n, &cut, &e);
        if (known[i].at < 0) {
            expect_ok(status, &e);
            continue;
        }
        snprintf(where, sizeof where, "byte %d of %zu", known[i].at, size);
        expect_error(status, PI0_EINVAL, &e, where);
        assert_true(n == 77 && ids[0] == 77 && !cut);
    }
    pi0_tokenizer_free(t);
}

/* ---- formats ---- */

// bos and the ids of `text` as the tokenizer makes them, which is what a format must come down to
static void expect_text(const tokenizer *t, const int32_t *ids, int n, const char *text, int n_tail)
{
    static int32_t want[8192];
    int m = 0;
    assert_int_equal(pi0_tokenizer_encode(t, text, strlen(text), want, 8192, &m, NULL), PI0_OK);
    assert_int_equal(n, 1 + m + n_tail);
    assert_int_equal(ids[0], 2);
    assert_memory_equal(ids + 1, want, (size_t)m * sizeof *want);
    for (int i = 0; i < n_tail; i++) assert_int_equal(ids[1 + m + i], 4); // "\n"
}

static void formats(void **state)
{
    (void)state;
    tokenizer *t = open_model(OPENPI_MODEL);
    const double values[] = { -1.2, -1, -0.5, 0, 0.25, 0.999, 1, 1.7, NAN };
    int32_t ids[200];
    int n;
    bool cut;
    static const struct {
        enum prompt_format format;
        const char *prompt;
        int n_state; // -1: no state
        const char *text;
        int n_tail;
    } known[] = {
        { PROMPT_OPENPI, " open_the\ndrawer ", -1, "open the drawer", 1 },
        { PROMPT_OPENPI, "open", 9, "open", 1 },
        { PROMPT_OPENPI, "", -1, "", 1 },
        { PROMPT_PI05, " open_the\ndrawer ", -1, "open the drawer", 1 },
        { PROMPT_PI05, " open_the\ndrawer ", 9,
          "Task: open the drawer, State: -1 0 64 128 160 255 255 255 255;\nAction: ", 0 },
        { PROMPT_PI05, "a", 1, "Task: a, State: -1;\nAction: ", 0 },
        { PROMPT_PI05, "a", 0, "Task: a, State: ;\nAction: ", 0 },
        { PROMPT_LEROBOT_PI0, " open_the\ndrawer ", 9, " open_the\ndrawer \n", 0 },
        { PROMPT_LEROBOT_PI0, "open\n", -1, "open\n", 0 },
        { PROMPT_LEROBOT_PI0, "open\n\n", -1, "open\n\n", 0 },
        { PROMPT_LEROBOT_PI0, "", -1, "\n", 0 },
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        pi0_error e;
        expect_ok(pi0_prompt_tokens(
                      t, known[i].format, known[i].prompt, known[i].n_state < 0 ? NULL : values,
                      known[i].n_state < 0 ? 0 : known[i].n_state, 200, ids, &n, &cut, &e),
                  &e);
        assert_false(cut);
        expect_text(t, ids, n, known[i].text, known[i].n_tail);
    }
    pi0_tokenizer_free(t);
}

// cut at the end, as both references do: pi0 loses its line feed first, and *cut says so
static void cuts(void **state)
{
    (void)state;
    tokenizer *t = open_model(OPENPI_MODEL);
    static const enum prompt_format format[] = { PROMPT_OPENPI, PROMPT_LEROBOT_PI0, PROMPT_PI05 };
    const double value = 0.5;
    for (size_t k = 0; k < COUNT(format); k++) {
        int32_t whole[64], ids[65];
        int n_whole, n;
        bool cut = true;
        assert_int_equal(pi0_prompt_tokens(t, format[k], "put the blue block into the bowl", &value,
                                           1, 64, whole, &n_whole, &cut, NULL),
                         PI0_OK);
        assert_false(cut);
        for (int max = 1; max <= 64; max++) {
            for (int i = 0; i < 65; i++) ids[i] = -7;
            assert_int_equal(pi0_prompt_tokens(t, format[k], "put the blue block into the bowl",
                                               &value, 1, max, ids, &n, &cut, NULL),
                             PI0_OK);
            assert_int_equal(n, max < n_whole ? max : n_whole);
            assert_int_equal(cut, max < n_whole);
            for (int i = 0; i < 65; i++) assert_int_equal(ids[i], i < n ? whole[i] : -7);
        }
    }
    pi0_tokenizer_free(t);
}

// longer than any buffer on the stack, around the place where memory is taken
static void long_prompts(void **state)
{
    (void)state;
    tokenizer *t = open_model(OPENPI_MODEL);
    static char prompt[6001], text[6100];
    static int32_t ids[8192];
    static double values[1200];
    int n;
    bool cut;
    for (size_t size = 4000; size <= 4100; size++) {
        for (size_t i = 0; i < size; i++) prompt[i] = "open the drawer "[i % 15];
        prompt[size] = 0;
        assert_int_equal(
            pi0_prompt_tokens(t, PROMPT_OPENPI, prompt, NULL, 0, 8192, ids, &n, &cut, NULL),
            PI0_OK);
        assert_false(cut);
        pi0_prompt_clean(text, prompt);
        expect_text(t, ids, n, text, 1);
    }
    // many values of state
    char *p = text + sprintf(text, "Task: a, State: ");
    for (size_t i = 0; i < COUNT(values); i++) {
        values[i] = 2;
        p += sprintf(p, i ? " 255" : "255");
    }
    strcpy(p, ";\nAction: ");
    assert_int_equal(pi0_prompt_tokens(t, PROMPT_PI05, "a", values, (int)COUNT(values), 8192, ids,
                                       &n, &cut, NULL),
                     PI0_OK);
    expect_text(t, ids, n, text, 0);
    pi0_tokenizer_free(t);
}

static void refuses_bad_arguments(void **state)
{
    (void)state;
    tokenizer *t = open_model(OPENPI_MODEL);
    const double value = 0;
    int32_t ids[4] = { 77 };
    int n = 77;
    bool cut = false;
    pi0_error e = { 0 };
    expect_error(pi0_prompt_tokens(t, PROMPT_OPENPI, NULL, NULL, 0, 4, ids, &n, &cut, &e),
                 PI0_EINVAL, &e, "prompt: NULL");
    expect_error(pi0_prompt_tokens(t, PROMPT_PI05, "a", NULL, 3, 4, ids, &n, &cut, &e), PI0_EINVAL,
                 &e, "3 values of state");
    expect_error(pi0_prompt_tokens(t, PROMPT_PI05, "a", &value, -1, 4, ids, &n, &cut, &e),
                 PI0_EINVAL, &e, "-1 values of state");
    expect_error(pi0_prompt_tokens(t, PROMPT_OPENPI, "a", NULL, 0, 0, ids, &n, &cut, &e),
                 PI0_EINVAL, &e, "room for 0 tokens");
    assert_true(n == 77 && ids[0] == 77 && !cut);
    pi0_tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openpi_tokens),
        cmocka_unit_test(lerobot_tokens),
        cmocka_unit_test(bins_at_every_edge),
        cmocka_unit_test(strips_what_python_strips),
        cmocka_unit_test(cleans),
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(formats),
        cmocka_unit_test(cuts),
        cmocka_unit_test(long_prompts),
        cmocka_unit_test(refuses_bad_arguments),
    };
    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
