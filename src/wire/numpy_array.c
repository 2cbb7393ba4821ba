/* SPDX-License-Identifier: Apache-2.0 */
/* numpy_array.c - reading numpy's arrays as openpi-client packs them into msgpack: a map of type,
 * sizes and bytes. Source: openpi packages/openpi-client/src/openpi_client/msgpack_numpy.py. */
#include "core/dtype.h"
#include "core/error.h"
#include "wire/numpy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ELEMENTS ((uint64_t)1 << 31)
#define MAX_ITEM 1000000 // bytes of a number, characters of a text

/* ---- msgpack's maps ---- */

bool pi0_msgpack_is(const msgpack_object *text, const char *name)
{
    const size_t n = strlen(name);
    if (text->type == MSGPACK_OBJECT_STR)
        return text->via.str.size == n && !memcmp(text->via.str.ptr, name, n);
    return text->type == MSGPACK_OBJECT_BIN && text->via.bin.size == n &&
           !memcmp(text->via.bin.ptr, name, n);
}

const msgpack_object *pi0_msgpack_get(const msgpack_object *map, const char *name)
{
    if (map->type != MSGPACK_OBJECT_MAP) return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (pi0_msgpack_is(&map->via.map.ptr[i].key, name)) return &map->via.map.ptr[i].val;
    return NULL;
}

bool pi0_numpy_is_array(const msgpack_object *o)
{
    return pi0_msgpack_get(o, "__ndarray__") != NULL;
}

bool pi0_numpy_is_scalar(const msgpack_object *o)
{
    return pi0_msgpack_get(o, "__npgeneric__") != NULL;
}

static bool plain_number(const msgpack_object *o, double *x)
{
    switch (o->type) {
    case MSGPACK_OBJECT_BOOLEAN: *x = o->via.boolean; return true;
    case MSGPACK_OBJECT_POSITIVE_INTEGER: *x = (double)o->via.u64; return true;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: *x = (double)o->via.i64; return true;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: *x = o->via.f64; return true;
    default: return false;
    }
}

bool pi0_msgpack_number(const msgpack_object *o, double *x)
{
    const msgpack_object *data = pi0_numpy_is_scalar(o) ? pi0_msgpack_get(o, "data") : o;
    return data && plain_number(data, x);
}

/* ---- the parts of an array ---- */

static int refuse_type(const numpy_array *a, const place *p)
{
    const char *what = a->kind == 'O'   ? "of Python objects"
                       : a->kind == 'c' ? "of complex numbers"
                       : a->kind == 'V' ? "of records (void)"
                       : a->kind == 'S' ? "of byte strings"
                                        : "which is not known here";
    return pi0_fail(p->err, PI0_EUNSUPPORTED,
                    "%s: %s: an array of type \"%s\", %s; expected numbers (\"|u1\", \"<f4\", "
                    "\"<f8\", \"<i8\" ...) or text (\"<U9\")",
                    p->file, p->key, a->type, what);
}

// the number behind the kind: characters of a text, bytes of others
static bool is_size(int *size, char kind, const char *digits)
{
    *size = 0;
    for (const char *d = digits; *d; d++) {
        if (*d < '0' || *d > '9') return false;
        *size = 10 * *size + (*d - '0');
        if (*size > MAX_ITEM) return false;
    }
    if (!*size) return false;
    if (kind == 'b') return *size == 1;
    if (kind == 'U') return true;
    return *size == 2 || *size == 4 || *size == 8 || (*size == 1 && kind != 'f');
}

// numpy's short form of a type: byte order, kind, bytes of an element
static int parse_type(numpy_array *a, const msgpack_object *o, const place *p)
{
    const bool text = o && o->type == MSGPACK_OBJECT_STR;
    if (!text && !(o && o->type == MSGPACK_OBJECT_BIN))
        return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: an array without a dtype", p->file, p->key);
    const size_t n = text ? o->via.str.size : o->via.bin.size;
    snprintf(a->type, sizeof a->type, "%.*s", n < sizeof a->type ? (int)n : (int)sizeof a->type,
             text ? o->via.str.ptr : o->via.bin.ptr);
    const char order = a->type[0];
    a->kind = order ? a->type[1] : 0;
    if (n < 2 || n >= sizeof a->type || !strchr("<>|=", order))
        return pi0_fail(p->err, PI0_EUNSUPPORTED,
                        "%s: %s: an array of type \"%s\"; expected numpy's short form, as \"|u1\" "
                        "or \"<f4\"",
                        p->file, p->key, a->type);
    int size;
    if (!strchr("biufU", a->kind) || !is_size(&size, a->kind, a->type + 2))
        return refuse_type(a, p);
    if (order == '>')
        return pi0_fail(p->err, PI0_EUNSUPPORTED,
                        "%s: %s: an array of type \"%s\", with the high byte first; expected \"<%s"
                        "\"",
                        p->file, p->key, a->type, a->type + 1);
    a->item = (size_t)(a->kind == 'U' ? 4 * size : size);
    return PI0_OK;
}

