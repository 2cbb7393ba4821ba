/* SPDX-License-Identifier: Apache-2.0 */
/* st_header.c - the header of one safetensors file. A file is: length of the header (u64,
 * little-endian), header (JSON: name -> dtype, shape, range of the data), data without gaps. */
#include "data/st_header.h"
#include "data/json.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 100000000u // bytes, as the format's own library
#define NAME_MAX_BYTES 1000
#define DIM_MAX ((json_int_t)1 << 62)

// a tensor whose data is still a range of the file's data
typedef struct entry {
    st_tensor tensor;
    uint64_t begin, end;
} entry;

// what a message is about
typedef struct place {
    const char *file, *tensor;
    pi0_error *err;
} place;

#define bad(at, ...) pi0_st_fail((at)->err, (at)->file, (at)->tensor, __VA_ARGS__)

static int clip(const char *name)
{
    return pi0_json_clip(name, strlen(name));
}

int pi0_st_fail(pi0_error *err, const char *file, const char *tensor, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return pi0_fail(err, PI0_EFORMAT, "%s: tensor \"%.*s\": %s", file, clip(tensor), tensor, text);
}

int pi0_st_no_memory(const char *file, pi0_error *err)
{
    return pi0_fail(err, PI0_ENOMEM, "%s: no memory for the list of tensors", file);
}

static int read_type(st_tensor *t, const json_t *entry_json, const place *at)
{
    const json_t *v = json_object_get(entry_json, "dtype");
    if (!json_is_string(v)) return bad(at, "\"dtype\" is %s, expected a string", pi0_json_kind(v));
    const char *name = json_string_value(v);
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (!strcmp(name, dtype_name((dtype)i))) {
            t->type = (dtype)i;
            return PI0_OK;
        }
    return bad(at,
               "unknown dtype \"%.*s\", expected one of "
               "F32 BF16 F16 F64 U8 I8 I16 I32 I64 BOOL",
               clip(name), name);
}

static int read_dims(st_tensor *t, const json_t *entry_json, const place *at)
{
    const json_t *shape = json_object_get(entry_json, "shape");
    if (!json_is_array(shape))
        return bad(at, "\"shape\" is %s, expected an array", pi0_json_kind(shape));
    const size_t n = json_array_size(shape);
    if (n > ST_MAX_DIMS) return bad(at, "%zu dimensions, at most %d are allowed", n, ST_MAX_DIMS);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(shape, i);
        if (!json_is_integer(v))
            return bad(at, "dimension %zu is %s, expected an integer", i, pi0_json_kind(v));
        const json_int_t d = json_integer_value(v);
        if (d < 0 || d > DIM_MAX)
            return bad(at, "dimension %zu is %lld, expected 0..2^62", i, (long long)d);
        t->dims[i] = d;
    }
    t->n_dims = (int)n;
    return PI0_OK;
}

// bytes that type and shape promise
static int count_bytes(uint64_t *bytes, const st_tensor *t, const place *at)
{
    char shape[ST_MAX_DIMS * 21 + 3];
    uint64_t n = dtype_size(t->type);
    for (int i = 0; i < t->n_dims; i++)
        if (__builtin_mul_overflow(n, (uint64_t)t->dims[i], &n))
            return bad(at, "shape %s is too large to be true",
                       pi0_st_shape(shape, sizeof shape, t));
    *bytes = n;
    return PI0_OK;
}

static int read_range(entry *e, const json_t *entry_json, const place *at)
{
    char shape[ST_MAX_DIMS * 21 + 3];
    uint64_t bytes = 0;
    const int status = count_bytes(&bytes, &e->tensor, at);
    if (status) return status;
    const json_t *v = json_object_get(entry_json, "data_offsets");
    const json_t *first = json_array_get(v, 0), *last = json_array_get(v, 1);
    if (json_array_size(v) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return bad(at, "\"data_offsets\" is %s, expected an array of two integers",
                   pi0_json_kind(v));
    const json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin)
        return bad(at, "\"data_offsets\" [%lld,%lld] is no range", (long long)begin,
                   (long long)end);
    if ((uint64_t)(end - begin) != bytes)
        return bad(at, "\"data_offsets\" [%lld,%lld] has %lld bytes, but %s %s needs %llu",
                   (long long)begin, (long long)end, (long long)(end - begin),
                   dtype_name(e->tensor.type), pi0_st_shape(shape, sizeof shape, &e->tensor),
                   (unsigned long long)bytes);
    e->begin = (uint64_t)begin;
    e->end = (uint64_t)end;
    return PI0_OK;
}

static int read_entry(entry *e, const char *name, const json_t *entry_json, const char *file,
                      pi0_error *err)
{
    const place at = { file, name, err };
    if (!*name) return pi0_fail(err, PI0_EFORMAT, "%s: a tensor has an empty name", file);
    if (strlen(name) > NAME_MAX_BYTES)
        return bad(&at, "the name has %zu bytes, at most %d are allowed", strlen(name),
                   NAME_MAX_BYTES);
    if (!json_is_object(entry_json))
        return bad(&at, "is %s, expected an object", pi0_json_kind(entry_json));
    e->tensor.name = name;
    int status = read_type(&e->tensor, entry_json, &at);
    if (!status) status = read_dims(&e->tensor, entry_json, &at);
    if (!status) status = read_range(e, entry_json, &at);
    return status;
}

