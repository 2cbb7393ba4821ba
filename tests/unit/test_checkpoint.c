/* SPDX-License-Identifier: Apache-2.0 */
/* test_checkpoint.c - loading: layouts, types, shards, sizes, and checkpoints that are wrong. */
#include "support/expect.h"
#include "support/network_case.h"
#include "support/rewrite.h"
#include <stdlib.h>

#define PI0_CASE "openpi/pi0_droid"
#define PI05_CASE "openpi/pi05_droid"

typedef struct fixture {
    rewrite w;
    tmpdir dir;
    const char *name;
} fixture;

static fixture fixture_open(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", PI0_TEST_DATA, name);
    return (fixture){ rewrite_open(path), tmpdir_make(), name };
}

static void fixture_close(fixture *f)
{
    rewrite_free(&f->w);
    tmpdir_remove(&f->dir);
}

static int load(pi0_model **m, const char *path, int horizon, pi0_error *err)
{
    pi0_options opt;
    pi0_default_options(&opt);
    opt.backend = "reference";
    opt.horizon = horizon;
    return pi0_load(m, path, &opt, err);
}

// write the tensors and load the folder
static int load_fixture(const fixture *f, pi0_model **m, pi0_error *err)
{
    rewrite_write(&f->w, 0, f->w.n, &f->dir, "model.safetensors");
    return load(m, f->dir.path, 0, err);
}

static void expect_refused(const char *name, void (*change)(rewrite *w), const char *config,
                           int status, const char *text)
{
    fixture f = fixture_open(name);
    pi0_model *m = NULL;
    pi0_error err = { 0 };
    if (change) change(&f.w);
    if (config) tmpdir_write_text(&f.dir, "config.json", config);
    expect_error(load_fixture(&f, &m, &err), status, &err, text);
    assert_null(m);
    fixture_close(&f);
}

// largest difference to the reference's actions from the checkpoint in this folder
static double off_by(const char *dir, const char *name, int *n_warnings)
{
    pi0_error err;
    pi0_options opt;
    pi0_model *m = NULL;
    pi0_session *s = NULL;
    pi0_info info;
    network_case c;
    network_case_open(&c, name);
    const size_t n = (size_t)c.horizon * 32;
    float *actions = malloc(n * sizeof *actions);
    pi0_default_options(&opt);
    opt.backend = "reference";
    opt.horizon = c.horizon;
    must(pi0_load(&m, dir, &opt, &err), &err);
    pi0_model_info(m, &info);
    *n_warnings = info.n_warnings;
    must(pi0_session_create(&s, m, &opt, &err), &err);
    must(pi0_infer(s, &c.in, c.noise, actions, n, &err), &err);
    const double off = compare(actions, 32, c.actions, c.horizon, c.cols).max;
    pi0_session_free(s);
    pi0_free(m);
    free(actions);
    network_case_close(&c);
    return off;
}

/* ---- layouts that are right ---- */

static void shards(void **state)
{
    (void)state;
    fixture f = fixture_open(PI0_CASE);
    int warnings;
    rewrite_write_shards(&f.w, &f.dir);
    assert_true(off_by(f.dir.path, f.name, &warnings) <= 1e-5);
    assert_int_equal(warnings, 0); // without a config there is no variant name to differ from
    fixture_close(&f);
}

// every type in one file; values that f16 and bf16 hold exactly change nothing
static void mixed_types(void **state)
{
    (void)state;
    fixture f = fixture_open(PI0_CASE);
    int warnings;
    rewrite_tensor *norm = rewrite_find(&f.w, "encoder.layers.0.layer_norm1.weight");
    rewrite_convert(norm, DTYPE_F32);
    float *v = norm->data;
    for (size_t i = 0; i < norm->bytes / 4; i++) v[i] = bf16_to_f32(f32_to_bf16(v[i]));
    rewrite_write(&f.w, 0, f.w.n, &f.dir, "model.safetensors");
    const double before = off_by(f.dir.path, f.name, &warnings);
    rewrite_convert(norm, DTYPE_F16);
    rewrite_write(&f.w, 0, f.w.n, &f.dir, "model.safetensors");
    assert_true(off_by(f.dir.path, f.name, &warnings) == before);
    rewrite_convert(norm, DTYPE_BF16);
    rewrite_write(&f.w, 0, f.w.n, &f.dir, "model.safetensors");
    assert_true(off_by(f.dir.path, f.name, &warnings) == before);
    assert_true(before < 0.1);
    fixture_close(&f);
}

