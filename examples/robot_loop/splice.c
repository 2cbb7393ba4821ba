/* SPDX-License-Identifier: Apache-2.0 */
/* splice.c - one plan after another: see splice.h. */
#include "splice.h"
#include <stddef.h>

static double *row_of(const plan *p, long tick)
{
    const long row = tick - p->begin;
    return row >= 0 && row < p->rows ? p->data + row * p->cols : NULL;
}

const double *plan_row(const plan *p, long tick)
{
    return row_of(p, tick);
}

void plan_splice(plan *p, plan *newer, long now, int blend)
{
    // where both plans have a command: from the old one to the newer
    for (int k = 0; k < blend; k++) {
        const double *const from = row_of(p, now + k);
        double *const to = row_of(newer, now + k);
        if (!from || !to) break;
        const double part = (k + 1.0) / (blend + 1.0);
        for (int c = 0; c < p->cols; c++) to[c] = from[c] + part * (to[c] - from[c]);
    }
    const plan old = *p;
    *p = *newer;
    *newer = old;
}
