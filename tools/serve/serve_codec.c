/* SPDX-License-Identifier: Apache-2.0 */
/* serve_codec.c - see serve_codec.h. */
#include "serve_codec.h"
#include "fail.h"
#include "observation_parts.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define NAME "request" // in messages

/* ---- a request's optional keys ---- */

// a whole number: plain, numpy's scalar, or an array of one
static bool whole_number(const msgpack_object *o, uint64_t *value)
{
    numpy_array a;
    const place nowhere = { NAME, "", NULL };
    if (pi0_numpy_is_scalar(o)) o = pi0_msgpack_get(o, "data");
    if (o && pi0_numpy_is_array(o)) {
        if (pi0_numpy_parse(&a, o, &nowhere) || a.count != 1 || !strchr("iu", a.kind)) return false;
        const double x = pi0_numpy_number(&a, 0);
        if (x < 0 || x > 9007199254740992.0) return false;
        *value = (uint64_t)x;
        return true;
    }
    if (!o || o->type != MSGPACK_OBJECT_POSITIVE_INTEGER) return false;
    *value = o->via.u64;
    return true;
}

static int take_seed(serve_input *in, const msgpack_object *root, pi0_error *err)
{
    const msgpack_object *o = pi0_msgpack_get(root, "seed");
    if (!o || o->type == MSGPACK_OBJECT_NIL) return PI0_OK;
    in->has_seed = whole_number(o, &in->seed);
    return in->has_seed ? PI0_OK
                        : pi0_fail(err, PI0_EFORMAT, NAME ": seed: expected a whole number from 0");
}

static int take_steps(serve_input *in, const msgpack_object *root, pi0_error *err)
{
    uint64_t steps;
    const msgpack_object *o = pi0_msgpack_get(root, "num_steps");
    if (!o || o->type == MSGPACK_OBJECT_NIL) return PI0_OK;
    if (!whole_number(o, &steps) || steps < 1 || steps > 1024)
        return pi0_fail(err, PI0_EFORMAT, NAME ": num_steps: expected a whole number, 1 to 1024");
    in->num_steps = (int)steps;
    return PI0_OK;
}

static int take_noise(serve_input *in, const msgpack_object *root, int rows, int cols,
                      pi0_error *err)
{
    char shape[200];
    numpy_array a;
    const place p = { NAME, "noise", err };
    const msgpack_object *o = pi0_msgpack_get(root, "noise");
    if (!o || o->type == MSGPACK_OBJECT_NIL) return PI0_OK;
    if (!pi0_numpy_is_array(o))
        return pi0_fail(err, PI0_EFORMAT, NAME ": noise: expected a numpy array [%d,%d]", rows,
                        cols);
    const int status = pi0_numpy_parse(&a, o, &p);
    if (status) return status;
    if (a.kind != 'f' || a.n_dims != 2 || a.dims[0] != rows || a.dims[1] != cols)
        return pi0_fail(err, PI0_EFORMAT,
                        NAME ": noise: an array %s of type \"%s\", expected floats [%d,%d]",
                        pi0_numpy_shape(shape, &a), a.type, rows, cols);
    in->noise = malloc((a.count ? a.count : 1) * sizeof *in->noise);
    if (!in->noise) return pi0_fail(err, PI0_ENOMEM, NAME ": no memory for noise");
    for (size_t i = 0; i < a.count; i++) {
        in->noise[i] = (float)pi0_numpy_number(&a, i);
        if (!isfinite(in->noise[i]))
            return pi0_fail(err, PI0_EFORMAT, NAME ": noise: value %zu is not finite", i);
    }
    return PI0_OK;
}

