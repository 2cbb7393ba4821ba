/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_stats_check.c - checks of pi0 doctor: normalisation statistics. Missing or wrong ones are
 * the most common reason for a robot that moves wrongly. */
#include "doctor.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TINY 1e-6       // openpi's eps: below it, eps decides and not the data
#define MEAN_MARGIN 0.1 // of the quantiles' range, by which a mean may lie outside
#define MIN_MEAN 0.1    // of a state's means, below which they say nothing
#define ALIKE 0.2       // difference of means of absolute actions, of the means themselves

// the file that a vector's statistics are used from
static const stat_file *file_of(const doctor *d, bool actions)
{
    const int i = actions && d->lerobot ? 1 : 0;
    return d->has_stats[i] ? &d->stats[i] : NULL;
}

static const stat_vector *vector_of(const doctor *d, bool actions)
{
    const stat_file *f = file_of(d, actions);
    if (!f || !f->read) return NULL;
    const stat_vector *v = actions ? &f->actions : &f->state;
    return v->there ? v : NULL;
}

/* ---- there, and as long as the robot ---- */

static const char *list_assets(const doctor *d, text_list *list)
{
    for (int i = 0; i < d->assets.n; i++) pi0_list_add(list, "%.100s", d->assets.id[i]);
    return list->n ? pi0_list_text(list) : "none";
}

static void check_file(doctor *d, const stat_file *f)
{
    text_list assets = { .n = 0 };
    if (f->read) return;
    if (pi0_file_exists(f->path))
        pi0_found(d, F_STATS_FILE, "%s", f->error.message);
    else if (!d->lerobot)
        pi0_found(d, F_STATS_MISSING, "%s is not there; assets that are: %s",
                  pi0_doctor_short(d, f->path), list_assets(d, &assets));
}

static void check_size(doctor *d, const stat_file *f, const stat_vector *v, bool actions, int n)
{
    const int robot = pi0_doctor_dim(d, actions), most = d->info.action_dim;
    const char *file = pi0_doctor_short(d, f->path);
    if (most && n > most)
        pi0_found(d, F_STATS_SIZE, "%s: %s has %d values, the network has %d", file, v->name, n,
                  most);
    else if (robot && (n < robot || (d->lerobot && n > robot)))
        pi0_found(d, F_STATS_SIZE, "%s: %s has %d values, the robot has %d", file, v->name, n,
                  robot);
    else if (robot && n > robot)
        pi0_found(d, F_STATS_LONGER, "%s: %s has %d values, the robot has %d", file, v->name, n,
                  robot);
}

static void check_vector(doctor *d, bool actions)
{
    const stat_file *f = file_of(d, actions);
    enum stat_id id[2];
    if (!f || !f->read) return;
    const stat_vector *v = actions ? &f->actions : &f->state;
    const char *file = pi0_doctor_short(d, f->path);
    if (v->kind == KIND_NONE) return;
    if (!v->there) {
        pi0_found(d, F_STATS_MISSING, "%s: no statistics of \"%s\"", file, v->name);
        return;
    }
    pi0_stat_lists(v->kind, &id[0], &id[1]);
    for (int k = 0; k < 2; k++)
        if (v->list[id[k]].n < 0)
            pi0_found(d, F_STATS_LIST, "%s: %s has no %s", file, v->name, pi0_stat_name[id[k]]);
    const int a = v->list[id[0]].n, b = v->list[id[1]].n;
    if (a >= 0 && b >= 0 && a != b)
        pi0_found(d, F_STATS_SIZE, "%s: %s: %d values of %s, %d of %s", file, v->name, a,
                  pi0_stat_name[id[0]], b, pi0_stat_name[id[1]]);
    else if (a >= 0)
        check_size(d, f, v, actions, a);
}

// sizes that fit crosswise and not as they are
static void check_swapped(doctor *d)
{
    const stat_vector *s = vector_of(d, false), *a = vector_of(d, true);
    const int n_state = pi0_doctor_dim(d, false), n_actions = pi0_doctor_dim(d, true);
    if (!s || !a || n_state == n_actions || !n_state) return;
    if (s->list[STAT_MEAN].n == n_actions && a->list[STAT_MEAN].n == n_state)
        pi0_found(d, F_STATS_SWAPPED,
                  "%s has %d values and %s %d; the robot's state has %d, its actions %d", s->name,
                  n_actions, a->name, n_state, n_state, n_actions);
}

