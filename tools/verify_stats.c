/* SPDX-License-Identifier: Apache-2.0 */
/* verify_stats.c - how far two matrices are apart, in double. */
#include "verify.h"
#include <math.h>

// over pairs of a value here and a value there, all of them twice
typedef struct sums {
    double n, a, b; // of the first pass; then their means
    double aa, bb, ab, squares;
    likeness is;
} sums;

static void first(sums *s, double x, double y)
{
    s->a += x;
    s->b += y;
    s->bb += y * y;
}

static void between(sums *s)
{
    s->a /= s->n;
    s->b /= s->n;
    s->is = (likeness){ .rms = sqrt(s->bb / s->n), .finite = true };
    s->bb = 0;
}

static void second(sums *s, double x, double y)
{
    likeness *l = &s->is;
    const double error = fabs(x - y), size = fabs(y) + l->rms;
    l->finite &= isfinite(x);
    s->aa += (x - s->a) * (x - s->a);
    s->bb += (y - s->b) * (y - s->b);
    s->ab += (x - s->a) * (y - s->b);
    s->squares += error * error;
    // written so that a NaN does not hide behind a comparison that is false
    if (!(error <= l->max_error)) l->max_error = error;
    if (error > 0 && !(error / size <= l->outlier)) l->outlier = error / size;
}

static likeness finish(const sums *s)
{
    likeness l = s->is;
    l.rms_error = sqrt(s->squares / s->n);
    l.rel_l2 = l.rms_error > 0 ? l.rms_error / l.rms : l.rms_error;
    if (l.rms_error == 0)
        l.pcc = 1;
    else if (s->bb > 0)
        l.pcc = s->aa > 0 ? s->ab / sqrt(s->aa * s->bb) : 0;
    else
        l.pcc = NAN;
    return l;
}

static double value(const float *x, const float *x0, size_t i)
{
    return x0 ? (double)x[i] - (double)x0[i] : (double)x[i];
}

likeness pi0_likeness(const float *a, const float *a0, const float *b, const float *b0, size_t n)
{
    sums s = { .n = (double)n };
    for (size_t i = 0; i < n; i++) first(&s, value(a, a0, i), value(b, b0, i));
    between(&s);
    for (size_t i = 0; i < n; i++) second(&s, value(a, a0, i), value(b, b0, i));
    return finish(&s);
}

likeness pi0_likeness_f64(const double *a, const double *b, int rows, int stride, int cols)
{
    sums s = { .n = (double)rows * cols };
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) first(&s, a[r * stride + c], b[r * stride + c]);
    between(&s);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) second(&s, a[r * stride + c], b[r * stride + c]);
    return finish(&s);
}
