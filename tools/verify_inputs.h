/* SPDX-License-Identifier: Apache-2.0 */
/* verify_inputs.h - made-up observations, for a robot or for the network alone. */
#ifndef PI0_TOOLS_VERIFY_INPUTS_H
#define PI0_TOOLS_VERIFY_INPUTS_H
#include "fail.h"
#include "pi0.h"
#include <stdbool.h>

typedef struct synthetic {
    pi0_observation obs; // where there is a robot
    pi0_inputs in;       // otherwise
    pi0_image *images;
    pi0_state *states;
    uint8_t *pixels;
    double *values;
    int32_t *tokens;
} synthetic;

/* Observation number k, another for each: pictures of gradients, bars and grain, states within the
 * robot's statistics, tokens that the table has. views: cameras; a robot's required ones are always
 * there. policy NULL: the network's own inputs. PI0_ENOMEM. */
int pi0_synthetic_make(synthetic *x, const pi0_info *info, const pi0_policy_info *policy, int views,
                       int k, pi0_error *err);
void pi0_synthetic_free(synthetic *x);
#endif
