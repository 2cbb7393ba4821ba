/* SPDX-License-Identifier: Apache-2.0 */
/* observation_parts.h - what the two readers of observations share: adding a picture, a state, the
 * prompt; and numpy's arrays, which msgpack carries. */
#ifndef PI0_TOOLS_OBSERVATION_PARTS_H
#define PI0_TOOLS_OBSERVATION_PARTS_H
#include "observation_file.h"
#include <msgpack.h>

// where messages point to
typedef struct place {
    const char *file, *key;
    pi0_error *err;
} place;

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

/* ---- numpy's arrays ---- */

#define NUMPY_MAX_DIMS 8
typedef struct numpy_array {
    char kind;     // b, u, i, f, U
    size_t item;   // bytes of an element
    char type[16]; // as the file writes it: "<f4"
    int n_dims;
    int64_t dims[NUMPY_MAX_DIMS];
    size_t count;
    const unsigned char *data; // unaligned
} numpy_array;

bool pi0_msgpack_is(const msgpack_object *text, const char *name); // text or bytes
// the value of a map's key, NULL if there is none
const msgpack_object *pi0_msgpack_get(const msgpack_object *map, const char *name);

// the parts of a map with the key __ndarray__. PI0_EFORMAT, PI0_EUNSUPPORTED
int pi0_numpy_parse(numpy_array *a, const msgpack_object *map, const place *p);
// "[3,480,640]"; returns text
const char *pi0_numpy_shape(char text[200], const numpy_array *a);
// element i of an array of numbers
double pi0_numpy_number(const numpy_array *a, size_t i);
/* A picture of the array as this robot gives pictures. u8 stays where it is; floats become f32 that
 * the network's 8 bits or f32 are made of as openpi and LeRobot make them of the file's type. */
int pi0_numpy_image(observation_file *o, const numpy_array *a, const pi0_policy_info *policy,
                    pi0_image *image, const place *p);
// the one text of an array of texts (UTF-32), as UTF-8 from malloc
int pi0_numpy_text(const numpy_array *a, char **text, size_t *size, const place *p);

/* Check a whole document before msgpack-c reads it, which trusts its counts: one value, nothing
 * behind it, nothing cut off, depth and number of values bounded. PI0_EFORMAT with the offset */
int pi0_msgpack_check(const void *data, size_t size, const char *file, pi0_error *err);
#endif
