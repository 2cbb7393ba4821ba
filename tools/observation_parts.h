/* SPDX-License-Identifier: Apache-2.0 */
/* observation_parts.h - what the two readers of observations share: adding a picture, a state, the
 * prompt; and pictures of numpy's arrays. */
#ifndef PI0_TOOLS_OBSERVATION_PARTS_H
#define PI0_TOOLS_OBSERVATION_PARTS_H
#include "observation_file.h"
#include "wire/numpy.h"

/* ---- building an observation; all names and values are owned by it or outlive it ---- */

int pi0_observation_begin(observation_file *o, const char *file, pi0_error *err);
// zeroed memory that goes with the observation; NULL when there is none
void *pi0_observation_alloc(observation_file *o, size_t size);
// memory from malloc goes to the observation, which frees it; PI0_ENOMEM frees it at once
int pi0_observation_own(observation_file *o, void *memory, const place *p);
int pi0_observation_add_image(observation_file *o, const pi0_image *image, const place *p);
int pi0_observation_add_state(observation_file *o, const pi0_state *state, const place *p);
// a copy of text[0..size), which has no NUL inside; a second prompt must be the same
int pi0_observation_set_prompt(observation_file *o, const char *text, size_t size, const place *p);
int pi0_observation_add_unused(observation_file *o, const char *key, const place *p);

/* ---- msgpack ---- */

/* pi0_observation_msgpack() of a document that was read already, which must outlive *o but for
 * `root` itself. Defined in observation_msgpack.c. */
int pi0_observation_unpacked(observation_file *o, const msgpack_object *root, const char *name,
                             const pi0_policy_info *policy, pi0_error *err);

/* ---- numpy's arrays ---- */

/* A picture of the array as this robot gives pictures. u8 stays where it is; floats become f32 that
 * the network's 8 bits or f32 are made of as openpi and LeRobot make them of the file's type. */
int pi0_numpy_image(observation_file *o, const numpy_array *a, const pi0_policy_info *policy,
                    pi0_image *image, const place *p);
#endif
