/* SPDX-License-Identifier: Apache-2.0 */
/* profile.c - each operation called through, with the clock read before and after. */
#include "ops/profile.h"
#include "core/clock.h"
#include "ops/describe.h"

/* ---- writing down ---- */

static pi0_trace_event *next_event(profiler *p)
{
    if (p->n < p->capacity) return &p->event[p->n++];
    p->lost++;
    return NULL;
}

// the operation, as the calling thread saw it
static pi0_trace_event event_of(const profiler *p, const backend *b, const op_description *d,
                                double start, double end)
{
    const pool_stamp *own = &p->stamps[0];
    const char *why;
    return (pi0_trace_event){ .kind = PI0_TRACE_OP,
                              .name = pi0_op_name(d->kind),
                              .weight = d->w ? d->w->name : NULL,
                              .module = pi0_op_module(b, d),
                              .kernel = pi0_op_kernel(b, d, &why),
                              .step = b->place.step,
                              .layer = b->place.layer,
                              .rows = d->rows,
                              .cols = d->cols,
                              .inner = d->inner,
                              .start_ms = start - p->zero_ms,
                              .end_ms = end - p->zero_ms,
                              .busy_ms = own->busy_ms > 0 ? own->busy_ms : end - start,
                              .flop = d->flop,
                              .weight_bytes = d->weight_bytes,
                              .bytes = d->bytes };
}

static double begin(backend *b)
{
    const profiler *p = b->profile;
    memset(p->stamps, 0, (size_t)pi0_pool_threads(b->threads) * sizeof *p->stamps);
    return clock_ms();
}

static void end(backend *b, double start, op_description d)
{
    profiler *p = b->profile;
    const pi0_trace_event op = event_of(p, b, &d, start, clock_ms());
    pi0_trace_event *e = next_event(p);
    if (e) *e = op;
    // the other threads' shares
    for (int t = 1; t < pi0_pool_threads(b->threads); t++) {
        const pool_stamp *s = &p->stamps[t];
        if (s->busy_ms <= 0 || !(e = next_event(p))) continue;
        *e = op;
        e->kind = PI0_TRACE_SHARE;
        e->thread = t;
        e->start_ms = s->start_ms - p->zero_ms;
        e->end_ms = s->end_ms - p->zero_ms;
        e->busy_ms = s->busy_ms;
        e->flop = e->weight_bytes = e->bytes = 0;
    }
}

void pi0_profile_stage(backend *b, const char *name, double start_ms, double end_ms)
{
    profiler *p = b->profile;
    pi0_trace_event *e = p ? next_event(p) : NULL;
    if (!e) return;
    *e = (pi0_trace_event){ .kind = PI0_TRACE_STAGE,
                            .name = name,
                            .step = -1,
                            .layer = -1,
                            .start_ms = start_ms - p->zero_ms,
                            .end_ms = end_ms - p->zero_ms,
                            .busy_ms = end_ms - start_ms };
}

/* ---- the operations ---- */

static void timed_put(backend *b, mat to, tensor_view from)
{
    const double start = begin(b);
    b->profile->inner->put(b, to, from);
    end(b, start, pi0_describe_rows(OP_PUT, NULL, to, to, MAT_NONE));
}

static void timed_get(backend *b, void *to, mat from)
{
    const double start = begin(b);
    b->profile->inner->get(b, to, from);
    end(b, start, pi0_describe_rows(OP_GET, NULL, from, from, MAT_NONE));
}

static void timed_patches(backend *b, mat y, mat image, int patch)
{
    const double start = begin(b);
    b->profile->inner->patches(b, y, image, patch);
    end(b, start, pi0_describe_rows(OP_PATCHES, NULL, y, image, MAT_NONE));
}

static void timed_embed(backend *b, mat y, mat tokens, const weight *table, float scale)
{
    const double start = begin(b);
    b->profile->inner->embed(b, y, tokens, table, scale);
    end(b, start, pi0_describe_rows(OP_EMBED, table, y, tokens, MAT_NONE));
}

static void timed_linear(backend *b, const mat *y, int n, mat x, const weight *w, enum act_fn act)
{
    const double start = begin(b);
    b->profile->inner->linear(b, y, n, x, w, act);
    end(b, start, pi0_describe_linear(y, n, x, w));
}

static void timed_linear_add(backend *b, mat x, mat y, const weight *w, mat gate)
{
    const double start = begin(b);
    b->profile->inner->linear_add(b, x, y, w, gate);
    end(b, start, pi0_describe_linear_add(x, y, w));
}

static void timed_layernorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    const double start = begin(b);
    b->profile->inner->layernorm(b, y, x, scale, shift);
    end(b, start, pi0_describe_rows(OP_LAYERNORM, NULL, y, x, scale));
}

static void timed_rmsnorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    const double start = begin(b);
    b->profile->inner->rmsnorm(b, y, x, scale, shift);
    end(b, start, pi0_describe_rows(OP_RMSNORM, NULL, y, x, scale));
}

static void timed_rope(backend *b, mat y, mat x, mat table, int n_heads)
{
    const double start = begin(b);
    b->profile->inner->rope(b, y, x, table, n_heads);
    end(b, start, pi0_describe_rows(OP_ROPE, NULL, y, x, table));
}

static void timed_attention(backend *b, mat y, mat q, mat k, mat v, int n_heads, float scale)
{
    const double start = begin(b);
    b->profile->inner->attention(b, y, q, k, v, n_heads, scale);
    end(b, start, pi0_describe_attention(y, q, k, v));
}

static void timed_axpy(backend *b, mat y, float a, mat x)
{
    const double start = begin(b);
    b->profile->inner->axpy(b, y, a, x);
    end(b, start, pi0_describe_rows(OP_AXPY, NULL, y, x, MAT_NONE));
}

/* ---- on and off ---- */

void pi0_profile_start(profiler *p, backend *b, pi0_trace_event *event, size_t capacity,
                       pool_stamp *stamps)
{
    assert(!b->profile);
    *p = (profiler){ .table = *b->ops,
                     .inner = b->ops,
                     .event = event,
                     .capacity = capacity,
                     .zero_ms = clock_ms(),
                     .stamps = stamps };
    p->table.put = timed_put;
    p->table.get = timed_get;
    p->table.patches = timed_patches;
    p->table.embed = timed_embed;
    p->table.linear = timed_linear;
    p->table.linear_add = timed_linear_add;
    p->table.layernorm = timed_layernorm;
    p->table.rmsnorm = timed_rmsnorm;
    p->table.rope = timed_rope;
    p->table.attention = timed_attention;
    p->table.axpy = timed_axpy;
    b->ops = &p->table;
    b->profile = p;
    pi0_pool_watch(b->threads, stamps);
}

void pi0_profile_stop(profiler *p, backend *b)
{
    assert(b->profile == p);
    pi0_pool_watch(b->threads, NULL);
    b->ops = p->inner;
    b->profile = NULL;
}
