/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - the layout of a run's block. */
#include "model/run.h"

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static int max_prefix(const network *net, const run_limits *l)
{
    return l->max_images * net->sizes.size[SIZE_IMAGE] + l->max_tokens;
}

// prefix, pi0's state token, actions
static int positions(const network *net, const run_limits *l)
{
    return max_prefix(net, l) + (net->sizes.pi05 ? 0 : 1) + l->horizon;
}

// what outlives a stage, in the order of the data flow
static void layout(run *r)
{
    arena *a = &r->b->scratch;
    const int *n = r->net->sizes.size, layers = r->net->sizes.layers;
    r->pixels = arena_mat(a, r->limits.max_images * 3 * r->image_size, r->image_size, DTYPE_F32);
    r->tokens = arena_mat(a, 1, r->limits.max_tokens, DTYPE_I32);
    r->state = arena_mat(a, 1, r->net->sizes.pi05 ? 0 : n[SIZE_STATE], DTYPE_F32);
    r->prefix = arena_mat(a, max_prefix(r->net, &r->limits), n[SIZE_D], DTYPE_F32);
    r->keys = arena_mat(a, layers * r->n_positions, n[SIZE_HEAD], r->b->gemm_type);
    r->values = arena_mat(a, layers * r->n_positions, n[SIZE_HEAD], r->b->gemm_type);
    r->actions = arena_mat(a, r->limits.horizon, n[SIZE_ACTION], DTYPE_F32);
    r->velocity = arena_mat(a, r->limits.horizon, n[SIZE_ACTION], DTYPE_F32);
    pi0_timecond_layout(r);
}

void pi0_run_create(run *r, const network *net, backend *b, const run_limits *limits,
                    const atomic_int *cancel, float *times, float *host)
{
    *r = (run){ .net = net, .b = b, .limits = *limits, .cancel = cancel, .times = times };
    r->image_size = pi0_sizes_image(&net->sizes);
    r->image_tokens = net->sizes.size[SIZE_IMAGE];
    r->n_positions = positions(net, limits);
    pi0_time_grid(times, &r->dt, limits->grid, limits->num_steps);
    layout(r);
    b->ops->begin(b);
    pi0_timecond_run(r, host);
    b->ops->end(b);
}

size_t pi0_run_host_floats(const network *net, const run_limits *limits)
{
    return largest((size_t)positions(net, limits) * (size_t)net->head_dim,
                   (size_t)limits->num_steps * (size_t)net->expert.width);
}

size_t pi0_run_tap_floats(const run *r)
{
    const int *n = r->net->sizes.size;
    const size_t head = (size_t)n[SIZE_HEAD], width = (size_t)n[SIZE_W];
    const size_t vision = (size_t)r->image_tokens * (size_t)n[SIZE_V];
    const size_t prefix = (size_t)r->prefix.rows * largest((size_t)n[SIZE_D], head);
    const size_t suffix =
        (size_t)r->limits.horizon * largest(width, largest((size_t)n[SIZE_ACTION], head));
    return largest(largest(vision, prefix), largest(suffix, largest(width, head)));
}