void pi0_check_stats(doctor *d)
{
    text_list assets = { .n = 0 };
    if (!d->lerobot && !d->has_stats[0] && d->has_tensors) {
        if (d->known_robot)
            pi0_found(d, F_STATS_MISSING, "the configuration names no statistics");
        else
            pi0_found(d, F_STATS_NONE, "no assets/<asset id>/norm_stats.json");
    }
    if (!d->lerobot && d->assets.n > 1)
        pi0_found(d, F_ASSETS_SEVERAL, "%s; read: %s", list_assets(d, &assets),
                  d->has_stats[0] ? pi0_doctor_short(d, d->stats[0].path) : "none");
    for (int i = 0; i < 2; i++)
        if (d->has_stats[i]) check_file(d, &d->stats[i]);
    check_vector(d, false);
    check_vector(d, true);
    check_swapped(d);
    if (vector_of(d, false) && vector_of(d, true))
        pi0_looked(d, "%s", pi0_doctor_short(d, file_of(d, false)->path));
}

/* ---- values ---- */

// values that are looked at: those that the robot has
static int used(const doctor *d, const stat_list *list, bool actions)
{
    const int robot = pi0_doctor_dim(d, actions);
    return robot && robot < list->n ? robot : list->n;
}

static void check_finite(doctor *d, const stat_file *f, const stat_vector *v, enum stat_id id,
                         bool actions)
{
    const stat_list *list = &v->list[id];
    text_list bad = { .n = 0 };
    char name[160];
    for (int i = 0; i < used(d, list, actions); i++)
        if (!isfinite(list->v[i]))
            pi0_list_add(&bad, "%s", pi0_doctor_dim_name(d, actions, i, name));
    if (bad.n)
        pi0_found(d, F_STATS_NOT_FINITE, "%s: %s.%s is no number at %s",
                  pi0_doctor_short(d, f->path), v->name, pi0_stat_name[id], pi0_list_text(&bad));
}

static void check_std(doctor *d, const stat_file *f, const stat_vector *v, bool actions)
{
    const stat_list *std = &v->list[STAT_STD];
    text_list zero = { .n = 0 }, negative = { .n = 0 };
    char name[160];
    for (int i = 0; i < used(d, std, actions); i++) {
        if (std->v[i] < 0)
            pi0_list_add(&negative, "%s", pi0_doctor_dim_name(d, actions, i, name));
        else if (std->v[i] < TINY)
            pi0_list_add(&zero, "%s: %g", pi0_doctor_dim_name(d, actions, i, name), std->v[i]);
    }
    const char *file = pi0_doctor_short(d, f->path);
    if (negative.n)
        pi0_found(d, F_STATS_NEGATIVE_STD, "%s: %s.std is below 0 at %s", file, v->name,
                  pi0_list_text(&negative));
    if (zero.n)
        pi0_found(d, F_STATS_ZERO_STD, "%s: %s.std is below %g at %s", file, v->name, TINY,
                  pi0_list_text(&zero));
}

static void check_range(doctor *d, const stat_file *f, const stat_vector *v, bool actions)
{
    enum stat_id low, high;
    text_list zero = { .n = 0 }, order = { .n = 0 };
    char name[160];
    pi0_stat_lists(v->kind, &low, &high);
    const stat_list *a = &v->list[low], *b = &v->list[high];
    for (int i = 0; i < used(d, a, actions) && i < b->n; i++) {
        pi0_doctor_dim_name(d, actions, i, name);
        if (a->v[i] > b->v[i])
            pi0_list_add(&order, "%s: %g > %g", name, a->v[i], b->v[i]);
        else if (b->v[i] - a->v[i] < TINY)
            pi0_list_add(&zero, "%s: %g", name, a->v[i]);
    }
    const char *file = pi0_doctor_short(d, f->path), *l = pi0_stat_name[low],
               *h = pi0_stat_name[high];
    if (order.n)
        pi0_found(d, F_STATS_ORDER, "%s: %s: %s above %s at %s", file, v->name, l, h,
                  pi0_list_text(&order));
    if (zero.n)
        pi0_found(d, F_STATS_ZERO_RANGE, "%s: %s: %s is %s to within %g at %s", file, v->name, h, l,
                  TINY, pi0_list_text(&zero));
}

static void check_mean(doctor *d, const stat_file *f, const stat_vector *v, bool actions)
{
    const stat_list *mean = &v->list[STAT_MEAN], *a = &v->list[STAT_Q01], *b = &v->list[STAT_Q99];
    text_list outside = { .n = 0 };
    char name[160];
    for (int i = 0; i < used(d, mean, actions) && i < a->n && i < b->n; i++) {
        const double margin = MEAN_MARGIN * (b->v[i] - a->v[i]);
        if (margin > 0 && (mean->v[i] < a->v[i] - margin || mean->v[i] > b->v[i] + margin))
            pi0_list_add(&outside, "%s: %g not in %g to %g",
                         pi0_doctor_dim_name(d, actions, i, name), mean->v[i], a->v[i], b->v[i]);
    }
    if (outside.n)
        pi0_found(d, F_STATS_INCONSISTENT, "%s: %s: mean outside of q01 to q99 at %s",
                  pi0_doctor_short(d, f->path), v->name, pi0_list_text(&outside));
}

