/* SPDX-License-Identifier: Apache-2.0 */
/* infer_result.h - what `pi0 infer` shows: a table, JSON, a comparison of two backends. */
#ifndef PI0_TOOLS_INFER_RESULT_H
#define PI0_TOOLS_INFER_RESULT_H
#include "runner.h"

// the same chunk from another backend
typedef struct infer_comparison {
    const runner *other;
    double ms, other_ms; // fastest inference of each
    double largest;      // difference
    double correlation;  // Pearson's, over all values; NAN where one side is constant
} infer_comparison;

typedef struct infer_result {
    const runner *r;
    const pi0_policy_info *policy; // whose actions these are; NULL: the network's own
    const char *from;              // the server that made them; NULL: this process
    const double *actions;         // [count][rows][cols]
    int count, rows, cols;
    bool stacked;       // the shape has an axis for `count`
    char *const *files; // [count] the observations, or NULL
    const double *ms;   // [count]
    const notices *warnings;
    const infer_comparison *comparison; // NULL: none
} infer_result;

// differences of two arrays into c
void pi0_compare(infer_comparison *c, const double *a, const double *b, size_t n);

// "float64 [2,50,14]" into text, which it returns
const char *pi0_result_shape(char text[64], const infer_result *x);
// one JSON object on stdout; PI0_EIO
int pi0_result_json(const infer_result *x, pi0_error *err);
// each chunk's first `columns` columns, in blocks that fit the terminal
void pi0_result_table(const infer_result *x, int columns);
// one line: how long, on what
void pi0_result_timing(const infer_result *x);
void pi0_result_comparison(const infer_result *x);
#endif
