/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h - what one operation is and costs, for who counts (plan) and who times (profile). */
#ifndef PI0_DESCRIBE_H
#define PI0_DESCRIBE_H
#include "ops/ops.h"

typedef struct op_description {
    enum op_kind kind;
    const weight *w;       // of products and lookups, else NULL
    int rows, cols, inner; // products: rows of x, outputs, inputs; attention: query rows, heads *
                           // head_dim, keys; others: rows and columns of what is written, 0
    double flop;           // 2 per multiply-add of products and attention
    double weight_bytes;   // of the weight, in the type that the product reads
    double bytes;          // the weight, what is read and what is written, each once
} op_description;

op_description pi0_describe_linear(const mat *y, int n, mat x, const weight *w);
op_description pi0_describe_linear_add(mat x, mat y, const weight *w);
op_description pi0_describe_attention(mat y, mat q, mat k, mat v);
// any other: y is written, a and b are read (MAT_NONE: nothing), or y is read too (axpy)
op_description pi0_describe_rows(enum op_kind kind, const weight *table, mat y, mat a, mat b);

const char *pi0_op_name(enum op_kind kind);      // "linear", …
const char *pi0_module_name(enum module module); // "vision", …
// in which module an operation is; transfers belong to none
const char *pi0_op_module(const backend *b, const op_description *d);

// which kernel of the backend computes it; NULL: plain C, and why
const char *pi0_op_kernel(const backend *b, const op_description *d, const char **why);
#endif
