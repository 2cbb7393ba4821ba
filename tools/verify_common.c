/* SPDX-License-Identifier: Apache-2.0 */
/* verify_common.c - what is not one module's: positions, time, noise, order of the rows, what a
 * session forgets, and the robot's units. Formulas are written here once more, so that a mistake
 * in the network's would show. */
#include "verify.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static verify_row common_row(const char *module, enum verify_kind kind, enum verify_mode mode,
                             int rows, int cols)
{
    verify_row row = {
        .kind = kind, .mode = mode, .layer = -1, .step = -1, .rows = rows, .cols = cols
    };
    snprintf(row.module, sizeof row.module, "%s", module);
    return row;
}

static void add(verify *v, verify_row row, const float *ours, const float *expected)
{
    row.is = pi0_likeness(ours, NULL, expected, NULL, (size_t)row.rows * (size_t)row.cols);
    pi0_verify_add(v, &row, 0);
}

/* ---- positions and time ---- */

// rotary table [rows][dim] from position `first` on: cosines of p / 10000^(2i/dim), then sines
static void rotary(float *to, int first, int rows, int dim)
{
    for (int r = 0; r < rows; r++, to += dim)
        for (int i = 0; i < dim / 2; i++) {
            const double angle = (first + r) * pow(10000, -2.0 * i / dim);
            to[i] = (float)cos(angle);
            to[i + dim / 2] = (float)sin(angle);
        }
}

// the positions of prefix and suffix, with pi0's state token between them
static void add_positions(verify *v, stage_store *own, stage_store *reference)
{
    static const char *const names[] = { "prefix.rope", "suffix.rope" };
    int first = 0;
    for (int i = 0; i < 2; i++) {
        const kept_stage *ours = pi0_store_find(own, names[i]);
        const kept_stage *theirs = pi0_store_find(reference, names[i]);
        if (!ours || !theirs) return;
        char module[64];
        snprintf(module, sizeof module, "common.positions.%s", i ? "suffix" : "prefix");
        // positions are those of the reference's rows: a prefix of another length is found here
        verify_row row = common_row(module, KIND_POSITIONS, MODE_ALONE, theirs->rows, ours->cols);
        if (ours->rows != theirs->rows) {
            pi0_verify_fail(v, &row, "another number of positions");
            return;
        }
        float *table = malloc((size_t)ours->rows * (size_t)ours->cols * sizeof *table);
        if (!table) {
            v->failed = true;
            return;
        }
        rotary(table, first, ours->rows, ours->cols);
        // the angle's two roundings grow with it: at most to those of the last position
        row.is =
            pi0_likeness(ours->data, NULL, table, NULL, (size_t)ours->rows * (size_t)ours->cols);
        pi0_verify_add(v, &row, first * 0x1p-23);
        row.mode = MODE_ACCUMULATED;
        add(v, row, ours->data, theirs->data);
        free(table);
        first += ours->rows + (v->info.pi05 ? 0 : 1);
    }
}

// [sin | cos] of 2 pi t / period, periods from 0.004 to 4 in equal ratios
static void time_embedding(float *to, float t, int width)
{
    const int half = width / 2;
    for (int i = 0; i < half; i++) {
        const double period = 0.004 * pow(1000, half > 1 ? (double)i / (half - 1) : 0);
        to[i] = (float)sin(2 * M_PI * (double)t / period);
        to[i + half] = (float)cos(2 * M_PI * (double)t / period);
    }
}

