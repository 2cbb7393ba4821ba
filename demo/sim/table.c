/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - how the tabletop moves, when a task is done, and the expert who can do it. */
#include "sim.h"
#include <math.h>

#define ARRIVED 0.012 // the expert is where it wanted to be

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

double sim_distance(sim_point a, sim_point b)
{
    const double x = a.x - b.x, y = a.y - b.y;
    return sqrt(x * x + y * y);
}

// from `from` towards `to`, as far as a step goes
static sim_point towards(sim_point from, sim_point to)
{
    const double part = fmin(1, SIM_REACH / (sim_distance(to, from) + 1e-9));
    return (sim_point){ from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part };
}

// the nearest block, if it is near enough
static int grasped(const sim_scene *s)
{
    int nearest = 0;
    for (int i = 1; i < SIM_BLOCKS; i++)
        if (sim_distance(s->block[i], s->hand) < sim_distance(s->block[nearest], s->hand))
            nearest = i;
    return sim_distance(s->block[nearest], s->hand) < SIM_GRASP ? nearest : SIM_NOTHING;
}

void sim_step(sim_scene *s, const double command[SIM_COMMAND])
{
    // the hand, and what it holds
    const sim_point to = towards(s->hand, (sim_point){ command[0], command[1] });
    const sim_point now = { clamp(to.x, 0, 1), clamp(to.y, 0, 1) };
    if (s->held != SIM_NOTHING) {
        sim_point *b = &s->block[s->held];
        b->x = b->x + now.x - s->hand.x;
        b->y = b->y + now.y - s->hand.y;
    }
    s->hand = now;

    // the gripper: it grasps while it closes, and lets go when it is half open
    const double was = s->grip;
    s->grip = clamp(command[2], fmax(0, was - SIM_GRIP), fmin(1, was + SIM_GRIP));
    if (was <= 0.75 && s->grip > 0.75 && s->held == SIM_NOTHING) s->held = grasped(s);
    if (s->grip < 0.5) s->held = SIM_NOTHING;
}

void sim_state(const sim_scene *s, double state[SIM_COMMAND])
{
    state[0] = s->hand.x;
    state[1] = s->hand.y;
    state[2] = s->grip;
}

bool sim_done(const sim_scene *s, int i)
{
    if (s->task == SIM_TASK_REACH) return sim_distance(s->hand, s->block[i]) < SIM_TOUCH;
    return s->held != i && sim_distance(s->block[i], s->bowl) < SIM_INSIDE;
}

int sim_block_of(const sim_scene *s, sim_colour colour)
{
    int i = 0;
    while (i < SIM_BLOCKS - 1 && s->colour[i] != colour) i++;
    return i;
}

static void go(const sim_scene *s, sim_point to, double grip, double command[SIM_COMMAND])
{
    const sim_point p = towards(s->hand, to);
    command[0] = p.x;
    command[1] = p.y;
    command[2] = grip;
}

void sim_expert(const sim_scene *s, int i, double command[SIM_COMMAND])
{
    const sim_point block = s->block[i];
    if (s->task == SIM_TASK_REACH)
        go(s, block, 0, command);
    else if (s->held == i) // to the bowl, and open over it
        go(s, s->bowl, sim_distance(s->hand, s->bowl) < ARRIVED ? 0 : 1, command);
    else if (s->held != SIM_NOTHING || sim_done(s, i)) // let go, or leave it there
        go(s, s->hand, 0, command);
    else if (sim_distance(s->hand, block) < ARRIVED) // close on it
        go(s, s->hand, 1, command);
    else
        go(s, block, 0, command);
}
