/* SPDX-License-Identifier: Apache-2.0 */
/* timecond.c - everything that depends on positions and time steps alone, computed once a session:
 * the rotary table, the time grid, the sinusoidal time embedding and what the network makes of it.
 *
 * Mirrors openpi pi0_pytorch.py create_sinusoidal_pos_embedding, the time half of embed_suffix and
 * the adaptive norms' dense layers (modeling_gemma.py GemmaRMSNorm). */
#include "model/run.h"
#include <math.h>

/* ---- on the host, in the reference's own arithmetic ---- */

// the sign of time: t = 1 is noise, t = 0 the action (the paper has it the other way round)
void pi0_time_grid(float *times, float *dt, enum time_grid grid, int num_steps)
{
    *dt = (float)(-1.0 / num_steps);
    float t = 1;
    for (int k = 0; k < num_steps; k++, t += *dt)
        times[k] = grid == TIME_OPENPI ? t : (float)(1.0 + k * (-1.0 / num_steps));
}

// [sin(s_i t) | cos(s_i t)], s_i = 2 pi / period_i, periods from 0.004 to 4 in width / 2 steps;
// double, as torch does it, then f32
void pi0_time_embedding(float *to, float t, int width)
{
    const int half = width / 2;
    const double step = half > 1 ? 1.0 / (half - 1) : 0;
    for (int i = 0; i < half; i++) {
        // linspace counts from the nearer end
        const double fraction = i < half / 2 ? i * step : 1.0 - (half - 1 - i) * step;
        const double period = 0.004 * pow(4.0 / 0.004, fraction);
        const double angle = 1.0 / period * 2 * M_PI * (double)t;
        to[i] = (float)sin(angle);
        to[i + half] = (float)cos(angle);
    }
}

// row p: cos and sin of f32(p) * 10000^(-2i/dim), the angle rounded to f32
static void rope_table(float *to, int positions, int dim)
{
    const int half = dim / 2;
    for (int p = 0; p < positions; p++, to += dim)
        for (int i = 0; i < half; i++) {
            const float inverse = 1.0f / (float)pow(10000.0, (double)((float)(2 * i) / (float)dim));
            const float angle = (float)p * inverse;
            to[i] = (float)cos((double)angle);
            to[i + half] = (float)sin((double)angle);
        }
}

static void put_f32(run *r, mat to, const float *from)
{
    r->b->ops->put(r->b, to, (tensor_view){ from, to.rows, to.cols, to.cols, 1, DTYPE_F32 });
}

/* ---- in the backend ---- */

void pi0_timecond_layout(run *r)
{
    arena *a = &r->b->scratch;
    const int steps = r->limits.num_steps, width = r->net->expert.width;
    r->rope = arena_mat(a, r->n_positions, r->net->head_dim, DTYPE_F32);
    r->embedded = arena_mat(a, steps, width, DTYPE_F32);
    r->cond = r->modulation = r->time_bias = MAT_NONE;
    if (!r->net->sizes.pi05) {
        r->time_bias = arena_mat(a, steps, width, DTYPE_F32);
        return;
    }
    r->cond = arena_mat(a, steps, width, DTYPE_F32);
    r->modulation = arena_mat(a, (2 * r->net->expert.n_layers + 1) * steps, 3 * width, DTYPE_F32);
}

// pi0.5: cond = silu(out(silu(in(e)))); [scale | shift | gate] of each adaptive norm = dense(cond)
static void run_modulations(run *r, mat e)
{
    const gemma *g = &r->net->expert;
    const int steps = r->limits.num_steps;
    const size_t mark = arena_mark(&r->b->scratch);
    mat h = arena_mat(&r->b->scratch, steps, g->width, DTYPE_F32); // [steps][W]

    linear(r->b, h, e, &r->net->time_in, ACT_SILU);
    linear(r->b, r->cond, h, &r->net->time_out, ACT_SILU);
    for (int i = 0; i <= 2 * g->n_layers; i++) {
        const gemma_norm *norm = i == 2 * g->n_layers ? &g->final_norm
                                 : i % 2              ? &g->layer[i / 2].ffn_norm
                                                      : &g->layer[i / 2].attn_norm;
        linear(r->b, mat_rows(r->modulation, i * steps, steps), r->cond, &norm->dense, ACT_NONE);
    }
    arena_rewind(&r->b->scratch, mark);
}

void pi0_timecond_run(run *r, float *host)
{
    const int steps = r->limits.num_steps, width = r->net->expert.width;
    const mat e = r->embedded; // [steps][W]

    enter(r->b, MODULE_TIME, -1, -1);
    rope_table(host, r->n_positions, r->net->head_dim);
    put_f32(r, r->rope, host);
    for (int k = 0; k < steps; k++)
        pi0_time_embedding(host + (size_t)k * (size_t)width, r->times[k], width);
    put_f32(r, e, host);
    if (r->net->sizes.pi05)
        run_modulations(r, e);
    else
        linear(r->b, r->time_bias, e, &r->net->time_in, ACT_NONE);
}

// norm `index` of the expert (2 * layer, + 1 for the MLP's, 2 * layers for the last) at a step
norm_modulation pi0_timecond_norm(const run *r, const gemma_norm *norm, int index, int step)
{
    if (!r->net->sizes.pi05) return pi0_norm_plain(norm);
    const int width = r->net->expert.width;
    const mat m = mat_rows(r->modulation, index * r->limits.num_steps + step, 1);
    return (norm_modulation){ mat_cols(m, 0, width), mat_cols(m, width, width),
                              mat_cols(m, 2 * width, width) };
}
