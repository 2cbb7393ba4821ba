/* SPDX-License-Identifier: Apache-2.0 */
/* test_cpu_golden.c - the accelerated flow against openpi's and LeRobot's outputs, with openpi's
 * own bf16 error as the yardstick; module by module against the reference flow; the same bits for
 * any number of threads. Every instruction set of this machine.
 * not under ThreadSanitizer: test_cpu_gemm and its sisters run the same code in less time. */
#include "support/expect.h"
#include "support/network_case.h"
#include <stdlib.h>

// bounds of docs/NUMERICS.md
#define BOUND_F32 5e-5
#define BOUND_PCC 0.9999

static const char *const masks[] = { "c", "avx2", "avx512", "avx512bf16" };
#define MAX_CHUNK (50 * 32)

// a sanitizer takes minutes for all pairs of instruction set and case: there each set has a fifth
// of the cases, the next set others
#ifdef PI0_TEST_SANITIZED
enum { EACH = 5 };
#else
enum { EACH = 1 };
#endif

// NULL: this machine lacks the instruction set
static pi0_model *load(const network_case *c, const char *backend, const char *precision,
                       const char *mask)
{
    pi0_error err;
    pi0_options opt;
    pi0_model *m = NULL;
    pi0_default_options(&opt);
    opt.backend = backend;
    opt.precision = precision;
    opt.cpu_mask = mask;
    const int status = pi0_load(&m, c->dir, &opt, &err);
    if (status == PI0_EDEVICE) return NULL;
    must(status, &err);
    return m;
}

static void infer(pi0_session *s, const network_case *c, float *actions)
{
    pi0_error err;
    must(pi0_infer(s, &c->in, c->noise, actions, (size_t)c->horizon * 32, &err), &err);
}

static bool run_case(const network_case *c, const char *precision, const char *mask, difference *d)
{
    float actions[MAX_CHUNK];
    pi0_model *m = load(c, "cpu", precision, mask);
    if (!m) return false;
    pi0_session *s = network_session(m, 2, 0);
    infer(s, c, actions);
    *d = compare(actions, 32, c->actions, c->horizon, c->cols);
    pi0_session_free(s);
    pi0_free(m);
    return true;
}

static void f32_matches(void **state)
{
    (void)state;
    int ran = 0;
    for (size_t k = 0; k < COUNT(masks); k++)
        for (int i = (int)k % EACH; i < N_CASES; i += EACH) {
            network_case c;
            difference d;
            network_case_open(&c, case_names[i]);
            if (run_case(&c, "f32", masks[k], &d)) {
                printf("  f32 %-10s %-32s %10.2e\n", masks[k], c.name, d.max);
                assert_true(d.max <= BOUND_F32);
                ran++;
            }
            network_case_close(&c);
        }
    assert_true(ran >= N_CASES / EACH);
}

// not worse than openpi's own bf16 runtime on the same case
static void bf16_matches(void **state)
{
    (void)state;
    int ran = 0;
    printf("  %-15s %-32s %9s %9s %9s %9s %10s\n", "bf16", "", "max", "openpi's", "rms", "openpi's",
           "pcc");
    for (size_t k = 0; k < COUNT(masks); k++)
        for (int i = (int)k % EACH; i < N_OPENPI_CASES; i += EACH) {
            network_case c;
            difference d;
            network_case_open(&c, case_names[i]);
            if (run_case(&c, "bf16", masks[k], &d)) {
                const difference own = compare(c.actions_bf16, 32, c.actions, c.horizon, c.cols);
                printf("  %-15s %-32s %9.2e %9.2e %9.2e %9.2e %10.7f\n", masks[k], c.name, d.max,
                       own.max, d.rms, own.rms, d.pcc);
                assert_true(d.max <= own.max && d.rms <= own.rms && d.pcc >= BOUND_PCC);
                ran++;
            }
            network_case_close(&c);
        }
    assert_true(ran >= N_OPENPI_CASES / EACH);
}

/* ---- module by module ---- */

enum { MAX_TAPS = 1024 };

typedef struct tap_list {
    struct {
        char name[64];
        float *data;
        int rows, cols;
    } tap[MAX_TAPS];
    int n;
} tap_list;

static void keep_tap(void *user, const char *name, const float *data, int rows, int cols)
{
    tap_list *l = user;
    const size_t bytes = (size_t)rows * (size_t)cols * sizeof *data;
    if (l->n == MAX_TAPS || !(l->tap[l->n].data = malloc(bytes))) abort();
    memcpy(l->tap[l->n].data, data, bytes);
    snprintf(l->tap[l->n].name, sizeof l->tap[l->n].name, "%s", name);
    l->tap[l->n].rows = rows;
    l->tap[l->n++].cols = cols;
}

static void record(tap_list *l, const network_case *c, const char *backend, const char *precision)
{
    float actions[MAX_CHUNK];
    pi0_error err;
    pi0_model *m = load(c, backend, precision, NULL);
    pi0_session *s = network_session(m, 2, 0);
    l->n = 0;
    must(pi0_session_set_tap(s, keep_tap, l, &err), &err);
    infer(s, c, actions);
    pi0_session_free(s);
    pi0_free(m);
}

