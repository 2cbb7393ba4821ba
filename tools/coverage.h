/* SPDX-License-Identifier: Apache-2.0 */
/* coverage.h - how much of each part of the network runs on accelerated kernels. */
#ifndef PI0_TOOLS_COVERAGE_H
#define PI0_TOOLS_COVERAGE_H
#include "runner.h"
#include <jansson.h>

// one module, or all of them
typedef struct coverage_row {
    const char *module;
    pi0_cost all, kernels; // kernels: of that what kernels compute
} coverage_row;

#define COVERAGE_ROWS 8
typedef struct coverage {
    coverage_row row[COVERAGE_ROWS]; // the last is "all"
    int n;
    pi0_operation operation[PI0_MAX_OPERATIONS]; // what they were summed up from
    int n_operations;
} coverage;

// for a session made with r->opt, and a chunk. Errors: as pi0_model_operations()
int pi0_coverage_count(coverage *c, const runner *r, int views, int tokens, pi0_error *err);
// a share in percent; 100 where there is nothing to cover
double pi0_coverage_percent(double part, double whole);
void pi0_coverage_print(const coverage *c);
json_t *pi0_coverage_json(const coverage *c);
#endif
