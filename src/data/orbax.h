/* SPDX-License-Identifier: Apache-2.0 */
/* orbax.h - the arrays of an Orbax (JAX) checkpoint as openpi writes it, by the names of its tree.
 * Source: openpi src/openpi/training/checkpoints.py, src/openpi/models/model.py restore_params. */
#ifndef PI0_ORBAX_H
#define PI0_ORBAX_H
#include "data/zarr.h"

typedef struct orbax_array {
    const char *name; // "PaliGemma/img/embedding/kernel": no "params" in front, no "value" behind
    zarr_array z;
} orbax_array;

typedef struct orbax {
    kv_store kv;
    orbax_array *arrays; // sorted by name
    int n_arrays;
    char *folder; // the one with the arrays: "<step>/params"
    zarr_reader *reader;
} orbax;

/* Is path an Orbax checkpoint: a folder with a folder "params" in it, or that folder itself?
 * One with model.safetensors is none: that decides in openpi too. */
bool pi0_is_orbax(const char *path);
/* The folder that assets/ and config.json belong to: of <step> and of <step>/params it is <step>.
 * malloc'd; NULL: no memory. */
char *pi0_orbax_home(const char *path);

/* Read the tree and every array's .zarray, and find every chunk; no chunk is read. PI0_EIO,
 * PI0_EFORMAT, PI0_EUNSUPPORTED (zarr v3, other compressors …), PI0_ENOMEM. */
int pi0_orbax_open(orbax *o, const char *path, pi0_error *err);
void pi0_orbax_close(orbax *o);

const orbax_array *pi0_orbax_find(const orbax *o, const char *name); // or NULL
#endif
