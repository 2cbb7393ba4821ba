/* SPDX-License-Identifier: Apache-2.0 */
/* demo_live_world.c - the shared table: what people do to it, and what the policy does. */
#include "demo_live.h"
#include <stdio.h>
#include <string.h>

// where things may be put: the part of the table on which the policies were trained
#define EDGE (SIM_LOW / SIM_SIZE)
#define RIGHT_EDGE (SIM_HIGH_X / SIM_SIZE)
#define LOWER_EDGE (SIM_HIGH_Y / SIM_SIZE)

void pi0_live_new_scene(live *l, int number)
{
    l->scene_number = number;
    l->scene = sim_scene_of(l->a->task, l->a->run.seed.value, (uint64_t)number);
    l->step = 0;
    l->plans_made = 0;
    l->look = true;
}

void pi0_live_say(live *l, const char *prompt)
{
    snprintf(l->prompt, sizeof l->prompt, "%s", prompt);
    l->look = true;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

void pi0_live_move(live *l, int thing, double x, double y)
{
    const sim_point to = { clamp(x, EDGE, RIGHT_EDGE), clamp(y, EDGE, LOWER_EDGE) };
    if (thing < SIM_BLOCKS) {
        l->scene.block[thing] = to;
        // taken out of the gripper
        if (l->scene.held == thing) l->scene.held = SIM_NOTHING;
    } else {
        l->scene.bowl = to;
    }
    l->look = true;
}

static int plan(live *l, pi0_error *err)
{
    live_plan *p = &l->plan;
    live_flow *flow = &l->flow[l->chosen];
    p->flow = l->chosen;
    p->scene = l->scene;
    p->scene_number = l->scene_number;
    p->turn = l->plans_made++;
    memcpy(p->prompt, l->prompt, sizeof p->prompt);
    l->look = false;

    // people may go on while it thinks; what they change it sees at its next look
    pthread_mutex_unlock(&l->lock);
    const int status = pi0_live_think(flow, l, p, err);
    pthread_mutex_lock(&l->lock);
    if (status) return status;
    p->number++;
    l->row = 0;
    pi0_live_send_plan(l, "plan", p);

    // what would the other one have planned?
    if (!l->overlay) return PI0_OK;
    double *const room = l->wish.commands;
    l->wish = *p;
    l->wish.commands = room;
    memcpy(room, p->commands, (size_t)l->horizon * SIM_COMMAND * sizeof *room);
    pthread_cond_signal(&l->wake);
    return PI0_OK;
}

int pi0_live_tick(live *l, pi0_error *err)
{
    if (!l->running || !l->n_clients) return PI0_OK;
    if (l->look || !l->plan.number || l->row >= l->a->execute) {
        const int status = plan(l, err);
        if (status) return status;
    }
    sim_step(&l->scene, l->plan.commands + (size_t)l->row++ * SIM_COMMAND);
    l->step++;
    pi0_live_send_state(l);
    return PI0_OK;
}
