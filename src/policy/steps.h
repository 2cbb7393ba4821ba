/* SPDX-License-Identifier: Apache-2.0 */
/* steps.h - the arithmetic between a robot's values and the network's, each piece once: functions
 * of one vector that keep nothing. Which of them a policy runs, and in what order, stands in its
 * table (policy.h).
 *
 * openpi computes in f64 (f32 network output with f64 statistics gives f64), LeRobot in f32; the
 * order of the operations is theirs, so that results are theirs to the last bit. */
#ifndef PI0_STEPS_H
#define PI0_STEPS_H
#include "data/norm_stats.h"

#define POLICY_MAX_VALUES NORM_STATS_MAX // of a state, or of an action

enum norm_kind {
    NORM_IDENTITY,
    // openpi, f64: src/openpi/transforms.py Normalize, Unnormalize
    NORM_ZSCORE,
    NORM_QUANTILE,
    // LeRobot, f32: src/lerobot/processor/normalize_processor.py _apply_transform
    NORM_MEAN_STD,
    NORM_MIN_MAX,
    NORM_QUANTILES,
    NORM_QUANTILE10,
    NORM_COUNT
};

// "zscore", "MEAN_STD" … as the runtime it belongs to writes it
const char *pi0_norm_name(enum norm_kind kind);

// statistics of one vector: a is the mean or the lower bound, b the deviation or the upper bound
typedef struct norm {
    enum norm_kind kind;
    int n; // values; 0 for identity
    double eps;
    double a[POLICY_MAX_VALUES], b[POLICY_MAX_VALUES];
} norm;

// the robot's values x[n] to the network's, in place; n <= s->n
void pi0_step_normalize(const norm *s, double *x, int n);

// the network's values to the robot's
void pi0_step_unnormalize(const norm *s, double *y, const float *x, int n);

// a state back to the robot's values; openpi does so with the state that it normalised before
void pi0_step_unnormalize_state(const norm *s, double *x, int n);

// actions that are relative to the state made absolute: x[i] += state[i] where mask[i]
// openpi src/openpi/transforms.py AbsoluteActions
void pi0_step_absolute(double *x, int n, const unsigned char *mask, const double *state);
// lerobot src/lerobot/processor/relative_action_processor.py to_absolute_actions, f32
void pi0_step_absolute_f32(double *x, int n, const unsigned char *mask, const double *state);

// as a torch tensor of f32 holds them
void pi0_step_round_f32(double *x, int n);

// ALOHA, x[14]. openpi src/openpi/policies/aloha_policy.py
enum { ALOHA_VALUES = 14 };
void pi0_step_aloha_flip(double *x);        // _joint_flip_mask
void pi0_step_aloha_gripper_in(double *x);  // _gripper_to_angular
void pi0_step_aloha_gripper_out(double *x); // _gripper_from_angular, not the inverse of the above
#endif
