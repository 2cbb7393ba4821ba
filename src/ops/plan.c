/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - count operations, multiply-adds, weight bytes, transfers and workspace. */
#include "ops/plan.h"

static planner *plan_of(backend *b)
{
    return (planner *)(void *)b; // b is the first member
}

static void need_work(planner *p, size_t bytes)
{
    if (bytes > p->work_bytes) p->work_bytes = bytes;
}

static void count_linear(backend *b, int rows, const weight *w)
{
    planner *p = plan_of(b);
    p->cost.calls++;
    p->cost.flop += 2.0 * rows * w->out * w->in;
    p->cost.weight_bytes += (double)w->out * w->in * (double)dtype_size(w->type);
    need_work(p, p->target->ops->linear_work(p->target, w, rows));
}

static void plan_linear(backend *b, const mat *y, int n, mat x, const weight *w, enum act_fn act)
{
    (void)y, (void)n, (void)act;
    count_linear(b, x.rows, w);
}

static void plan_linear_add(backend *b, mat x, mat y, const weight *w, mat gate)
{
    (void)x, (void)gate;
    count_linear(b, y.rows, w);
}

static void plan_attention(backend *b, mat y, mat q, mat k, mat v, int n_heads, float scale)
{
    (void)y, (void)v, (void)scale;
    planner *p = plan_of(b);
    p->cost.calls++;
    p->cost.flop += 4.0 * q.rows * k.rows * q.cols;
    need_work(p,
              p->target->ops->attention_work(p->target, n_heads, q.cols / n_heads, q.rows, k.rows));
}

static void plan_norm(backend *b, mat y, mat x, mat scale, mat shift)
{
    (void)y, (void)x, (void)scale, (void)shift;
    plan_of(b)->cost.calls++;
}

static void plan_rope(backend *b, mat y, mat x, mat table, int n_heads)
{
    (void)y, (void)x, (void)table, (void)n_heads;
    plan_of(b)->cost.calls++;
}

static void plan_patches(backend *b, mat y, mat image, int patch)
{
    (void)y, (void)image, (void)patch;
    plan_of(b)->cost.calls++;
}

static void plan_embed(backend *b, mat y, mat tokens, const weight *table, float scale)
{
    (void)y, (void)tokens, (void)table, (void)scale;
    plan_of(b)->cost.calls++;
}

static void plan_axpy(backend *b, mat y, float a, mat x)
{
    (void)y, (void)a, (void)x;
    plan_of(b)->cost.calls++;
}

static void plan_put(backend *b, mat to, tensor_view from)
{
    (void)to, (void)from;
    plan_of(b)->puts++;
}

static void plan_get(backend *b, void *to, mat from)
{
    (void)to, (void)from;
    plan_of(b)->gets++;
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
    .layernorm = plan_norm,
    .rmsnorm = plan_norm,
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
