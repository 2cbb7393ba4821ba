/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - the backend that computes nothing: it adds up what a run on another backend would cost,
 * and how much workspace that one needs. Run on memory that faults when touched it also proves
 * that the model never looks behind a mat. */
#ifndef PI0_PLAN_H
#define PI0_PLAN_H
#include "ops/ops.h"

typedef struct planner {
    backend b;             // hand &plan.b to the model
    const backend *target; // for which is planned
    pi0_cost cost;         // so far; a stage is the difference of two
    int puts, gets;
    pi0_operation *list; // [list_room] work by module, kind and kernel; NULL: not wanted
    int n_list, list_room;
    bool list_full;    // some found no room
    size_t work_bytes; // the largest workspace that any operation asked for
} planner;

// plan for `target`, with its activation type and its threads
void pi0_plan_init(planner *p, const backend *target);
#endif
