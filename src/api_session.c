/* SPDX-License-Identifier: Apache-2.0 */
/* api_session.c - the public functions of a session: plan, create, observe, denoise. */
#include "api.h"
#include <stdlib.h>

/* ---- limits and plan ---- */

int pi0_session_limits(run_limits *limits, const pi0_model *m, const pi0_options *opt,
                       pi0_error *err)
{
    run_limits l = m->limits;
    const int status = pi0_check_options(opt, err);
    if (status) return status;
    if (opt->num_steps) l.num_steps = opt->num_steps;
    if (opt->max_images > 0) l.max_images = opt->max_images;
    if (opt->max_tokens > 0) l.max_tokens = opt->max_tokens;
    if (opt->horizon && m->config.horizon && opt->horizon != m->config.horizon)
        return pi0_fail(err, PI0_EINVAL, "horizon %d was asked for, but config.json says %d",
                        opt->horizon, m->config.horizon);
    if (opt->horizon && m->policy && m->policy->info.horizon &&
        opt->horizon != m->policy->info.horizon)
        return pi0_fail(err, PI0_EINVAL, "horizon %d was asked for, but config \"%s\" says %d",
                        opt->horizon, m->policy->info.config, m->policy->info.horizon);
    if (opt->horizon) l.horizon = opt->horizon;
    if (l.horizon < 1)
        return pi0_fail(err, PI0_EINVAL,
                        "the horizon (rows of an action chunk) is not known: the checkpoint has no "
                        "config.json that says it; give option horizon");
    *limits = l;
    return PI0_OK;
}

// what differs between two readings of a plan's counter
static pi0_cost cost_since(const planner *p, pi0_cost before)
{
    return (pi0_cost){ p->cost.calls - before.calls, p->cost.flop - before.flop,
                       p->cost.weight_bytes - before.weight_bytes, p->cost.bytes - before.bytes };
}

// pictures as the checkpoint's own runtime resizes them: LeRobot's to f32, openpi's to bytes
static void count_chunk(planner *p, run *r, bool lerobot, int n_images, int n_tokens, pi0_plan *out)
{
    const int size = r->image_size;
    tensor_view image[CONFIG_MAX_CAMERAS];
    for (int i = 0; i < n_images; i++)
        image[i] = lerobot ? (tensor_view){ NULL, 3 * size, size, size, 1, DTYPE_F32 }
                           : (tensor_view){ NULL, size, 3 * size, 3 * size, 1, DTYPE_U8 };
    const run_inputs in = { image, n_images, NULL, n_tokens, NULL };

    // the same calls as an inference makes
    p->puts = p->gets = 0;
    pi0_cost at = p->cost = (pi0_cost){ 0 };
    pi0_run_vision(r, &in);
    out->vision = cost_since(p, at);
    at = p->cost;
    pi0_run_prefix(r, &in);
    out->prefix = cost_since(p, at);
    pi0_run_noise(r, NULL);
    at = p->cost;
    for (int k = 0; k < r->limits.num_steps; k++) {
        pi0_run_step(r, k);
        if (k == 0) out->step = cost_since(p, at);
    }
    pi0_run_actions(r, NULL);
    out->total = p->cost;
    out->puts = p->puts;
    out->gets = p->gets;
}

// count the work of a session's creation and of a chunk on p, which was made for a backend with the
// session's threads
static int count_work(const pi0_model *m, planner *p, const run_limits *limits, int n_images,
                      int n_tokens, pi0_plan *out, pi0_error *err)
{
    run r;
    const size_t floats = pi0_run_host_floats(&m->net, limits);
    float *times = malloc((size_t)limits->num_steps * sizeof *times);
    float *host = malloc(floats * sizeof *host);
    if (times && host) {
        pi0_run_create(&r, &m->net, &p->b, limits, NULL, times, host);
        count_chunk(p, &r, m->config.layout == LAYOUT_LEROBOT, n_images, n_tokens, out);
        out->session_bytes =
            ((p->b.scratch.peak + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1)) + p->work_bytes;
    }
    const bool failed = !times || !host;
    free(times);
    free(host);
    return failed ? pi0_fail(err, PI0_ENOMEM, "no memory to plan a session") : PI0_OK;
}

