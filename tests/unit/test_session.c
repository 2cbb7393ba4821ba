/* SPDX-License-Identifier: Apache-2.0 */
/* test_session.c - sessions: staged calls, seeds, threads, cancelling, wrong inputs and life after
 * them. */
#include "support/canceler.h"
#include "support/expect.h"
#include "support/network_case.h"
#include <math.h>
#include <stdlib.h>

#define MAX_CHUNK (50 * 32)

typedef struct fixture {
    network_case c;
    pi0_model *m;
    size_t n; // values of a chunk
} fixture;

// the case points into itself: it stays where it is opened
static void open_case_on(fixture *f, const char *name, const char *backend)
{
    pi0_error err;
    pi0_options opt;
    char words[512];
    network_case_open(&f->c, name);
    snprintf(words, sizeof words, "%s/openpi/tokenizer.model", PI0_TEST_DATA);
    pi0_default_options(&opt);
    opt.backend = backend;
    opt.tokenizer = words;
    must(pi0_load(&f->m, f->c.dir, &opt, &err), &err);
    f->n = (size_t)f->c.horizon * 32;
}

static void open_case(fixture *f, const char *name)
{
    open_case_on(f, name, "reference");
}

static void close_case(fixture *f)
{
    pi0_free(f->m);
    network_case_close(&f->c);
}

static pi0_session *new_session(const fixture *f, int threads, int steps)
{
    return network_session(f->m, threads, steps);
}

/* ---- what a session computes ---- */

static void one_observation_many_chunks(void **state)
{
    (void)state;
    fixture f;
    open_case(&f, "openpi/pi0_droid");
    pi0_session *s = new_session(&f, 1, 0);
    pi0_error err = { 0 };
    float whole[MAX_CHUNK], staged[MAX_CHUNK], other[MAX_CHUNK], noise[MAX_CHUNK];
    expect_error(pi0_denoise(s, NULL, whole, f.n, &err), PI0_EINVAL, &err, "pi0_observe");
    expect_ok(pi0_infer(s, &f.c.in, f.c.noise, whole, f.n, &err), &err);
    expect_ok(pi0_observe(s, &f.c.in, &err), &err);
    pi0_noise(9, 0, noise, f.n);
    expect_ok(pi0_denoise(s, noise, other, f.n, &err), &err);
    expect_ok(pi0_denoise(s, f.c.noise, staged, f.n, &err), &err);
    assert_memory_equal(whole, staged, f.n * sizeof *whole);
    assert_true(compare(other, 32, whole, f.c.horizon, 32).max > 1e-3);
    pi0_session_free(s);
    close_case(&f);
}

static void seeds(void **state)
{
    (void)state;
    fixture f;
    open_case(&f, "openpi/pi0_droid");
    pi0_session *s = new_session(&f, 1, 0);
    pi0_error err;
    float first[MAX_CHUNK], second[MAX_CHUNK], again[MAX_CHUNK], noise[MAX_CHUNK];
    expect_ok(pi0_infer(s, &f.c.in, NULL, first, f.n, &err), &err);
    expect_ok(pi0_infer(s, &f.c.in, NULL, second, f.n, &err), &err);
    assert_memory_not_equal(first, second, f.n * sizeof *first);
    // chunk k is stream k of the seed
    pi0_noise(0, 1, noise, f.n);
    expect_ok(pi0_infer(s, &f.c.in, noise, again, f.n, &err), &err);
    assert_memory_equal(second, again, f.n * sizeof *first);
    pi0_session_seed(s, 0);
    expect_ok(pi0_infer(s, &f.c.in, NULL, again, f.n, &err), &err);
    assert_memory_equal(first, again, f.n * sizeof *first);
    pi0_session_seed(s, 1);
    expect_ok(pi0_infer(s, &f.c.in, NULL, again, f.n, &err), &err);
    assert_memory_not_equal(first, again, f.n * sizeof *first);
    pi0_session_free(s);
    close_case(&f);
}

static void camera_order(void **state)
{
    (void)state;
    fixture f;
    open_case(&f, "openpi/pi0_droid");
    pi0_session *s = new_session(&f, 1, 1);
    pi0_error err;
    float named[MAX_CHUNK], swapped[MAX_CHUNK];
    pi0_inputs in = f.c.in;
    const pi0_image other[2] = { f.c.images[1], f.c.images[0] };
    pi0_image unnamed[2] = { f.c.images[1], f.c.images[0] };
    unnamed[0].camera = unnamed[1].camera = NULL;
    expect_ok(pi0_infer(s, &in, f.c.noise, named, f.n, &err), &err);
    // names decide, not the order in which pictures come
    in.images = other;
    expect_ok(pi0_infer(s, &in, f.c.noise, swapped, f.n, &err), &err);
    assert_memory_equal(named, swapped, f.n * sizeof *named);
    in.images = unnamed;
    expect_ok(pi0_infer(s, &in, f.c.noise, swapped, f.n, &err), &err);
    assert_memory_not_equal(named, swapped, f.n * sizeof *named);
    pi0_session_free(s);
    close_case(&f);
}

