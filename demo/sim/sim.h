/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h - the tabletop on which demo/place and demo/reach were trained: seen from above, a two-link
 * arm, three coloured blocks, a bowl. It stands beside libpi0, not in it: whoever writes a robot of
 * his own can read here what a robot's side of the policy is.
 *
 * Lengths are parts of the picture, 0 to 1, from the left and from the top. The state is the hand
 * (x, y) and the gripper (0 open, 1 closed); a command is the same three, for the next step. A
 * scene is a plain value: copy it to look ahead. */
#ifndef SIM_H
#define SIM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_SIZE = 224,   // pixels a side of a picture
    SIM_BLOCKS = 3,   // one of each colour
    SIM_COMMAND = 3,  // x, y, gripper
    SIM_NOTHING = -1, // held
    SIM_HORIZON = 16  // commands that the policies plan at once
};
#define SIM_REACH 0.08     // the hand's way in a step, at most
#define SIM_GRIP 0.5       // the gripper's
#define SIM_GRASP 0.04     // closing grasps a block this near
#define SIM_INSIDE 0.06    // a block this near the bowl's centre is in it
#define SIM_TOUCH 0.05     // a hand this near a block has reached it
#define SIM_CLEARANCE 0.17 // between blocks and bowl of a new scene
// where blocks and bowl of a new scene lie
#define SIM_LOW 22.0
#define SIM_HIGH_X 202.0
#define SIM_HIGH_Y 176.0

typedef enum sim_task { SIM_TASK_REACH, SIM_TASK_PLACE } sim_task;
typedef enum sim_colour { SIM_RED, SIM_GREEN, SIM_BLUE } sim_colour;

typedef struct sim_point {
    double x, y;
} sim_point;

typedef struct sim_scene {
    sim_task task;
    sim_colour colour[SIM_BLOCKS]; // of block 0, 1, 2
    sim_point block[SIM_BLOCKS], bowl, hand;
    double grip;
    int held; // block in the gripper, or SIM_NOTHING
} sim_scene;

/* ---- the world: table.c ---- */

// one step under a command: the hand goes there as far as it can, the gripper closes or opens
void sim_step(sim_scene *s, const double command[SIM_COMMAND]);
void sim_state(const sim_scene *s, double state[SIM_COMMAND]);
// reach: the hand is at block i; place: block i lies in the bowl, let go
bool sim_done(const sim_scene *s, int i);
int sim_block_of(const sim_scene *s, sim_colour colour); // index of the block of a colour
// the scripted rule: the command for this state, block i asked for
void sim_expert(const sim_scene *s, int i, double command[SIM_COMMAND]);
double sim_distance(sim_point a, sim_point b);

/* ---- pictures: render.c ---- */

// the camera's picture: [SIM_SIZE][SIM_SIZE][3], RGB
void sim_render(const sim_scene *s, uint8_t *rgb);

/* ---- words: words.c ---- */

const char *sim_colour_name(sim_colour colour); // "red"
// "put the red block in the bowl", "reach the red block"; returns text
const char *sim_prompt(char *text, size_t size, sim_task task, sim_colour colour);
// the colour that a sentence names as a word, whatever its case; false: none, or more than one
bool sim_named_colour(const char *sentence, sim_colour *colour);

/* ---- chance: chance.c ---- */

// numbers that depend on seed, episode, what they are for and how many were taken before: the same
// on every machine, and none of them is one of pi0_noise()'s
enum sim_use { SIM_FOR_SCENE = 1, SIM_FOR_KICKS = 2, SIM_FOR_MOVES = 3 };
typedef struct sim_chance {
    uint64_t seed, episode;
    uint32_t use, taken, word[4];
} sim_chance;

sim_chance sim_chance_of(uint64_t seed, uint64_t episode, enum sim_use use);
double sim_uniform(sim_chance *c, double low, double high);
double sim_normal(sim_chance *c);

// scene number `episode` of a seed
sim_scene sim_scene_of(sim_task task, uint64_t seed, uint64_t episode);
// someone interferes: the blocks change places, or, when one is carried, the bowl moves away
void sim_disturb(sim_scene *s, sim_chance *c);
#endif
