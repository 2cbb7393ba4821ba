/* SPDX-License-Identifier: Apache-2.0 */
/* tally.h - numbers summed up as they come: how many, mean, deviation, largest. No memory. */
#ifndef TALLY_H
#define TALLY_H
#include <math.h>
#include <time.h>

typedef struct tally {
    long n;
    double mean, squares, largest; // squares: of the distances from the mean, summed
} tally;

// (Welford's way: nothing is lost to large sums)
static inline void tally_add(tally *t, double x)
{
    const double from = x - t->mean;
    t->n++;
    t->mean += from / (double)t->n;
    t->squares += from * (x - t->mean);
    if (t->n == 1 || x > t->largest) t->largest = x;
}

static inline double tally_deviation(const tally *t)
{
    return t->n > 1 ? sqrt(t->squares / (double)(t->n - 1)) : 0;
}

// nanoseconds of the clock that the loop runs by
static inline long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
#endif
