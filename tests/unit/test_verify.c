/* SPDX-License-Identifier: Apache-2.0 */
/* test_verify.c - pi0 verify: golden cases pass with every module there; a damaged weight, swapped
 * heads, shifted positions, a missing layer fail at the module that they are in and nowhere before
 * it.
 * not under ThreadSanitizer: two sessions one after the other, as in test_session, many times. */
#include "api.h"
#include "support/expect.h"
#include "support/network_case.h"
#include "support/rewrite.h"
#include "verify.h"
#include <stdlib.h>

enum { STEPS = 2, MORE_TOKENS = 16 };

// two models of a case and their sessions; the accelerated one may be another checkpoint
typedef struct pair {
    network_case c;
    pi0_model *m[2]; // reference, accelerated
    pi0_session *s[2];
    verify v;
    verify_inputs in;
} pair;

static void start(const char *dir, const char *flow, const char *precision, const char *mask,
                  pi0_model **m, pi0_session **s)
{
    pi0_error err;
    pi0_options opt;
    pi0_info info;
    pi0_default_options(&opt);
    opt.backend = flow;
    opt.precision = precision;
    opt.cpu_mask = mask;
    opt.num_steps = STEPS;
    opt.n_threads = 2;
    must(pi0_load(m, dir, &opt, &err), &err);
    pi0_model_info(*m, &info);
    opt.max_tokens = info.max_tokens + MORE_TOKENS;
    must(pi0_session_create(s, *m, &opt, &err), &err);
}

static void pair_open(pair *p, const char *name, const char *dir, const char *precision,
                      const char *modules)
{
    pi0_error err;
    network_case_open(&p->c, name);
    start(p->c.dir, "reference", "f32", NULL, &p->m[0], &p->s[0]);
    start(dir ? dir : p->c.dir, "cpu", precision, NULL, &p->m[1], &p->s[1]);
    must(pi0_verify_init(&p->v, p->m[1], NULL, modules, &err), &err);
    p->in = (verify_inputs){ .in = &p->c.in, .noise = p->c.noise };
}

static void pair_run(pair *p)
{
    pi0_error err;
    must(pi0_verify_run(&p->v, p->s[0], p->s[1], &p->in, &err), &err);
}

static void pair_close(pair *p)
{
    pi0_verify_free(&p->v);
    for (int i = 0; i < 2; i++) {
        pi0_session_free(p->s[i]);
        pi0_free(p->m[i]);
    }
    network_case_close(&p->c);
}

static const verify_row *find_row(const verify *v, const char *module, enum verify_mode mode)
{
    for (int i = 0; i < v->n_rows; i++)
        if (v->row[i].mode == mode && !strcmp(v->row[i].module, module)) return &v->row[i];
    fail_msg("no row %s, %s", module, pi0_verify_mode_names[mode]);
    return NULL;
}

static int count(const verify *v, enum verify_kind kind, enum verify_mode mode)
{
    int n = 0;
    for (int i = 0; i < v->n_rows; i++) n += v->row[i].kind == kind && v->row[i].mode == mode;
    return n;
}

/* ---- what is right passes, and nothing is left out ---- */

