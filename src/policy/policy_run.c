/* SPDX-License-Identifier: Apache-2.0 */
/* policy_run.c - running a policy's tables of steps. */
#include "policy/policy.h"
#include <assert.h>
#include <string.h>

typedef void (*step_fn)(const policy *p, step_data *d);

static double *action_row(const policy *p, const step_data *d, int row)
{
    return d->actions + (size_t)row * (size_t)p->info.n_actions;
}

static void round_state(const policy *p, step_data *d)
{
    pi0_step_round_f32(d->state, p->info.state_dim);
}

static void flip_state(const policy *p, step_data *d)
{
    (void)p;
    pi0_step_aloha_flip(d->state);
}

static void gripper_state(const policy *p, step_data *d)
{
    (void)p;
    pi0_step_aloha_gripper_in(d->state);
}

static void keep_state(const policy *p, step_data *d)
{
    memcpy(d->anchor, d->state, (size_t)p->info.state_dim * sizeof *d->state);
}

static void normalize_state(const policy *p, step_data *d)
{
    pi0_step_normalize(&p->state, d->state, p->info.state_dim);
}

static void prompt_state(const policy *p, step_data *d)
{
    d->n_prompt = p->info.state_dim;
    memcpy(d->prompt, d->state, (size_t)d->n_prompt * sizeof *d->state);
}

static void prompt_state_padded(const policy *p, step_data *d)
{
    prompt_state(p, d);
    while (d->n_prompt < p->padded_state) d->prompt[d->n_prompt++] = 0;
}

static void unnormalize_actions(const policy *p, step_data *d)
{
    for (int row = 0; row < d->rows; row++)
        pi0_step_unnormalize(&p->actions, action_row(p, d, row),
                             d->network + (size_t)row * (size_t)d->network_cols, p->info.n_actions);
}

// openpi carries the state through the network's side and back
static void unnormalize_state(const policy *p, step_data *d)
{
    keep_state(p, d);
    pi0_step_unnormalize_state(&p->state, d->anchor, p->info.state_dim);
}

static void absolute_actions(const policy *p, step_data *d)
{
    for (int row = 0; row < d->rows; row++)
        pi0_step_absolute(action_row(p, d, row), p->info.n_actions, p->info.relative, d->anchor);
}

static void absolute_actions_f32(const policy *p, step_data *d)
{
    for (int row = 0; row < d->rows; row++)
        pi0_step_absolute_f32(action_row(p, d, row), p->info.n_actions, p->info.relative,
                              d->anchor);
}

static void flip_actions(const policy *p, step_data *d)
{
    for (int row = 0; row < d->rows; row++) pi0_step_aloha_flip(action_row(p, d, row));
}

static void gripper_actions(const policy *p, step_data *d)
{
    for (int row = 0; row < d->rows; row++) pi0_step_aloha_gripper_out(action_row(p, d, row));
}

void pi0_policy_run(const policy *p, const enum policy_step *table, step_data *d)
{
    static const step_fn run[STEP_COUNT] = {
        [STEP_ROUND_STATE] = round_state,
        [STEP_ALOHA_FLIP_STATE] = flip_state,
        [STEP_ALOHA_GRIPPER_STATE] = gripper_state,
        [STEP_KEEP_STATE] = keep_state,
        [STEP_NORMALIZE_STATE] = normalize_state,
        [STEP_PROMPT_STATE] = prompt_state,
        [STEP_PROMPT_STATE_PADDED] = prompt_state_padded,
        [STEP_UNNORMALIZE_ACTIONS] = unnormalize_actions,
        [STEP_UNNORMALIZE_STATE] = unnormalize_state,
        [STEP_ABSOLUTE_ACTIONS] = absolute_actions,
        [STEP_ABSOLUTE_ACTIONS_F32] = absolute_actions_f32,
        [STEP_ALOHA_FLIP_ACTIONS] = flip_actions,
        [STEP_ALOHA_GRIPPER_ACTIONS] = gripper_actions,
    };
    for (; *table; table++) {
        assert(run[*table]);
        run[*table](p, d);
    }
}
