/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_zarr.c - the text of a .zarray, and behind a 0 byte the one chunk of its array, which is
 * read where the array is small. */
#include "data/zarr.h"
#include "fuzz/fuzz.h"
#include "support/tmpdir.h"

#define SMALL 65536 // bytes of an array that is read

static size_t bytes_of(const zarr_array *a)
{
    size_t n = dtype_size(a->type);
    for (int d = 0; d < a->n_dims; d++) n *= (size_t)a->shape[d];
    return n;
}

// all of the array from chunks that are all the same bytes
static void read_array(zarr_array *a, const void *chunk, size_t size)
{
    kv_store kv = { 0 };
    zarr_reader *r = NULL;
    pi0_error err = { 0 };
    ptrdiff_t stride[ZARR_MAX_DIMS];
    int64_t index[ZARR_MAX_DIMS] = { 0 };
    char key[ZARR_KEY_SIZE];
    ptrdiff_t step = 1;
    const kv_value v = { .bytes = (const unsigned char *)pi0_kv_keep(&kv, chunk, size),
                         .length = size };
    a->key = "a";
    for (int d = a->n_dims - 1; d >= 0; d--) {
        stride[d] = step;
        step *= (ptrdiff_t)a->shape[d];
    }
    // the first chunk alone: where there are more, one is missing
    must(!pi0_kv_add(&kv, pi0_zarr_chunk_key(key, a, index), &v, &err));
    int status = pi0_zarr_check_chunks(a, &kv, &err);
    if (!status) status = pi0_zarr_reader_new(&r, &kv, 1 << 20, &err);
    char *to = malloc(bytes_of(a) + 1);
    if (!status) status = pi0_zarr_read(r, a, NULL, 0, to, stride, &err);
    if (status) check_failure(status, &err);
    free(to);
    pi0_zarr_reader_free(r);
    pi0_kv_close(&kv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zarr_array a;
    pi0_error err = { 0 };
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    const size_t n = zero ? (size_t)(zero - data) : size;
    const int status = pi0_zarr_parse(&a, (const char *)data, n, "fuzz", &err);
    if (status) {
        check_failure(status, &err);
        return 0;
    }
    must(a.n_dims >= 0 && a.n_dims <= ZARR_MAX_DIMS);
    for (int d = 0; d < a.n_dims; d++) must(a.chunk[d] >= 1 && a.chunk[d] <= a.shape[d]);
    if (zero && bytes_of(&a) <= SMALL) read_array(&a, zero + 1, size - n - 1);
    return 0;
}
