/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - count operations, multiply-adds, bytes, transfers and workspace. */
#include "ops/plan.h"
#include "ops/describe.h"

static planner *plan_of(backend *b)
{
    return (planner *)(void *)b; // b is the first member
}

static void need_work(planner *p, size_t bytes)
{
    if (bytes > p->work_bytes) p->work_bytes = bytes;
}

static void add(pi0_cost *cost, const op_description *d)
{
    cost->calls++;
    cost->flop += d->flop;
    cost->weight_bytes += d->weight_bytes;
    cost->bytes += d->bytes;
}

// the row of the list for operations of this kind, in this module, by this kernel
static pi0_operation *row_for(planner *p, const op_description *d)
{
    const char *module = pi0_op_module(&p->b, d), *why;
    const char *op = pi0_op_name(d->kind), *kernel = pi0_op_kernel(p->target, d, &why);
    int i = 0;
    for (; i < p->n_list; i++)
        if (p->list[i].module == module && p->list[i].op == op && p->list[i].kernel == kernel)
            return &p->list[i];
    if (i == p->list_room) {
        p->list_full = true;
        return NULL;
    }
    p->n_list++;
    p->list[i] = (pi0_operation){ module, op, kernel, why, { 0 } };
    return &p->list[i];
}

static void list(backend *b, op_description d)
{
    planner *p = plan_of(b);
    pi0_operation *row = p->list ? row_for(p, &d) : NULL;
    if (row) add(&row->cost, &d);
}

static void count(backend *b, op_description d)
{
    add(&plan_of(b)->cost, &d);
    list(b, d);
}

static void plan_linear(backend *b, const mat *y, int n, mat x, const weight *w, enum act_fn act)
{
    (void)act;
    planner *p = plan_of(b);
    count(b, pi0_describe_linear(y, n, x, w));
    need_work(p, p->target->ops->linear_work(p->target, w, x.rows));
}

static void plan_linear_add(backend *b, mat x, mat y, const weight *w, mat gate)
{
    (void)gate;
    planner *p = plan_of(b);
    count(b, pi0_describe_linear_add(x, y, w));
    need_work(p, p->target->ops->linear_work(p->target, w, y.rows));
}

static void plan_attention(backend *b, mat y, mat q, mat k, mat v, int n_heads, float scale)
{
    (void)scale;
    planner *p = plan_of(b);
    count(b, pi0_describe_attention(y, q, k, v));
    need_work(p,
              p->target->ops->attention_work(p->target, n_heads, q.cols / n_heads, q.rows, k.rows));
}

static void plan_layernorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    (void)shift;
    count(b, pi0_describe_rows(OP_LAYERNORM, NULL, y, x, scale));
}

static void plan_rmsnorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    (void)shift;
    count(b, pi0_describe_rows(OP_RMSNORM, NULL, y, x, scale));
}

static void plan_rope(backend *b, mat y, mat x, mat table, int n_heads)
{
    (void)n_heads;
    count(b, pi0_describe_rows(OP_ROPE, NULL, y, x, table));
}

static void plan_patches(backend *b, mat y, mat image, int patch)
{
    (void)patch;
    count(b, pi0_describe_rows(OP_PATCHES, NULL, y, image, MAT_NONE));
}

static void plan_embed(backend *b, mat y, mat tokens, const weight *table, float scale)
{
    (void)scale;
    count(b, pi0_describe_rows(OP_EMBED, table, y, tokens, MAT_NONE));
}

static void plan_axpy(backend *b, mat y, float a, mat x)
{
    (void)a;
    count(b, pi0_describe_rows(OP_AXPY, NULL, y, x, MAT_NONE));
}

static void plan_put(backend *b, mat to, tensor_view from)
{
    (void)from;
    plan_of(b)->puts++;
    list(b, pi0_describe_rows(OP_PUT, NULL, to, to, MAT_NONE));
}

static void plan_get(backend *b, void *to, mat from)
{
    (void)to;
    plan_of(b)->gets++;
    list(b, pi0_describe_rows(OP_GET, NULL, from, from, MAT_NONE));
}

static void plan_nothing(backend *b)
{
    (void)b;
}

// no weights are packed and no blocks made by a plan: the model's own are counted, not touched
static const struct ops plan_ops = {
    .name = "plan",
    .put = plan_put,
    .get = plan_get,
    .begin = plan_nothing,
    .end = plan_nothing,
    .patches = plan_patches,
    .embed = plan_embed,
    .linear = plan_linear,
    .linear_add = plan_linear_add,
    .layernorm = plan_layernorm,
    .rmsnorm = plan_rmsnorm,
    .rope = plan_rope,
    .attention = plan_attention,
    .axpy = plan_axpy,
};

void pi0_plan_init(planner *p, const backend *target)
{
    *p = (planner){ .target = target };
    p->b.ops = &plan_ops;
    p->b.threads = target->threads;
    p->b.gemm_type = target->gemm_type;
}