static bool all_are(const stat_list *list, double value)
{
    for (int i = 0; i < list->n; i++)
        if (list->v[i] != value) return false;
    return list->n > 0;
}

static void check_identity(doctor *d, const stat_file *f, const stat_vector *v)
{
    enum stat_id a, b;
    const double low = v->kind == KIND_MEAN_STD ? 0 : -1;
    pi0_stat_lists(v->kind, &a, &b);
    if (all_are(&v->list[a], low) && all_are(&v->list[b], 1))
        pi0_found(d, F_STATS_IDENTITY, "%s: %s: every %s is %g, every %s 1",
                  pi0_doctor_short(d, f->path), v->name, pi0_stat_name[a], low, pi0_stat_name[b]);
}

static bool same(const stat_list *a, const stat_list *b)
{
    return a->n == b->n && a->n > 0 && !memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v);
}

static void check_identical(doctor *d)
{
    const stat_vector *s = vector_of(d, false), *a = vector_of(d, true);
    enum stat_id low, high;
    if (!s || !a || s->kind == KIND_NONE) return;
    pi0_stat_lists(s->kind, &low, &high);
    // placeholders have a finding of their own
    if (same(&s->list[low], &a->list[low]) && same(&s->list[high], &a->list[high]) &&
        !all_are(&s->list[high], 1))
        pi0_found(d, F_STATS_IDENTICAL, "%s and %s: the same %s and %s", s->name, a->name,
                  pi0_stat_name[low], pi0_stat_name[high]);
}

// actions that shall be relative, with the means of absolute ones
static void check_absolute(doctor *d)
{
    const stat_vector *s = vector_of(d, false), *a = vector_of(d, true);
    const unsigned char *relative = d->known_robot ? d->policy.relative : NULL;
    double size = 0, difference = 0;
    int n = 0;
    if (!s || !a || !relative) return;
    const double *ms = s->list[STAT_MEAN].v, *ma = a->list[STAT_MEAN].v;
    for (int i = 0; i < d->policy.n_actions; i++) {
        if (!relative[i] || i >= s->list[STAT_MEAN].n || i >= a->list[STAT_MEAN].n) continue;
        size += ms[i] * ms[i];
        difference += (ma[i] - ms[i]) * (ma[i] - ms[i]);
        n++;
    }
    if (n >= 3 && sqrt(size / n) > MIN_MEAN && difference < ALIKE * ALIKE * size)
        pi0_found(d, F_STATS_ABSOLUTE,
                  "means of %d relative actions differ from the state's by %.0f %% only", n,
                  100 * sqrt(difference / size));
}

// LeRobot keeps the actions' statistics in both files
static void check_pre_post(doctor *d)
{
    const stat_vector *pre = &d->stats[0].actions, *post = &d->stats[1].actions;
    enum stat_id id[2];
    if (!d->lerobot || !d->has_stats[0] || !d->has_stats[1] || !pre->there || !post->there) return;
    if (post->kind == KIND_NONE) return;
    pi0_stat_lists(post->kind, &id[0], &id[1]);
    for (int k = 0; k < 2; k++)
        if (pre->list[id[k]].n > 0 && post->list[id[k]].n > 0 &&
            !same(&pre->list[id[k]], &post->list[id[k]]))
            pi0_found(d, F_STATS_PRE_POST, "action.%s differs between %s and %s",
                      pi0_stat_name[id[k]], pi0_doctor_short(d, d->stats[0].path),
                      pi0_doctor_short(d, d->stats[1].path));
}

void pi0_check_stat_values(doctor *d)
{
    for (int k = 0; k < 2; k++) {
        const bool actions = k == 1;
        const stat_file *f = file_of(d, actions);
        const stat_vector *v = vector_of(d, actions);
        enum stat_id id[2];
        if (!v || v->kind == KIND_NONE) continue;
        pi0_stat_lists(v->kind, &id[0], &id[1]);
        for (int i = 0; i < 2; i++) check_finite(d, f, v, id[i], actions);
        if (v->kind == KIND_MEAN_STD)
            check_std(d, f, v, actions);
        else
            check_range(d, f, v, actions);
        check_mean(d, f, v, actions);
        check_identity(d, f, v);
        pi0_looked(d, "%s and %s%s", pi0_stat_name[id[0]], pi0_stat_name[id[1]],
                   actions ? " of state and actions" : " of the state");
    }
    check_identical(d);
    check_absolute(d);
    check_pre_post(d);
}
