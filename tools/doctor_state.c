/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_state.c - a robot's state against the statistics of its training: where it lies outside,
 * and whether another unit would explain that. The library normalises; nothing is done twice. */
#include "doctor_image.h"
#include "doctor_probe.h"
#include <math.h>
#include <string.h>

// how far from the middle: quantiles lie at 1, deviations are counted
#define OUTSIDE_QUANTILE 1.5
#define OUTSIDE_SIGMA 5.0
#define FAR_QUANTILE 3.0
#define FAR_SIGMA 8.0
#define SMALL_QUANTILE 1.05 // a state that was normalised before
#define SMALL_SIGMA 4.0
#define FEW 2 // values that may be far outside by chance

static bool by_quantiles(const doctor *d)
{
    return pi0_stat_kind(d->policy.state_norm.kind) != KIND_MEAN_STD;
}

// a state that cannot be prepared (no tokenizer) by the statistics alone, unless the robot's own
// steps come before them
static bool normalise_here(const doctor *d, probe *p, const double *state)
{
    const pi0_policy_norm *s = &d->policy.state_norm;
    for (int i = 0; i < PI0_POLICY_MAX_STEPS && d->policy.input_steps[i]; i++)
        if (strstr(d->policy.input_steps[i], "aloha")) return false;
    if (s->n < d->policy.state_dim || d->policy.state_dim > PROBE_STATE) return false;
    p->n_z = d->policy.state_dim;
    for (int i = 0; i < p->n_z; i++)
        p->z[i] = by_quantiles(d) ? (state[i] - s->a[i]) / (s->b[i] - s->a[i] + s->eps) * 2 - 1
                                  : (state[i] - s->a[i]) / (s->b[i] + s->eps);
    return true;
}

// the state, each value times `unit`, normalised
static bool normalise(doctor *d, probe *p, const double *state, double unit)
{
    double scaled[PROBE_STATE];
    if (!d->has_policy || d->policy.state_dim > PROBE_STATE) return false;
    for (int i = 0; i < d->policy.state_dim; i++) scaled[i] = state[i] * unit;
    return !pi0_probe(d, p, scaled, "x") || normalise_here(d, p, scaled);
}

// values that are far outside as they are, and how many of these lie inside in another unit
static void count(const probe *is, const probe *other, double far, double outside, int *n_far,
                  int *n_inside)
{
    *n_far = *n_inside = 0;
    for (int i = 0; i < is->n_z; i++) {
        if (!(fabs(is->z[i]) > far)) continue;
        ++*n_far;
        *n_inside += fabs(other->z[i]) <= outside;
    }
}

static void list_far(const doctor *d, text_list *list, const probe *p, const double *state,
                     double limit)
{
    char name[160];
    for (int i = 0; i < p->n_z; i++)
        if (fabs(p->z[i]) > limit)
            pi0_list_add(list, "%s: %.4g", pi0_doctor_dim_name(d, false, i, name), state[i]);
}

// another unit that puts what is far outside inside; false: none does
static bool check_units(doctor *d, const probe *is, const double *state, double far, double outside)
{
    static const struct {
        double factor;
        enum finding_id id;
    } unit[] = { { 0.017453292519943295, F_STATE_DEGREES },
                 { 57.295779513082323, F_STATE_RADIANS } };
    probe other;
    text_list list = { .n = 0 };
    int n_far, n_inside;
    for (int k = 0; k < 2; k++) {
        if (!normalise(d, &other, state, unit[k].factor)) return false;
        count(is, &other, far, outside, &n_far, &n_inside);
        if (n_far < FEW || n_inside < n_far) continue;
        list_far(d, &list, is, state, far);
        pi0_found(d, unit[k].id, "state at %s", pi0_list_text(&list));
        return true;
    }
    return false;
}

// all values as small as normalised ones, and some of them far outside
static bool check_normalised(doctor *d, const probe *is, const double *state, double far)
{
    const double small = by_quantiles(d) ? SMALL_QUANTILE : SMALL_SIGMA;
    text_list list = { .n = 0 };
    for (int i = 0; i < is->n_z; i++)
        if (fabs(state[i]) > small) return false;
    list_far(d, &list, is, state, far);
    if (list.n < FEW) return false;
    pi0_found(d, F_STATE_NORMALISED, "no value beyond %g, but far outside of the statistics at %s",
              small, pi0_list_text(&list));
    return true;
}

static void check_range(doctor *d, const probe *is, const double *state, double outside)
{
    const bool quantiles = by_quantiles(d);
    text_list out = { .n = 0 }, edge = { .n = 0 };
    char name[160];
    for (int i = 0; i < is->n_z; i++) {
        const double z = fabs(is->z[i]);
        pi0_doctor_dim_name(d, false, i, name);
        if (z > outside)
            pi0_list_add(&out,
                         quantiles ? "%s: %.4g (%.1f half ranges from the middle)"
                                   : "%s: %.4g (%.1f deviations from the mean)",
                         name, state[i], z);
        else if (quantiles && z > 1)
            pi0_list_add(&edge, "%s: %.4g", name, state[i]);
    }
    if (out.n) pi0_found(d, F_STATE_OUTSIDE, "state at %s", pi0_list_text(&out));
    if (edge.n)
        pi0_found(d, F_STATE_EDGE, "state a little outside of %s at %s", d->policy.state_norm.kind,
                  pi0_list_text(&edge));
}

void pi0_doctor_state(doctor *d, const double *state)
{
    probe is;
    const double far = by_quantiles(d) ? FAR_QUANTILE : FAR_SIGMA,
                 outside = by_quantiles(d) ? OUTSIDE_QUANTILE : OUTSIDE_SIGMA;
    if (!d->has_policy || pi0_stat_kind(d->policy.state_norm.kind) == KIND_NONE) return;
    if (!normalise(d, &is, state, 1)) return;
    if (check_units(d, &is, state, far, outside)) return;
    if (check_normalised(d, &is, state, far)) return;
    check_range(d, &is, state, outside);
}
