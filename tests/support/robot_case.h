/* SPDX-License-Identifier: Apache-2.0 */
/* robot_case.h - a golden case as the robot sees it: raw observation, noise, the actions that the
 * reference returned in the robot's units. */
#ifndef TEST_ROBOT_CASE_H
#define TEST_ROBOT_CASE_H
#include "pi0.h"
#include "support/golden.h"
#include <stdbool.h>

enum { ROBOT_MAX_IMAGES = 6, ROBOT_MAX_STATES = 4 };

typedef struct robot_case {
    const char *name; // "openpi/pi0_droid"
    bool lerobot;
    golden g; // g.dir is the checkpoint
    pi0_options opt;
    pi0_observation obs;
    pi0_image images[ROBOT_MAX_IMAGES];
    pi0_state states[ROBOT_MAX_STATES];
    int rows, cols;  // of the actions
    double *actions; // [rows][cols]
    float *noise;    // [rows][32]

    // owners
    char *prompt, words[600];
    uint8_t *pixels[ROBOT_MAX_IMAGES];
    double *values[ROBOT_MAX_STATES];
} robot_case;

// name as in golden_openpi and golden_lerobot; the config is the case's, the backend "reference"
void robot_case_open(robot_case *c, const char *name);
void robot_case_close(robot_case *c);

// a model and a session of it; PI0_OK or the test fails
void robot_case_start(const robot_case *c, const pi0_options *opt, pi0_model **m, pi0_session **s);
#endif
