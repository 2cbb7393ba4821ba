/* SPDX-License-Identifier: Apache-2.0 */
/* robot.h - what the loop asks of a robot. robot_sim.c is a simulated one; write these functions
 * for yours, and the sizes and names below. All of them are called by the loop's thread and return
 * at once: what takes longer (a camera's next picture, a bus) belongs to a thread of the driver. */
#ifndef ROBOT_H
#define ROBOT_H
#include <stdbool.h>
#include <stdint.h>

enum {
    ROBOT_STATE = 3,    // x, y of the hand, gripper
    ROBOT_COMMANDS = 3, // the same, where they shall be when the tick ends
    ROBOT_WIDTH = 224,  // of the camera's picture
    ROBOT_HEIGHT = 224
};
#define ROBOT_CAMERA "observation.images.top"
#define ROBOT_STATE_NAME "observation.state"
#define ROBOT_SENTENCE "put the red block in the bowl"

// the robot, ready to move; false: it is not there
bool robot_open(void);
// the newest measurement: [ROBOT_STATE]
void robot_read(double *state);
// the newest picture: [ROBOT_HEIGHT][ROBOT_WIDTH][3], RGB
void robot_look(uint8_t *rgb);
// a command for this tick: [ROBOT_COMMANDS]
void robot_move(const double *command);
// leave it where it is, safely; says what it has done
void robot_close(void);
#endif