static void any_number_of_threads(void **state)
{
    (void)state;
    static const char *const names[] = { "openpi/pi0_droid", "openpi/pi05_droid" };
    for (int k = 0; k < 4; k++) {
        fixture f;
        open_case_on(&f, names[k % 2], k < 2 ? "reference" : "cpu");
        float one[MAX_CHUNK], many[MAX_CHUNK];
        pi0_error err;
        for (int threads = 1; threads <= 5; threads += threads < 3 ? 1 : 2) {
            pi0_session *s = new_session(&f, threads, 2);
            expect_ok(pi0_infer(s, &f.c.in, f.c.noise, threads == 1 ? one : many, f.n, &err), &err);
            if (threads > 1) assert_memory_equal(one, many, f.n * sizeof *one);
            pi0_session_free(s);
        }
        close_case(&f);
    }
}

/* ---- cancelling ---- */

static void cancel_from_another_thread(void **state)
{
    (void)state;
    fixture f;
    open_case(&f, "openpi/pi0_droid");
    pi0_session *s = new_session(&f, 2, 1024);
    canceler c;
    pi0_error err = { 0 };
    float actions[MAX_CHUNK], before[MAX_CHUNK];
    for (size_t i = 0; i < f.n; i++) actions[i] = before[i] = (float)i;
    canceler_start(&c, s);
    const int status = pi0_infer(s, &f.c.in, f.c.noise, actions, f.n, &err);
    canceler_stop(&c);
    expect_error(status, PI0_ECANCELED, &err, "canceled");
    assert_memory_equal(actions, before, f.n * sizeof *actions);
    // a cancel without a call does nothing to the next one
    pi0_cancel(s);
    expect_ok(pi0_observe(s, &f.c.in, &err), &err);
    pi0_session_free(s);
    close_case(&f);
}

/* ---- wrong inputs: named, nothing written, and the session works afterwards ---- */

typedef struct wrong {
    const fixture *f;
    pi0_session *s;
    float actions[MAX_CHUNK], good[MAX_CHUNK];
} wrong;

static void expect_wrong(wrong *w, const pi0_inputs *in, const float *noise, size_t room,
                         const char *text)
{
    pi0_error err = { 0 };
    for (size_t i = 0; i < w->f->n; i++) w->actions[i] = -7;
    expect_error(pi0_infer(w->s, in, noise, w->actions, room, &err), PI0_EINVAL, &err, text);
    for (size_t i = 0; i < w->f->n; i++) assert_true(w->actions[i] == -7);
}

static void wrong_pictures(wrong *w)
{
    const pi0_inputs good = w->f->c.in;
    pi0_inputs in = good;
    pi0_image image[4] = { good.images[0], good.images[1], good.images[0], good.images[0] };
    const float *noise = w->f->c.noise;
    const size_t n = w->f->n;
    float *pixels = calloc(3 * 224 * 224, sizeof *pixels);
    in.n_images = 0;
    expect_wrong(w, &in, noise, n, "no picture");
    in.images = image;
    in.n_images = 4;
    expect_wrong(w, &in, noise, n, "4 pictures, but this session was made for 3");
    in.n_images = 3;
    expect_wrong(w, &in, noise, n, "\"base_0_rgb\" is given twice");
    image[2].camera = "cam_high";
    expect_wrong(w, &in, noise, n, "\"cam_high\" is not one of this model's: base_0_rgb");
    in.n_images = 1;
    image[0].width = 0;
    expect_wrong(w, &in, noise, n, "0 x 224");
    image[0] = good.images[0];
    image[0].rgb = NULL;
    expect_wrong(w, &in, noise, n, "NULL");
    image[0] = good.images[0];
    in.pixels = pixels;
    expect_wrong(w, &in, noise, n, "both images and pixels");
    in.images = NULL;
    pixels[5] = NAN;
    expect_wrong(w, &in, noise, n, "pixel value 5 of picture 0");
    free(pixels);
}

static void wrong_words(wrong *w)
{
    const pi0_inputs good = w->f->c.in;
    pi0_inputs in = good;
    const float *noise = w->f->c.noise;
    const size_t n = w->f->n;
    int32_t ids[64] = { 2, 5, 512 };
    in.prompt = "both";
    expect_wrong(w, &in, noise, n, "both prompt and tokens");
    in.tokens = NULL;
    in.prompt = NULL;
    expect_wrong(w, &in, noise, n, "no prompt");
    in.prompt = "\xff";
    expect_wrong(w, &in, noise, n, "UTF-8");
    in.prompt = NULL;
    in.tokens = ids;
    in.n_tokens = 3;
    expect_wrong(w, &in, noise, n, "token 2 of the prompt is 512");
    in.n_tokens = 49;
    expect_wrong(w, &in, noise, n, "49 tokens, expected 1 to 48");
}

