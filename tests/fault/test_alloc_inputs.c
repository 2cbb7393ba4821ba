/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc_inputs.c - memory of the inputs: each allocation failing once gives PI0_ENOMEM, leaves
 * outputs and files as they were and leaks nothing; a usual prompt and a second picture take none.
 */
#include "data/npy.h"
#include "policy/image.h"
#include "policy/prompt.h"
#include "support/alloc_watch.h"
#include "support/expect.h"
#include "support/tmpdir.h"

/* ---- what is tried: with user data, PI0_ENOMEM or PI0_OK; it frees what it makes ---- */

#define MODEL PI0_TEST_DATA "/openpi/tokenizer.model"

static int open_tokenizer(void *user, pi0_error *err)
{
    (void)user;
    tokenizer *t = NULL;
    const int status = pi0_tokenizer_open(&t, MODEL, err);
    assert_true(!status == !!t);
    pi0_tokenizer_free(t);
    return status;
}

static int long_prompt(void *user, pi0_error *err)
{
    static char text[5001];
    static int32_t ids[4096];
    int n = -7;
    bool cut = true;
    memset(text, 'a', sizeof text - 1);
    ids[0] = -7;
    const int status =
        pi0_prompt_tokens(user, PROMPT_OPENPI, text, NULL, 0, 4096, ids, &n, &cut, err);
    if (status) assert_true(n == -7 && cut && ids[0] == -7);
    return status;
}

static uint8_t pixels[64 * 48 * 3];
static const pi0_image picture = { .rgb = pixels, .width = 64, .height = 48 };

static int resize(void *user, pi0_error *err)
{
    uint8_t out[32 * 32 * 3] = { 77 };
    const int status = pi0_resize_with_pad(&picture, 32, out, err);
    (void)user;
    if (status) assert_int_equal(out[0], 77);
    return status;
}

static int resize_torch(void *user, pi0_error *err)
{
    image_scratch s = { NULL, 0 };
    float out[32 * 32 * 3] = { 77 };
    const int status = pi0_image_resize_torch(&picture, 32, out, &s, err);
    (void)user;
    if (status) assert_true(out[0] == 77 && !s.p);
    pi0_image_scratch_free(&s);
    return status;
}

static int write_and_read(void *user, pi0_error *err)
{
    const int64_t dims[2] = { 2, 3 };
    const double x[6] = { 1, 2, 3, 4, 5, 6 };
    npy_array a = { 0 };
    int status = pi0_npy_write_f64(user, x, 2, dims, err);
    if (!status) status = pi0_npy_read(&a, user, err);
    if (status) assert_null(a.data);
    pi0_npy_free(&a);
    return status;
}

static void each_one_failing(void **state)
{
    (void)state;
    char path[TMPDIR_PATH];
    const tmpdir dir = tmpdir_make();
    tokenizer *t = NULL;
    assert_int_equal(pi0_tokenizer_open(&t, MODEL, NULL), PI0_OK);
    assert_int_equal(alloc_watch_fail_each(open_tokenizer, NULL), 1);
    assert_int_equal(alloc_watch_fail_each(long_prompt, t), 1);
    assert_int_equal(alloc_watch_fail_each(resize, NULL), 1);
    assert_int_equal(alloc_watch_fail_each(resize_torch, NULL), 1);
    // the temporary's name, the array; what a failure left would make rmdir fail
    assert_int_equal(
        alloc_watch_fail_each(write_and_read, (void *)(uintptr_t)tmpdir_path(path, &dir, "a.npy")),
        2);
    tmpdir_unlink(&dir, "a.npy");
    assert_int_equal(rmdir(dir.path), 0);
    pi0_tokenizer_free(t);
}

// a kilobyte of prompt with fifty values of state, in every format
static void none_for_a_usual_prompt(void **state)
{
    (void)state;
    char text[1025];
    double values[50] = { 0 };
    int32_t ids[200];
    int n;
    bool cut;
    tokenizer *t = NULL;
    assert_int_equal(pi0_tokenizer_open(&t, MODEL, NULL), PI0_OK);
    memset(text, 'b', sizeof text - 1);
    text[sizeof text - 1] = 0;
    const long before = alloc_watch_calls();
    for (enum prompt_format f = PROMPT_OPENPI; f <= PROMPT_PI05; f++) {
        assert_int_equal(pi0_prompt_tokens(t, f, text, values, 50, 200, ids, &n, &cut, NULL),
                         PI0_OK);
        assert_int_equal(n, 200);
    }
    assert_int_equal(alloc_watch_calls() - before, 0);
    pi0_tokenizer_free(t);
}

static void none_for_a_second_picture(void **state)
{
    (void)state;
    image_scratch s = { NULL, 0 };
    uint8_t out[32 * 32 * 3];
    float f32[32 * 32 * 3];
    const long before = alloc_watch_calls();
    assert_int_equal(pi0_image_resize_pillow(&picture, 32, out, &s, NULL), PI0_OK);
    assert_int_equal(alloc_watch_calls() - before, 1);
    assert_int_equal(pi0_image_resize_pillow(&picture, 32, out, &s, NULL), PI0_OK);
    assert_int_equal(pi0_image_resize_torch(&picture, 32, f32, &s, NULL), PI0_OK);
    assert_int_equal(alloc_watch_calls() - before, 1);
    pi0_image_scratch_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_one_failing),
        cmocka_unit_test(none_for_a_usual_prompt),
        cmocka_unit_test(none_for_a_second_picture),
    };
    return cmocka_run_group_tests_name("alloc_inputs", tests, NULL, NULL);
}
