/* SPDX-License-Identifier: Apache-2.0 */
/* test_synth.c - checkpoints of random weights: any part alone has the bits that it has in the
 * whole, they are spread as the table says, and what flows through the network stays near 1. */
#include "../../tools/st_write.c"
#include "../../tools/synth.c"
#include "../../tools/synth_weights.c"
#include "support/expect.h"
#include "support/tmpdir.h"

#define N 100000

static synth_job tiny(bool pi05)
{
    synth_job job = { .type = DTYPE_BF16, .seed = 3, .horizon = 10, .n_threads = 2 };
    pi0_sizes_tiny(&job.sizes, pi05);
    return job;
}

/* ---- weights ---- */

static void test_any_part_has_the_bits_of_the_whole(void **state)
{
    (void)state;
    static uint16_t whole[5000], part[5000];
    model_sizes sizes;
    synth_rule rule;
    pi0_sizes_tiny(&sizes, true);
    // a bias whose last third has another mean, so that the border is inside
    pi0_synth_rule(&rule, &sizes, T_EX_NORM1_B, 1, 9);
    rule.offset_from = 700;
    pi0_synth_fill(whole, DTYPE_BF16, &rule, 0, 5000);
    for (uint64_t first = 0; first < 1000; first += 37) {
        const size_t n = 1 + 7 * (size_t)first % 911;
        pi0_synth_fill(part, DTYPE_BF16, &rule, first, n);
        assert_memory_equal(part, whole + first, n * sizeof *part);
    }
}

static void test_bf16_is_f32_rounded(void **state)
{
    (void)state;
    static uint16_t half[N];
    static float full[N];
    model_sizes sizes;
    synth_rule rule;
    pi0_sizes_published(&sizes, false);
    pi0_synth_rule(&rule, &sizes, T_LM_GATE, 4, 0);
    pi0_synth_fill(half, DTYPE_BF16, &rule, 12345, N);
    pi0_synth_fill(full, DTYPE_F32, &rule, 12345, N);
    for (int i = 0; i < N; i++) assert_int_equal(half[i], f32_to_bf16(full[i]));
}

// mean, standard deviation, and correlation of neighbours
static void moments(const float *x, double *mean, double *deviation, double *neighbours)
{
    double sum = 0, squares = 0, products = 0;
    for (int i = 0; i < N; i++) sum += (double)x[i];
    *mean = sum / N;
    for (int i = 0; i < N; i++) {
        const double d = (double)x[i] - *mean;
        squares += d * d;
        if (i) products += d * ((double)x[i - 1] - *mean);
    }
    *deviation = sqrt(squares / N);
    *neighbours = products / squares;
}

static void check_spread(enum tensor_id id, bool pi05, double mean, double deviation)
{
    static float x[N];
    model_sizes sizes;
    synth_rule rule;
    double m, d, c;
    pi0_sizes_published(&sizes, pi05);
    pi0_synth_rule(&rule, &sizes, id, 0, 1);
    pi0_synth_fill(x, DTYPE_F32, &rule, 0, N);
    moments(x, &m, &d, &c);
    // five standard errors of N draws
    assert_true(fabs(m - mean) < 5 * deviation / sqrt(N));
    assert_true(fabs(d - deviation) < 5 * deviation / sqrt(2.0 * N));
    assert_true(fabs(c) < 5 / sqrt(N));
}

static void test_spread_is_as_documented(void **state)
{
    (void)state;
    check_spread(T_LM_Q, false, 0, 1 / sqrt(2048));
    check_spread(T_PATCH_W, false, 0, 1 / sqrt(3 * 14 * 14));
    check_spread(T_LM_DOWN, false, 0, 1 / sqrt(16384) / sqrt(36));
    check_spread(T_V_FC2_W, false, 0, 1 / sqrt(4304) / sqrt(54));
    check_spread(T_TOKENS, false, 0, 1 / sqrt(2048));
    check_spread(T_POSITIONS, false, 0, 0.5);
    check_spread(T_V_NORM1_W, false, 1, 0.1);
    check_spread(T_LM_NORM1, false, 0, 0.1);
    check_spread(T_V_Q_B, false, 0, 0.02);
    check_spread(T_EX_NORM2_W, true, 0, 0.3 / sqrt(1024));
}

static void test_tensors_are_not_each_other_shifted(void **state)
{
    (void)state;
    enum { LENGTH = 4, RANGE = 3000 };
    static float a[LENGTH], b[RANGE];
    model_sizes sizes;
    synth_rule rule;
    pi0_sizes_published(&sizes, false);
    pi0_synth_rule(&rule, &sizes, T_LM_Q, 0, 0);
    pi0_synth_fill(a, DTYPE_F32, &rule, 1500, LENGTH);
    pi0_synth_rule(&rule, &sizes, T_LM_Q, 1, 0);
    pi0_synth_fill(b, DTYPE_F32, &rule, 0, RANGE);
    for (int i = 0; i + LENGTH <= RANGE; i++) assert_memory_not_equal(a, b + i, sizeof a);
    // nor is one seed another one's
    pi0_synth_rule(&rule, &sizes, T_LM_Q, 0, 1);
    pi0_synth_fill(b, DTYPE_F32, &rule, 0, RANGE);
    for (int i = 0; i + LENGTH <= RANGE; i++) assert_memory_not_equal(a, b + i, sizeof a);
}

/* ---- files ---- */

