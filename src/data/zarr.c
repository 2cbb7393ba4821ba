/* SPDX-License-Identifier: Apache-2.0 */
/* zarr.c - what a .zarray says, and the keys of an array's chunks. */
#include "data/zarr.h"
#include "data/json.h"
#include <stdio.h>
#include <string.h>

#define MAX_SIDE ((json_int_t)1 << 40)

// positive integers, as many as there are dimensions (*n_dims -1: as many as there are)
static int read_sizes(int64_t *sizes, int *n_dims, const json_t *root, const char *key,
                      const char *name, pi0_error *err)
{
    const json_t *list = json_object_get(root, key);
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > ZARR_MAX_DIMS || (*n_dims >= 0 && n != (size_t)*n_dims))
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: \"%s\" is %s, expected an array of at most %d sizes, as many as the "
                        "array has dimensions",
                        name, key, pi0_json_kind(list), ZARR_MAX_DIMS);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        const json_int_t size = json_integer_value(v);
        if (!json_is_integer(v) || size < 1 || size > MAX_SIDE)
            return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\"[%zu] is no size from 1 to 2^40", name,
                            key, i);
        sizes[i] = size;
    }
    *n_dims = (int)n;
    return PI0_OK;
}

static int read_type(zarr_array *a, const json_t *root, const char *name, pi0_error *err)
{
    static const struct {
        const char *name;
        dtype type;
    } known[] = { { "<f4", DTYPE_F32 }, { "bfloat16", DTYPE_BF16 }, { "<f2", DTYPE_F16 },
                  { "<f8", DTYPE_F64 }, { "|u1", DTYPE_U8 },        { "|i1", DTYPE_I8 },
                  { "<i2", DTYPE_I16 }, { "<i4", DTYPE_I32 },       { "<i8", DTYPE_I64 },
                  { "|b1", DTYPE_BOOL } };
    const json_t *v = json_object_get(root, "dtype");
    const char *text = json_string_value(v);
    for (size_t i = 0; text && i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, text)) {
            a->type = known[i].type;
            return PI0_OK;
        }
    if (!text)
        return pi0_fail(err, PI0_EFORMAT, "%s: \"dtype\" is %s, expected a string", name,
                        pi0_json_kind(v));
    return pi0_fail(err, PI0_EUNSUPPORTED,
                    "%s: \"dtype\" is \"%.*s\"; known are <f4, bfloat16, <f2, <f8, |u1, |i1, <i2, "
                    "<i4, <i8, |b1",
                    name, pi0_json_clip(text, strlen(text)), text);
}

static int read_compressor(zarr_array *a, const json_t *root, const char *name, pi0_error *err)
{
    const json_t *v = json_object_get(root, "compressor");
    const char *id = json_string_value(json_object_get(v, "id"));
    a->zstd = id && !strcmp(id, "zstd");
    if (!v || json_is_null(v) || a->zstd) return PI0_OK;
    return pi0_fail(err, PI0_EUNSUPPORTED,
                    "%s: the compressor is \"%.*s\"; zstd and none are supported", name,
                    id ? pi0_json_clip(id, strlen(id)) : 1, id ? id : "?");
}

static int read_layout(zarr_array *a, const json_t *root, const char *name, pi0_error *err)
{
    char order[4] = "C", separator[4] = ".";
    const json_t *filters = json_object_get(root, "filters");
    int version = 2;
    int status = pi0_json_int(root, "zarr_format", 2, 2, &version, name, err);
    if (!status) status = pi0_json_string(root, "order", order, sizeof order, name, err);
    if (!status)
        status =
            pi0_json_string(root, "dimension_separator", separator, sizeof separator, name, err);
    if (status) return status;
    if (strcmp(order, "C"))
        return pi0_fail(err, PI0_EUNSUPPORTED, "%s: order \"%s\" is not supported, only \"C\"",
                        name, order);
    if (strcmp(separator, ".") && strcmp(separator, "/"))
        return pi0_fail(err, PI0_EFORMAT, "%s: \"dimension_separator\" is \"%s\", expected . or /",
                        name, separator);
    if (filters && !json_is_null(filters))
        return pi0_fail(err, PI0_EUNSUPPORTED, "%s: filters are not supported", name);
    a->separator = separator[0];
    return PI0_OK;
}

