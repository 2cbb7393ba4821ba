/* SPDX-License-Identifier: Apache-2.0 */
/* robot_sim.c - a robot that runs anywhere: the tabletop of demo/sim. Whenever the red block lies
 * in the bowl, somebody takes it out and puts it elsewhere. */
#include "robot.h"
#include "sim/sim.h"
#include <stdio.h>

static sim_scene scene;
static int brought; // how often the block was put in the bowl

static void place_block(void)
{
    static const sim_point places[] = { { 0.25, 0.35 }, { 0.45, 0.50 }, { 0.15, 0.20 } };
    scene.block[0] = places[brought % 3];
}

bool robot_open(void)
{
    scene = (sim_scene){ .task = SIM_TASK_PLACE,
                         .colour = { SIM_RED, SIM_GREEN, SIM_BLUE },
                         .block = { [1] = { 0.55, 0.20 }, [2] = { 0.70, 0.60 } },
                         .bowl = { 0.80, 0.30 },
                         .hand = { 0.50, 0.75 },
                         .held = SIM_NOTHING };
    place_block();
    return true;
}

void robot_read(double *state)
{
    sim_state(&scene, state);
}

void robot_look(uint8_t *rgb)
{
    sim_render(&scene, rgb);
}

void robot_move(const double *command)
{
    sim_step(&scene, command);
    if (sim_done(&scene, 0)) {
        brought++;
        place_block();
    }
}

void robot_close(void)
{
    printf("the simulated robot has put the red block in the bowl %d times\n", brought);
}