static int parse_shape(numpy_array *a, const msgpack_object *o, const place *p)
{
    if (!o || o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size > NUMPY_MAX_DIMS)
        return pi0_fail(p->err, PI0_EFORMAT,
                        "%s: %s: an array without a shape, or of more than %d dimensions", p->file,
                        p->key, NUMPY_MAX_DIMS);
    uint64_t count = 1;
    a->n_dims = (int)o->via.array.size;
    for (int d = 0; d < a->n_dims; d++) {
        const msgpack_object *size = &o->via.array.ptr[d];
        if (size->type != MSGPACK_OBJECT_POSITIVE_INTEGER || size->via.u64 > MAX_ELEMENTS)
            return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: size %d of the array's shape is not one",
                            p->file, p->key, d);
        a->dims[d] = (int64_t)size->via.u64;
        count *= size->via.u64;
        if (count > MAX_ELEMENTS)
            return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: an array of more than %llu elements",
                            p->file, p->key, (unsigned long long)MAX_ELEMENTS);
    }
    a->count = (size_t)count;
    return PI0_OK;
}

int pi0_numpy_parse(numpy_array *a, const msgpack_object *map, const place *p)
{
    char shape[200];
    *a = (numpy_array){ .kind = 0 };
    int status = parse_type(a, pi0_msgpack_get(map, "dtype"), p);
    if (!status) status = parse_shape(a, pi0_msgpack_get(map, "shape"), p);
    if (status) return status;
    const msgpack_object *data = pi0_msgpack_get(map, "data");
    if (!data || data->type != MSGPACK_OBJECT_BIN)
        return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: an array without data", p->file, p->key);
    if (data->via.bin.size != (uint64_t)a->count * a->item)
        return pi0_fail(
            p->err, PI0_EFORMAT, "%s: %s: an array %s of type \"%s\" has %llu bytes, expected %llu",
            p->file, p->key, pi0_numpy_shape(shape, a), a->type,
            (unsigned long long)data->via.bin.size, (unsigned long long)a->count * a->item);
    a->data = (const unsigned char *)data->via.bin.ptr;
    return PI0_OK;
}

const char *pi0_numpy_shape(char text[200], const numpy_array *a)
{
    int at = snprintf(text, 200, "[");
    for (int d = 0; d < a->n_dims; d++)
        at += snprintf(text + at, 200 - (size_t)at, "%s%lld", d ? "," : "", (long long)a->dims[d]);
    snprintf(text + at, 200 - (size_t)at, "]");
    return text;
}

/* ---- elements ---- */

double pi0_numpy_float(const unsigned char *at, size_t item)
{
    double d;
    if (item != 8) return (double)dtype_load(item == 2 ? DTYPE_F16 : DTYPE_F32, at, 0);
    memcpy(&d, at, sizeof d);
    return d;
}

double pi0_numpy_number(const numpy_array *a, size_t i)
{
    const unsigned char *at = a->data + i * a->item;
    uint64_t u = 0;
    if (a->kind == 'f') return pi0_numpy_float(at, a->item);
    for (size_t b = 0; b < a->item; b++) u |= (uint64_t)at[b] << 8 * b;
    if (a->kind == 'b') return u != 0;
    if (a->kind == 'u') return (double)u;
    // a sign bit of 8, 16, 32 or 64
    const uint64_t sign = (uint64_t)1 << (8 * a->item - 1);
    return (double)(int64_t)((u ^ sign) - sign);
}

/* ---- text ---- */

// a character as UTF-8; 0: there is no such character
static size_t utf8(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff) return 0;
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 63));
    out[0] = (char)((0xf00 >> n & 0xff) | c);
    return n;
}

int pi0_numpy_text(const numpy_array *a, char **text, size_t *size, const place *p)
{
    char shape[200];
    if (a->kind != 'U' || a->count != 1)
        return pi0_fail(p->err, PI0_EFORMAT,
                        "%s: %s: an array %s of type \"%s\", expected one text", p->file, p->key,
                        pi0_numpy_shape(shape, a), a->type);
    // numpy fills up with zeros
    size_t n = a->item / 4, length = 0;
    while (n && !memcmp(a->data + 4 * (n - 1), "\0\0\0", 4)) n--;
    char *out = malloc(4 * n + 1);
    if (!out) return pi0_fail(p->err, PI0_ENOMEM, "%s: no memory for %s", p->file, p->key);
    for (size_t i = 0; i < n; i++) {
        const unsigned char *u = a->data + 4 * i;
        const uint32_t c =
            (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
        const size_t bytes = utf8(out + length, c);
        if (!bytes) {
            free(out);
            return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: character %zu is 0x%x, which is none",
                            p->file, p->key, i, (unsigned)c);
        }
        length += bytes;
    }
    *text = out;
    *size = length;
    return PI0_OK;
}