static void add_times(verify *v, stage_store *own, stage_store *reference, int n_steps)
{
    const bool openpi = !strcmp(v->info.time_grid, "openpi");
    const float dt = (float)(-1.0 / n_steps);
    float t = 1;
    for (int k = 0; k < n_steps; k++, t += dt) {
        char name[32];
        snprintf(name, sizeof name, "step%d.time", k);
        const kept_stage *ours = pi0_store_find(own, name);
        const kept_stage *theirs = pi0_store_find(reference, name);
        if (!ours || !theirs || ours->cols != theirs->cols) return;
        verify_row row = common_row(name, KIND_TIME, MODE_ALONE, 1, ours->cols);
        row.step = k;
        float *expected = malloc((size_t)ours->cols * sizeof *expected);
        if (!expected) {
            v->failed = true;
            return;
        }
        time_embedding(expected, openpi ? t : (float)(1 - (double)k / n_steps), ours->cols);
        add(v, row, ours->data, expected);
        row.mode = MODE_ACCUMULATED;
        add(v, row, ours->data, theirs->data);
        free(expected);
    }
}

/* ---- noise and order ---- */

static void add_noise(verify *v, stage_store *own, const float *noise)
{
    const kept_stage *x = pi0_store_find(own, "step0.x");
    if (!x) return;
    add(v, common_row("common.noise", KIND_NOISE, MODE_ALONE, x->rows, x->cols), x->data, noise);
}

// each picture's tokens stand in the prefix where they belong
static void add_concatenation(verify *v, stage_store *own)
{
    const kept_stage *prefix = pi0_store_find(own, "prefix.embeddings"), *tokens;
    int first = 0;
    for (int i = 0; prefix; i++, first += tokens->rows) {
        char name[40], module[64];
        snprintf(name, sizeof name, "vision.%d.tokens", i);
        if (!(tokens = pi0_store_find(own, name))) return;
        snprintf(module, sizeof module, "common.concatenation.%d", i);
        const verify_row row =
            common_row(module, KIND_CONCATENATION, MODE_ALONE, tokens->rows, tokens->cols);
        if (first + tokens->rows > prefix->rows || tokens->cols != prefix->cols) {
            pi0_verify_fail(v, &row, "the prefix has no room for it");
            return;
        }
        add(v, row, prefix->data + (size_t)first * (size_t)prefix->cols, tokens->data);
    }
}

void pi0_verify_common(verify *v, stage_store *own, stage_store *reference, const float *noise)
{
    char name[32];
    int n_steps = 0;
    do snprintf(name, sizeof name, "step%d.time", n_steps);
    while (pi0_store_find(reference, name) && ++n_steps);
    add_times(v, own, reference, n_steps);
    add_positions(v, own, reference);
    add_noise(v, own, noise);
    add_concatenation(v, own);
}

/* ---- lengths instead of masks ---- */

// an observation as long as the session takes: other pictures, other tokens
typedef struct long_inputs {
    pi0_inputs in;
    float *pixels;
    int32_t *tokens;
    double state[32];
} long_inputs;

