/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.h - the tensors of a checkpoint, whatever it is stored as: safetensors, of which the
 * data are mapped, or openpi's Orbax folders, of which they are decoded when they are read. */
#ifndef PI0_CHECKPOINT_H
#define PI0_CHECKPOINT_H
#include "data/orbax_map.h"

typedef struct checkpoint {
    safetensors st; // the list; data is NULL where they are decoded
    bool is_orbax;
    orbax orbax;
    orbax_map map;
    struct decoded *decoded; // what was read and not forgotten
    struct decoded *spares;  // memory of what was forgotten, for what is read next
} checkpoint;

/* Open a .safetensors file, a folder with one or with shards, or an Orbax checkpoint. cp must stay
 * where it is until it is closed. PI0_EIO, PI0_EFORMAT, PI0_EUNSUPPORTED, PI0_ENOMEM. */
int pi0_checkpoint_open(checkpoint *cp, const char *path, pi0_error *err);
void pi0_checkpoint_close(checkpoint *cp);

// whether a folder has weights in one of the forms that can be opened; they are not looked at
bool pi0_is_checkpoint(const char *dir);

/* The folder that config.json, assets/ and processors of a checkpoint lie in; malloc'd.
 * NULL: no memory. */
char *pi0_checkpoint_home(const char *path);

/* A tensor as a matrix: the first dimension is rows, the rest columns; a vector is one row. Its
 * data are NULL where they have to be read. */
tensor_view pi0_checkpoint_view(const st_tensor *t);
/* The same with its data. The view lives until it is forgotten or the checkpoint closed. Tensors
 * are read fastest in the order of pick. PI0_EFORMAT, PI0_EIO, PI0_ENOMEM. */
int pi0_checkpoint_read(checkpoint *cp, const st_tensor *t, tensor_view *view, pi0_error *err);
// the view will not be read again, or only by pi0_checkpoint_read()
void pi0_checkpoint_forget(checkpoint *cp, const tensor_view *view);

// give back the memory that is kept for reading more
void pi0_checkpoint_trim(checkpoint *cp);

// bytes of the decoded tensors that are held now
size_t pi0_checkpoint_held(const checkpoint *cp);
#endif
