/* SPDX-License-Identifier: Apache-2.0 */
/* test_stages.c - every stage of the network against openpi's, for the two cases that have them. */
#include "support/expect.h"
#include "support/network_case.h"
#include <stdlib.h>

// largest difference by stage: docs/NUMERICS.md
static const struct stage_bound {
    const char *start; // of the tap's name; the first that fits counts
    double bound;
} bounds[] = {
    { "vision.", 1e-5 },
    { "prefix.", 2e-5 },
    { "suffix.", 1e-6 },
    { "step", 1e-5 },
};
enum { N_BOUNDS = sizeof bounds / sizeof *bounds };

typedef struct tap_check {
    const network_case *c;
    const uint8_t *valid; // [768 + max tokens]: rows of the reference's padded prefix that count
    int n_padded;
    double worst[N_BOUNDS];
    int compared[N_BOUNDS], failed;
} tap_check;

// "vision.1.tokens": the reference numbers cameras with the absent ones, we without
static void reference_name(char *to, size_t size, const tap_check *k, const char *name)
{
    int image, at;
    if (sscanf(name, "vision.%d.%n", &image, &at) == 1)
        snprintf(to, size, "taps.vision.%d.%s", k->c->camera[image], name + at);
    else if (!strcmp(name, "suffix.state"))
        snprintf(to, size, "taps.suffix.embeddings");
    else
        snprintf(to, size, "taps.%s", name);
}

// drop the rows that we don't compute: padding of the prefix, pi0's state row before the actions
static int select_rows(float *data, int rows, int cols, const tap_check *k, const char *name,
                       int wanted)
{
    int n = 0;
    const bool prefix = !strncmp(name, "prefix.", 7), state = !strcmp(name, "suffix.state");
    if (prefix && rows != k->n_padded) return -1;
    for (int r = 0; r < rows; r++) {
        const bool keep = prefix ? k->valid[r] : state ? r == 0 : r >= rows - wanted;
        if (keep)
            memmove(data + (size_t)n++ * (size_t)cols, data + (size_t)r * (size_t)cols,
                    (size_t)cols * sizeof *data);
    }
    return n;
}

static void check_tap(void *user, const char *name, const float *data, int rows, int cols)
{
    tap_check *k = user;
    char golden[128];
    int r, c, b = 0;
    reference_name(golden, sizeof golden, k, name);
    float *expected = network_case_floats(k->c, golden, &r, &c);
    if (!expected) return;
    while (b < N_BOUNDS && strncmp(name, bounds[b].start, strlen(bounds[b].start))) b++;
    const int kept = select_rows(expected, r, c, k, name, rows);
    if (b == N_BOUNDS || kept != rows || c != cols) {
        print_error("%s: [%d,%d], the reference has [%d,%d]\n", name, rows, cols, kept, c);
        k->failed++;
    } else {
        const difference d = compare(data, cols, expected, rows, cols);
        k->compared[b]++;
        if (!(d.max <= k->worst[b])) k->worst[b] = d.max;
        if (!(d.max <= bounds[b].bound)) {
            print_error("%s: off by %.2e, bound %.2e\n", name, d.max, bounds[b].bound);
            k->failed++;
        }
    }
    free(expected);
}

// how many stages of openpi's each kind has, that our shortcuts still compute
static void check_counts(const tap_check *k, const pi0_info *info)
{
    const int layers = info->language.layers, images = k->c->in.n_images;
    // embeddings and layers of the first picture, tokens of each
    assert_int_equal(k->compared[0], 1 + info->vision.layers + images);
    // embeddings; keys and values of each layer; outputs of all but the last
    assert_int_equal(k->compared[1], 1 + 2 * layers + layers - 1);
    // embeddings; pi0.5's condition, or pi0's state token
    assert_int_equal(k->compared[2], 2);
    // expert layers of the first step, x and v of every step
    assert_int_equal(k->compared[3], layers + 2 * info->num_steps);
}

static void run_stages(const char *name)
{
    pi0_error err;
    pi0_options opt;
    pi0_model *m = NULL;
    pi0_session *s = NULL;
    pi0_info info;
    network_case c;
    network_case_open(&c, name);
    const st_tensor *mask = pi0_safetensors_find(&c.expected, "taps.prefix.pad_mask");
    assert_non_null(mask);
    tap_check k = { .c = &c, .valid = mask->data, .n_padded = (int)mask->bytes };
    const size_t n = (size_t)c.horizon * 32;
    float *actions = malloc(n * sizeof *actions);
    pi0_default_options(&opt);
    opt.backend = "reference";
    must(pi0_load(&m, c.dir, &opt, &err), &err);
    pi0_model_info(m, &info);
    must(pi0_session_create(&s, m, &opt, &err), &err);
    must(pi0_session_set_tap(s, check_tap, &k, &err), &err);
    must(pi0_infer(s, &c.in, c.noise, actions, n, &err), &err);
    for (int b = 0; b < N_BOUNDS; b++)
        printf("  %-20s %-8s %3d stages, largest error %.2e, bound %.0e\n", name, bounds[b].start,
               k.compared[b], k.worst[b], bounds[b].bound);
    assert_int_equal(k.failed, 0);
    check_counts(&k, &info);
    pi0_session_free(s);
    pi0_free(m);
    free(actions);
    network_case_close(&c);
}

static void pi0_stages(void **state)
{
    (void)state;
    run_stages("openpi/pi0_libero");
}

static void pi05_stages(void **state)
{
    (void)state;
    run_stages("openpi/pi05_droid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pi0_stages),
        cmocka_unit_test(pi05_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
