/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_meta.h - the .zarray of an array, for tests that write arrays themselves. */
#ifndef TEST_ZARR_META_H
#define TEST_ZARR_META_H
#include "data/zarr.h"
#include <stdio.h>

#define ZARR_META_SIZE 900

// "[3,14]" into text
static inline void zarr_meta_list(char text[200], const int64_t *list, int n)
{
    size_t at = (size_t)snprintf(text, 200, "[");
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, 200 - at, "%s%lld", i ? "," : "", (long long)list[i]);
    snprintf(text + at, 200 - at, "]");
}

// type: f32 or bf16; returns text
static inline const char *zarr_meta(char text[ZARR_META_SIZE], int n_dims, const int64_t *shape,
                                    const int64_t *chunk, dtype type, bool zstd)
{
    char shapes[200], chunks[200];
    zarr_meta_list(shapes, shape, n_dims);
    zarr_meta_list(chunks, chunk, n_dims);
    snprintf(text, ZARR_META_SIZE,
             "{\"zarr_format\": 2, \"shape\": %s, \"chunks\": %s, \"dtype\": \"%s\", \"order\": "
             "\"C\", \"fill_value\": null, \"filters\": null, \"compressor\": %s}",
             shapes, chunks, type == DTYPE_BF16 ? "bfloat16" : "<f4",
             zstd ? "{\"id\": \"zstd\", \"level\": 1}" : "null");
    return text;
}
#endif
