/* SPDX-License-Identifier: Apache-2.0 */
/* infer_run.h - running what `pi0 infer` was asked for: one chunk of the network's own actions, or
 * a robot's actions for one observation or many. */
#ifndef PI0_TOOLS_INFER_RUN_H
#define PI0_TOOLS_INFER_RUN_H
#include "infer_args.h"
#include "infer_result.h"
#include "trace_file.h"

typedef struct infer_run {
    const infer_args *a;
    infer_inputs x;
    notices w;
    runner main, other;
    pi0_policy_info policy; // of a robot
    infer_result result;
    infer_comparison comparison;
    float *noise;                    // [horizon][action_dim]
    float *network;                  // the same: the network's own actions
    double *actions, *other_actions; // [count][rows][cols]
    double *ms;                      // [count]
    size_t n;                        // values of a chunk
    trace t;                         // of all runs on the first backend
} infer_run;

// read, load, run, compare: u->result is filled in; free it whatever comes back
int pi0_infer_run(infer_run *u, const infer_args *a, pi0_error *err);
void pi0_infer_run_free(infer_run *u);
#endif
