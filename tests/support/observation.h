/* SPDX-License-Identifier: Apache-2.0 */
/* observation.h - a golden case's observation.msgpack: what a robot sends, as openpi-client packs
 * it (maps, NumPy arrays as maps with the keys data, dtype and shape). */
#ifndef TEST_OBSERVATION_H
#define TEST_OBSERVATION_H
#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct observation {
    char *bytes;
    msgpack_unpacked unpacked;
} observation;

void observation_open(observation *o, const char *path);
void observation_close(observation *o);

// "images/cam_high" is found in nested maps, "observation/image" as a key of its own too
const msgpack_object *observation_find(const observation *o, const char *key);

// a text under a key, malloc'd; NULL where there is none
char *observation_text(const observation *o, const char *key);

// an image under a key as [height][width][3] (malloc'd), from either order of axes; NULL: none
uint8_t *observation_image(const observation *o, const char *key, int *width, int *height);

// the numbers under a key (one number, or an array of f32 or f64), malloc'd; NULL: none
double *observation_numbers(const observation *o, const char *key, int *n);
#endif