static void check_counts(const verify *v, int images)
{
    const int layers = v->info.language.layers, vision = v->info.vision.layers;
    const bool pi0 = !v->info.pi05;
    const struct {
        enum verify_kind kind;
        int alone, accumulated;
    } expected[] = {
        { KIND_TIME, STEPS, STEPS },
        { KIND_POSITIONS, 2, 2 },
        { KIND_NOISE, 1, 0 },
        { KIND_CONCATENATION, images, 0 },
        { KIND_LENGTHS, 1, 0 },
        { KIND_PATCHES, images, images },
        { KIND_VISION_ATTENTION, images * vision, images * vision },
        { KIND_VISION_MLP, images * vision, images * vision },
        { KIND_VISION_BLOCK, images * vision, images * vision },
        { KIND_PROJECTOR, images, images },
        { KIND_PREFIX_EMBEDDINGS, 1, 1 },
        { KIND_PREFIX_K, layers, layers },
        { KIND_PREFIX_V, layers, layers },
        { KIND_PREFIX_ATTENTION, layers - 1, layers - 1 },
        { KIND_PREFIX_MLP, layers - 1, layers - 1 },
        { KIND_PREFIX_BLOCK, layers - 1, layers - 1 },
        { KIND_STATE, pi0, pi0 },
        { KIND_STATE_K, pi0 * layers, pi0 * layers },
        { KIND_STATE_BLOCK, pi0 * (layers - 1), pi0 * (layers - 1) },
        { KIND_TIME_MLP, STEPS, STEPS },
        { KIND_ACTION_IN, pi0 * STEPS, pi0 * STEPS },
        { KIND_SUFFIX, STEPS, STEPS },
        { KIND_EXPERT_K, STEPS * layers, STEPS * layers },
        { KIND_EXPERT_V, STEPS * layers, STEPS * layers },
        { KIND_EXPERT_ATTENTION, STEPS * layers, STEPS * layers },
        { KIND_EXPERT_MLP, STEPS * layers, STEPS * layers },
        { KIND_EXPERT_BLOCK, STEPS * layers, STEPS * layers },
        { KIND_NORM, STEPS, STEPS },
        { KIND_VELOCITY, STEPS, STEPS },
        { KIND_STEP, STEPS, 0 },
        { KIND_X, STEPS - 1, STEPS },
        { KIND_ACTIONS, 0, 1 },
    };
    for (size_t i = 0; i < COUNT(expected); i++) {
        const int alone = count(v, expected[i].kind, MODE_ALONE);
        const int accumulated = count(v, expected[i].kind, MODE_ACCUMULATED);
        if (alone != expected[i].alone || accumulated != expected[i].accumulated)
            fail_msg("%s: %d rows alone, %d accumulated, expected %d and %d",
                     pi0_verify_kinds[expected[i].kind].key, alone, accumulated, expected[i].alone,
                     expected[i].accumulated);
    }
}

// the largest share of a bound that is used, of rows that are not exact
static double most_used(const verify *v, const char **module)
{
    double most = 0;
    for (int i = 0; i < v->n_rows; i++) {
        const verify_row *r = &v->row[i];
        if (!r->pass) fail_msg("%s: %s (%g of %g)", r->module, r->why, r->is.rel_l2, r->bound);
        if (r->bound > 0 && r->is.rel_l2 / r->bound > most) {
            most = r->is.rel_l2 / r->bound;
            *module = r->module;
        }
    }
    return most;
}

static void golden_cases_pass(void **state)
{
    (void)state;
    static const char *const precisions[] = { "bf16", "f32" };
    for (int i = 0; i < N_CASES; i++)
        for (size_t k = 0; k < COUNT(precisions); k++) {
            pair p;
            const char *module = "";
            pair_open(&p, case_names[i], NULL, precisions[k], NULL);
            pair_run(&p);
            const double used = most_used(&p.v, &module);
            printf("  %-32s %-5s %4d rows, most of a bound used: %2.0f %%, %s\n", case_names[i],
                   precisions[k], p.v.n_rows, 100 * used, module);
            check_counts(&p.v, p.c.in.n_images);
            pair_close(&p);
        }
}

/* ---- what is wrong fails where it is ---- */

// a layer or step as a whole: more than one module is in it
static bool is_whole(enum verify_kind kind)
{
    return kind == KIND_VISION_BLOCK || kind == KIND_PREFIX_BLOCK || kind == KIND_STATE_BLOCK ||
           kind == KIND_EXPERT_BLOCK || kind == KIND_STEP;
}

// a failure alone is one of the expected modules, or a layer or step that such a module is in
static void check_alone(const verify *v, const verify_row *r, bool expected, const char *what)
{
    bool around = expected || r->kind == KIND_STEP;
    for (int i = 0; i < v->n_rows && !around; i++)
        around = !v->row[i].pass && v->row[i].layer == r->layer && !is_whole(v->row[i].kind) &&
                 v->row[i].mode == MODE_ALONE;
    const bool wrong = is_whole(r->kind) ? !r->pass && !around : r->pass == expected;
    if (wrong)
        fail_msg("%s: %s alone %s (%g of %g)", what, r->module, r->pass ? "passes" : r->why,
                 r->is.rel_l2, r->bound);
}

