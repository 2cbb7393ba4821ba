/* SPDX-License-Identifier: Apache-2.0 */
/* observation_file.h - one observation of a robot from a file, with everything that it owns:
 *
 *     FILE.msgpack  what openpi-client sends to a policy server: numpy arrays in msgpack
 *     FILE.json     {"images": {"CAMERA": "picture.png"}, "state": [...] or {"KEY": [...]},
 *                   "prompt": "..."}, pictures relative to the file's folder
 *
 * Names are as in the file: a nested map's keys are joined by "/", and what lies in a map "images"
 * has the name that it has there. The prompt's key is "prompt" or "task". */
#ifndef PI0_TOOLS_OBSERVATION_FILE_H
#define PI0_TOOLS_OBSERVATION_FILE_H
#include "image_file.h"
#include "terminal.h"

#define OBSERVATION_MAX_IMAGES 32
#define OBSERVATION_MAX_STATES 64

typedef struct observation_file {
    pi0_observation in; // what pi0_act() takes; points into what is below
    char **unused;      // keys that are no picture, state or prompt of this robot
    int n_unused;
    void **memory; // owner of all that `in` points to
    size_t n_memory;
} observation_file;

/* Read a file. `policy` tells which keys are cameras and states, and how this robot's pictures lie
 * (ALOHA: planes of colours; DROID, LIBERO: pixels, or planes where the first size is 3; LeRobot:
 * pixels). NULL: each array of three dimensions is a picture, each other of numbers a state.
 * Cameras and states that the robot does not have stay in `in` where the library shall judge them.
 * On failure nothing is left.
 * PI0_EIO, PI0_EFORMAT (names file, key, expected, found; the offset of damage), PI0_EUNSUPPORTED
 * (object, complex, void arrays), PI0_ENOMEM. */
int pi0_observation_file_read(observation_file *o, const char *path, const pi0_policy_info *policy,
                              pi0_error *err);
void pi0_observation_file_free(observation_file *o);

// whether a name is that of an observation: 'm' FILE.msgpack, 'j' FILE.json, 0 neither
char pi0_observation_file_kind(const char *path);
/* Look into a file without a policy, before a model is loaded: it is there and not damaged, the
 * pictures that it names are. Errors as pi0_observation_file_read() */
int pi0_observation_file_check(const char *path, pi0_error *err);

// a warning for each unused key; `path` stands in it
void pi0_observation_file_warn(const observation_file *o, const char *path, notices *w);

/* The same from memory, which must outlive *o: pictures of bytes stay where they are. `name` stands
 * in messages. */
int pi0_observation_msgpack(observation_file *o, const void *data, size_t size, const char *name,
                            const pi0_policy_info *policy, pi0_error *err);
// read_picture: pi0_image_read(), or another source of pictures; dir: what their paths stand in
typedef int (*picture_reader)(image_file *image, const char *path, pi0_error *err);
int pi0_observation_json(observation_file *o, const char *text, size_t size, const char *name,
                         const char *dir, picture_reader read_picture, pi0_error *err);
#endif