// bytes of the whole array must fit, so that no product of sizes below overflows
static int check_sizes(const zarr_array *a, const char *name, pi0_error *err)
{
    int64_t bytes = (int64_t)dtype_size(a->type);
    for (int i = 0; i < a->n_dims; i++) {
        if (a->chunk[i] > a->shape[i])
            return pi0_fail(err, PI0_EFORMAT,
                            "%s: chunks have %lld along axis %d, where the array has %lld", name,
                            (long long)a->chunk[i], i, (long long)a->shape[i]);
        // chunks at the end may be cut off: twice the size is enough for all of them
        if (__builtin_mul_overflow(bytes, 2 * a->shape[i], &bytes))
            return pi0_fail(err, PI0_EFORMAT, "%s: the shape is too large to be true", name);
    }
    return PI0_OK;
}

static int read_root(zarr_array *a, const json_t *root, const char *name, pi0_error *err)
{
    a->n_dims = -1;
    int status = read_layout(a, root, name, err);
    if (!status) status = read_type(a, root, name, err);
    if (!status) status = read_sizes(a->shape, &a->n_dims, root, "shape", name, err);
    if (!status) status = read_sizes(a->chunk, &a->n_dims, root, "chunks", name, err);
    if (!status) status = read_compressor(a, root, name, err);
    return status ? status : check_sizes(a, name, err);
}

int pi0_zarr_parse(zarr_array *a, const char *json, size_t size, const char *name, pi0_error *err)
{
    json_t *root;
    zarr_array made = { 0 };
    int status = pi0_json_parse(&root, json, size, name, err);
    if (status) return status;
    status = read_root(&made, root, name, err);
    json_decref(root);
    if (!status) *a = made;
    return status;
}

uint64_t pi0_zarr_chunk_bytes(const zarr_array *a)
{
    uint64_t n = dtype_size(a->type);
    for (int i = 0; i < a->n_dims; i++) n *= (uint64_t)a->chunk[i];
    return n;
}

const char *pi0_zarr_chunk_key(char text[ZARR_KEY_SIZE], const zarr_array *a,
                               const int64_t index[ZARR_MAX_DIMS])
{
    int at = snprintf(text, ZARR_KEY_SIZE, "%s/%s", a->key, a->n_dims ? "" : "0");
    for (int i = 0; i < a->n_dims && at < ZARR_KEY_SIZE; i++)
        at += snprintf(text + at, (size_t)(ZARR_KEY_SIZE - at), "%.*s%lld", i > 0, &a->separator,
                       (long long)index[i]);
    return text;
}

static int check_chunk(const zarr_array *a, const kv_store *kv, const int64_t *index,
                       pi0_error *err)
{
    char key[ZARR_KEY_SIZE];
    const kv_value *v = pi0_kv_find(kv, pi0_zarr_chunk_key(key, a, index));
    if (!v) return pi0_fail(err, PI0_EFORMAT, "chunk %s is missing", key);
    if (a->zstd || v->length == pi0_zarr_chunk_bytes(a)) return PI0_OK;
    return pi0_fail(err, PI0_EFORMAT, "chunk %s has %llu bytes, expected %llu", key,
                    (unsigned long long)v->length, (unsigned long long)pi0_zarr_chunk_bytes(a));
}

int pi0_zarr_check_chunks(const zarr_array *a, const kv_store *kv, pi0_error *err)
{
    int64_t index[ZARR_MAX_DIMS] = { 0 };
    for (;;) {
        // a missing one ends this: it takes no longer than there are keys
        const int status = check_chunk(a, kv, index, err);
        if (status) return status;
        int d = a->n_dims - 1;
        while (d >= 0 && ++index[d] * a->chunk[d] >= a->shape[d]) index[d--] = 0;
        if (d < 0) return PI0_OK;
    }
}
