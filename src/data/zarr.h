/* SPDX-License-Identifier: Apache-2.0 */
/* zarr.h - arrays of zarr v2, of which Orbax stores one for each leaf of its tree. */
#ifndef PI0_ZARR_H
#define PI0_ZARR_H
#include "core/dtype.h"
#include "data/kv_store.h"
#include <stdbool.h>

#define ZARR_MAX_DIMS 8

typedef struct zarr_array {
    const char *key; // of the array in its store, without "/.zarray"
    dtype type;
    int n_dims;
    int64_t shape[ZARR_MAX_DIMS], chunk[ZARR_MAX_DIMS]; // chunk: 1 to shape
    bool zstd;                                          // else chunks are stored as they are
    char separator;                                     // between a chunk's indices
} zarr_array;

/* From the text of a .zarray; `name` stands in messages. Checked: version, order, types, shape and
 * chunks (positive, of a product that fits). PI0_EFORMAT, PI0_EUNSUPPORTED (what zarr knows and
 * this library does not), PI0_ENOMEM. */
int pi0_zarr_parse(zarr_array *a, const char *json, size_t size, const char *name, pi0_error *err);

uint64_t pi0_zarr_chunk_bytes(const zarr_array *a); // decoded

// "<key>/1.0.3", the key of a chunk; returns text
#define ZARR_KEY_SIZE 1024
const char *pi0_zarr_chunk_key(char text[ZARR_KEY_SIZE], const zarr_array *a,
                               const int64_t index[ZARR_MAX_DIMS]);

// every chunk of the array is there, those stored as they are with the right size; PI0_EFORMAT
int pi0_zarr_check_chunks(const zarr_array *a, const kv_store *kv, pi0_error *err);

/* ---- reading: chunks are decoded as streams that stay open, so that asking for one slice after
 * the other decodes each chunk once and never holds it whole ---- */

typedef struct zarr_reader zarr_reader;

/* budget: bytes that open streams may hold together; the one that was not used for longest is
 * closed and, if it is wanted again, starts over. The store must outlive the reader. */
int pi0_zarr_reader_new(zarr_reader **r, const kv_store *kv, size_t budget, pi0_error *err);
void pi0_zarr_reader_free(zarr_reader *r);

/* The part of array a whose first n_fixed indices are `fixed`, all of the other axes: element
 * [i][j]… of these goes to to[i * stride[0] + j * stride[1] …], in elements; the last stride is 1.
 * PI0_EFORMAT (damaged, too short, too long), PI0_EIO, PI0_ENOMEM, PI0_EUNSUPPORTED. */
int pi0_zarr_read(zarr_reader *r, const zarr_array *a, const int64_t *fixed, int n_fixed, void *to,
                  const ptrdiff_t *stride, pi0_error *err);
#endif
