/* SPDX-License-Identifier: Apache-2.0 */
/* infer_result.c - the result of `pi0 infer`, for people and for programs. */
#include "infer_result.h"
#include "json_out.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CELL 9       // characters of a value
#define ROW_NUMBER 5 // of the row's number

/* ---- comparison ---- */

static double mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum / (double)n;
}

void pi0_compare(infer_comparison *c, const double *a, const double *b, size_t n)
{
    const double ma = mean(a, n), mb = mean(b, n);
    double aa = 0, bb = 0, ab = 0;
    c->largest = 0;
    for (size_t i = 0; i < n; i++) {
        const double da = a[i] - ma, db = b[i] - mb;
        aa += da * da;
        bb += db * db;
        ab += da * db;
        c->largest = fmax(c->largest, fabs(a[i] - b[i]));
    }
    c->correlation = ab / sqrt(aa * bb);
}

void pi0_result_comparison(const infer_result *x)
{
    const infer_comparison *c = x->comparison;
    const pi0_info *a = &x->r->info, *b = &c->other->info;
    printf("%-10s %-11s %-5s %10.1f ms\n", a->backend, a->isa, a->precision, c->ms);
    printf("%-10s %-11s %-5s %10.1f ms\n", b->backend, b->isa, b->precision, c->other_ms);
    printf("speed-up %.2f, largest difference %.3g, Pearson correlation %.9f\n",
           c->other_ms / c->ms, c->largest, c->correlation);
}

/* ---- JSON ---- */

const char *pi0_result_shape(char text[64], const infer_result *x)
{
    const char *type = x->policy ? "float64" : "float32";
    if (x->stacked)
        snprintf(text, 64, "%s [%d,%d,%d]", type, x->count, x->rows, x->cols);
    else
        snprintf(text, 64, "%s [%d,%d]", type, x->rows, x->cols);
    return text;
}

static double action(const infer_result *x, int chunk, int row, int col)
{
    return x
        ->actions[((size_t)chunk * (size_t)x->rows + (size_t)row) * (size_t)x->cols + (size_t)col];
}

static json_t *chunk_json(const infer_result *x, int chunk)
{
    const size_t n = (size_t)x->rows * (size_t)x->cols;
    return pi0_rows_json(x->actions + (size_t)chunk * n, x->rows, x->cols);
}

static json_t *actions_json(const infer_result *x)
{
    if (!x->stacked) return chunk_json(x, 0);
    json_t *chunks = json_array();
    for (int i = 0; i < x->count; i++) json_array_append_new(chunks, chunk_json(x, i));
    return chunks;
}

static json_t *shape_json(const infer_result *x)
{
    if (x->stacked) return json_pack("[i, i, i]", x->count, x->rows, x->cols);
    return json_pack("[i, i]", x->rows, x->cols);
}

static json_t *observations_json(const infer_result *x)
{
    json_t *list = json_array();
    for (int i = 0; i < x->count; i++)
        json_array_append_new(
            list, json_pack("{s:o, s:f}", "file", pi0_text_json(x->files[i]), "ms", x->ms[i]));
    return list;
}

// what the actions are
static json_t *units_json(const pi0_policy_info *p)
{
    if (!p) return json_pack("{s:b}", "normalized", 1);
    json_t *names = p->action_names ? json_array() : json_null();
    for (int i = 0; p->action_names && i < p->n_actions; i++)
        json_array_append_new(names, json_string(p->action_names[i]));
    return json_pack("{s:b, s:s, s:s, s:o, s:s?}", "normalized", 0, "config", p->config, "robot",
                     p->robot, "action_names", names, "action_units", p->action_units);
}

static json_t *timing_json(const runner *r)
{
    const pi0_timing *t = &r->timing;
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "load", r->load_ms, "inputs", t->inputs_ms,
                     "vision", t->vision_ms, "prefix", t->prefix_ms, "denoise", t->denoise_ms,
                     "total", t->total_ms);
}

static json_t *comparison_json(const infer_comparison *c)
{
    const pi0_info *b = &c->other->info;
    json_t *correlation = isfinite(c->correlation) ? json_real(c->correlation) : json_null();
    return json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:o}", "backend", b->backend, "isa",
                     b->isa, "precision", b->precision, "ms", c->ms, "other_ms", c->other_ms,
                     "speed_up", c->other_ms / c->ms, "largest_difference", c->largest,
                     "correlation", correlation);
}

