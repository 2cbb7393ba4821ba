/* SPDX-License-Identifier: Apache-2.0 */
/* steps_aloha.c - between ALOHA's joint space and the one that pi0 was trained in.
 * Source: openpi src/openpi/policies/aloha_policy.py (adapt_to_pi). */
#include "policy/steps.h"
#include <math.h>

#define LEFT_GRIPPER 6
#define RIGHT_GRIPPER 13

void pi0_step_aloha_flip(double *x)
{
    static const signed char sign[ALOHA_VALUES] = { 1, -1, -1, 1, 1, 1, 1, 1, -1, -1, 1, 1, 1, 1 };
    for (int i = 0; i < ALOHA_VALUES; i++) x[i] *= sign[i];
}

static double normalize(double x, double min, double max)
{
    return (x - min) / (max - min);
}

// the angle of the servo's horn for a finger position: Interbotix's linkage, lengths in metres
static double linear_to_radian(double position)
{
    const double arm = 0.036, horn = 0.022;
    const double sine = (horn * horn + position * position - arm * arm) / (2 * horn * position);
    return asin(sine < -1 ? -1 : sine > 1 ? 1 : sine);
}

// 0 closed, 1 open, between the finger positions 0.01844 m and 0.058 m; pi0's 0 to 1 are the
// servo's angles 0.5476 and 1.6296
static double gripper_to_angular(double value)
{
    const double closed = 0.01844, open = 0.05800;
    return normalize(linear_to_radian(value * (open - closed) + closed), 0.5476, 1.6296);
}

static double gripper_from_angular(double value)
{
    return normalize(value + 0.5476, -0.6213, 1.4910);
}

void pi0_step_aloha_gripper_in(double *x)
{
    x[LEFT_GRIPPER] = gripper_to_angular(x[LEFT_GRIPPER]);
    x[RIGHT_GRIPPER] = gripper_to_angular(x[RIGHT_GRIPPER]);
}

void pi0_step_aloha_gripper_out(double *x)
{
    x[LEFT_GRIPPER] = gripper_from_angular(x[LEFT_GRIPPER]);
    x[RIGHT_GRIPPER] = gripper_from_angular(x[RIGHT_GRIPPER]);
}
