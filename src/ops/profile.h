/* SPDX-License-Identifier: Apache-2.0 */
/* profile.h - times each operation of a backend: a table of functions that call the backend's own
 * and write down when. While nobody asks for times the table is not there, and costs nothing. */
#ifndef PI0_PROFILE_H
#define PI0_PROFILE_H
#include "ops/ops.h"

typedef struct profiler {
    struct ops table;        // the backend's own, with its operations replaced by the timed ones
    const struct ops *inner; // the backend's own
    pi0_trace_event *event;  // [capacity], n of them written; `lost` found no room
    size_t n, capacity, lost;
    double zero_ms;     // the clock when it began
    pool_stamp *stamps; // [threads of the backend]
} profiler;

// from now on p sees the operations of b; memory is the caller's until pi0_profile_stop()
void pi0_profile_start(profiler *p, backend *b, pi0_trace_event *event, size_t capacity,
                       pool_stamp *stamps);
void pi0_profile_stop(profiler *p, backend *b);
// write down a stage, by clock_ms(); nothing where nobody asked
void pi0_profile_stage(backend *b, const char *name, double start_ms, double end_ms);
#endif
