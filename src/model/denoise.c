/* SPDX-License-Identifier: Apache-2.0 */
/* denoise.c - flow matching: from noise at t = 1 to actions at t = 0 in num_steps Euler steps.
 *
 * Mirrors openpi pi0_pytorch.py sample_actions and denoise_step. The sign of time is openpi's:
 * x <- x + dt * v(x, t) with dt = -1 / num_steps. */
#include "model/run.h"

void pi0_run_noise(run *r, const float *noise)
{
    const mat x = r->actions;
    enter(r->b, MODULE_COMMON, -1, -1);
    r->b->ops->put(r->b, x, (tensor_view){ noise, x.rows, x.cols, x.cols, 1, DTYPE_F32 });
}

// the expert over the suffix: keys and values of the prefix (and pi0's state) are in the cache
static int run_expert(run *r, mat x, int step)
{
    const gemma *g = &r->net->expert;
    const int pos = r->n_prefix + (r->net->sizes.pi05 ? 0 : 1);
    if (step == 0) pi0_tap_table(r, mat_rows(r->rope, pos, x.rows), "suffix.rope");
    for (int i = 0; i < g->n_layers; i++) {
        const gemma_layer *l = &g->layer[i];
        const layer_place at = { MODULE_EXPERT, step, i, pos, false };
        if (run_canceled(r)) return PI0_ECANCELED;
        pi0_gemma_layer(r, g, at, x, pi0_timecond_norm(r, &l->attn_norm, 2 * i, step),
                        pi0_timecond_norm(r, &l->ffn_norm, 2 * i + 1, step));
    }
    return PI0_OK;
}

// v = action_out(norm(x)), then the Euler step; the last norm's gate is not used
static void euler_step(run *r, mat x, int step)
{
    backend *b = r->b;
    const gemma *g = &r->net->expert;
    const norm_modulation m = pi0_timecond_norm(r, &g->final_norm, 2 * g->n_layers, step);
    const size_t mark = arena_mark(&b->scratch);
    mat h = arena_mat(&b->scratch, x.rows, x.cols, DTYPE_F32); // [H][W]

    enter(b, MODULE_EXPERT, step, -1);
    rmsnorm(b, h, x, m.scale, m.shift);
    pi0_tap(r, h, "step%d.norm", step);
    linear(b, r->velocity, h, &r->net->action_out, ACT_NONE);
    pi0_tap(r, r->velocity, "step%d.v", step);
    axpy(b, r->actions, r->dt, r->velocity);
    arena_rewind(&b->scratch, mark);
}

// what the session made of this step's time when it was created
static void tap_time(run *r, int step)
{
    pi0_tap_table(r, mat_rows(r->embedded, step, 1), "step%d.time", step);
    if (!r->net->sizes.pi05)
        pi0_tap_table(r, mat_rows(r->time_bias, step, 1), "step%d.time_bias", step);
    else if (step == 0)
        pi0_tap_table(r, mat_rows(r->cond, 0, 1), "suffix.cond");
    else
        pi0_tap_table(r, mat_rows(r->cond, step, 1), "step%d.cond", step);
}

int pi0_run_step(run *r, int step)
{
    const size_t mark = arena_mark(&r->b->scratch);
    mat x = arena_mat(&r->b->scratch, r->limits.horizon, r->net->expert.width, DTYPE_F32); // [H][W]

    pi0_tap(r, r->actions, "step%d.x", step);
    tap_time(r, step);
    enter(r->b, MODULE_SUFFIX, step, -1);
    pi0_suffix_actions(r, x, step);
    if (step == 0)
        pi0_tap(r, x, "suffix.embeddings");
    else
        pi0_tap(r, x, "step%d.embeddings", step);
    const int status = run_expert(r, x, step);
    if (!status) euler_step(r, x, step);
    arena_rewind(&r->b->scratch, mark);
    return status;
}

void pi0_run_actions(run *r, float *actions)
{
    enter(r->b, MODULE_COMMON, -1, -1);
    pi0_tap(r, r->actions, "actions");
    r->b->ops->get(r->b, actions, r->actions);
}