// of all modules alone just the expected ones fail; of the accumulated rows none before them
static void expect_failures(const pair *p, const char *const *modules, size_t n, const char *what)
{
    const verify *v = &p->v;
    bool behind = false;
    for (int i = 0; i < v->n_rows; i++) {
        const verify_row *r = &v->row[i];
        bool expected = false;
        for (size_t k = 0; k < n; k++) expected |= !strcmp(modules[k], r->module);
        if (r->mode == MODE_ALONE) check_alone(v, r, expected, what);
        // rows accumulated come in the order of the network
        behind |= r->mode == MODE_ACCUMULATED && expected;
        if (r->mode == MODE_ACCUMULATED && !behind && !r->pass)
            fail_msg("%s: %s fails before it", what, r->module);
    }
    for (size_t k = 0; k < n; k++) find_row(v, modules[k], MODE_ALONE);
    assert_true(pi0_verify_failures(v) >= (int)n);
    printf("  %-28s fails at %s\n", what, modules[0]);
}

static void scale(rewrite *w, const char *tensor, float factor)
{
    rewrite_tensor *t = rewrite_find(w, tensor);
    if (t->type == DTYPE_BF16) rewrite_convert(t, DTYPE_F32);
    float *data = t->data;
    for (size_t i = 0; i < t->bytes / sizeof *data; i++) data[i] *= factor;
}

// rows of two heads change places
static void swap_heads(rewrite *w, const char *tensor, int rows, int a, int b)
{
    rewrite_tensor *t = rewrite_find(w, tensor);
    const size_t head = t->bytes / (size_t)t->dims[0] * (size_t)rows;
    char *data = t->data, *spare = malloc(head);
    memcpy(spare, data + (size_t)a * head, head);
    memcpy(data + (size_t)a * head, data + (size_t)b * head, head);
    memcpy(data + (size_t)b * head, spare, head);
    free(spare);
}

static void run_damaged(const char *name, void (*damage)(rewrite *w), const char *const *modules,
                        size_t n, const char *what)
{
    char path[600];
    pair p;
    snprintf(path, sizeof path, "%s/%s", PI0_TEST_DATA, name);
    rewrite w = rewrite_open(path);
    tmpdir dir = tmpdir_make();
    damage(&w);
    rewrite_write(&w, 0, w.n, &dir, "model.safetensors");
    snprintf(path, sizeof path, "%s/%s/config.json", PI0_TEST_DATA, name);
    char to[TMPDIR_PATH];
    if (symlink(path, tmpdir_path(to, &dir, "config.json"))) abort();
    pair_open(&p, name, dir.path, "bf16", NULL);
    pair_run(&p);
    expect_failures(&p, modules, n, what);
    pair_close(&p);
    rewrite_free(&w);
    tmpdir_remove(&dir);
}

#define FAILS(name, damage, what, ...)                      \
    do {                                                    \
        static const char *const list[] = { __VA_ARGS__ };  \
        run_damaged(name, damage, list, COUNT(list), what); \
    } while (0)

static void damage_vision_mlp(rewrite *w)
{
    scale(w, "encoder.layers.1.mlp.fc2.weight", 1.05f);
}

static void damage_down(rewrite *w)
{
    scale(w, "language_model.layers.1.mlp.down_proj.weight", 1.05f);
}

static void damage_key(rewrite *w)
{
    scale(w, "language_model.layers.2.self_attn.k_proj.weight", 0.97f);
}

static void damage_projector(rewrite *w)
{
    scale(w, "multi_modal_projector.linear.weight", 1.02f);
}

static void damage_velocity(rewrite *w)
{
    scale(w, "action_out_proj.weight", 1.0001f);
}

static void damage_positions(rewrite *w)
{
    scale(w, "position_embedding.weight", 1.0001f);
}

static void swap_expert(rewrite *w)
{
    swap_heads(w, "gemma_expert.model.layers.1.self_attn.q_proj.weight", 16, 0, 1);
}

static void swap_language(rewrite *w)
{
    swap_heads(w, "language_model.layers.0.self_attn.q_proj.weight", 16, 2, 3);
}

static void swap_vision(rewrite *w)
{
    swap_heads(w, "encoder.layers.0.self_attn.v_proj.weight", 96 / 16, 4, 9);
}

