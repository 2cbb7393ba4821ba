/* SPDX-License-Identifier: Apache-2.0 */
/* test_demo.c - closed loop: the policies that come with pi0 do what they are told, and the measure
 * sees it when something is wrong with the weights, the camera or the state; the file of scenes;
 * the interval.
 *
 * Bounds: EPISODES scenes of one seed. The policies do their task in at least 97 % of scenes, on
 * every backend and instruction set (docs/STATUS.md); less than ENOUGH of 60 then has a chance of
 * 1.6e-6. With shuffled weights or swapped channels none of 60 is done; FEW is far from both. A
 * state that is not normalised costs less, for the hand is in the picture too: 331 of 500 are done
 * (66 %); as many as ENOUGH of 60 then has a chance of 2.5e-3, and the same seed gives nearly the
 * same episodes everywhere.
 * not under ThreadSanitizer: hundreds of episodes, and what threads share is in test_session. */
#include "demo.h"
#include "support/expect.h"
#include "support/golden.h"
#include "support/rewrite.h"
#include "support/robot_dir.h"
#include <math.h>

// a sanitizer looks at memory, where the sixth scene is as good as the sixtieth: rates are judged
// by the other builds
#ifdef PI0_TEST_SANITIZED
enum { EPISODES = 6, ENOUGH = 0, FEW = EPISODES };
#else
enum { EPISODES = 60, ENOUGH = 50, FEW = 9 };
#endif
#define FROM_GOLDEN "../../demo/" // from tests/golden

static demo_args arguments_of(const char *task, const char *model, int episodes)
{
    demo_args a = { .run = RUN_OPTIONS_DEFAULT, .task_name = task, .execute = 8, .port = -1 };
    a.task = strcmp(task, "reach") ? SIM_TASK_PLACE : SIM_TASK_REACH;
    a.episodes = episodes;
    a.run.model = model;
    a.run.threads = 1;
    return a;
}

// successes of the policy in a folder
static int successes(const char *task, const char *model)
{
    demo_run d;
    pi0_error e;
    const demo_args a = arguments_of(task, model, EPISODES);
    expect_ok(pi0_demo_run(&d, &a, &e), &e);
    const int n = d.all.success;
    print_message("%s: %d of %d\n", task, n, EPISODES);
    pi0_demo_run_free(&d);
    return n;
}

static const char *shipped(char path[600], const char *task)
{
    snprintf(path, 600, "%s/" FROM_GOLDEN "%s", PI0_TEST_DATA, task);
    return path;
}

static void test_place(void **state)
{
    (void)state;
    char path[600];
    assert_true(successes("place", shipped(path, "place")) >= ENOUGH);
}

static void test_reach(void **state)
{
    (void)state;
    char path[600];
    assert_true(successes("reach", shipped(path, "reach")) >= ENOUGH);
}

/* ---- what must not work ---- */

static void expect_at_most(int most, const tmpdir *dir)
{
    const int n = successes("place", dir->path);
    tmpdir_remove(dir);
    assert_true(n <= most);
}

// one tensor of the checkpoint changed
static tmpdir changed(const char *tensor, void (*change)(rewrite_tensor *t))
{
    char path[600];
    const tmpdir dir = robot_dir_make(FROM_GOLDEN "place");
    rewrite w = rewrite_open(shipped(path, "place"));
    change(rewrite_find(&w, tensor));
    robot_dir_remove(&dir, "model.safetensors");
    rewrite_write(&w, 0, w.n, &dir, "model.safetensors");
    rewrite_free(&w);
    return dir;
}

// the same values in another order
static void shuffle(rewrite_tensor *t)
{
    uint16_t *v = t->data;
    uint32_t x = 1;
    for (size_t i = t->bytes / 2 - 1; i > 0; i--) {
        x = x * 1664525u + 1013904223u;
        const size_t j = x % (i + 1);
        const uint16_t kept = v[i];
        v[i] = v[j];
        v[j] = kept;
    }
}

static void test_shuffled_weights(void **state)
{
    (void)state;
    const tmpdir dir = changed("gemma_expert.model.layers.1.self_attn.q_proj.weight", shuffle);
    expect_at_most(FEW, &dir);
}

// red and blue planes change places in what the patches are multiplied with: the network sees
// what it would see if the camera's channels were swapped
static void swap_channels(rewrite_tensor *t)
{
    const size_t plane = (size_t)(t->dims[2] * t->dims[3]);
    uint16_t *v = t->data;
    assert_true(t->n_dims == 4 && t->dims[1] == 3);
    for (int64_t out = 0; out < t->dims[0]; out++, v += 3 * plane)
        for (size_t i = 0; i < plane; i++) {
            const uint16_t kept = v[i];
            v[i] = v[2 * plane + i];
            v[2 * plane + i] = kept;
        }
}

static void test_swapped_channels(void **state)
{
    (void)state;
    const tmpdir dir = changed("patch_embedding.weight", swap_channels);
    expect_at_most(FEW, &dir);
}

static void test_state_as_it_is(void **state)
{
    (void)state;
    const tmpdir dir = robot_dir_make(FROM_GOLDEN "place");
    robot_dir_replace(&dir, "policy_preprocessor.json", "\"STATE\": \"MEAN_STD\"",
                      "\"STATE\": \"IDENTITY\"");
    expect_at_most(ENOUGH ? ENOUGH - 1 : FEW, &dir);
}