// keys with "model." in front of a folder that is openpi's otherwise
static void prefixed_keys(void **state)
{
    (void)state;
    fixture f = fixture_open(PI05_CASE);
    int warnings;
    rewrite_prefix(&f.w, "model.");
    rewrite_write(&f.w, 0, f.w.n, &f.dir, "model.safetensors");
    assert_true(off_by(f.dir.path, f.name, &warnings) <= 1e-5);
    fixture_close(&f);
}

// both names of the tied embedding, other values: embed_tokens counts
static void two_embeddings(void **state)
{
    (void)state;
    fixture f = fixture_open(PI0_CASE);
    int warnings;
    rewrite_copy(&f.w, "paligemma.lm_head.weight",
                 "paligemma_with_expert.paligemma.model.language_model.embed_tokens.weight");
    rewrite_tensor *head = rewrite_find(&f.w, "paligemma.lm_head.weight");
    memset(head->data, 0, head->bytes);
    rewrite_write(&f.w, 0, f.w.n, &f.dir, "model.safetensors");
    assert_true(off_by(f.dir.path, f.name, &warnings) <= 1e-5);
    assert_int_equal(warnings, 0);
    fixture_close(&f);
}

// LeRobot renames the other model's time layers, where keys have no "model."
static void lerobot_renames(void **state)
{
    (void)state;
    fixture f = fixture_open(PI05_CASE);
    pi0_model *m = NULL;
    pi0_error err;
    pi0_info info;
    static const char *const part[] = { "in.weight", "in.bias", "out.weight", "out.bias" };
    for (int i = 0; i < 4; i++) {
        char from[64], to[64];
        snprintf(from, sizeof from, "time_mlp_%s", part[i]);
        snprintf(to, sizeof to, "action_time_mlp_%s", part[i]);
        snprintf(rewrite_find(&f.w, from)->name, sizeof to, "%s", to);
    }
    rewrite_copy(&f.w, "action_in_proj.bias", "state_proj.bias"); // LeRobot drops it
    tmpdir_write_text(&f.dir, "config.json",
                      "{\"type\":\"pi05\",\"chunk_size\":15,\"input_features\":{\"cam\":{\"type\":"
                      "\"VISUAL\",\"shape\":[3,224,224]}}}");
    expect_ok(load_fixture(&f, &m, &err), &err);
    pi0_model_info(m, &info);
    assert_int_equal(info.pi05, 1);
    // nothing of the tensors; only the processors are not there
    assert_int_equal(info.n_warnings, 1);
    assert_non_null(strstr(pi0_model_warning(m, 0), "policy_preprocessor.json"));
    assert_string_equal(info.layout, "lerobot");
    assert_string_equal(pi0_model_camera(m, 0), "cam");
    assert_null(pi0_model_camera(m, 1));
    pi0_free(m);
    fixture_close(&f);
}

// what pi0_model_info tells of a model
static void told_sizes(void **state)
{
    (void)state;
    char path[512];
    pi0_error err;
    pi0_model *m = NULL;
    pi0_info info;
    snprintf(path, sizeof path, "%s/openpi/pi05_droid/model.safetensors", PI0_TEST_DATA);
    expect_ok(load(&m, path, 0, &err), &err); // the file itself; config.json beside it counts
    pi0_model_info(m, &info);
    assert_int_equal(info.pi05, 1);
    assert_int_equal(info.state_dim, 0);
    assert_int_equal(info.horizon, 15);
    assert_int_equal(info.action_dim, 32);
    assert_int_equal(info.image_size, 224);
    assert_int_equal(info.vocabulary, 512);
    assert_int_equal(info.max_tokens, 200);
    assert_int_equal(info.language.layers, 3);
    assert_int_equal(info.language.head_dim, 16);
    assert_int_equal(info.expert.width, 32);
    assert_int_equal(info.vision.mlp, 172);
    assert_string_equal(info.layout, "openpi");
    assert_string_equal(pi0_model_camera(m, 2), "right_wrist_0_rgb");
    // gemma_2b and gemma_300m promise other sizes
    assert_int_equal(info.n_warnings, 2);
    assert_non_null(strstr(pi0_model_warning(m, 0), "gemma_2b"));
    assert_null(pi0_model_warning(m, 2));
    pi0_free(m);
}

