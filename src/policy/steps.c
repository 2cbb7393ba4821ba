/* SPDX-License-Identifier: Apache-2.0 */
/* steps.c - normalising and its inverse, relative actions: openpi's in f64, LeRobot's in f32. */
#include "policy/steps.h"
#include <assert.h>

const char *pi0_norm_name(enum norm_kind kind)
{
    static const char *const name[NORM_COUNT] = { "IDENTITY", "zscore",    "quantile",  "MEAN_STD",
                                                  "MIN_MAX",  "QUANTILES", "QUANTILE10" };
    return name[kind];
}

/* ---- openpi ---- */

static double quantile_range(const norm *s, int i)
{
    return s->b[i] - s->a[i] + s->eps;
}

static double zscore(const norm *s, int i, double x)
{
    return (x - s->a[i]) / (s->b[i] + s->eps);
}

static double zscore_inverse(const norm *s, int i, double x)
{
    return x * (s->b[i] + s->eps) + s->a[i];
}

static double quantile(const norm *s, int i, double x)
{
    return (x - s->a[i]) / quantile_range(s, i) * 2.0 - 1.0;
}

// NumPy keeps f32 where an f32 array meets a Python number; the statistics make it f64
static double quantile_inverse_f32(const norm *s, int i, float x)
{
    const float half = (x + 1.0f) / 2.0f;
    return half * quantile_range(s, i) + s->a[i];
}

static double quantile_inverse(const norm *s, int i, double x)
{
    return (x + 1.0) / 2.0 * quantile_range(s, i) + s->a[i];
}

/* ---- LeRobot ---- */

static float mean_std(const norm *s, int i, float x)
{
    const float mean = (float)s->a[i], std = (float)s->b[i], eps = (float)s->eps;
    return (x - mean) / (std + eps);
}

// without eps
static float mean_std_inverse(const norm *s, int i, float x)
{
    const float mean = (float)s->a[i], std = (float)s->b[i];
    return x * std + mean;
}

// eps only where the bounds are the same number
static float bounds_range(const norm *s, int i)
{
    const float range = (float)s->b[i] - (float)s->a[i];
    return range == 0 ? (float)s->eps : range;
}

// MIN_MAX and both kinds of quantiles
static float bounds(const norm *s, int i, float x)
{
    return 2.0f * (x - (float)s->a[i]) / bounds_range(s, i) - 1.0f;
}

static float min_max_inverse(const norm *s, int i, float x)
{
    return (x + 1.0f) / 2.0f * bounds_range(s, i) + (float)s->a[i];
}

static float quantiles_inverse(const norm *s, int i, float x)
{
    return (x + 1.0f) * bounds_range(s, i) / 2.0f + (float)s->a[i];
}

/* ---- the steps ---- */

void pi0_step_normalize(const norm *s, double *x, int n)
{
    assert(s->kind == NORM_IDENTITY || n <= s->n);
    for (int i = 0; i < n; i++) switch (s->kind) {
        case NORM_ZSCORE: x[i] = zscore(s, i, x[i]); break;
        case NORM_QUANTILE: x[i] = quantile(s, i, x[i]); break;
        case NORM_MEAN_STD: x[i] = mean_std(s, i, (float)x[i]); break;
        case NORM_MIN_MAX:
        case NORM_QUANTILES:
        case NORM_QUANTILE10: x[i] = bounds(s, i, (float)x[i]); break;
        default: break;
        }
}

void pi0_step_unnormalize(const norm *s, double *y, const float *x, int n)
{
    assert(s->kind == NORM_IDENTITY || n <= s->n);
    for (int i = 0; i < n; i++) switch (s->kind) {
        case NORM_ZSCORE: y[i] = zscore_inverse(s, i, x[i]); break;
        case NORM_QUANTILE: y[i] = quantile_inverse_f32(s, i, x[i]); break;
        case NORM_MEAN_STD: y[i] = mean_std_inverse(s, i, x[i]); break;
        case NORM_MIN_MAX: y[i] = min_max_inverse(s, i, x[i]); break;
        case NORM_QUANTILES:
        case NORM_QUANTILE10: y[i] = quantiles_inverse(s, i, x[i]); break;
        default: y[i] = x[i]; break;
        }
}

void pi0_step_unnormalize_state(const norm *s, double *x, int n)
{
    assert(s->kind == NORM_ZSCORE || s->kind == NORM_QUANTILE);
    assert(n <= s->n);
    for (int i = 0; i < n; i++)
        x[i] = s->kind == NORM_ZSCORE ? zscore_inverse(s, i, x[i]) : quantile_inverse(s, i, x[i]);
}

void pi0_step_absolute(double *x, int n, const unsigned char *mask, const double *state)
{
    for (int i = 0; i < n; i++)
        if (mask[i]) x[i] += state[i];
}

void pi0_step_absolute_f32(double *x, int n, const unsigned char *mask, const double *state)
{
    for (int i = 0; i < n; i++)
        if (mask[i]) x[i] = (float)x[i] + (float)state[i];
}

void pi0_step_round_f32(double *x, int n)
{
    for (int i = 0; i < n; i++) x[i] = (float)x[i];
}
