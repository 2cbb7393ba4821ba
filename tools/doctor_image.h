/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_image.h - pictures and states of an observation under pi0 doctor's eyes. */
#ifndef PI0_TOOLS_DOCTOR_IMAGE_H
#define PI0_TOOLS_DOCTOR_IMAGE_H
#include "doctor.h"

// one picture of the robot's camera `c`
void pi0_doctor_image(doctor *d, const pi0_image *image, const pi0_policy_camera *c);
// the whole state in the policy's order: finite values, policy.state_dim of them
void pi0_doctor_state(doctor *d, const double *state);
#endif
