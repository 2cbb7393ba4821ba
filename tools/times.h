/* SPDX-License-Identifier: Apache-2.0 */
/* times.h - percentiles of measured times. */
#ifndef PI0_TOOLS_TIMES_H
#define PI0_TOOLS_TIMES_H
#include <stddef.h>

void pi0_times_sort(double *ms, size_t n); // the shortest first
// by nearest rank: the smallest of n > 0 sorted times that `percent` of them do not exceed
double pi0_times_percentile(const double *sorted, size_t n, int percent);
#endif
