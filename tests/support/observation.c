/* SPDX-License-Identifier: Apache-2.0 */
/* observation.c - reading a golden case's observation.msgpack. */
#include "support/observation.h"
#include "core/file.h"
#include "support/expect.h"
#include <stdlib.h>

void observation_open(observation *o, const char *path)
{
    pi0_error e;
    size_t size, at = 0;
    expect_ok(pi0_file_read(&o->bytes, &size, path, 64u << 20, &e), &e);
    msgpack_unpacked_init(&o->unpacked);
    if (msgpack_unpack_next(&o->unpacked, o->bytes, size, &at) != MSGPACK_UNPACK_SUCCESS)
        fail_msg("%s: not msgpack", path);
}

void observation_close(observation *o)
{
    msgpack_unpacked_destroy(&o->unpacked);
    free(o->bytes);
}

// keys are texts or bytes
static bool key_is(const msgpack_object *k, const char *name, size_t size)
{
    if (k->type == MSGPACK_OBJECT_STR)
        return k->via.str.size == size && !memcmp(k->via.str.ptr, name, size);
    return k->type == MSGPACK_OBJECT_BIN && k->via.bin.size == size &&
           !memcmp(k->via.bin.ptr, name, size);
}

static const msgpack_object *get(const msgpack_object *map, const char *name, size_t size)
{
    if (map->type != MSGPACK_OBJECT_MAP) return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (key_is(&map->via.map.ptr[i].key, name, size)) return &map->via.map.ptr[i].val;
    return NULL;
}

static const msgpack_object *find(const msgpack_object *map, const char *key)
{
    const msgpack_object *o = get(map, key, strlen(key));
    const char *slash = strchr(key, '/');
    if (o || !slash) return o;
    o = get(map, key, (size_t)(slash - key));
    return o ? find(o, slash + 1) : NULL;
}

const msgpack_object *observation_find(const observation *o, const char *key)
{
    return find(&o->unpacked.data, key);
}

char *observation_text(const observation *o, const char *key)
{
    const msgpack_object *text = observation_find(o, key);
    if (!text) return NULL;
    assert_int_equal(text->type, MSGPACK_OBJECT_STR);
    char *copy = calloc(1, text->via.str.size + 1);
    assert_non_null(copy);
    memcpy(copy, text->via.str.ptr, text->via.str.size);
    return copy;
}

// the parts of an array; its size must be that of its elements
static const char *array(const msgpack_object *o, const char *type, size_t item, int dims[4],
                         int *n_dims)
{
    const msgpack_object *data = get(o, "data", 4), *dtype = get(o, "dtype", 5),
                         *shape = get(o, "shape", 5);
    if (!data || !dtype || !shape) return NULL;
    if (!key_is(dtype, type, strlen(type))) return NULL;
    assert_int_equal(data->type, MSGPACK_OBJECT_BIN);
    assert_int_equal(shape->type, MSGPACK_OBJECT_ARRAY);
    assert_true(shape->via.array.size <= 4);
    *n_dims = (int)shape->via.array.size;
    size_t count = item;
    for (int i = 0; i < *n_dims; i++) {
        dims[i] = (int)shape->via.array.ptr[i].via.u64;
        count *= (size_t)dims[i];
    }
    assert_int_equal(count, data->via.bin.size);
    return data->via.bin.ptr;
}

uint8_t *observation_image(const observation *o, const char *key, int *width, int *height)
{
    const msgpack_object *image = observation_find(o, key);
    if (!image) return NULL;
    int dims[4], n_dims;
    const char *data = array(image, "|u1", 1, dims, &n_dims);
    assert_non_null(data);
    assert_int_equal(n_dims, 3);
    const bool planes = dims[0] == 3;
    const int h = planes ? dims[1] : dims[0], w = planes ? dims[2] : dims[1];
    assert_int_equal(planes ? 3 : dims[2], 3);
    uint8_t *rgb = malloc((size_t)w * (size_t)h * 3);
    assert_non_null(rgb);
    // [3][h][w] to [h][w][3]
    for (size_t i = 0; i < (size_t)w * (size_t)h; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)data[planes ? c * (size_t)w * (size_t)h + i : 3 * i + c];
    *width = w;
    *height = h;
    return rgb;
}

double *observation_numbers(const observation *o, const char *key, int *n)
{
    const msgpack_object *v = observation_find(o, key);
    if (!v) return NULL;
    int dims[4], n_dims = 0;
    const char *f4 = NULL, *f8 = NULL;
    const bool one = v->type == MSGPACK_OBJECT_FLOAT64;
    if (!one) f4 = array(v, "<f4", 4, dims, &n_dims);
    if (!one && !f4) f8 = array(v, "<f8", 8, dims, &n_dims);
    assert_true(one || f4 || f8);
    *n = 1;
    for (int i = 0; i < n_dims; i++) *n *= dims[i];
    double *out = malloc((size_t)*n * sizeof *out);
    assert_non_null(out);
    for (int i = 0; i < *n; i++) {
        float f;
        if (one) out[i] = v->via.f64;
        if (f8) memcpy(out + i, f8 + 8 * i, 8);
        if (f4) {
            memcpy(&f, f4 + 4 * i, 4);
            out[i] = f;
        }
    }
    return out;
}
