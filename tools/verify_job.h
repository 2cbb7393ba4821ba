/* SPDX-License-Identifier: Apache-2.0 */
/* verify_job.h - what `pi0 verify` was asked for, and running it. */
#ifndef PI0_TOOLS_VERIFY_JOB_H
#define PI0_TOOLS_VERIFY_JOB_H
#include "bench_ops.h"
#include "coverage.h"
#include "observation_list.h"
#include "runner.h"
#include "verify.h"

typedef struct verify_args {
    run_options run;
    option_list observations;
    const char *against, *modules, *report;
    int synthetic, views;
    bool all, json;
} verify_args;

typedef struct verify_job {
    const verify_args *a;
    notices w;
    runner fast, slow; // accelerated, reference
    pi0_policy_info policy;
    bool has_policy;
    observation_list files;
    other_runtime *other;
    verify v;
    char what[200]; // was compared: "2 synthetic observations"
    double *ms;     // [n_ms] chunks of the accelerated flow, without taps; sorted
    int n_ms;
    coverage share;         // of the accelerated flow on kernels; of the last observation
    op_table ops;           // --report: of a traced chunk
    double peak, bandwidth; // measured beside it
} verify_job;

// read, load, run all observations, time some chunks; free it whatever comes back
int pi0_verify_job_run(verify_job *j, const verify_args *a, pi0_error *err);
void pi0_verify_job_free(verify_job *j);
#endif