static void test_file_has_the_tables_tensors(void **state)
{
    (void)state;
    tmpdir dir = tmpdir_make();
    char path[TMPDIR_PATH], name[TENSOR_NAME_SIZE];
    uint64_t bytes;
    pi0_error err;
    for (int pi05 = 0; pi05 < 2; pi05++) {
        const synth_job job = tiny(pi05);
        safetensors st;
        tmpdir_path(path, &dir, pi05 ? "five" : "zero");
        expect_ok(pi0_synth_write(path, &job, &bytes, &err), &err);
        expect_ok(pi0_safetensors_open(&st, path, &err), &err);
        int n = 0;
        for (int id = 0; id < T_COUNT; id++)
            for (int l = 0; l < pi0_tensor_count(&job.sizes, (enum tensor_id)id); l++, n++) {
                const st_tensor *t =
                    pi0_safetensors_find(&st, pi0_tensor_name(name, (enum tensor_id)id, l));
                assert_non_null(t);
                assert_int_equal(t->type, DTYPE_BF16);
                for (int d = 0; d < t->n_dims; d++)
                    assert_int_equal(t->dims[d], job.sizes.size[pi0_tensor_table[id].dims[d]]);

                // the bits in the file are those of the rule
                uint16_t first[16];
                synth_rule rule;
                pi0_synth_rule(&rule, &job.sizes, (enum tensor_id)id, l, job.seed);
                pi0_synth_fill(first, DTYPE_BF16, &rule, 0, 16);
                assert_memory_equal(first, t->data, sizeof first);
            }
        assert_int_equal(n, st.n_tensors);
        pi0_safetensors_close(&st);
    }
    tmpdir_remove(&dir);
}

static bool at_once(void)
{
    return true;
}

static void test_failures_leave_nothing(void **state)
{
    (void)state;
    tmpdir dir = tmpdir_make();
    char path[TMPDIR_PATH];
    uint64_t bytes;
    pi0_error err;
    synth_job job = tiny(false);
    tmpdir_path(path, &dir, "model");

    // interrupted: not even the folder
    job.stop = at_once;
    expect_error(pi0_synth_write(path, &job, &bytes, &err), PI0_ECANCELED, &err, "interrupted");
    assert_int_equal(access(path, F_OK), -1);

    // there already: only with force
    job.stop = NULL;
    expect_ok(pi0_synth_write(path, &job, &bytes, &err), &err);
    expect_error(pi0_synth_write(path, &job, &bytes, &err), PI0_EIO, &err, "--force");
    job.force = true;
    expect_ok(pi0_synth_write(path, &job, &bytes, &err), &err);

    // a file in the way, a folder above that is missing
    tmpdir_write_text(&dir, "file", "x");
    expect_error(pi0_synth_write(tmpdir_path(path, &dir, "file"), &job, &bytes, &err), PI0_EIO,
                 &err, "not a folder");
    expect_error(pi0_synth_write(tmpdir_path(path, &dir, "no/model"), &job, &bytes, &err), PI0_EIO,
                 &err, "cannot make");
    tmpdir_remove(&dir);
}

/* ---- activations ---- */

typedef struct levels {
    int stages;
    double lowest, highest; // root mean square
    char name[2][64];
} levels;

static void measure(void *user, const char *name, const float *data, int rows, int cols)
{
    levels *l = user;
    double squares = 0;
    for (size_t i = 0; i < (size_t)rows * (size_t)cols; i++)
        squares += (double)data[i] * (double)data[i];
    const double rms = sqrt(squares / rows / cols);
    if (!l->stages || rms < l->lowest) {
        l->lowest = rms;
        snprintf(l->name[0], sizeof l->name[0], "%s", name);
    }
    if (!l->stages || rms > l->highest) {
        l->highest = rms;
        snprintf(l->name[1], sizeof l->name[1], "%s", name);
    }
    l->stages++;
}

static void test_activations_stay_near_one(void **state)
{
    (void)state;
    static uint8_t picture[224 * 224 * 3];
    static float actions[10 * 32];
    static const int32_t tokens[] = { 2, 101, 77, 300, 4 };
    static const double joints[] = { 0.5, -1, 1.2, 0.1, -0.4, 0.8 };
    const pi0_image image = { .rgb = picture, .width = 224, .height = 224 };
    const pi0_inputs in = { .images = &image,
                            .n_images = 1,
                            .tokens = tokens,
                            .n_tokens = 5,
                            .state = joints,
                            .n_state = 6 };
    for (size_t i = 0; i < sizeof picture; i++) picture[i] = (uint8_t)(i * 2654435761u >> 20);

    for (int pi05 = 0; pi05 < 2; pi05++) {
        tmpdir dir = tmpdir_make();
        char path[TMPDIR_PATH];
        levels l = { .stages = 0 };
        uint64_t bytes;
        pi0_model *m;
        pi0_session *s;
        pi0_error err;
        const synth_job job = tiny(pi05);
        tmpdir_path(path, &dir, "model");
        expect_ok(pi0_synth_write(path, &job, &bytes, &err), &err);
        expect_ok(pi0_load(&m, path, NULL, &err), &err);
        expect_ok(pi0_session_create(&s, m, NULL, &err), &err);
        expect_ok(pi0_session_set_tap(s, measure, &l, &err), &err);
        expect_ok(pi0_infer(s, &in, NULL, actions, 320, &err), &err);
        if (l.stages < 50 || l.lowest < 0.1 || l.highest > 3)
            fail_msg("%d stages, lowest %s %g, highest %s %g", l.stages, l.name[0], l.lowest,
                     l.name[1], l.highest);
        pi0_session_free(s);
        pi0_free(m);
        tmpdir_remove(&dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_part_has_the_bits_of_the_whole),
        cmocka_unit_test(test_bf16_is_f32_rounded),
        cmocka_unit_test(test_spread_is_as_documented),
        cmocka_unit_test(test_tensors_are_not_each_other_shifted),
        cmocka_unit_test(test_file_has_the_tables_tensors),
        cmocka_unit_test(test_failures_leave_nothing),
        cmocka_unit_test(test_activations_stay_near_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