/* ---- tensors that are wrong ---- */

static void drop_norm(rewrite *w)
{
    rewrite_find(w, "language_model.layers.1.post_attention_layernorm.weight")->drop = true;
}

static void drop_last_q(rewrite *w)
{
    rewrite_find(w, "language_model.layers.2.self_attn.q_proj.weight")->drop = true;
}

static void drop_expert_layer(rewrite *w)
{
    for (int i = 0; i < w->n; i++)
        if (strstr(w->tensor[i].name, "gemma_expert.model.layers.2.")) w->tensor[i].drop = true;
}

static void transpose_fc1(rewrite *w)
{
    rewrite_tensor *t = rewrite_find(w, "encoder.layers.1.mlp.fc1.weight");
    const int64_t rows = t->dims[0];
    t->dims[0] = t->dims[1];
    t->dims[1] = rows;
}

static void flatten_patch(rewrite *w)
{
    rewrite_tensor *t = rewrite_find(w, "patch_embedding.weight");
    t->dims[1] = t->dims[1] * t->dims[2] * t->dims[3];
    t->n_dims = 2;
}

static void integer_bias(rewrite *w)
{
    rewrite_find(w, "action_out_proj.bias")->type = DTYPE_I16;
}

static void both_keys(rewrite *w)
{
    rewrite_copy(w, "action_in_proj.weight", "model.action_in_proj.weight");
}

static void wrong_tensors(void **state)
{
    (void)state;
    const int bad = PI0_EFORMAT;
    expect_refused(PI0_CASE, drop_norm, NULL, bad,
                   "layers.1.post_attention_layernorm.weight is missing");
    expect_refused(PI0_CASE, drop_last_q, NULL, bad, "layers.2.self_attn.q_proj.weight is missing");
    expect_refused(PI0_CASE, drop_expert_layer, NULL, bad, "3 layers and the action expert 2");
    expect_refused(PI0_CASE, transpose_fc1, NULL, bad, "shape [96,172], expected [172,96]");
    expect_refused(PI0_CASE, flatten_patch, NULL, bad, "patch_embedding.weight has shape [96,588]");
    expect_refused(PI0_CASE, integer_bias, NULL, bad, "action_out_proj.bias is I16");
    expect_refused(PI0_CASE, both_keys, NULL, bad,
                   "model.action_in_proj.weight and action_in_proj.weight");
}

static void config_contradicts(void **state)
{
    (void)state;
    const int bad = PI0_EFORMAT, unknown = PI0_EUNSUPPORTED;
    expect_refused(PI0_CASE, NULL, "{\"action_dim\":14}", bad, "action_dim 14, the tensors say 32");
    expect_refused(PI0_CASE, NULL, "{\"type\":\"pi05\"}", bad, "says pi0.5");
    expect_refused(PI05_CASE, NULL, "{\"type\":\"pi0\"}", bad, "says pi0,");
    expect_refused(PI0_CASE, NULL, "{\"type\":\"pi0\",\"max_state_dim\":24}", bad,
                   "max_state_dim 24, the tensors say 32");
    expect_refused(PI0_CASE, NULL, "{\"type\":\"pi0\",\"image_resolution\":[448,448]}", bad,
                   "image_resolution 448, the tensors say 224");
    expect_refused(PI0_CASE, NULL, "{\"type\":\"pi0_fast\"}", unknown, "pi0_fast");
    expect_refused(PI0_CASE, NULL, "{\"type\":\"smolvla\"}", unknown, "smolvla");
    expect_refused(PI05_CASE, NULL, "{\"type\":\"pi05\",\"use_proprioceptive_memory\":true}",
                   unknown, "use_proprioceptive_memory");
    expect_refused(PI0_CASE, NULL, "{\"action_horizon\":0}", bad, "action_horizon");
}

