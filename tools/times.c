/* SPDX-License-Identifier: Apache-2.0 */
/* times.c - times sorted, and their percentiles. */
#include "times.h"
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void pi0_times_sort(double *ms, size_t n)
{
    qsort(ms, n, sizeof *ms, by_value);
}

double pi0_times_percentile(const double *sorted, size_t n, int percent)
{
    const size_t rank = (n * (size_t)percent + 99) / 100;
    return sorted[rank - 1];
}
