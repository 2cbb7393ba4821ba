/* SPDX-License-Identifier: Apache-2.0 */
/* test_convert.c - pi0 convert: what it writes gives the source's bits, from every kind of
 * checkpoint; and it writes whole folders or none. */
#include "convert.h"
#include "support/expect.h"
#include "support/jax_case.h"
#include "support/network_case.h"
#include "support/rewrite.h"
#include "support/robot_case.h"
#include "support/robot_dir.h"
#include "support/tmpdir.h"

static int convert(const char *from, const char *to, const convert_job *how, pi0_error *err)
{
    convert_job job = *how;
    convert_result r;
    notices w = { NULL, 0 };
    job.from = from;
    job.to = to;
    const int status = pi0_convert(&job, &r, &w, err);
    pi0_notices_free(&w);
    return status;
}

static void convert_well(const char *from, const char *to, const convert_job *how)
{
    pi0_error err;
    must(convert(from, to, how, &err), &err);
}

// openpi's JAX checkpoints: the network's actions, bit for bit, on both flows
static void jax_bits(void **state)
{
    static float before[JAX_HORIZON * 32], after[JAX_HORIZON * 32];
    static const char *const flows[][2] = { { "reference", NULL },
                                            { "cpu", "bf16" },
                                            { "cpu", "f32" } };
    (void)state;
    for (int i = 0; i < N_JAX_CASES; i++) {
        const tmpdir dir = tmpdir_make();
        char to[TMPDIR_PATH];
        jax_case c;
        jax_case_open(&c, jax_names[i]);
        convert_well(c.model, tmpdir_path(to, &dir, "out"), &(convert_job){ .horizon = 16 });
        for (size_t k = 0; k < COUNT(flows); k++) {
            jax_case_run(&c, c.model, flows[k][0], flows[k][1], before);
            jax_case_run(&c, to, flows[k][0], flows[k][1], after);
            assert_memory_equal(before, after, sizeof before);
        }
        jax_case_close(&c);
        tmpdir_remove(&dir);
    }
}

// the robot's actions of a case; path NULL: the case's own folder
static double *act(const robot_case *c, const char *path, const char *backend)
{
    pi0_error err;
    pi0_options opt = c->opt;
    pi0_model *m;
    pi0_session *s;
    const size_t n = (size_t)c->rows * (size_t)c->cols;
    double *actions = malloc(n * sizeof *actions);
    opt.backend = backend;
    // the converted folder says it itself
    if (path) opt.config = NULL;
    must(pi0_load(&m, path ? path : c->g.dir, &opt, &err), &err);
    must(pi0_session_create(&s, m, &opt, &err), &err);
    must(pi0_act(s, &c->obs, c->noise, actions, n, &err), &err);
    pi0_session_free(s);
    pi0_free(m);
    return actions;
}

static void check_robot(const char *name)
{
    static const char *const backends[] = { "reference", "cpu" };
    const tmpdir dir = tmpdir_make();
    char to[TMPDIR_PATH];
    robot_case c;
    robot_case_open(&c, name);
    convert_well(c.g.dir, tmpdir_path(to, &dir, "out"), &(convert_job){ .config = c.opt.config });
    for (size_t k = 0; k < COUNT(backends); k++) {
        double *before = act(&c, NULL, backends[k]), *after = act(&c, to, backends[k]);
        assert_memory_equal(before, after, (size_t)c.rows * (size_t)c.cols * sizeof *before);
        free(before);
        free(after);
    }
    robot_case_close(&c);
    tmpdir_remove(&dir);
}

static void robot_bits(void **state)
{
    (void)state;
    for (int i = 0; golden_openpi[i]; i++) check_robot(golden_openpi[i]);
    for (int i = 0; golden_lerobot[i]; i++) check_robot(golden_lerobot[i]);
}