// the memory of a session with these limits, of which *work bytes are the backend's workspace
static int plan_session(const pi0_model *m, const backend *target, const run_limits *limits,
                        int n_images, int n_tokens, pi0_plan *out, size_t *work, pi0_error *err)
{
    planner p;
    pi0_plan_init(&p, target);
    const int status = count_work(m, &p, limits, n_images, n_tokens, out, err);
    *work = p.work_bytes;
    return status;
}

// a plan for the session that `opt` would make; into list what is computed by what, if it is there
static int plan_options(const pi0_model *model, const pi0_options *opt, int n_images, int n_tokens,
                        planner *p, pi0_operation *list, int room, pi0_plan *plan, pi0_error *err)
{
    pi0_options defaults;
    run_limits limits;
    pi0_default_options(&defaults);
    int status = pi0_session_limits(&limits, model, opt ? opt : &defaults, err);
    if (status) return status;
    if (n_images < 0 || n_images > limits.max_images || n_tokens < 0 ||
        n_tokens > limits.max_tokens)
        return pi0_fail(err, PI0_EINVAL, "%d images and %d tokens, expected at most %d and %d",
                        n_images, n_tokens, limits.max_images, limits.max_tokens);
    // as many threads as the session would have: workspace depends on it
    backend b = model->backend.b;
    status = pi0_pool_create(&b.threads, opt ? opt->n_threads : 0, err);
    if (status) return status;
    pi0_plan_init(p, &b);
    p->list = list;
    p->list_room = room;
    status = count_work(model, p, &limits, n_images, n_tokens, plan, err);
    pi0_pool_free(b.threads);
    return status;
}

int pi0_model_plan(const pi0_model *model, const pi0_options *opt, int n_images, int n_tokens,
                   pi0_plan *plan, pi0_error *err)
{
    planner p;
    if (!model || !plan) return pi0_fail(err, PI0_EINVAL, "pi0_model_plan: model or plan is NULL");
    return plan_options(model, opt, n_images, n_tokens, &p, NULL, 0, plan, err);
}

int pi0_model_operations(const pi0_model *model, const pi0_options *opt, int n_images, int n_tokens,
                         pi0_operation *list, int capacity, int *n, pi0_error *err)
{
    planner p;
    pi0_plan plan;
    if (!model || !list || !n)
        return pi0_fail(err, PI0_EINVAL, "pi0_model_operations: model, list or n is NULL");
    const int status = plan_options(model, opt, n_images, n_tokens, &p, list, capacity, &plan, err);
    if (status) return status;
    if (p.list_full)
        return pi0_fail(err, PI0_EINVAL, "room for %d rows of operations, expected %d", capacity,
                        PI0_MAX_OPERATIONS);
    *n = p.n_list;
    return PI0_OK;
}

/* ---- create and free ---- */

// the host's buffers in one piece; with base NULL only measured
static void host_layout(pi0_session *s, arena *a, const run_limits *l)
{
    const model_sizes *z = &s->model->net.sizes;
    const size_t side = (size_t)pi0_sizes_image(z), image = side * side * 3;
    const size_t chunk = (size_t)l->horizon * (size_t)z->size[SIZE_ACTION];
    const bool lerobot = s->model->config.layout == LAYOUT_LEROBOT;
    s->times = arena_take(a, (size_t)l->num_steps * sizeof *s->times);
    s->rgb = arena_take(a, lerobot ? 0 : (size_t)l->max_images * image);
    s->pixels = arena_take(a, lerobot ? (size_t)l->max_images * image * sizeof *s->pixels : 0);
    s->images = arena_take(a, (size_t)l->max_images * sizeof *s->images);
    s->tokens = arena_take(a, (size_t)l->max_tokens * sizeof *s->tokens);
    s->state = arena_take(a, (size_t)z->size[SIZE_STATE] * sizeof *s->state);
    s->noise = arena_take(a, chunk * sizeof *s->noise);
    s->actions = arena_take(a, chunk * sizeof *s->actions);
}

static int host_buffers(pi0_session *s, const run_limits *l, pi0_error *err)
{
    arena a = { 0 };
    host_layout(s, &a, l);
    const size_t bytes = a.used + ARENA_ALIGN;
    if (!(s->host = calloc(1, bytes)))
        return pi0_fail(err, PI0_ENOMEM, "no memory for %zu bytes of a session", bytes);
    const size_t skip = (ARENA_ALIGN - (uintptr_t)s->host % ARENA_ALIGN) % ARENA_ALIGN;
    a = (arena){ .base = (char *)s->host + skip, .size = bytes - skip };
    host_layout(s, &a, l);
    return PI0_OK;
}

