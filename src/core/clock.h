/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the one clock that times are taken with. */
#ifndef PI0_CLOCK_H
#define PI0_CLOCK_H
#include <time.h>

// milliseconds since some moment before this process began
static inline double clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
#endif