// every tensor of two checkpoints, bit for bit
static void same_tensors(const char *a, const char *b)
{
    pi0_error err;
    safetensors x, y;
    must(pi0_safetensors_open(&x, a, &err), &err);
    must(pi0_safetensors_open(&y, b, &err), &err);
    assert_int_equal(x.n_tensors, y.n_tensors);
    for (int i = 0; i < x.n_tensors; i++) {
        const st_tensor *s = &x.tensors[i], *t = &y.tensors[i];
        assert_string_equal(s->name, t->name);
        assert_int_equal(s->type, t->type);
        assert_int_equal(s->bytes, t->bytes);
        assert_memory_equal(s->dims, t->dims, sizeof s->dims);
        assert_memory_equal(s->data, t->data, s->bytes);
    }
    pi0_safetensors_close(&x);
    pi0_safetensors_close(&y);
}

// shards become one file
static void shards(void **state)
{
    (void)state;
    static const char name[] = "openpi/pi0_droid";
    char path[600], to[TMPDIR_PATH];
    const tmpdir dir = tmpdir_make();
    snprintf(path, sizeof path, "%s/%s", PI0_TEST_DATA, name);
    rewrite w = rewrite_open(path);
    rewrite_write_shards(&w, &dir);
    convert_well(dir.path, tmpdir_path(to, &dir, "out"), &(convert_job){ .horizon = 10 });
    same_tensors(path, to);
    rewrite_free(&w);
    tmpdir_remove(&dir);
}

// --dtype: every weight of that type, rounded to nearest or widened
static void types(void **state)
{
    (void)state;
    char path[600], narrow[TMPDIR_PATH], wide[TMPDIR_PATH], again[TMPDIR_PATH];
    const tmpdir dir = tmpdir_make();
    pi0_error err;
    safetensors x, y;
    snprintf(path, sizeof path, "%s/openpi/pi0_libero", PI0_TEST_DATA);
    convert_well(path, tmpdir_path(narrow, &dir, "narrow"), &(convert_job){ .type = "bf16" });
    convert_well(narrow, tmpdir_path(wide, &dir, "wide"), &(convert_job){ .type = "f32" });
    convert_well(wide, tmpdir_path(again, &dir, "again"), &(convert_job){ .type = "bf16" });
    same_tensors(narrow, again);
    must(pi0_safetensors_open(&x, path, &err), &err);
    must(pi0_safetensors_open(&y, narrow, &err), &err);
    for (int i = 0; i < x.n_tensors; i++) {
        const st_tensor *s = &x.tensors[i], *t = pi0_safetensors_find(&y, s->name);
        assert_non_null(t);
        assert_int_equal(t->type, DTYPE_BF16);
        for (size_t k = 0; k < t->bytes / 2; k++) {
            const uint16_t expected = f32_to_bf16(dtype_load(s->type, s->data, (ptrdiff_t)k));
            assert_memory_equal((const char *)t->data + 2 * k, &expected, 2);
        }
    }
    pi0_safetensors_close(&x);
    pi0_safetensors_close(&y);
    tmpdir_remove(&dir);
}

static bool stop_at_once(void)
{
    return true;
}

