/* SPDX-License-Identifier: Apache-2.0 */
/* orbax_map.h - from the arrays of JAX's tree to the tensors of the table: openpi's PyTorch names
 * and shapes, read as views of the arrays' slices.
 * Source: openpi examples/convert_jax_model_to_pytorch.py, src/openpi/models/{gemma,siglip,lora}.py
 */
#ifndef PI0_ORBAX_MAP_H
#define PI0_ORBAX_MAP_H
#include "core/mat.h"
#include "data/orbax.h"
#include "data/tensors.h"

// which tensor is which part of which array
typedef struct orbax_pick {
    enum tensor_id id;
    int layer;
    const orbax_array *array;
    const orbax_array *lora_a, *lora_b; // NULL: the array alone
} orbax_pick;

typedef struct orbax_map {
    orbax_pick *picks; // in the order of the arrays' bytes: reading them so decodes each once
    int n_picks;
    int lora_rank; // the largest; 0: there is no LoRA
} orbax_map;

/* Fill st with the tensors of the tree, without data, `pick` being the index into the map; arrays
 * that belong to no tensor are listed by their own names, with pick -1. Checked: every array of the
 * model is there with a shape that fits the others. PI0_EFORMAT names the array, PI0_ENOMEM. */
int pi0_orbax_map(orbax_map *map, safetensors *st, orbax *o, pi0_error *err);
void pi0_orbax_map_free(orbax_map *map);

/* Read a tensor: rows are the first dimension of its shape, columns the rest. With LoRA the sum, in
 * f32. *owner is the memory behind the view, of *room bytes, the caller's (free): what it points to
 * before is used if it is large enough, else freed. PI0_EFORMAT, PI0_EIO, PI0_ENOMEM,
 * PI0_EUNSUPPORTED. */
int pi0_orbax_read(tensor_view *view, void **owner, size_t *room, const orbax *o,
                   const orbax_pick *pick, pi0_error *err);

/* ---- between the files of this part ---- */

/* How an array's axes become a tensor's: axes has a letter for each axis ('.': of size 1, '0' or
 * '1': that index of two, 'k' and 'L': the layer), tensor the letters of each dimension, with
 * commas between. Axes that are picked stand in front. */
typedef struct orbax_row {
    enum tensor_id id;
    const char *array, *axes, *tensor;
} orbax_row;
const orbax_row *pi0_orbax_row(enum tensor_id id);
// the indices of an array's picked axes for a layer; returns how many stand in front
int pi0_orbax_fixed(int64_t fixed[ZARR_MAX_DIMS], const orbax_row *row, int n_dims, int layer);

// n values in f32, malloc'd, in place of those at `raw`, which are freed; NULL: PI0_ENOMEM
float *pi0_orbax_widen(void *raw, dtype type, size_t n, pi0_error *err);
// the low-rank update of a tensor, added to to[in][out] (f32, as pi0_orbax_read lays it out)
int pi0_orbax_add_lora(float *to, int rows, int cols, const orbax *o, const orbax_pick *pick,
                       pi0_error *err);
// lora_a and lora_b of an array, where they are; a half that is alone and wrong shapes:
// PI0_EFORMAT; beside an array that is no product of a layer: PI0_EUNSUPPORTED
int pi0_orbax_find_lora(orbax_pick *pick, int *rank, const orbax *o, pi0_error *err);
#endif