static void damaged_weights(void **state)
{
    (void)state;
    FAILS("openpi/pi0_libero", damage_vision_mlp, "vision MLP, 5 %", "vision.0.L01.mlp",
          "vision.1.L01.mlp");
    FAILS("openpi/pi0_libero", damage_down, "language MLP, 5 %", "prefix.L01.mlp");
    FAILS("openpi/pi05_droid", damage_key, "language keys, 3 %", "prefix.L02.k");
    FAILS("openpi/pi05_droid", damage_projector, "projector, 2 %", "vision.0.tokens",
          "vision.1.tokens");
    FAILS("openpi/pi05_droid", damage_velocity, "velocity, 0.01 %", "step0.v", "step1.v");
    FAILS("openpi/pi0_libero", damage_positions, "vision positions, 0.01 %", "vision.0.embeddings",
          "vision.1.embeddings");
}

static void swapped_heads(void **state)
{
    (void)state;
    FAILS("openpi/pi0_libero", swap_expert, "expert's heads", "state.L01.attention",
          "step0.expert.L01.attention", "step1.expert.L01.attention");
    FAILS("openpi/pi05_droid", swap_language, "language model's heads", "prefix.L00.attention");
    FAILS("openpi/pi0_libero", swap_vision, "vision's heads", "vision.0.L00.attention",
          "vision.1.L00.attention");
}

// the accelerated session's positions are one further
static void shifted_positions(void **state)
{
    (void)state;
    pair p;
    pair_open(&p, "openpi/pi0_libero", NULL, "bf16", NULL);
    mat table = p.s[1]->r.rope;
    memmove(table.p, mat_row(table, 1), mat_bytes(mat_rows(table, 1, table.rows - 1)));
    pair_run(&p);
    for (int i = 0; i < p.v.n_rows; i++) {
        const verify_row *r = &p.v.row[i];
        const enum verify_part part = pi0_verify_kinds[r->kind].part;
        const bool position = r->kind == KIND_POSITIONS || r->kind == KIND_PREFIX_K ||
                              r->kind == KIND_STATE_K || r->kind == KIND_EXPERT_K;
        // with the reference's keys, queries of another position see other keys
        if (r->mode == MODE_ALONE && position && r->pass) fail_msg("%s passes", r->module);
        if (part == PART_VISION && !r->pass) fail_msg("%s fails", r->module);
        if ((r->kind == KIND_PREFIX_V || r->kind == KIND_PREFIX_MLP ||
             r->kind == KIND_EXPERT_MLP) &&
            r->mode == MODE_ALONE && !r->pass)
            fail_msg("%s fails", r->module);
    }
    assert_string_equal(find_row(&p.v, "common.positions.prefix", MODE_ALONE)->why,
                        "relative L2 above its bound");
    pair_close(&p);
}

// the accelerated model has one layer of vision less
static void drop_layer(rewrite *w)
{
    for (int i = 0; i < w->n; i++)
        if (strstr(w->tensor[i].name, "vision_model.encoder.layers.1.")) w->tensor[i].drop = true;
}

static void missing_layer(void **state)
{
    (void)state;
    char path[600];
    pair p;
    snprintf(path, sizeof path, "%s/openpi/pi05_droid", PI0_TEST_DATA);
    rewrite w = rewrite_open(path);
    tmpdir dir = tmpdir_make();
    drop_layer(&w);
    rewrite_write(&w, 0, w.n, &dir, "model.safetensors");
    tmpdir_write_text(&dir, "config.json", "{\"action_horizon\": 15}");
    pair_open(&p, "openpi/pi05_droid", dir.path, "bf16", NULL);
    pair_run(&p);
    assert_string_equal(find_row(&p.v, "vision.0.L01.mlp", MODE_ACCUMULATED)->why,
                        "the accelerated flow does not come to it");
    assert_true(find_row(&p.v, "vision.0.L00.mlp", MODE_ACCUMULATED)->pass);
    pair_close(&p);
    rewrite_free(&w);
    tmpdir_remove(&dir);
}

/* ---- modules asked for, names of stages ---- */

