/* SPDX-License-Identifier: Apache-2.0 */
/* verify_rows.c - the rows of a verification: which are wanted, and of several observations the
 * worst. */
#include "verify.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which modules ---- */

// "vision" means all of vision.*
static bool names(const char *key, const char *word, size_t length)
{
    return !strncmp(key, word, length) && (!key[length] || key[length] == '.');
}

static int unknown(const char *word, size_t length, pi0_error *err)
{
    char list[1000] = "";
    for (int k = 0; k < KIND_COUNT; k++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                 pi0_verify_kinds[k].key);
    }
    return pi0_fail(err, PI0_EINVAL,
                    "--modules: no module %.*s; there are %s, and their first words",
                    length < 40 ? (int)length : 40, word, list);
}

static int select_kinds(verify *v, const char *modules, pi0_error *err)
{
    for (int k = 0; k < KIND_COUNT; k++) v->selected[k] = !modules;
    for (const char *at = modules; at;) {
        const size_t length = strcspn(at, ",");
        bool found = false;
        for (int k = 0; k < KIND_COUNT && length; k++)
            if (names(pi0_verify_kinds[k].key, at, length)) found = v->selected[k] = true;
        if (!found) return unknown(at, length, err);
        at = at[length] ? at + length + 1 : NULL;
    }
    for (int k = 0; k < KIND_COUNT; k++)
        if (v->selected[k] && pi0_verify_kinds[k].part > v->last)
            v->last = pi0_verify_kinds[k].part;
    return PI0_OK;
}

int pi0_verify_init(verify *v, const pi0_model *accelerated, const pi0_policy_info *policy,
                    const char *modules, pi0_error *err)
{
    *v = (verify){ .policy = policy };
    pi0_model_info(accelerated, &v->info);
    const pi0_info *i = &v->info;
    const double side = i->image_size / sqrt((double)i->image_tokens);
    v->terms = (verify_terms){ !strcmp(i->precision, "bf16"), (int)(3 * side * side), i->vision,
                               i->language, i->expert };
    return select_kinds(v, modules, err);
}

void pi0_verify_free(verify *v)
{
    free(v->row);
    free(v->actions.reference);
    free(v->actions.accelerated);
    *v = (verify){ .row = NULL };
}

int pi0_verify_failures(const verify *v)
{
    int n = 0;
    for (int i = 0; i < v->n_rows; i++) n += !v->row[i].pass;
    return n;
}

/* ---- rows ---- */

static verify_row *find(verify *v, const verify_row *row)
{
    for (int i = 0; i < v->n_rows; i++)
        if (v->row[i].mode == row->mode && !strcmp(v->row[i].module, row->module))
            return &v->row[i];
    return NULL;
}

// a place for it; NULL: no memory
static verify_row *append(verify *v)
{
    if (v->n_rows == v->capacity) {
        const int more = v->capacity ? 2 * v->capacity : 512;
        verify_row *grown = realloc(v->row, (size_t)more * sizeof *grown);
        if (!grown) {
            v->failed = true;
            return NULL;
        }
        v->row = grown;
        v->capacity = more;
    }
    return &v->row[v->n_rows++];
}

bool pi0_verify_worse(const verify_row *a, const verify_row *b)
{
    if (a->pass != b->pass) return !a->pass;
    if (isnan(a->is.rel_l2) != isnan(b->is.rel_l2)) return isnan(a->is.rel_l2);
    // what is exact has bound 0
    if (a->bound > 0 && b->bound > 0) return a->is.rel_l2 / a->bound > b->is.rel_l2 / b->bound;
    return a->is.rel_l2 > b->is.rel_l2;
}

static void merge(verify *v, const verify_row *row)
{
    if (!v->selected[row->kind]) return;
    verify_row *old = find(v, row);
    if (!old) {
        if ((old = append(v))) *old = *row;
    } else if (old->pass && pi0_verify_worse(row, old)) {
        *old = *row;
    }
}

void pi0_verify_add(verify *v, const verify_row *row, double extra)
{
    verify_row judged = *row;
    pi0_verify_judge(&v->terms, &judged, extra);
    merge(v, &judged);
}

void pi0_verify_fail(verify *v, const verify_row *row, const char *why)
{
    double floor;
    verify_row failed = *row;
    failed.is = (likeness){ NAN, NAN, NAN, NAN, NAN, NAN, false };
    failed.bound = pi0_verify_bound(&v->terms, row, &floor);
    failed.pass = false;
    snprintf(failed.why, sizeof failed.why, "%s", why);
    merge(v, &failed);
}
