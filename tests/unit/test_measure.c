/* SPDX-License-Identifier: Apache-2.0 */
/* test_measure.c - the measurements of pi0.h: the products are those of a traced chunk, by shape
 * and number; a chunk after them has the same bits; what is refused. (Times are not judged.) */
#include "support/expect.h"
#include "support/network_case.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_EVENTS = 20000, STEPS = 3, MAX_CHUNK = 50 * 32 };

typedef struct bench {
    network_case c;
    pi0_model *m;
    pi0_session *s;
} bench;

static void open_bench(bench *b, const char *name, const char *backend)
{
    pi0_error err;
    pi0_options opt;
    network_case_open(&b->c, name);
    pi0_default_options(&opt);
    opt.backend = backend;
    opt.n_threads = 1;
    opt.num_steps = STEPS;
    must(pi0_load(&b->m, b->c.dir, &opt, &err), &err);
    must(pi0_session_create(&b->s, b->m, &opt, &err), &err);
}

static void close_bench(bench *b)
{
    pi0_session_free(b->s);
    pi0_free(b->m);
    network_case_close(&b->c);
}

static void infer(bench *b, float actions[MAX_CHUNK])
{
    pi0_error err;
    must(pi0_infer(b->s, &b->c.in, b->c.noise, actions, MAX_CHUNK, &err), &err);
}

// "prefix gate up, geglu" to "prefix" and "gate_up", as traces call them
static void split(const char *name, char module[16], char weight[16])
{
    const size_t n = strcspn(name, " "), m = strcspn(name + n + 1, ",");
    snprintf(module, 16, "%.*s", (int)n, name);
    snprintf(weight, 16, "%.*s", (int)m, name + n + 1);
    for (char *c = weight; *c; c++)
        if (*c == ' ') *c = '_';
}

// how many operations of the trace have the product's weight; each has its shape
static int count_events(const pi0_trace_event *e, size_t n, const pi0_product *p)
{
    char module[16], weight[16];
    int found = 0;
    split(p->name, module, weight);
    for (size_t i = 0; i < n; i++) {
        if (e[i].kind != PI0_TRACE_OP || !e[i].weight || strcmp(e[i].module, module) ||
            strcmp(e[i].weight, weight))
            continue;
        assert_int_equal(e[i].rows, p->rows);
        assert_int_equal(e[i].cols, p->out);
        assert_int_equal(e[i].inner, p->in);
        found++;
    }
    return found;
}

static void check_products(const char *name, const char *backend)
{
    bench b;
    pi0_error err;
    static float before[MAX_CHUNK], after[MAX_CHUNK];
    static pi0_trace_event events[MAX_EVENTS];
    open_bench(&b, name, backend);
    must(pi0_session_trace_start(b.s, events, MAX_EVENTS, &err), &err);
    infer(&b, before);
    size_t lost;
    const size_t n = pi0_session_trace_stop(b.s, &lost);
    assert_true(n > 0 && lost == 0);
    for (int i = 0; i < pi0_product_count(); i++) {
        pi0_product p = { 0 };
        must(pi0_measure_product(b.s, i, b.c.in.n_images, b.c.in.n_tokens, 2, &p, &err), &err);
        assert_int_equal(count_events(events, n, &p), p.calls);
        assert_true(p.flop == 2.0 * p.rows * p.out * p.in);
        assert_true(p.ms > 0 && isfinite(p.ms));
    }
    // the observation is forgotten, and a chunk is what it was
    expect_error(pi0_denoise(b.s, b.c.noise, after, MAX_CHUNK, &err), PI0_EINVAL, &err, "observe");
    infer(&b, after);
    assert_memory_equal(before, after, (size_t)b.c.horizon * 32 * sizeof *after);
    close_bench(&b);
}

static void products_are_those_of_a_chunk(void **state)
{
    (void)state;
    check_products("openpi/pi0_droid", "cpu");
    check_products("openpi/pi05_libero", "cpu");
    check_products("openpi/pi05_libero", "reference");
}

static void peak_is_measured(void **state)
{
    (void)state;
    bench b;
    pi0_error err;
    double flops = 0;
    open_bench(&b, "openpi/pi0_droid", "cpu");
    must(pi0_measure_peak(b.s, 5, &flops, &err), &err);
    assert_true(flops > 1e6 && isfinite(flops));
    expect_error(pi0_measure_peak(b.s, 0, &flops, &err), PI0_EINVAL, &err, "not positive");
    expect_error(pi0_measure_peak(b.s, 5, NULL, &err), PI0_EINVAL, &err, "NULL");
    close_bench(&b);
    open_bench(&b, "openpi/pi0_droid", "reference");
    expect_error(pi0_measure_peak(b.s, 5, &flops, &err), PI0_EDEVICE, &err, "reference");
    close_bench(&b);
}

static void refused(void **state)
{
    (void)state;
    bench b;
    pi0_error err;
    pi0_product p = { .rows = 77 };
    open_bench(&b, "openpi/pi0_droid", "cpu");
    const int past = pi0_product_count();
    const struct {
        int index, images, tokens, reps;
        const char *text;
    } bad[] = {
        { -1, 1, 1, 1, "index -1" },   { past, 1, 1, 1, "expected 0 to" },
        { 0, 1, 1, 0, "reps 0" },      { 0, 0, 1, 1, "0 images" },
        { 0, 99, 1, 1, "99 images" },  { 0, 1, 0, 1, "0 tokens" },
        { 0, 1, 9999, 1, "expected" },
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        expect_error(pi0_measure_product(b.s, bad[i].index, bad[i].images, bad[i].tokens,
                                         bad[i].reps, &p, &err),
                     PI0_EINVAL, &err, bad[i].text);
    expect_error(pi0_measure_product(b.s, 0, 1, 1, 1, NULL, &err), PI0_EINVAL, &err, "index 0");
    assert_int_equal(p.rows, 77);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_those_of_a_chunk),
        cmocka_unit_test(peak_is_measured),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
