/* SPDX-License-Identifier: Apache-2.0 */
/* robots.c - the robots that openpi knows: cameras, states, actions, and their own steps.
 * Source: openpi src/openpi/policies/aloha_policy.py, droid_policy.py, libero_policy.py. */
#include "policy/robots.h"

static const char *const aloha_actions[] = {
    "left_waist",         "left_shoulder",     "left_elbow",         "left_forearm_roll",
    "left_wrist_angle",   "left_wrist_rotate", "left_gripper",       "right_waist",
    "right_shoulder",     "right_elbow",       "right_forearm_roll", "right_wrist_angle",
    "right_wrist_rotate", "right_gripper",
};

const robot_kind pi0_robot_aloha = {
    .name = "ALOHA",
    .n_cameras = 4,
    .cameras = { { "cam_high", "base_0_rgb", 1 },
                 { "cam_left_wrist", "left_wrist_0_rgb", 0 },
                 { "cam_right_wrist", "right_wrist_0_rgb", 0 },
                 { "cam_low", NULL, 0 } },
    .image_axes = "CHW",
    .n_states = 1,
    .states = { { "state", ALOHA_VALUES } },
    .n_actions = ALOHA_VALUES,
    .action_names = aloha_actions,
    .state_units = "joint angles in rad, grippers from 0 (closed) to 1 (open)",
    .action_units = "joint angles in rad, grippers from 0 (closed) to 1 (open)",
    .input = { STEP_ALOHA_FLIP_STATE, STEP_ALOHA_GRIPPER_STATE },
    .output = { STEP_ALOHA_FLIP_ACTIONS, STEP_ALOHA_GRIPPER_ACTIONS },
};

static const char *const droid_actions[] = { "joint_1", "joint_2", "joint_3", "joint_4",
                                             "joint_5", "joint_6", "joint_7", "gripper" };

const robot_kind pi0_robot_droid = {
    .name = "DROID",
    .n_cameras = 2,
    .cameras = { { "observation/exterior_image_1_left", "base_0_rgb", 1 },
                 { "observation/wrist_image_left", "left_wrist_0_rgb", 1 } },
    .extra_allowed = 1,
    .image_axes = "HWC or CHW",
    .n_states = 2,
    .states = { { "observation/joint_position", 7 }, { "observation/gripper_position", 1 } },
    .n_actions = 8,
    .action_names = droid_actions,
    .state_units = "joint angles in rad, gripper position from 0 to 1",
    .action_units = "joint velocities in DROID's own scale, -1 to 1, gripper position from 0 to 1",
    .relative_units = "joint angles in rad, gripper position from 0 to 1",
};

static const char *const libero_actions[] = { "x", "y", "z", "roll", "pitch", "yaw", "gripper" };

const robot_kind pi0_robot_libero = {
    .name = "LIBERO",
    .n_cameras = 2,
    .cameras = { { "observation/image", "base_0_rgb", 1 },
                 { "observation/wrist_image", "left_wrist_0_rgb", 1 } },
    .extra_allowed = 1,
    .image_axes = "HWC or CHW",
    .n_states = 1,
    .states = { { "observation/state", 8 } },
    .n_actions = 7,
    .action_names = libero_actions,
    .state_units = "end effector's position in m, its axis-angle in rad, two gripper positions",
    .action_units = "as LIBERO's environment takes them, -1 to 1",
};