static void wrong_numbers(wrong *w)
{
    const pi0_inputs good = w->f->c.in;
    pi0_inputs in = good;
    const size_t n = w->f->n;
    double state[33] = { 0 };
    float noise[MAX_CHUNK];
    memcpy(noise, w->f->c.noise, n * sizeof *noise);
    in.state = NULL;
    expect_wrong(w, &in, noise, n, "no state");
    in.state = state;
    in.n_state = 33;
    expect_wrong(w, &in, noise, n, "33 values, expected 1 to 32");
    in.n_state = 0;
    expect_wrong(w, &in, noise, n, "0 values");
    in.n_state = 8;
    state[3] = INFINITY;
    expect_wrong(w, &in, noise, n, "state value 3 is not finite");
    noise[40] = NAN;
    expect_wrong(w, &good, noise, n, "noise value 40 is not finite");
    expect_wrong(w, &good, w->f->c.noise, n - 1, "expected 10 x 32 = 320");
    expect_wrong(w, NULL, w->f->c.noise, n, "NULL");
}

static void wrong_inputs(void **state)
{
    (void)state;
    fixture f;
    open_case(&f, "openpi/pi0_droid");
    pi0_error err;
    wrong w = { .f = &f, .s = new_session(&f, 1, 1) };
    expect_ok(pi0_infer(w.s, &f.c.in, f.c.noise, w.good, f.n, &err), &err);
    wrong_pictures(&w);
    wrong_words(&w);
    wrong_numbers(&w);
    expect_ok(pi0_infer(w.s, &f.c.in, f.c.noise, w.actions, f.n, &err), &err);
    assert_memory_equal(w.actions, w.good, f.n * sizeof *w.good);
    pi0_session_free(w.s);
    close_case(&f);
}

// weights that overflow: an error, not actions
static void not_finite(void **state)
{
    (void)state;
    fixture f;
    open_case(&f, "openpi/pi0_droid");
    pi0_session *s = new_session(&f, 1, 1);
    pi0_error err = { 0 };
    float actions[MAX_CHUNK] = { 3 }, noise[MAX_CHUNK];
    for (size_t i = 0; i < f.n; i++) noise[i] = 3e38f;
    expect_error(pi0_infer(s, &f.c.in, noise, actions, f.n, &err), PI0_ENUMERIC, &err,
                 "is not finite");
    assert_true(actions[0] == 3);
    expect_ok(pi0_infer(s, &f.c.in, f.c.noise, actions, f.n, &err), &err);
    pi0_session_free(s);
    close_case(&f);
}

// a prompt gives what its tokens give; without a tokenizer the message says what to do
static void prompts(void **state)
{
    (void)state;
    fixture f;
    open_case(&f, "openpi/pi0_droid");
    pi0_error err = { 0 };
    pi0_session *s = new_session(&f, 1, 1);
    pi0_inputs in = f.c.in;
    float from_prompt[MAX_CHUNK], from_tokens[MAX_CHUNK];
    int32_t ids[48];
    int n;
    expect_ok(pi0_tokenize(f.m, "pick up the cup", NULL, 0, ids, 48, &n, &err), &err);
    in.tokens = ids, in.n_tokens = n;
    expect_ok(pi0_infer(s, &in, f.c.noise, from_tokens, f.n, &err), &err);
    in.tokens = NULL;
    in.prompt = "pick up the cup";
    expect_ok(pi0_infer(s, &in, f.c.noise, from_prompt, f.n, &err), &err);
    assert_memory_equal(from_prompt, from_tokens, f.n * sizeof *from_prompt);
    expect_error(pi0_tokenize(f.m, "pick", NULL, 0, ids, 47, &n, &err), PI0_EINVAL, &err, "47");
    pi0_session_free(s);

    pi0_model *bare = NULL;
    must(pi0_load(&bare, f.c.dir, NULL, &err), &err);
    expect_error(pi0_tokenize(bare, "pick", NULL, 0, ids, 48, &n, &err), PI0_EINVAL, &err,
                 "tokenizer.model");
    pi0_free(bare);
    close_case(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_observation_many_chunks),
        cmocka_unit_test(seeds),
        cmocka_unit_test(camera_order),
        cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(cancel_from_another_thread),
        cmocka_unit_test(wrong_inputs),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(prompts),
    };
    threads_are_in("*thread*");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