static bool make_long(long_inputs *l, const verify *v, const pi0_session_info *made)
{
    const size_t side = (size_t)v->info.image_size;
    const size_t n = (size_t)made->max_images * 3 * side * side;
    *l = (long_inputs){ .pixels = malloc(n * sizeof *l->pixels),
                        .tokens = malloc((size_t)made->max_tokens * sizeof *l->tokens) };
    if (!l->pixels || !l->tokens) return false;
    uint32_t x = 7;
    for (size_t i = 0; i < n; i++)
        l->pixels[i] = (float)((x = x * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1;
    for (int i = 0; i < made->max_tokens; i++)
        l->tokens[i] = (int32_t)((unsigned)(i * 31 + 11) % (unsigned)v->info.vocabulary);
    for (int i = 0; i < 32; i++) l->state[i] = 0.5 - i / 32.0;
    l->in = (pi0_inputs){ .n_images = made->max_images,
                          .pixels = l->pixels,
                          .tokens = l->tokens,
                          .n_tokens = made->max_tokens };
    if (!v->info.pi05) {
        l->in.state = l->state;
        l->in.n_state = v->info.state_dim < 32 ? v->info.state_dim : 32;
    }
    return true;
}

static void long_free(long_inputs *l)
{
    free(l->pixels);
    free(l->tokens);
}

// the chunk of a run, as a tap sees it
static void keep_chunk(void *user, const char *name, const float *data, int rows, int cols)
{
    if (!strcmp(name, "actions")) pi0_store_keep(user, name, data, rows, cols);
}

int pi0_verify_lengths(verify *v, pi0_session *accelerated, const verify_inputs *in,
                       stage_store *own, float *actions, double *robot, pi0_error *err)
{
    pi0_session_info made;
    long_inputs longer = { .pixels = NULL };
    stage_store after = { .n = 0 };
    const kept_stage *before = pi0_store_find(own, "actions"), *again;
    const kept_stage *prefix = pi0_store_find(own, "prefix.embeddings");
    pi0_session_get_info(accelerated, &made);
    const int room = made.max_images * v->info.image_tokens + made.max_tokens;
    // a row that could not fail would be none
    if (!v->selected[KIND_LENGTHS] || !before || !prefix || prefix->rows >= room) return PI0_OK;

    int status = PI0_OK;
    if (!make_long(&longer, v, &made))
        status = pi0_fail(err, PI0_ENOMEM, "no memory for a long observation");
    const verify_inputs filled = { .in = &longer.in };
    if (!status) status = pi0_verify_infer(v, accelerated, &filled, actions, robot, err);
    if (!status) status = pi0_session_set_tap(accelerated, keep_chunk, &after, err);
    if (!status) status = pi0_verify_infer(v, accelerated, in, actions, robot, err);
    pi0_session_set_tap(accelerated, NULL, NULL, NULL);
    if (status == PI0_ENUMERIC) status = PI0_OK;
    if (!status && (again = pi0_store_find(&after, "actions")))
        add(v, common_row("common.lengths", KIND_LENGTHS, MODE_ALONE, before->rows, before->cols),
            again->data, before->data);
    pi0_store_free(&after);
    long_free(&longer);
    return status;
}

/* ---- the robot's units ---- */

double pi0_norm_scale(const pi0_policy_norm *n, int i, double *centre)
{
    *centre = 0;
    if (i >= n->n || !strcmp(n->kind, "IDENTITY")) return 1;
    const bool deviation = !strcmp(n->kind, "zscore") || !strcmp(n->kind, "MEAN_STD");
    *centre = deviation ? n->a[i] : (n->a[i] + n->b[i]) / 2;
    return deviation ? n->b[i] : (n->b[i] - n->a[i]) / 2;
}

// the columns that begin at a and b; size: of what their error is relative to
static void add_robot(verify *v, verify_row row, const double *a, const double *b, double size)
{
    row.is = pi0_likeness_f64(a, b, row.rows, v->policy->n_actions, row.cols);
    row.is.rel_l2 = row.is.rms_error > 0 ? row.is.rms_error / size : 0;
    row.is.outlier = 0; // not asked of a robot's actions
    pi0_verify_add(v, &row, 0);
}

void pi0_verify_robot(verify *v, const double *reference, const double *accelerated, int rows,
                      double spread)
{
    const pi0_policy_info *p = v->policy;
    const int n = p->n_actions;
    double units = 0;
    for (int c = 0; c < n; c++) {
        char module[64];
        double centre;
        const double scale = fabs(pi0_norm_scale(&p->action_norm, c, &centre)) * spread;
        if (p->action_names)
            snprintf(module, sizeof module, "robot.%s", p->action_names[c]);
        else
            snprintf(module, sizeof module, "robot.%d", c);
        add_robot(v, common_row(module, KIND_ROBOT_ACTION, MODE_ACCUMULATED, rows, 1),
                  accelerated + c, reference + c, scale);
        units += scale * scale;
    }
    add_robot(v, common_row("robot", KIND_ROBOT, MODE_ACCUMULATED, rows, n), accelerated, reference,
              sqrt(units / n));
}