// the backend's block: buffers from the front, its workspace behind them
static int device_block(pi0_session *s, const run_limits *l, pi0_error *err)
{
    pi0_plan p;
    size_t work;
    float *host;
    int status = plan_session(s->model, &s->b, l, l->max_images, l->max_tokens, &p, &work, err);
    if (status) return status;
    if (!(host = malloc(pi0_run_host_floats(&s->model->net, l) * sizeof *host)))
        return pi0_fail(err, PI0_ENOMEM, "no memory for a session's tables");
    s->block_bytes = p.session_bytes;
    status = s->b.ops->block_new(&s->b, &s->block, s->block_bytes, err);
    if (!status) {
        s->b.scratch = (arena){ .base = s->block, .size = s->block_bytes - work };
        s->b.work = (char *)s->block + (s->block_bytes - work);
        s->b.work_bytes = work;
        pi0_run_create(&s->r, &s->model->net, &s->b, l, &s->cancel, s->times, host);
    }
    free(host);
    return status;
}

int pi0_session_create(pi0_session **session, const pi0_model *model, const pi0_options *opt,
                       pi0_error *err)
{
    pi0_options defaults;
    run_limits limits;
    pi0_default_options(&defaults);
    if (!opt) opt = &defaults;
    if (!session || !model)
        return pi0_fail(err, PI0_EINVAL, "pi0_session_create: session or model is NULL");
    int status = pi0_session_limits(&limits, model, opt, err);
    if (status) return status;
    pi0_session *s = calloc(1, sizeof *s);
    if (!s) return pi0_fail(err, PI0_ENOMEM, "no memory for a session");
    s->model = model;
    s->b = model->backend.b;
    s->seed = opt->seed;
    s->n_action_steps = opt->n_action_steps;
    atomic_init(&s->cancel, 0);
    status = pi0_pool_create(&s->b.threads, opt->n_threads, err);
    if (!status) status = host_buffers(s, &limits, err);
    if (!status) status = device_block(s, &limits, err);
    if (status) {
        pi0_session_free(s);
        return status;
    }
    *session = s;
    return PI0_OK;
}

void pi0_session_free(pi0_session *session)
{
    if (!session) return;
    pi0_session_trace_stop(session, NULL);
    if (session->block)
        session->b.ops->block_free(&session->b, session->block, session->block_bytes);
    pi0_pool_free(session->b.threads);
    pi0_image_scratch_free(&session->scratch);
    pi0_image_scratch_free(&session->converted);
    pi0_acting_free(session->acting);
    free(session->r.tap.host);
    free(session->host);
    free(session);
}

/* ---- small ones ---- */

void pi0_cancel(pi0_session *session)
{
    atomic_store_explicit(&session->cancel, 1, memory_order_relaxed);
}

void pi0_session_seed(pi0_session *session, uint64_t seed)
{
    session->seed = seed;
    session->chunk = 0;
}

void pi0_session_get_info(const pi0_session *session, pi0_session_info *info)
{
    const run_limits *l = &session->r.limits;
    *info = (pi0_session_info){ pi0_pool_threads(session->b.threads),
                                l->num_steps,
                                l->horizon,
                                session->r.actions.cols,
                                l->max_images,
                                l->max_tokens,
                                session->block_bytes };
}

void pi0_session_timing(const pi0_session *session, pi0_timing *timing)
{
    *timing = session->timing;
}

static int set_tap(pi0_session *s, stage_tap tap, pi0_error *err)
{
    tap.host = s->r.tap.host;
    if ((tap.fn || tap.edit) && !tap.host) {
        tap.host = malloc(pi0_run_tap_floats(&s->r) * sizeof *tap.host);
        if (!tap.host) return pi0_fail(err, PI0_ENOMEM, "no memory for a tap");
    }
    s->r.tap = tap;
    return PI0_OK;
}

int pi0_session_set_tap(pi0_session *session, pi0_tap_fn tap, void *user, pi0_error *err)
{
    return set_tap(session, (stage_tap){ .fn = tap, .user = user }, err);
}

int pi0_session_set_edit(pi0_session *session, pi0_edit_fn edit, void *user, pi0_error *err)
{
    return set_tap(session, (stage_tap){ .edit = edit, .user = user }, err);
}
