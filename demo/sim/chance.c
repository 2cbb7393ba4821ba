/* SPDX-License-Identifier: Apache-2.0 */
/* chance.c - scenes and disturbances from a seed. The counter's second word is the use, which is 0
 * in pi0_noise(): the same seed gives both without a number in common. */
#include "core/noise.h"
#include "sim.h"

sim_chance sim_chance_of(uint64_t seed, uint64_t episode, enum sim_use use)
{
    return (sim_chance){ .seed = seed, .episode = episode, .use = use };
}

// in (0,1): the middle of one of 2^32 equal intervals
static double next(sim_chance *c)
{
    const uint32_t key[2] = { (uint32_t)c->seed, (uint32_t)(c->seed >> 32) };
    const uint32_t counter[4] = { c->taken / 4, c->use, (uint32_t)c->episode,
                                  (uint32_t)(c->episode >> 32) };
    if (c->taken % 4 == 0) pi0_philox(c->word, counter, key);
    return (c->word[c->taken++ % 4] + 0.5) * 0x1p-32;
}

double sim_uniform(sim_chance *c, double low, double high)
{
    return low + (high - low) * next(c);
}

double sim_normal(sim_chance *c)
{
    return pi0_normal_quantile(next(c));
}

static sim_point point(sim_chance *c, double margin)
{
    const double x = sim_uniform(c, SIM_LOW / SIM_SIZE - margin, SIM_HIGH_X / SIM_SIZE + margin);
    const double y = sim_uniform(c, SIM_LOW / SIM_SIZE - margin, SIM_HIGH_Y / SIM_SIZE + margin);
    return (sim_point){ x, y };
}

sim_scene sim_scene_of(sim_task task, uint64_t seed, uint64_t episode)
{
    sim_chance c = sim_chance_of(seed, episode, SIM_FOR_SCENE);
    sim_scene s = { .task = task, .held = SIM_NOTHING };

    // colours in any order
    for (int i = 0; i < SIM_BLOCKS; i++) s.colour[i] = (sim_colour)i;
    for (int i = SIM_BLOCKS - 1; i > 0; i--) {
        const int j = (int)sim_uniform(&c, 0, i + 1);
        const sim_colour kept = s.colour[i];
        s.colour[i] = s.colour[j];
        s.colour[j] = kept;
    }

    // three blocks and the bowl, apart from each other
    sim_point p[SIM_BLOCKS + 1];
    for (int n = 0; n <= SIM_BLOCKS;) {
        p[n] = point(&c, 0);
        bool apart = true;
        for (int i = 0; i < n; i++) apart = apart && sim_distance(p[n], p[i]) > SIM_CLEARANCE;
        n += apart;
    }
    for (int i = 0; i < SIM_BLOCKS; i++) s.block[i] = p[i];
    s.bowl = p[SIM_BLOCKS];
    s.hand = point(&c, 0.04);
    return s;
}

void sim_disturb(sim_scene *s, sim_chance *c)
{
    if (s->held == SIM_NOTHING) {
        const sim_point first = s->block[0];
        for (int i = 0; i + 1 < SIM_BLOCKS; i++) s->block[i] = s->block[i + 1];
        s->block[SIM_BLOCKS - 1] = first;
        return;
    }
    // of fifty places for the bowl the one that is farthest from all blocks
    double farthest = -1;
    for (int k = 0; k < 50; k++) {
        const double x = sim_uniform(c, 0.1, 0.9), y = sim_uniform(c, 0.1, 0.75);
        double nearest = 2;
        for (int i = 0; i < SIM_BLOCKS; i++) {
            const double d = sim_distance((sim_point){ x, y }, s->block[i]);
            if (d < nearest) nearest = d;
        }
        if (nearest > farthest) {
            farthest = nearest;
            s->bowl = (sim_point){ x, y };
        }
    }
}
