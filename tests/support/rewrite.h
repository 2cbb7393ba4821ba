/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite.h - a checkpoint with some tensors changed, written into a temporary folder. */
#ifndef TEST_REWRITE_H
#define TEST_REWRITE_H
#include "data/safetensors.h"
#include "support/tmpdir.h"
#include <stdbool.h>

typedef struct rewrite_tensor {
    char name[200];
    dtype type;
    int n_dims;
    int64_t dims[ST_MAX_DIMS];
    void *data; // malloc'd
    size_t bytes;
    bool drop;
} rewrite_tensor;

typedef struct rewrite {
    rewrite_tensor *tensor;
    int n;
} rewrite;

rewrite rewrite_open(const char *dir); // all tensors of dir/model.safetensors
void rewrite_free(rewrite *w);
rewrite_tensor *rewrite_find(rewrite *w, const char *name_end); // the one whose name ends so
rewrite_tensor *rewrite_copy(rewrite *w, const char *name_end, const char *new_name);
void rewrite_convert(rewrite_tensor *t, dtype type); // f32 or bf16 to f16, bf16 or f32
void rewrite_prefix(rewrite *w, const char *prefix); // in front of every name
// tensors [first, last) that are not dropped, as dir/name
void rewrite_write(const rewrite *w, int first, int last, const tmpdir *dir, const char *name);
// all tensors, in two files and their index
void rewrite_write_shards(const rewrite *w, const tmpdir *dir);
#endif
