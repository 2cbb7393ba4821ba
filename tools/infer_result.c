/* SPDX-License-Identifier: Apache-2.0 */
/* infer_result.c - the result of `pi0 infer`, for people and for programs. */
#include "infer_result.h"
#include "fail.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#define CELL 10      // characters of a value
#define ROW_NUMBER 5 // of the row's number

/* ---- comparison ---- */

static double mean(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i];
    return sum / (double)n;
}

void pi0_compare(infer_comparison *c, const float *a, const float *b, size_t n)
{
    const double ma = mean(a, n), mb = mean(b, n);
    double aa = 0, bb = 0, ab = 0;
    c->largest = 0;
    for (size_t i = 0; i < n; i++) {
        const double da = (double)a[i] - ma, db = (double)b[i] - mb;
        aa += da * da;
        bb += db * db;
        ab += da * db;
        c->largest = fmax(c->largest, fabs((double)a[i] - (double)b[i]));
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

static json_t *rows_json(const infer_result *x)
{
    json_t *rows = json_array();
    for (int r = 0; r < x->rows; r++) {
        json_t *row = json_array();
        for (int c = 0; c < x->cols; c++)
            json_array_append_new(row, json_real((double)x->actions[(size_t)(r * x->cols + c)]));
        json_array_append_new(rows, row);
    }
    return rows;
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
    json_t *warnings = json_array();
    for (int i = 0; i < x->warnings->n; i++) {
        // a file name in it need not be UTF-8
        json_t *text = json_string(x->warnings->text[i]);
        json_array_append_new(warnings, text ? text : json_string("(not UTF-8)"));
    }
    json_t *root =
        json_pack("{s:o, s:[i, i], s:s, s:o, s:s, s:s, s:s, s:i, s:o}", "actions", rows_json(x),
                  "shape", x->rows, x->cols, "dtype", "float32", "timing_ms", timing_json(x->r),
                  "backend", info->backend, "isa", info->isa, "precision", info->precision,
                  "threads", x->r->made.n_threads, "warnings", warnings);
    if (root && x->comparison) json_object_set_new(root, "compare", comparison_json(x->comparison));
    // nine digits tell every float
    const int bad = !root || json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (bad) return pi0_fail(err, PI0_EIO, "stdout: cannot write the JSON");
    printf("\n");
    return PI0_OK;
}

/* ---- table ---- */

static void print_block(const infer_result *x, int first, int last, const char *format)
{
    printf("%*s", ROW_NUMBER, "row");
    for (int c = first; c < last; c++) printf(" %*d", CELL - 1, c);
    printf("\n");
    for (int r = 0; r < x->rows; r++) {
        printf("%*d", ROW_NUMBER, r);
        for (int c = first; c < last; c++)
            printf(format, (double)x->actions[(size_t)(r * x->cols + c)]);
        printf("\n");
    }
}

void pi0_result_table(const infer_result *x, int columns)
{
    const int shown = columns && columns < x->cols ? columns : x->cols;
    double largest = 0;
    for (int i = 0; i < x->rows * x->cols; i++)
        largest = fmax(largest, fabs((double)x->actions[i]));
    const char *format = largest < 1000 ? " %9.4f" : " %9.2e";

    // a file or a pipe gets one line a row
    const int width = pi0_terminal_width();
    int block = width ? (width - ROW_NUMBER) / CELL : shown;
    if (block < 1) block = 1;
    printf("actions: %d rows x %d columns of the network's own, normalised", x->rows, x->cols);
    if (shown < x->cols) printf("; the first %d", shown);
    printf("\n");
    for (int first = 0; first < shown; first += block) {
        if (first) printf("\n");
        print_block(x, first, first + block < shown ? first + block : shown, format);
    }
}

void pi0_result_timing(const infer_result *x)
{
    const pi0_timing *t = &x->r->timing;
    const pi0_info *info = &x->r->info;
    printf("%.1f ms: inputs %.1f, vision %.1f, prefix %.1f, denoise %.1f (%d steps) - %s, %s, %s, "
           "%d thread%s\n",
           t->total_ms, t->inputs_ms, t->vision_ms, t->prefix_ms, t->denoise_ms,
           x->r->made.num_steps, info->backend, info->isa, info->precision, x->r->made.n_threads,
           x->r->made.n_threads == 1 ? "" : "s");
}