static void chosen_modules(void **state)
{
    (void)state;
    pair p;
    pi0_error err;
    verify v;
    pair_open(&p, "openpi/pi0_libero", NULL, "bf16", "vision.mlp,prefix.k");
    pair_run(&p);
    assert_true(p.v.n_rows > 0);
    for (int i = 0; i < p.v.n_rows; i++)
        assert_true(p.v.row[i].kind == KIND_VISION_MLP || p.v.row[i].kind == KIND_PREFIX_K);
    assert_int_equal(count(&p.v, KIND_PREFIX_K, MODE_ALONE), 3);
    // the denoise loop did not have to run
    assert_true(p.v.actions.reference == NULL && p.v.reference_ms == 0);
    expect_error(pi0_verify_init(&v, p.m[1], NULL, "vision,prefix.q", &err), PI0_EINVAL, &err,
                 "no module prefix.q; there are common.time");
    expect_error(pi0_verify_init(&v, p.m[1], NULL, "vision,", &err), PI0_EINVAL, &err, "no module");
    pair_close(&p);
}

// every stage that a run shows is one that verify knows
static void check_known(void *user, const char *name, const float *data, int rows, int cols)
{
    verify_stage s;
    (void)data;
    (void)rows;
    (void)cols;
    if (!pi0_verify_stage(&s, name)) fail_msg("%s is not known", name);
    ++*(int *)user;
}

static void all_stages_are_known(void **state)
{
    (void)state;
    pair p;
    pi0_error err;
    verify_stage s;
    float actions[50 * 32];
    int n = 0;
    pair_open(&p, "openpi/pi0_libero", NULL, "bf16", NULL);
    must(pi0_session_set_tap(p.s[1], check_known, &n, &err), &err);
    must(pi0_infer(p.s[1], &p.c.in, p.c.noise, actions, 50 * 32, &err), &err);
    assert_true(n > 50);
    pair_close(&p);
    assert_true(pi0_verify_stage(&s, "step12.expert.L07"));
    assert_true(s.step == 12 && s.layer == 7 && s.block == KIND_EXPERT_BLOCK);
    assert_string_equal(s.module, "step12.expert.L07.mlp");
    assert_true(pi0_verify_stage(&s, "prefix.L03.out"));
    assert_string_equal(s.module, "prefix.L03.mlp");
    assert_false(pi0_verify_stage(&s, "step12.expert.L"));
    assert_false(pi0_verify_stage(&s, "vision.0.tokens2"));
}

/* ---- another runtime ---- */

static void against_golden(void **state)
{
    (void)state;
    static const char *const cases[] = { "openpi/pi0_libero", "openpi/pi05_droid",
                                         "openpi/pi0_droid", "lerobot/lerobot_pi0" };
    for (size_t i = 0; i < COUNT(cases); i++) {
        pair p;
        pi0_error err;
        other_runtime *o = NULL;
        char path[600];
        network_case_open(&p.c, cases[i]);
        // all of its steps: the file's later ones depend on them
        for (int k = 0; k < 2; k++) {
            pi0_options opt;
            pi0_default_options(&opt);
            opt.backend = k ? "cpu" : "reference";
            must(pi0_load(&p.m[k], p.c.dir, &opt, &err), &err);
            must(pi0_session_create(&p.s[k], p.m[k], &opt, &err), &err);
        }
        must(pi0_verify_init(&p.v, p.m[1], NULL, NULL, &err), &err);
        snprintf(path, sizeof path, "%s/expected.safetensors", p.c.dir);
        must(pi0_other_open(&o, path, p.m[1], &err), &err);
        p.v.other = o;
        p.in = *pi0_other_inputs(o);
        assert_int_equal(pi0_other_horizon(o), p.c.horizon);
        pair_run(&p);
        int n = 0;
        for (int k = 0; k < p.v.n_rows; k++) {
            const verify_row *r = &p.v.row[k];
            if (!r->pass) fail_msg("%s: %s: %s", cases[i], r->module, r->why);
            n += r->mode == MODE_AGAINST_REFERENCE;
        }
        // as many as tests/golden/test_stages.c finds, the actions, two layers of the state token
        printf("  %-24s %d stages of the file\n", cases[i], n);
        assert_int_equal(n, i == 0 ? 42 : i == 1 ? 40 : 1);
        pair_close(&p);
        pi0_other_free(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_stages_are_known), cmocka_unit_test(golden_cases_pass),
        cmocka_unit_test(damaged_weights),      cmocka_unit_test(swapped_heads),
        cmocka_unit_test(shifted_positions),    cmocka_unit_test(missing_layer),
        cmocka_unit_test(chosen_modules),       cmocka_unit_test(against_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
