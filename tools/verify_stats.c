/* SPDX-License-Identifier: Apache-2.0 */
/* verify_stats.c - how far two matrices are apart, in double. */
#include "verify.h"
#include <math.h>

static double value(const float *x, const float *x0, size_t i)
{
    return x0 ? (double)x[i] - (double)x0[i] : (double)x[i];
}

// means of both, rms of b
static void first_pass(const float *a, const float *a0, const float *b, const float *b0, size_t n,
                       double *mean_a, double *mean_b, double *rms)
{
    double sa = 0, sb = 0, sbb = 0;
    for (size_t i = 0; i < n; i++) {
        const double y = value(b, b0, i);
        sa += value(a, a0, i);
        sb += y;
        sbb += y * y;
    }
    *mean_a = sa / (double)n;
    *mean_b = sb / (double)n;
    *rms = sqrt(sbb / (double)n);
}

likeness pi0_likeness(const float *a, const float *a0, const float *b, const float *b0, size_t n)
{
    likeness l = { .finite = true };
    double ma, mb, aa = 0, bb = 0, ab = 0, squares = 0;
    first_pass(a, a0, b, b0, n, &ma, &mb, &l.rms);
    for (size_t i = 0; i < n; i++) {
        const double x = value(a, a0, i), y = value(b, b0, i), error = fabs(x - y);
        l.finite &= isfinite(x);
        aa += (x - ma) * (x - ma);
        bb += (y - mb) * (y - mb);
        ab += (x - ma) * (y - mb);
        squares += error * error;
        // written so that a NaN does not hide behind a comparison that is false
        if (!(error <= l.max_error)) l.max_error = error;
        const double size = fabs(y) + l.rms;
        if (error > 0 && !(error / size <= l.outlier)) l.outlier = error / size;
    }
    l.rms_error = sqrt(squares / (double)n);
    l.rel_l2 = l.rms_error > 0 ? l.rms_error / l.rms : l.rms_error;
    if (l.rms_error == 0)
        l.pcc = 1;
    else if (bb > 0)
        l.pcc = aa > 0 ? ab / sqrt(aa * bb) : 0;
    else
        l.pcc = NAN;
    return l;
}