int pi0_serve_decode(serve_input *in, const void *data, size_t size, const pi0_policy_info *policy,
                     int rows, int cols, pi0_error *err)
{
    msgpack_unpacked u;
    *in = (serve_input){ .num_steps = 0 };
    int status = pi0_msgpack_read(&u, data, size, NAME, err);
    if (!status) status = take_seed(in, &u.data, err);
    if (!status) status = take_steps(in, &u.data, err);
    if (!status) status = take_noise(in, &u.data, rows, cols, err);
    if (!status) status = pi0_observation_unpacked(&in->o, &u.data, NAME, policy, err);
    msgpack_unpacked_destroy(&u);
    if (status) {
        free(in->noise);
        *in = (serve_input){ .num_steps = 0 };
    }
    return status;
}

void pi0_serve_input_free(serve_input *in)
{
    pi0_observation_file_free(&in->o);
    free(in->noise);
    *in = (serve_input){ .num_steps = 0 };
}

/* ---- a reply ---- */

int pi0_serve_encode(msgpack_sbuffer *to, const serve_output *x, pi0_error *err)
{
    msgpack_packer p;
    const int64_t dims[2] = { x->rows, x->cols };
    const bool second = x->previous_ms >= 0;
    const numpy_array actions = pi0_numpy_array("<f8", 2, dims, x->actions);
    msgpack_packer_init(&p, to, msgpack_sbuffer_write);
    int bad = msgpack_pack_map(&p, 3);
    if (!bad) bad = pi0_pack_text(&p, "actions");
    if (!bad) bad = pi0_numpy_pack(&p, &actions);
    if (!bad) bad = pi0_pack_text(&p, "policy_timing");
    if (!bad) bad = msgpack_pack_map(&p, 1);
    if (!bad) bad = pi0_pack_number(&p, "infer_ms", x->policy_ms);
    if (!bad) bad = pi0_pack_text(&p, "server_timing");
    if (!bad) bad = msgpack_pack_map(&p, second ? 3 : 2);
    if (!bad) bad = pi0_pack_number(&p, "infer_ms", x->server_ms);
    if (!bad) bad = pi0_pack_number(&p, "queue_ms", x->queue_ms);
    if (!bad && second) bad = pi0_pack_number(&p, "prev_total_ms", x->previous_ms);
    return bad ? pi0_fail(err, PI0_ENOMEM, "no memory for a reply") : PI0_OK;
}

/* ---- the policy's metadata ---- */

// as Python's msgpack packs what json reads; recursion is bounded by what the library writes
static int pack_json(msgpack_packer *p, const json_t *o)
{
    const char *key;
    json_t *value;
    size_t i;
    int bad = 0;
    switch (json_typeof(o)) {
    case JSON_OBJECT:
        bad = msgpack_pack_map(p, json_object_size(o));
        json_object_foreach((json_t *)(uintptr_t)o, key, value)
        {
            if (!bad) bad = pi0_pack_text(p, key);
            if (!bad) bad = pack_json(p, value);
        }
        return bad;
    case JSON_ARRAY:
        bad = msgpack_pack_array(p, json_array_size(o));
        json_array_foreach(o, i, value)
        {
            if (!bad) bad = pack_json(p, value);
        }
        return bad;
    case JSON_STRING: return pi0_pack_text(p, json_string_value(o));
    case JSON_INTEGER: return msgpack_pack_int64(p, json_integer_value(o));
    case JSON_REAL: return msgpack_pack_double(p, json_real_value(o));
    case JSON_TRUE: return msgpack_pack_true(p);
    case JSON_FALSE: return msgpack_pack_false(p);
    default: return msgpack_pack_nil(p);
    }
}

int pi0_serve_encode_metadata(msgpack_sbuffer *to, const char *json, pi0_error *err)
{
    msgpack_packer p;
    json_error_t wrong;
    json_t *root = json_loads(json, 0, &wrong);
    if (!root)
        return pi0_fail(err, PI0_EFORMAT, "the policy's metadata is not JSON: %s", wrong.text);
    msgpack_packer_init(&p, to, msgpack_sbuffer_write);
    const int bad = pack_json(&p, root);
    json_decref(root);
    return bad ? pi0_fail(err, PI0_ENOMEM, "no memory for the policy's metadata") : PI0_OK;
}