int pi0_result_json(const infer_result *x, pi0_error *err)
{
    const pi0_info *info = &x->r->info;
    json_t *units = units_json(x->policy);
    json_t *root = json_pack(
        "{s:o, s:o, s:s, s:o, s:s, s:s, s:s, s:i, s:o}", "actions", actions_json(x), "shape",
        shape_json(x), "dtype", x->policy ? "float64" : "float32", "timing_ms", timing_json(x->r),
        "backend", info->backend, "isa", info->isa, "precision", info->precision, "threads",
        x->r->made.n_threads, "warnings", pi0_notices_json(x->warnings));
    // -1 as well where one of both is NULL
    const bool bad = json_object_update(root, units);
    if (root && x->files) json_object_set_new(root, "observations", observations_json(x));
    if (root && x->comparison) json_object_set_new(root, "compare", comparison_json(x->comparison));
    json_decref(units);
    // so many digits tell every float32, every float64
    if (bad) json_decref(root);
    return pi0_json_print(bad ? NULL : root, x->policy ? 17 : 9, err);
}

/* ---- table ---- */

// a column's title: the action's name, else its number; the length of it
static int title(const infer_result *x, int col, char text[64])
{
    if (x->policy && x->policy->action_names)
        return snprintf(text, 64, "%s", x->policy->action_names[col]);
    return snprintf(text, 64, "%d", col);
}

static int width_of(const infer_result *x, int col)
{
    char text[64];
    const int length = title(x, col, text);
    return length < CELL ? CELL : length < 64 ? length : 63;
}

// columns from `first` on that fit the terminal, one at least
static int block_end(const infer_result *x, int first, int shown, int terminal)
{
    int last = first, used = ROW_NUMBER;
    while (last < shown && (!terminal || last == first || used + 1 + width_of(x, last) <= terminal))
        used += 1 + width_of(x, last++);
    return last;
}

static void print_block(const infer_result *x, int chunk, int first, int last, bool large)
{
    char text[64];
    printf("%*s", ROW_NUMBER, "row");
    for (int c = first; c < last; c++) {
        title(x, c, text);
        printf(" %*s", width_of(x, c), text);
    }
    printf("\n");
    for (int r = 0; r < x->rows; r++) {
        printf("%*d", ROW_NUMBER, r);
        for (int c = first; c < last; c++)
            printf(large ? " %*.2e" : " %*.4f", width_of(x, c), action(x, chunk, r, c));
        printf("\n");
    }
}

static void print_heading(const infer_result *x, int chunk, int shown)
{
    const pi0_policy_info *p = x->policy;
    const bool lerobot = p && !strcmp(p->config, "lerobot");
    if (x->stacked) printf("%s%s\n", chunk ? "\n" : "", x->files[chunk]);
    printf("actions: %d rows x %d columns", x->rows, x->cols);
    if (x->from)
        printf(" from %s", x->from);
    else if (!p)
        printf(" of the network's own, normalised");
    else
        printf(" in the robot's units (%s%s%s)%s%s", p->robot, lerobot ? "" : ", ",
               lerobot ? "" : p->config, p->action_units ? ": " : "",
               p->action_units ? p->action_units : "");
    if (shown < x->cols) printf("; the first %d", shown);
    printf("\n");
}

void pi0_result_table(const infer_result *x, int columns)
{
    const int shown = columns && columns < x->cols ? columns : x->cols;
    const int terminal = pi0_terminal_width(); // a file or a pipe gets one line a row
    for (int i = 0; i < x->count; i++) {
        double largest = 0;
        for (int r = 0; r < x->rows; r++)
            for (int c = 0; c < shown; c++) largest = fmax(largest, fabs(action(x, i, r, c)));
        print_heading(x, i, shown);
        for (int first = 0, last; first < shown; first = last) {
            last = block_end(x, first, shown, terminal);
            if (first) printf("\n");
            print_block(x, i, first, last, largest >= 1000);
        }
    }
}

static void print_machine(const infer_result *x)
{
    const pi0_info *info = &x->r->info;
    printf(" - %s, %s, %s, %d thread%s\n", info->backend, info->isa, info->precision,
           x->r->made.n_threads, x->r->made.n_threads == 1 ? "" : "s");
}

void pi0_result_timing(const infer_result *x)
{
    const pi0_timing *t = &x->r->timing;
    if (x->count > 1) {
        double low = x->ms[0], high = x->ms[0];
        for (int i = 1; i < x->count; i++) {
            low = fmin(low, x->ms[i]);
            high = fmax(high, x->ms[i]);
        }
        printf("%d chunks, %.1f to %.1f ms each", x->count, low, high);
    } else {
        printf("%.1f ms: inputs %.1f, vision %.1f, prefix %.1f, denoise %.1f (%d steps)",
               t->total_ms, t->inputs_ms, t->vision_ms, t->prefix_ms, t->denoise_ms,
               x->r->made.num_steps);
    }
    print_machine(x);
}