// not used, but never in silence
static void unknown_tensors(void **state)
{
    (void)state;
    fixture f = fixture_open(PI0_CASE);
    pi0_model *m = NULL;
    pi0_error err;
    pi0_info info;
    rewrite_copy(&f.w, "action_in_proj.bias", "action_in_proj.scale");
    rewrite_copy(&f.w, "action_in_proj.bias", "time_mlp_in.bias"); // pi0.5's
    rewrite_copy(&f.w, "action_in_proj.bias",
                 "paligemma_with_expert.gemma_expert.lm_head.weight"); // known to be unused
    expect_ok(load_fixture(&f, &m, &err), &err);
    pi0_model_info(m, &info);
    assert_int_equal(info.n_warnings, 2);
    assert_non_null(strstr(pi0_model_warning(m, 0), "action_in_proj.scale"));
    assert_non_null(strstr(pi0_model_warning(m, 1), "time_mlp_in.bias"));
    pi0_free(m);
    fixture_close(&f);
}

static void not_a_checkpoint(void **state)
{
    (void)state;
    pi0_model *m = NULL;
    pi0_error err = { 0 };
    tmpdir dir = tmpdir_make();
    expect_error(load(&m, dir.path, 0, &err), PI0_EIO, &err, "model.safetensors");
    expect_error(load(&m, "/nowhere/at/all", 0, &err), PI0_EIO, &err, "/nowhere/at/all");
    tmpdir_write(&dir, "model.safetensors", "\x02\0\0\0\0\0\0\0{}", 10);
    expect_error(load(&m, dir.path, 0, &err), PI0_EFORMAT, &err, "neither");
    assert_null(m);
    tmpdir_remove(&dir);
}

/* ---- options ---- */

static void wrong_options(void **state)
{
    (void)state;
    char path[512];
    pi0_error err = { 0 };
    pi0_model *m = NULL;
    pi0_options opt;
    snprintf(path, sizeof path, "%s/%s", PI0_TEST_DATA, PI0_CASE);
    pi0_default_options(&opt);
    opt.backend = "cuda";
    expect_error(pi0_load(&m, path, &opt, &err), PI0_EINVAL, &err, "\"cuda\"");
    opt.backend = "reference";
    opt.precision = "bf16";
    expect_error(pi0_load(&m, path, &opt, &err), PI0_EDEVICE, &err, "f32 only");
    opt.precision = "int8";
    expect_error(pi0_load(&m, path, &opt, &err), PI0_EINVAL, &err, "\"int8\"");
    opt.precision = "auto";
    opt.num_steps = 1025;
    expect_error(pi0_load(&m, path, &opt, &err), PI0_EINVAL, &err, "num_steps is 1025");
    opt.num_steps = 0;
    opt.tokenizer = "/nowhere.model";
    expect_error(pi0_load(&m, path, &opt, &err), PI0_EIO, &err, "/nowhere.model");
    expect_error(pi0_load(NULL, path, &opt, &err), PI0_EINVAL, &err, "NULL");
    assert_null(m);
}

static void horizons(void **state)
{
    (void)state;
    fixture f = fixture_open(PI0_CASE);
    pi0_model *m = NULL;
    pi0_session *s = NULL;
    pi0_error err = { 0 };
    pi0_options opt;
    pi0_session_info info;
    pi0_default_options(&opt);
    expect_ok(load_fixture(&f, &m, &err), &err); // no config.json here
    expect_error(pi0_session_create(&s, m, &opt, &err), PI0_EINVAL, &err, "horizon");
    opt.horizon = 7;
    expect_ok(pi0_session_create(&s, m, &opt, &err), &err);
    pi0_session_get_info(s, &info);
    assert_int_equal(info.horizon, 7);
    pi0_session_free(s);
    pi0_free(m);
    s = NULL, m = NULL;
    tmpdir_write_text(&f.dir, "config.json", "{\"action_horizon\":10}");
    expect_ok(load(&m, f.dir.path, 0, &err), &err);
    expect_error(pi0_session_create(&s, m, &opt, &err), PI0_EINVAL, &err, "config.json says 10");
    assert_null(s);
    pi0_free(m);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards),          cmocka_unit_test(mixed_types),
        cmocka_unit_test(prefixed_keys),   cmocka_unit_test(two_embeddings),
        cmocka_unit_test(lerobot_renames), cmocka_unit_test(told_sizes),
        cmocka_unit_test(wrong_tensors),   cmocka_unit_test(config_contradicts),
        cmocka_unit_test(unknown_tensors), cmocka_unit_test(not_a_checkpoint),
        cmocka_unit_test(wrong_options),   cmocka_unit_test(horizons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
