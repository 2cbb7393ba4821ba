/* SPDX-License-Identifier: Apache-2.0 */
/* render.c - the camera's picture: bowl, blocks, arm, each drawn over what was there before. A
 * pixel belongs to a shape when its middle does; nothing is smoothed. */
#include "sim.h"
#include <math.h>
#include <string.h>

#define HALF 12          // of a block, pixels
#define BOWL 24.0        // radius
#define LINK 124.0       // length of each half of the arm
#define SHOULDER_X 112.0 // below the lower edge of the picture
#define SHOULDER_Y 236.0

typedef struct rgb {
    uint8_t r, g, b;
} rgb;

static const rgb table = { 225, 222, 214 }, rim = { 130, 95, 60 }, inside = { 190, 150, 105 };
static const rgb upper_arm = { 90, 90, 96 }, forearm = { 120, 120, 128 }, gripper = { 20, 20, 24 };
static const rgb paint[SIM_BLOCKS] = { { 214, 40, 40 }, { 40, 160, 60 }, { 40, 80, 210 } };

static int clip(double x)
{
    return x < 0 ? 0 : x > SIM_SIZE ? SIM_SIZE : (int)x;
}

static void put(uint8_t *picture, int x, int y, rgb colour)
{
    memcpy(picture + 3 * ((size_t)y * SIM_SIZE + (size_t)x), &colour, 3);
}

// all pixels nearer than w to the line from a to b; a == b: a disc
static void capsule(uint8_t *picture, sim_point a, sim_point b, double w, rgb colour)
{
    const int x0 = clip(floor(fmin(a.x, b.x) - w - 1)), x1 = clip(ceil(fmax(a.x, b.x) + w + 1));
    const int y0 = clip(floor(fmin(a.y, b.y) - w - 1)), y1 = clip(ceil(fmax(a.y, b.y) + w + 1));
    const double dx = b.x - a.x, dy = b.y - a.y, square = fmax(dx * dx + dy * dy, 1e-9);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            // the nearest point of the line
            const double px = x + 0.5 - a.x, py = y + 0.5 - a.y;
            const double t = fmin(fmax((px * dx + py * dy) / square, 0), 1);
            const double ex = px - t * dx, ey = py - t * dy;
            if (ex * ex + ey * ey < w * w) put(picture, x, y, colour);
        }
}

static void disc(uint8_t *picture, sim_point centre, double radius, rgb colour)
{
    capsule(picture, centre, centre, radius, colour);
}

static void square(uint8_t *picture, sim_point centre, rgb colour)
{
    const double cx = floor(centre.x), cy = floor(centre.y);
    for (int y = clip(cy - HALF); y < clip(cy + HALF); y++)
        for (int x = clip(cx - HALF); x < clip(cx + HALF); x++) put(picture, x, y, colour);
}

// from the shoulder over the elbow to the hand
static void arm(uint8_t *picture, sim_point hand, double grip)
{
    const sim_point shoulder = { SHOULDER_X, SHOULDER_Y };
    const double reach = fmin(sim_distance(hand, shoulder), 2 * LINK - 1e-3);
    const double angle = atan2(hand.y - shoulder.y, hand.x - shoulder.x) - acos(reach / 2 / LINK);
    const sim_point elbow = { shoulder.x + LINK * cos(angle), shoulder.y + LINK * sin(angle) };
    capsule(picture, shoulder, elbow, 5, upper_arm);
    capsule(picture, elbow, hand, 4, forearm);
    disc(picture, hand, 7 - 2 * grip, gripper);
}

static sim_point pixels(sim_point p)
{
    return (sim_point){ p.x * SIM_SIZE, p.y * SIM_SIZE };
}

void sim_render(const sim_scene *s, uint8_t *picture)
{
    for (int y = 0; y < SIM_SIZE; y++)
        for (int x = 0; x < SIM_SIZE; x++) put(picture, x, y, table);
    if (s->task == SIM_TASK_PLACE) {
        disc(picture, pixels(s->bowl), BOWL, rim);
        disc(picture, pixels(s->bowl), BOWL - 4, inside);
    }
    for (int i = 0; i < SIM_BLOCKS; i++) square(picture, pixels(s->block[i]), paint[s->colour[i]]);
    arm(picture, pixels(s->hand), s->grip);
}
