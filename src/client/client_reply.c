/* SPDX-License-Identifier: Apache-2.0 */
/* client_reply.c - what a server says: its metadata as JSON, actions and times of a reply. */
#include "client/client.h"
#include "core/error.h"
#include "wire/numpy.h"
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- metadata as JSON ---- */

static json_t *to_json(const msgpack_object *o);

// what is not UTF-8 has no place in JSON
static json_t *text_json(const char *text, size_t size)
{
    json_t *s = json_stringn(text, size);
    return s ? s : json_string("(bytes)");
}

static json_t *number_json(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

// dimensions from d on, from number *i on
static json_t *numbers_json(const numpy_array *a, int d, size_t *i)
{
    if (d == a->n_dims) {
        const double x = pi0_numpy_number(a, (*i)++);
        if (a->kind == 'b') return json_boolean(x != 0);
        return a->kind == 'f' ? number_json(x) : json_integer((json_int_t)x);
    }
    json_t *list = json_array();
    for (int64_t k = 0; k < a->dims[d]; k++) json_array_append_new(list, numbers_json(a, d + 1, i));
    return list;
}

static json_t *array_json(const msgpack_object *o)
{
    const place nowhere = { .err = NULL };
    numpy_array a;
    size_t i = 0;
    // an array without values may claim any number of rows
    if (pi0_numpy_parse(&a, o, &nowhere) || a.kind == 'U' || !a.count) return json_null();
    return numbers_json(&a, 0, &i);
}

static json_t *map_json(const msgpack_object *o)
{
    json_t *map = json_object();
    for (uint32_t i = 0; i < o->via.map.size; i++) {
        const msgpack_object *k = &o->via.map.ptr[i].key;
        json_t *key = k->type == MSGPACK_OBJECT_STR   ? text_json(k->via.str.ptr, k->via.str.size)
                      : k->type == MSGPACK_OBJECT_BIN ? text_json(k->via.bin.ptr, k->via.bin.size)
                                                      : NULL;
        if (key) json_object_set_new(map, json_string_value(key), to_json(&o->via.map.ptr[i].val));
        json_decref(key);
    }
    return map;
}

static json_t *list_json(const msgpack_object *o)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < o->via.array.size; i++)
        json_array_append_new(list, to_json(&o->via.array.ptr[i]));
    return list;
}

// recursion is bounded by pi0_msgpack_read()
static json_t *to_json(const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_BOOLEAN: return json_boolean(o->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return o->via.u64 > INT64_MAX ? json_real((double)o->via.u64)
                                      : json_integer((json_int_t)o->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: return json_integer((json_int_t)o->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: return number_json(o->via.f64);
    case MSGPACK_OBJECT_STR: return text_json(o->via.str.ptr, o->via.str.size);
    case MSGPACK_OBJECT_BIN: return text_json(o->via.bin.ptr, o->via.bin.size);
    case MSGPACK_OBJECT_ARRAY: return list_json(o);
    case MSGPACK_OBJECT_MAP: break;
    default: return json_null();
    }
    if (pi0_numpy_is_array(o)) return array_json(o);
    if (!pi0_numpy_is_scalar(o)) return map_json(o);
    const msgpack_object *value = pi0_msgpack_get(o, "data");
    return value ? to_json(value) : json_null();
}

/* ---- documents ---- */

// whatever comes back, destroy *u
static int unpack(msgpack_unpacked *u, const void *data, size_t size, const char *name,
                  pi0_error *err)
{
    const int status = pi0_msgpack_read(u, data, size, name, err);
    if (status) return status;
    if (u->data.type != MSGPACK_OBJECT_MAP)
        return pi0_fail(err, PI0_EFORMAT, "%s: the server sent no map", name);
    return PI0_OK;
}

int pi0_client_json(char **text, const void *data, size_t size, const char *name, pi0_error *err)
{
    msgpack_unpacked u;
    int status = unpack(&u, data, size, name, err);
    if (!status) {
        // jansson goes on with a part left out where malloc failed: ask errno
        errno = 0;
        json_t *root = to_json(&u.data);
        char *made = root ? json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        const bool whole = made && errno != ENOMEM;
        json_decref(root);
        if (whole)
            *text = made;
        else
            free(made);
        if (!whole) status = pi0_fail(err, PI0_ENOMEM, "%s: no memory for metadata", name);
    }
    msgpack_unpacked_destroy(&u);
    return status;
}

/* ---- a reply ---- */

static double time_of(const msgpack_object *root, const char *map, const char *key)
{
    double x;
    const msgpack_object *times = pi0_msgpack_get(root, map);
    const msgpack_object *value = times ? pi0_msgpack_get(times, key) : NULL;
    return value && pi0_msgpack_number(value, &x) ? x : NAN;
}

static int find_actions(numpy_array *a, const msgpack_object *root, size_t room, const place *p)
{
    char shape[200];
    const msgpack_object *o = pi0_msgpack_get(root, "actions");
    if (!o || !pi0_numpy_is_array(o))
        return pi0_fail(p->err, PI0_EFORMAT, "%s: a reply without actions", p->file);
    const int status = pi0_numpy_parse(a, o, p);
    if (status) return status;
    if (a->kind == 'U' || a->n_dims != 2 || !a->count || a->dims[0] > INT32_MAX ||
        a->dims[1] > INT32_MAX)
        return pi0_fail(p->err, PI0_EFORMAT,
                        "%s: actions %s of type \"%s\", expected numbers [rows,columns]", p->file,
                        pi0_numpy_shape(shape, a), a->type);
    if (a->count > room)
        return pi0_fail(p->err, PI0_EINVAL, "%s: actions %s, and room for %zu numbers", p->file,
                        pi0_numpy_shape(shape, a), room);
    for (size_t i = 0; i < a->count; i++)
        if (!isfinite(pi0_numpy_number(a, i)))
            return pi0_fail(p->err, PI0_ENUMERIC, "%s: action [%zu,%zu] is not finite", p->file,
                            i / (size_t)a->dims[1], i % (size_t)a->dims[1]);
    return PI0_OK;
}

int pi0_client_read(double *actions, size_t n_actions, pi0_client_reply *reply, const void *data,
                    size_t size, const char *name, pi0_error *err)
{
    msgpack_unpacked u;
    numpy_array a;
    const place p = { name, "actions", err };
    int status = unpack(&u, data, size, name, err);
    if (!status) status = find_actions(&a, &u.data, n_actions, &p);
    if (!status) {
        for (size_t i = 0; i < a.count; i++) actions[i] = pi0_numpy_number(&a, i);
        reply->rows = (int)a.dims[0];
        reply->cols = (int)a.dims[1];
        reply->policy_ms = time_of(&u.data, "policy_timing", "infer_ms");
        reply->infer_ms = time_of(&u.data, "server_timing", "infer_ms");
        reply->queue_ms = time_of(&u.data, "server_timing", "queue_ms");
        reply->prev_total_ms = time_of(&u.data, "server_timing", "prev_total_ms");
    }
    msgpack_unpacked_destroy(&u);
    return status;
}
