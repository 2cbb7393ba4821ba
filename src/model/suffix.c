/* SPDX-License-Identifier: Apache-2.0 */
/* suffix.c - what enters the action expert: noisy actions with the time, and pi0's state token.
 *
 * Mirrors openpi pi0_pytorch.py embed_suffix. pi0 mixes the time into the actions by an MLP over
 * [action | time], whose time half is the same for all rows and stands in r->time_bias; pi0.5
 * leaves the time to the adaptive norms. */
#include "model/run.h"

void pi0_suffix_actions(run *r, mat y, int step)
{
    backend *b = r->b;
    const network *net = r->net;
    if (net->sizes.pi05) {
        linear(b, y, r->actions, &net->action_in, ACT_NONE);
        return;
    }
    const size_t mark = arena_mark(&b->scratch);
    mat a = arena_mat(&b->scratch, y.rows, y.cols, DTYPE_F32); // [H][W]
    mat h = arena_mat(&b->scratch, y.rows, y.cols, DTYPE_F32); // [H][W]
    weight action_time_in = net->action_time_in;
    action_time_in.bias = mat_rows(r->time_bias, step, 1);

    linear(b, a, r->actions, &net->action_in, ACT_NONE);
    pi0_tap(r, a, "step%d.action_in", step);
    linear(b, h, a, &action_time_in, ACT_SILU);
    linear(b, y, h, &net->time_out, ACT_NONE);
    arena_rewind(&b->scratch, mark);
}

void pi0_suffix_state(run *r, mat y)
{
    linear(r->b, y, r->state, &r->net->state_in, ACT_NONE);
}