/* ---- episodes ---- */

static void test_same_run_again(void **state)
{
    (void)state;
    char path[600];
    demo_run a, b;
    pi0_error e;
    demo_args args = arguments_of("place", shipped(path, "place"), 3);
    args.noise_std = 0.02;
    args.disturb = true;
    args.prompt = "put the {other} block in the bowl";
    expect_ok(pi0_demo_run(&a, &args, &e), &e);
    args.run.threads = 2;
    expect_ok(pi0_demo_run(&b, &args, &e), &e);
    for (int i = 0; i < 3; i++) {
        const demo_episode *x = &a.episodes[i], *y = &b.episodes[i];
        assert_int_equal(x->n_steps, DEMO_STEPS_DISTURBED);
        assert_int_equal(x->n_plans, DEMO_STEPS_DISTURBED / 8);
        assert_int_equal(x->goal, (i + 1) % SIM_BLOCKS);
        for (int t = 0; t <= x->n_steps; t++)
            assert_true(sim_distance(x->scenes[t].hand, y->scenes[t].hand) == 0);
        // someone interfered: the state at step 8 is not what step 7 led to
        assert_true(sim_distance(x->scenes[8].block[0], x->scenes[7].block[0]) > 0.05 ||
                    sim_distance(x->scenes[8].bowl, x->scenes[7].bowl) > 0);
    }
    pi0_demo_run_free(&a);
    pi0_demo_run_free(&b);
}

/* ---- the file of scenes ---- */

static void expect_values(const safetensors *st, const char *name, const double *want, int n)
{
    const st_tensor *t = pi0_safetensors_find(st, name);
    assert_non_null(t);
    for (int i = 0; i < n; i++) {
        if (golden_at(t, i) != want[i])
            fail_msg("%s: element %d is %.17g, expected %.17g", name, i, golden_at(t, i), want[i]);
    }
}

static void check_dump(const safetensors *st, const demo_run *d)
{
    static double want[2 * 6 * 16 * 32];
    static float noise[16 * 32];
    static uint8_t picture[SIM_SIZE * SIM_SIZE * 3];
    int n = 0;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 6; k++) {
            pi0_noise(7, (uint64_t)i * 65536 + (uint64_t)k, noise, 16 * 32);
            for (int j = 0; j < 16 * 32; j++) want[n++] = (double)noise[j];
        }
    expect_values(st, "noise", want, n);
    n = 0;
    for (int i = 0; i < 2; i++) {
        const sim_scene s = sim_scene_of(SIM_TASK_PLACE, 7, (uint64_t)i);
        sim_render(&s, picture);
        const st_tensor *image = pi0_safetensors_find(st, "image");
        assert_memory_equal((const char *)image->data + (size_t)i * sizeof picture, picture,
                            sizeof picture);
        for (int b = 0; b < SIM_BLOCKS; b++) {
            want[n++] = s.block[b].x;
            want[n++] = s.block[b].y;
        }
    }
    expect_values(st, "blocks", want, n);
    n = 0;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 16 * SIM_COMMAND; j++) want[n++] = d->episodes[i].plans[0].commands[j];
    expect_values(st, "plan", want, n);
    for (int i = 0; i < 2 * DEMO_STEPS * 2; i++) want[i] = 0;
    expect_values(st, "kicks", want, 2 * DEMO_STEPS * 2);
}

static void test_dump(void **state)
{
    (void)state;
    char path[600], file[TMPDIR_PATH];
    demo_run d;
    safetensors st;
    pi0_error e;
    const tmpdir dir = tmpdir_make();
    demo_args a = arguments_of("place", shipped(path, "place"), 2);
    a.run.seed.value = 7;
    expect_ok(pi0_demo_run(&d, &a, &e), &e);
    tmpdir_path(file, &dir, "scenes.safetensors");
    expect_ok(pi0_demo_write_dump(&d, file, &e), &e);
    expect_ok(pi0_safetensors_open(&st, file, &e), &e);
    check_dump(&st, &d);
    pi0_safetensors_close(&st);
    pi0_demo_run_free(&d);
    tmpdir_remove(&dir);
}

/* ---- statistics ---- */

// Wilson's bounds are the rates from which k of n are just 1.96 deviations away
static void test_interval(void **state)
{
    (void)state;
    for (int n = 1; n < 200; n += 7)
        for (int k = 0; k <= n; k++) {
            double bound[2];
            pi0_demo_wilson(k, n, &bound[0], &bound[1]);
            const double p = (double)k / n;
            assert_true(0 <= bound[0] && bound[0] <= p && p <= bound[1] && bound[1] <= 1);
            for (int i = 0; i < 2; i++) {
                const double q = bound[i], deviation = sqrt(q * (1 - q) / n);
                if (q > 0 && q < 1)
                    assert_true(fabs(fabs(p - q) - 1.959963984540054 * deviation) < 1e-9);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_shuffled_weights),
        cmocka_unit_test(test_swapped_channels),
        cmocka_unit_test(test_state_as_it_is),
        cmocka_unit_test(test_same_run_again),
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
