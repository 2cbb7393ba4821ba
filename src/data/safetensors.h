/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors.h - tensors of a checkpoint, memory-mapped: one file, or shards with an index. */
#ifndef PI0_SAFETENSORS_H
#define PI0_SAFETENSORS_H
#include "core/dtype.h"
#include "core/file.h"

#define ST_MAX_DIMS 8

typedef struct st_tensor {
    const char *name;
    dtype type;
    int n_dims;
    int64_t dims[ST_MAX_DIMS];
    const void *data; // in the map; may be unaligned
    size_t bytes;
    int file; // index of the shard
    int pick; // of an Orbax checkpoint: index into its map; -1: of no tensor
} st_tensor;

typedef struct safetensors {
    st_tensor *tensors; // sorted by name, each name once over all files
    int n_tensors;
    file_map *maps;
    char **paths;
    int n_files;
    void *names; // owner of the name strings
} safetensors;

/* Open `path`: a .safetensors file, or a folder with model.safetensors or with
 * model.safetensors.index.json and its shards. Every header is checked whole before it returns:
 * JSON (UTF-8, no key twice), types, dims * size == range, ranges inside the file, without overlap
 * and without holes. PI0_EIO, PI0_EFORMAT (names file, tensor, expected and found), PI0_ENOMEM. */
int pi0_safetensors_open(safetensors *st, const char *path, pi0_error *err);
void pi0_safetensors_close(safetensors *st);
// whether a folder has one of the two; false also without memory
bool pi0_is_safetensors_folder(const char *dir);

// the same from memory (one file; the bytes are borrowed and must outlive st); for tests
int pi0_safetensors_parse(safetensors *st, const void *data, size_t size, const char *name,
                          pi0_error *err);

const st_tensor *pi0_safetensors_find(const safetensors *st, const char *name); // or NULL
// the tensors that one name may stand for: "model.<name>" of LeRobot's, <name> of openpi's; returns
// how many are there, those behind them are NULL
int pi0_safetensors_find_both(const safetensors *st, const char *name, const st_tensor *found[2]);
// a key without the "model." that LeRobot puts in front
const char *pi0_safetensors_bare_name(const char *key);

// the bytes at data (in one of the maps) will not be read again soon: their pages need not stay in
// this process's memory; reading them again is correct, and reads the file
void pi0_safetensors_forget(const safetensors *st, const void *data, size_t bytes);

// "[3,14]" into text, always terminated; returns text
const char *pi0_st_shape(char *text, size_t size, const st_tensor *t);
#endif