static void whole_or_nothing(void **state)
{
    (void)state;
    char jax[600], lerobot[600], droid[600], to[TMPDIR_PATH], there[TMPDIR_PATH];
    const tmpdir dir = tmpdir_make();
    pi0_error err;
    snprintf(jax, sizeof jax, "%s/openpi_jax/jax_pi0/1", PI0_TEST_DATA);
    snprintf(lerobot, sizeof lerobot, "%s/lerobot/lerobot_pi0", PI0_TEST_DATA);
    snprintf(droid, sizeof droid, "%s/openpi/pi0_droid", PI0_TEST_DATA);
    tmpdir_path(to, &dir, "out");
    tmpdir_mkdir(&dir, "there");
    tmpdir_path(there, &dir, "there");
    const struct {
        const char *from, *to;
        convert_job how;
        int status;
        const char *text;
    } wrong[] = {
        { jax, there, { .horizon = 16 }, PI0_EIO, "is there already" },
        { jax, to, { .horizon = 0 }, PI0_EINVAL, "--horizon" },
        { jax, to, { .config = "pi0_aloha_twel" }, PI0_EINVAL, "pi0_aloha_towel" },
        { jax, to, { .config = "pi05_droid" }, PI0_EINVAL, "pi0.5" },
        { jax, to, { .config = "pi0_aloha_sim" }, PI0_EIO, "norm_stats.json" },
        { jax, to, { .config = "none.json" }, PI0_EIO, "none.json" },
        { jax, to, { .horizon = 16, .stop = stop_at_once }, PI0_ECANCELED, "interrupted" },
        { droid, to, { .horizon = 11 }, PI0_EINVAL, "11" },
        { lerobot, to, { .config = "pi0_droid" }, PI0_EINVAL, "LeRobot" },
        { lerobot, to, { .horizon = 20 }, PI0_EINVAL, "LeRobot" },
        { there, to, { .horizon = 16 }, PI0_EIO, "model.safetensors" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        expect_error(convert(wrong[i].from, wrong[i].to, &wrong[i].how, &err), wrong[i].status,
                     &err, wrong[i].text);
        assert_int_equal(tmpdir_count(&dir), 1);
    }
    tmpdir_remove(&dir);
}

// openpi's folders may have "model." in front of their keys
static void prefixed_keys(void **state)
{
    (void)state;
    char path[600], to[TMPDIR_PATH];
    const tmpdir dir = tmpdir_make();
    const convert_job droid = { .config = "pi05_droid" };
    pi0_error err;
    snprintf(path, sizeof path, "%s/openpi/pi05_droid", PI0_TEST_DATA);
    rewrite w = rewrite_open(path);
    rewrite_prefix(&w, "model.");
    rewrite_write(&w, 0, w.n, &dir, "model.safetensors");
    tmpdir_path(to, &dir, "out");
    // the right model, so that only the statistics are missed
    expect_error(convert(dir.path, to, &droid, &err), PI0_EIO, &err, "norm_stats.json");
    expect_error(convert(dir.path, to, &(convert_job){ .config = "pi0_droid" }, &err), PI0_EINVAL,
                 &err, "config \"pi0_droid\" is of pi0, but");
    rewrite_free(&w);
    tmpdir_remove(&dir);
}

// a robot in config.json that leaves the horizon open
static void no_horizon(void **state)
{
    (void)state;
    char to[TMPDIR_PATH];
    const tmpdir dir = robot_dir_make("openpi/pi0_droid");
    pi0_error err;
    robot_dir_write(&dir, "config.json",
                    "{\"policy\": {\"pi05\": false, \"cameras\": {\"front\": \"base_0_rgb\"}, "
                    "\"states\": {\"joints\": 8}, \"actions\": 8, \"statistics\": \"" PI0_TEST_DATA
                    "/openpi/pi0_droid/assets/droid/norm_stats.json\"}}");
    tmpdir_path(to, &dir, "out");
    expect_error(convert(dir.path, to, &(convert_job){ .config = NULL }, &err), PI0_EINVAL, &err,
                 "config \"config.json\" does not say how long an action chunk is");
    convert_well(dir.path, to, &(convert_job){ .horizon = 10 });
    tmpdir_remove(&dir);
}

// a robot's own file and its statistics come along
static void robot_file(void **state)
{
    (void)state;
    char robot[TMPDIR_PATH], to[TMPDIR_PATH], stats[700], text[1500];
    const tmpdir dir = tmpdir_make();
    robot_case c;
    robot_case_open(&c, "openpi/pi05_droid");
    snprintf(stats, sizeof stats, "%s/assets/droid/norm_stats.json", c.g.dir);
    snprintf(text, sizeof text,
             "{\"base\": \"pi05_droid\", \"name\": \"mine\", \"statistics\": \"%s\"}", stats);
    tmpdir_write_text(&dir, "robot.json", text);
    tmpdir_path(robot, &dir, "robot.json");
    convert_well(c.g.dir, tmpdir_path(to, &dir, "out"), &(convert_job){ .config = robot });
    double *before = act(&c, NULL, "reference"), *after = act(&c, to, "reference");
    assert_memory_equal(before, after, (size_t)c.rows * (size_t)c.cols * sizeof *before);
    free(before);
    free(after);
    robot_case_close(&c);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jax_bits),         cmocka_unit_test(robot_bits),
        cmocka_unit_test(shards),           cmocka_unit_test(types),
        cmocka_unit_test(whole_or_nothing), cmocka_unit_test(robot_file),
        cmocka_unit_test(prefixed_keys),    cmocka_unit_test(no_horizon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
