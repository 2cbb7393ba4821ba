/* SPDX-License-Identifier: Apache-2.0 */
/* verify_print.c - the tables of pi0 verify, and its JSON. */
#include "verify_print.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FAILURES_SHOWN 12

static const char *const headings[MODE_COUNT] = {
    "Alone: each module on the reference flow's input",
    "Accumulated: each module on what the accelerated flow itself made before it",
    "The reference flow against the file's tensors",
    "The accelerated flow against the file's tensors",
};

static bool has_mode(const verify *v, enum verify_mode mode)
{
    for (int i = 0; i < v->n_rows; i++)
        if (v->row[i].mode == mode) return true;
    return false;
}

static void print_heading(enum verify_mode mode, int width)
{
    printf("\n%s\n  %-*s %12s %5s %9s %9s %9s %9s %9s\n", headings[mode], width, "module", "shape",
           "of", "PCC", "max error", "RMS error", "rel. L2", "bound");
}

// `worst`: of how many, and which
static void print_row(const verify_row *r, const char *title, int width, int n)
{
    char shape[32], pcc[32];
    snprintf(shape, sizeof shape, "[%d,%d]", r->rows, r->cols);
    snprintf(pcc, sizeof pcc, isnan(r->is.pcc) ? "-" : "%.7f", r->is.pcc);
    printf("  %-*s %12s %5d %9s %9.2e %9.2e %9.2e %9.2e  %s", width, title, shape, n, pcc,
           r->is.max_error, r->is.rms_error, r->is.rel_l2, r->bound, r->pass ? "PASS" : "FAIL");
    if (n > 1) printf("  %s", r->module);
    printf("\n");
}

// the worst of a kind in a mode, and how many there are
static const verify_row *worst_of(const verify *v, enum verify_kind kind, enum verify_mode mode,
                                  int *n)
{
    const verify_row *worst = NULL;
    *n = 0;
    for (int i = 0; i < v->n_rows; i++) {
        const verify_row *r = &v->row[i];
        if (r->kind != kind || r->mode != mode) continue;
        (*n)++;
        if (!worst || pi0_verify_worse(r, worst)) worst = r;
    }
    return worst;
}

static void print_mode(const verify *v, enum verify_mode mode, bool all)
{
    print_heading(mode, all ? 28 : 26);
    for (int k = 0; k < KIND_COUNT; k++) {
        int n;
        const verify_row *worst = worst_of(v, (enum verify_kind)k, mode, &n);
        if (k == KIND_ROBOT_ACTION || !worst) continue;
        if (!all) print_row(worst, pi0_verify_kinds[k].title, 26, n);
        for (int i = 0; all && i < v->n_rows; i++)
            if (v->row[i].kind == (enum verify_kind)k && v->row[i].mode == mode)
                print_row(&v->row[i], v->row[i].module, 28, 1);
    }
}

// each action of the robot: there are few, and they are what a motor does
static void print_robot(const verify *v)
{
    const pi0_policy_info *p = v->policy;
    int n;
    if (!worst_of(v, KIND_ROBOT_ACTION, MODE_ACCUMULATED, &n)) return;
    printf(
        "\nRobot actions%s%s (relative L2: to the spread of such an action)\n  %-24s %9s %9s %9s "
        "%9s\n",
        p->action_units ? ", " : "", p->action_units ? p->action_units : "", "action", "max error",
        "RMS error", "rel. L2", "bound");
    for (int i = 0; i < v->n_rows; i++) {
        const verify_row *r = &v->row[i];
        if (r->kind != KIND_ROBOT_ACTION) continue;
        printf("  %-24s %9.2e %9.2e %9.2e %9.2e  %s\n", r->module + strlen("robot."),
               r->is.max_error, r->is.rms_error, r->is.rel_l2, r->bound, r->pass ? "PASS" : "FAIL");
    }
}

void pi0_verify_print(const verify *v, bool all)
{
    for (int m = 0; m < MODE_COUNT; m++)
        if (has_mode(v, (enum verify_mode)m)) print_mode(v, (enum verify_mode)m, all);
    print_robot(v);
}

void pi0_verify_print_failures(const verify *v)
{
    const int n = pi0_verify_failures(v);
    int shown = 0;
    if (!n) {
        printf("\nPASS: %d comparisons, each within its bound\n", v->n_rows);
        return;
    }
    printf("\nFAIL: %d of %d comparisons\n", n, v->n_rows);
    // a module that fails alone is where to look; what comes after it fails with it
    for (int m = 0; m < MODE_COUNT; m++)
        for (int i = 0; i < v->n_rows; i++) {
            const verify_row *r = &v->row[i];
            if (r->pass || r->mode != (enum verify_mode)m || shown == FAILURES_SHOWN) continue;
            printf("  %s, %s: %s\n", r->module, pi0_verify_mode_names[m], r->why);
            shown++;
        }
    if (n > shown) printf("  and %d more (--all, --json)\n", n - shown);
}

/* ---- JSON ---- */

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *pi0_verify_json(const verify *v)
{
    json_t *list = json_array();
    for (int i = 0; i < v->n_rows && list; i++) {
        const verify_row *r = &v->row[i];
        json_t *o = json_pack("{s:s, s:[i, i], s:s, s:o, s:o, s:o, s:o, s:f, s:b}", "module",
                              r->module, "shape", r->rows, r->cols, "mode",
                              pi0_verify_mode_names[r->mode], "pcc", number(r->is.pcc), "max_error",
                              number(r->is.max_error), "rms_error", number(r->is.rms_error),
                              "rel_l2", number(r->is.rel_l2), "bound", r->bound, "pass", r->pass);
        if (json_array_append_new(list, o)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
