/* SPDX-License-Identifier: Apache-2.0 */
/* infer.c - the smallest program: what the camera sees, where the hand is, a sentence; out comes a
 * chunk of commands in the robot's own units. The picture is painted here: a table, a red block on
 * its left, a bowl on its right. Build and run it, from the top of the source tree:
 *
 *     cc -std=c11 -O2 examples/infer.c $(pkg-config --cflags --libs pi0) -o infer
 *     ./infer demo/place
 *
 * Prints one line for every third row of the plan: the hand goes to the block, the gripper closes,
 * it goes to the bowl. */
#include <pi0.h>
#include <stdio.h>

static int fail(const pi0_error *e)
{
    fprintf(stderr, "%s\n", e->message);
    return 1;
}

// a filled circle: x, y of its middle and radius r, in pixels
static void paint(uint8_t *rgb, int x, int y, int r, const uint8_t colour[3])
{
    for (int i = 0; i < 224 * 224 * 3; i++) {
        const int dx = i / 3 % 224 - x, dy = i / 3 / 224 - y;
        if (dx * dx + dy * dy < r * r) rgb[i] = colour[i % 3];
    }
}

int main(int argc, char **argv)
{
    static uint8_t picture[224 * 224 * 3]; // from your camera: 8-bit RGB, of any size
    static double actions[16][3];          // [horizon][the robot's commands]: x, y, gripper
    const double hand[3] = { 0.5, 0.8, 0 };
    paint(picture, 112, 112, 224, (const uint8_t[]){ 225, 222, 214 });
    paint(picture, 170, 60, 24, (const uint8_t[]){ 190, 150, 105 });
    paint(picture, 60, 80, 14, (const uint8_t[]){ 214, 40, 40 });

    // what the robot sees, feels and is told; names and units are the robot's own
    const pi0_image image = {
        .camera = "observation.images.top", .rgb = picture, .width = 224, .height = 224
    };
    const pi0_state state = { .name = "observation.state", .values = hand, .n = 3 };
    const pi0_observation seen = { &image, 1, &state, 1, "put the red block in the bowl" };

    // a model is loaded once and may be shared by threads; a session is one robot's
    pi0_model *model;
    pi0_session *session;
    pi0_error e;
    if (pi0_load(&model, argc > 1 ? argv[1] : "demo/place", NULL, &e)) return fail(&e);
    if (pi0_session_create(&session, model, NULL, &e)) return fail(&e);
    if (pi0_act(session, &seen, NULL, *actions, 16 * 3, &e)) return fail(&e);
    for (int i = 0; i < 16; i += 3)
        printf("row %2d: hand to %.2f %.2f, gripper %.2f\n", i, actions[i][0], actions[i][1],
               actions[i][2]);

    pi0_session_free(session);
    pi0_free(model);
    return 0;
}
