/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan.c - the model never looks behind a mat, and the plan tells the truth: memory that
 * faults when touched, the block's size, transfers, work.
 * not under ThreadSanitizer: a plan has no threads, one session has those of test_session. */
#include "api.h"
#include "ops/plan.h"
#include "support/expect.h"
#include "support/network_case.h"
#include <stdlib.h>
#include <sys/mman.h>

static pi0_model *load(const char *name)
{
    char path[512];
    pi0_error err;
    pi0_options opt;
    pi0_model *m = NULL;
    snprintf(path, sizeof path, "%s/%s", PI0_TEST_DATA, name);
    pi0_default_options(&opt);
    opt.backend = "reference";
    must(pi0_load(&m, path, &opt, &err), &err);
    return m;
}

static void protect(const pi0_model *m, int how)
{
    assert_int_equal(mprotect(m->weights.block, m->weights.bytes, how), 0);
    const safetensors *st = &m->files.st;
    for (int i = 0; i < st->n_files; i++)
        assert_int_equal(
            mprotect((void *)(uintptr_t)st->maps[i].data, st->maps[i].size, how & PROT_READ), 0);
}

// the whole model with every buffer and weight in pages that may not be touched
static void run_untouchable(const char *name)
{
    pi0_model *m = load(name);
    const size_t size = (size_t)1 << 30;
    void *block = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(block != MAP_FAILED);
    const run_limits limits = { 3, 48, 4, 50, TIME_OPENPI };
    float times[4];
    float *host = malloc(pi0_run_host_floats(&m->net, &limits) * sizeof *host);
    tensor_view image[3];
    const run_inputs in = { image, 3, NULL, 48, NULL };
    planner p;
    run r;

    pi0_plan_init(&p, &m->backend.b);
    p.b.scratch = (arena){ .base = block, .size = size };
    protect(m, PROT_NONE);
    pi0_run_create(&r, &m->net, &p.b, &limits, NULL, times, host);
    for (int i = 0; i < 3; i++)
        image[i] =
            (tensor_view){ NULL, r.image_size, 3 * r.image_size, 3 * r.image_size, 1, DTYPE_U8 };
    p.puts = p.gets = 0;
    assert_int_equal(pi0_run_vision(&r, &in), PI0_OK);
    assert_int_equal(pi0_run_prefix(&r, &in), PI0_OK);
    pi0_run_noise(&r, NULL);
    for (int k = 0; k < 4; k++) assert_int_equal(pi0_run_step(&r, k), PI0_OK);
    pi0_run_actions(&r, NULL);
    protect(m, PROT_READ | PROT_WRITE);

    // pictures, tokens, noise and, in pi0, the state go in once; the actions come out once
    assert_int_equal(p.puts, 3 + 1 + 1 + !m->net.sizes.pi05);
    assert_int_equal(p.gets, 1);
    assert_true(p.cost.flop > 0);
    munmap(block, size);
    free(host);
    pi0_free(m);
}

static void untouchable(void **state)
{
    (void)state;
    run_untouchable("openpi/pi0_libero");
    run_untouchable("openpi/pi05_droid");
}

// what a session with full inputs takes from its block is what the plan said, to the byte
static void check_block(const char *name)
{
    network_case c;
    pi0_error err;
    pi0_options opt;
    pi0_session *s = NULL;
    pi0_plan plan;
    network_case_open(&c, name);
    pi0_model *m = load(name);
    pi0_default_options(&opt);
    opt.max_images = c.in.n_images;
    opt.max_tokens = c.in.n_tokens;
    opt.n_threads = 2;
    must(pi0_model_plan(m, &opt, c.in.n_images, c.in.n_tokens, &plan, &err), &err);
    must(pi0_session_create(&s, m, &opt, &err), &err);
    assert_true(plan.session_bytes == s->block_bytes);
    const size_t room = s->b.scratch.size;
    const size_t n = (size_t)c.horizon * 32;
    float *actions = malloc(n * sizeof *actions);
    must(pi0_infer(s, &c.in, c.noise, actions, n, &err), &err);
    // the peak, rounded up to where the workspace starts, is all of the room before it
    assert_true(s->b.scratch.peak <= room && room - s->b.scratch.peak < ARENA_ALIGN);
    assert_true(room + s->b.work_bytes == s->block_bytes);
    free(actions);
    pi0_session_free(s);
    pi0_free(m);
    network_case_close(&c);
}

static void block_size(void **state)
{
    (void)state;
    check_block("openpi/pi0_droid");
    check_block("openpi/pi05_droid");
    check_block("lerobot/lerobot_pi0");
}

// multiply-adds of the tiny pi0 by hand: 2 pictures, 10 tokens
static void work(void **state)
{
    (void)state;
    pi0_model *m = load("openpi/pi0_libero");
    pi0_error err;
    pi0_plan plan;
    must(pi0_model_plan(m, NULL, 2, 10, &plan, &err), &err);
    const double v = 96, f = 172, d = 64, g = 160, q = 128, h = 16, w = 32, e = 80, n = 512,
                 p = 522, horizon = 50;
    // patches; two layers of qkv, out, mlp, attention of each picture to itself; projector
    const double vision =
        n * 588 * v + 2 * (n * (4 * v * v + 2 * v * f) + 2 * n * 256 * v) + n * v * d;
    // two whole layers, and keys and values of the third
    const double layer = p * (d * (q + 2 * h) + q * d + 3 * d * g) + 2 * p * p * q;
    // the state token: its projection, two layers, and q, k, v of the third
    const double state_layer = w * (q + 2 * h) + q * w + 3 * w * e + 2 * (p + 1) * q;
    const double prefix = 2 * layer + p * d * 2 * h + 32 * w + 2 * state_layer + w * (q + 2 * h);
    const double step =
        horizon * (32 * w + 2 * w * w + w * 32) +
        3 * (horizon * (w * (q + 2 * h) + q * w + 3 * w * e) + 2 * horizon * (p + 1 + horizon) * q);
    assert_true(plan.vision.flop == 2 * vision);
    assert_true(plan.prefix.flop == 2 * prefix);
    assert_true(plan.step.flop == 2 * step);
    assert_true(plan.total.flop == 2 * (vision + prefix + 10 * step));
    expect_error(pi0_model_plan(m, NULL, 4, 10, &plan, &err), PI0_EINVAL, &err, "4 images");
    pi0_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untouchable),
        cmocka_unit_test(block_size),
        cmocka_unit_test(work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
