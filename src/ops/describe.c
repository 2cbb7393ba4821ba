/* SPDX-License-Identifier: Apache-2.0 */
/* describe.c - operations in words and numbers: names, sizes, work, bytes, kernels. */
#include "ops/describe.h"

const char *pi0_op_name(enum op_kind kind)
{
    static const char *const name[OP_COUNT] = { [OP_PUT] = "put",
                                                [OP_GET] = "get",
                                                [OP_PATCHES] = "patches",
                                                [OP_EMBED] = "embed",
                                                [OP_LINEAR] = "linear",
                                                [OP_LINEAR_ADD] = "linear_add",
                                                [OP_LAYERNORM] = "layernorm",
                                                [OP_RMSNORM] = "rmsnorm",
                                                [OP_ROPE] = "rope",
                                                [OP_ATTENTION] = "attention",
                                                [OP_AXPY] = "axpy" };
    return name[kind];
}

const char *pi0_module_name(enum module module)
{
    static const char *const name[MODULE_COUNT] = {
        [MODULE_COMMON] = "common", [MODULE_VISION] = "vision", [MODULE_PREFIX] = "prefix",
        [MODULE_STATE] = "state",   [MODULE_SUFFIX] = "suffix", [MODULE_EXPERT] = "expert",
        [MODULE_TIME] = "time"
    };
    return name[module];
}

const char *pi0_op_module(const backend *b, const op_description *d)
{
    const bool transfer = d->kind == OP_PUT || d->kind == OP_GET;
    return pi0_module_name(transfer ? MODULE_COMMON : b->place.module);
}

static double bytes_of(mat m)
{
    return (double)mat_bytes(m);
}

static op_description product(enum op_kind kind, mat x, const weight *w)
{
    op_description d = { kind, w, x.rows, w->out, w->in, 0, 0, 0 };
    d.flop = 2.0 * x.rows * w->out * w->in;
    d.weight_bytes = (double)w->out * w->in * (double)dtype_size(w->type);
    d.bytes = d.weight_bytes + bytes_of(x);
    return d;
}

op_description pi0_describe_linear(const mat *y, int n, mat x, const weight *w)
{
    op_description d = product(OP_LINEAR, x, w);
    for (int i = 0; i < n; i++) d.bytes += bytes_of(y[i]);
    return d;
}

op_description pi0_describe_linear_add(mat x, mat y, const weight *w)
{
    op_description d = product(OP_LINEAR_ADD, y, w);
    d.bytes += 2 * bytes_of(x);
    return d;
}

op_description pi0_describe_attention(mat y, mat q, mat k, mat v)
{
    return (op_description){ OP_ATTENTION,
                             NULL,
                             q.rows,
                             q.cols,
                             k.rows,
                             4.0 * q.rows * k.rows * q.cols,
                             0,
                             bytes_of(y) + bytes_of(q) + bytes_of(k) + bytes_of(v) };
}

op_description pi0_describe_rows(enum op_kind kind, const weight *table, mat y, mat a, mat b)
{
    double bytes = bytes_of(y) + bytes_of(a) + bytes_of(b);
    if (kind == OP_AXPY) bytes += bytes_of(y);
    // the rows of the table that are looked up
    if (table) bytes += (double)y.rows * y.cols * (double)dtype_size(table->part[0].type);
    return (op_description){ kind, table, y.rows, y.cols, 0, 0, 0, bytes };
}

const char *pi0_op_kernel(const backend *b, const op_description *d, const char **why)
{
    *why = NULL;
    if (b->ops->kernel) return b->ops->kernel(b, d->kind, d->w, why);
    *why = "this backend has no kernels: it is plain C throughout";
    return NULL;
}