static const float *tap_data(const tap_list *l, const char *name, int *rows, int *cols)
{
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->tap[i].name, name)) {
            *rows = l->tap[i].rows;
            *cols = l->tap[i].cols;
            return l->tap[i].data;
        }
    fail_msg("no tap %s", name);
    return NULL;
}

// after - before: what one half of a block adds to the stream; before NULL: the stream itself
static float *module_output(const tap_list *l, const char *after, const char *before, int *rows,
                            int *cols)
{
    const float *x = tap_data(l, after, rows, cols);
    const size_t n = (size_t)*rows * (size_t)*cols;
    float *out = malloc(n * sizeof *out);
    memcpy(out, x, n * sizeof *out);
    if (!before) return out;
    const float *y = tap_data(l, before, rows, cols);
    for (size_t i = 0; i < n; i++) out[i] -= y[i];
    return out;
}

static void check_modules(const char *name)
{
    static tap_list ours, reference;
    static const struct {
        const char *module, *after, *before;
    } modules[] = {
        { "vision attention", "vision.0.L01.attention", "vision.0.L00" },
        { "vision mlp", "vision.0.L01", "vision.0.L01.attention" },
        { "vision block", "vision.0.L01", NULL },
        { "vision tokens", "vision.0.tokens", NULL },
        { "prefix keys", "prefix.L02.k", NULL },
        { "prefix values", "prefix.L02.v", NULL },
        { "prefix block", "prefix.L01.out", NULL },
        { "suffix", "suffix.embeddings", NULL },
        { "expert block", "step0.expert.L02", NULL },
        { "velocity", "step0.v", NULL },
        { "actions", "actions", NULL },
    };
    network_case c;
    network_case_open(&c, name);
    record(&reference, &c, "reference", "f32");
    record(&ours, &c, "cpu", "bf16");
    printf("  %-18s %-18s %10s %10s %12s\n", name, "module, bf16", "max error", "rms error", "pcc");
    for (size_t i = 0; i < COUNT(modules); i++) {
        int rows, cols;
        float *x = module_output(&ours, modules[i].after, modules[i].before, &rows, &cols);
        float *y = module_output(&reference, modules[i].after, modules[i].before, &rows, &cols);
        const difference d = compare(x, cols, y, rows, cols);
        printf("  %-18s %-18s %10.2e %10.2e %12.8f\n", "", modules[i].module, d.max, d.rms, d.pcc);
        assert_true(d.pcc >= BOUND_PCC);
        free(x);
        free(y);
    }
    for (int i = 0; i < ours.n; i++) free(ours.tap[i].data);
    for (int i = 0; i < reference.n; i++) free(reference.tap[i].data);
    network_case_close(&c);
}

static void modules_correlate(void **state)
{
    (void)state;
    check_modules("openpi/pi0_libero");
    check_modules("openpi/pi05_droid");
}

/* ---- threads and choices ---- */

static void any_number_of_threads(void **state)
{
    (void)state;
    static const char *const precisions[] = { "bf16", "f32" };
    static const int threads[] = { 1, 2, 3, 5 };
    int ran = 0;
    for (size_t p = 0; p < COUNT(precisions); p++)
        for (size_t k = 0; k < COUNT(masks); k++)
            for (int i = 0; i < N_CASES; i += 4) {
                network_case c;
                float one[MAX_CHUNK], many[MAX_CHUNK];
                network_case_open(&c, case_names[i]);
                pi0_model *m = load(&c, "cpu", precisions[p], masks[k]);
                for (size_t t = 0; m && t < COUNT(threads); t++) {
                    pi0_session *s = network_session(m, threads[t], 2);
                    infer(s, &c, t ? many : one);
                    if (t) assert_memory_equal(one, many, (size_t)c.horizon * 32 * sizeof *one);
                    pi0_session_free(s);
                    ran++;
                }
                pi0_free(m);
                network_case_close(&c);
            }
    assert_true(ran >= 24);
}

// what "auto" chose is told; what is not there is an error
static void choices(void **state)
{
    (void)state;
    network_case c;
    pi0_error err = { 0 };
    pi0_options opt;
    pi0_info info;
    pi0_model *m = NULL;
    network_case_open(&c, case_names[0]);
    must(pi0_load(&m, c.dir, NULL, &err), &err);
    pi0_model_info(m, &info);
    assert_string_equal(info.backend, "cpu");
    assert_string_equal(info.precision, "bf16");
    pi0_free(m);
    m = load(&c, "auto", "auto", "c");
    pi0_model_info(m, &info);
    assert_string_equal(info.isa, "c");
    pi0_free(m);
    pi0_default_options(&opt);
    opt.cpu_mask = "avx9";
    expect_error(pi0_load(&m, c.dir, &opt, &err), PI0_EINVAL, &err, "'avx9'");
    network_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_matches),       cmocka_unit_test(bf16_matches),
        cmocka_unit_test(modules_correlate), cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(choices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