// "__metadata__": strings, and of no use here
static int check_metadata(json_t *metadata, const char *file, pi0_error *err)
{
    const char *key;
    json_t *v;
    if (!json_is_object(metadata))
        return pi0_fail(err, PI0_EFORMAT, "%s: \"__metadata__\" is %s, expected an object", file,
                        pi0_json_kind(metadata));
    json_object_foreach(metadata, key, v)
    {
        if (!json_is_string(v))
            return pi0_fail(err, PI0_EFORMAT,
                            "%s: \"__metadata__\": \"%.*s\" is %s, expected a string", file,
                            clip(key), key, pi0_json_kind(v));
    }
    return PI0_OK;
}

// the header's JSON and where the data begins
static int read_header(json_t **header, size_t *start, const unsigned char *data, size_t size,
                       const char *file, pi0_error *err)
{
    static const char lfs[] = "version https://git-lfs";
    if (size < 8)
        return pi0_fail(err, PI0_EFORMAT, "%s: truncated: %zu bytes, expected 8 and more", file,
                        size);
    if (size >= sizeof lfs && !memcmp(data, lfs, sizeof lfs - 1))
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: a pointer of Git LFS, not the file itself: run \"git lfs pull\"",
                        file);
    uint64_t length = 0;
    for (int i = 0; i < 8; i++) length |= (uint64_t)data[i] << 8 * i;
    if (length > HEADER_MAX)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: a header of %llu bytes, at most %u are allowed; "
                        "is this a safetensors file?",
                        file, (unsigned long long)length, HEADER_MAX);
    if (length > size - 8)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: truncated: %zu bytes, but the header ends at byte %llu", file, size,
                        (unsigned long long)length + 8);
    *start = 8 + (size_t)length;
    return pi0_json_parse(header, (const char *)data + 8, (size_t)length, file, err);
}

static int read_entries(entry **entries, size_t *n_entries, json_t *header, const char *file,
                        pi0_error *err)
{
    const char *name;
    json_t *v;
    size_t n = 0;
    entry *list = calloc(json_object_size(header) + 1, sizeof *list);
    if (!list) return pi0_st_no_memory(file, err);
    json_object_foreach(header, name, v)
    {
        const int status = strcmp(name, "__metadata__") ? read_entry(&list[n++], name, v, file, err)
                                                        : check_metadata(v, file, err);
        if (status) {
            free(list);
            return status;
        }
    }
    *entries = list;
    *n_entries = n;
    return PI0_OK;
}

static int by_range(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

// sorted, the ranges must be the file's data: no overlap, no hole, nothing behind
static int check_ranges(entry *entries, size_t n, size_t start, size_t size, const char *file,
                        pi0_error *err)
{
    uint64_t at = 0;
    qsort(entries, n, sizeof *entries, by_range);
    for (size_t i = 0; i < n; i++) {
        const entry *e = &entries[i];
        const place here = { file, e->tensor.name, err };
        if (e->begin < at)
            return bad(&here, "begins at byte %llu of the data, expected %llu: overlaps \"%.*s\"",
                       (unsigned long long)e->begin, (unsigned long long)at,
                       clip(entries[i - 1].tensor.name), entries[i - 1].tensor.name);
        if (e->begin > at)
            return bad(&here,
                       "begins at byte %llu of the data, expected %llu: a hole of %llu bytes",
                       (unsigned long long)e->begin, (unsigned long long)at,
                       (unsigned long long)(e->begin - at));
        at = e->end;
    }
    if (at > size - start)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: truncated: %zu bytes, expected %llu, where \"%.*s\" ends", file, size,
                        (unsigned long long)at + start, clip(entries[n - 1].tensor.name),
                        entries[n - 1].tensor.name);
    if (at < size - start)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: %zu bytes, expected %llu: the rest belongs to no tensor", file, size,
                        (unsigned long long)at + start);
    return PI0_OK;
}

// append the checked entries to st, with copies of their names
static int keep_entries(safetensors *st, const entry *entries, size_t n, const unsigned char *data,
                        const char *file, pi0_error *err)
{
    size_t text_size = 0;
    if (n == 0) return PI0_OK;
    if (n > (size_t)(INT_MAX - st->n_tensors))
        return pi0_fail(err, PI0_EFORMAT, "%s: more than %d tensors", file, INT_MAX);
    for (size_t i = 0; i < n; i++) text_size += strlen(entries[i].tensor.name) + 1;
    st_tensor *list = realloc(st->tensors, ((size_t)st->n_tensors + n) * sizeof *list);
    if (!list) return pi0_st_no_memory(file, err);
    st->tensors = list;
    name_block *names = malloc(sizeof *names + text_size);
    if (!names) return pi0_st_no_memory(file, err);
    names->next = st->names;
    st->names = names;
    char *text = names->text;
    for (size_t i = 0; i < n; i++) {
        st_tensor *t = &list[st->n_tensors++];
        const size_t size = strlen(entries[i].tensor.name) + 1;
        *t = entries[i].tensor;
        t->name = memcpy(text, t->name, size);
        t->data = data + entries[i].begin;
        t->bytes = (size_t)(entries[i].end - entries[i].begin);
        t->file = st->n_files;
        text += size;
    }
    return PI0_OK;
}

int pi0_st_add_tensors(safetensors *st, const unsigned char *data, size_t size, const char *file,
                       pi0_error *err)
{
    json_t *header;
    entry *entries = NULL;
    size_t start = 0, n = 0;
    int status = read_header(&header, &start, data, size, file, err);
    if (status) return status;
    status = read_entries(&entries, &n, header, file, err);
    if (!status) status = check_ranges(entries, n, start, size, file, err);
    if (!status) status = keep_entries(st, entries, n, data + start, file, err);
    free(entries);
    json_decref(header);
    return status;
}
