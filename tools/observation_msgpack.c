/* SPDX-License-Identifier: Apache-2.0 */
/* observation_msgpack.c - an observation as openpi-client sends it to a policy server: a map of
 * numpy arrays, numbers and texts, some in maps of their own. Each key becomes a picture, a state,
 * the prompt, or is not used. Source: openpi packages/openpi-client/src/openpi_client/
 * msgpack_numpy.py, src/openpi/policies/aloha_policy.py, droid_policy.py, libero_policy.py. */
#include "observation_parts.h"
#include <stdlib.h>
#include <string.h>

#define MAX_LEAVES 256
#define MAX_KEY 256 // bytes of all keys on the way to a value
#define IMAGES "images/"

// a value and the keys on the way to it, joined by "/"
typedef struct leaf {
    char *key;
    const msgpack_object *value;
    bool used;
} leaf;

typedef struct reading {
    observation_file *o;
    const pi0_policy_info *policy; // or NULL
    place p;
    leaf leaves[MAX_LEAVES];
    int n;
} reading;

/* ---- all values ---- */

static int add_leaf(reading *r, const char *key, const msgpack_object *value)
{
    if (r->n == MAX_LEAVES)
        return pi0_fail(r->p.err, PI0_EFORMAT, "%s: more than %d keys", r->p.file, MAX_LEAVES);
    for (int i = 0; i < r->n; i++)
        if (!strcmp(r->leaves[i].key, key))
            return pi0_fail(r->p.err, PI0_EFORMAT, "%s: the key %s is there twice", r->p.file, key);
    char *copy = pi0_observation_alloc(r->o, strlen(key) + 1);
    if (!copy) return pi0_fail(r->p.err, PI0_ENOMEM, "%s: no memory for a key", r->p.file);
    strcpy(copy, key);
    r->leaves[r->n++] = (leaf){ .key = copy, .value = value };
    return PI0_OK;
}

// append a key to those in front of it; texts, or bytes as numpy's own keys are
static int extend_key(char key[MAX_KEY], const msgpack_object *k, const place *p)
{
    const size_t at = strlen(key);
    const bool text = k->type == MSGPACK_OBJECT_STR;
    if (!text && k->type != MSGPACK_OBJECT_BIN)
        return pi0_fail(p->err, PI0_EFORMAT, "%s: a key in \"%s\" is neither text nor bytes",
                        p->file, key);
    const size_t n = text ? k->via.str.size : k->via.bin.size;
    const char *bytes = text ? k->via.str.ptr : k->via.bin.ptr;
    if (at + n + 2 > MAX_KEY || (n && memchr(bytes, 0, n)))
        return pi0_fail(p->err, PI0_EFORMAT,
                        "%s: a key in \"%s\" has a NUL inside, or more than %d bytes", p->file, key,
                        MAX_KEY - 2);
    if (at) key[at] = '/';
    if (n) memcpy(key + at + (at > 0), bytes, n);
    key[at + (at > 0) + n] = 0;
    return PI0_OK;
}

// recursion is bounded by pi0_msgpack_read()
static int collect(reading *r, const msgpack_object *map, const char *before)
{
    int status = PI0_OK;
    for (uint32_t i = 0; i < map->via.map.size && !status; i++) {
        char key[MAX_KEY];
        strcpy(key, before);
        const msgpack_object *value = &map->via.map.ptr[i].val;
        status = extend_key(key, &map->via.map.ptr[i].key, &r->p);
        if (status) break;
        const bool inner = value->type == MSGPACK_OBJECT_MAP && value->via.map.size &&
                           !pi0_numpy_is_array(value) && !pi0_numpy_is_scalar(value);
        status = inner ? collect(r, value, key) : add_leaf(r, key, value);
    }
    return status;
}

/* ---- numbers ---- */

// a number, or a list of numbers
static bool is_numeric(const msgpack_object *o)
{
    double x;
    if (o->type != MSGPACK_OBJECT_ARRAY) return pi0_msgpack_number(o, &x);
    for (uint32_t i = 0; i < o->via.array.size; i++)
        if (!pi0_msgpack_number(&o->via.array.ptr[i], &x)) return false;
    return true;
}

static bool is_vector(const numpy_array *a)
{
    return a->kind != 'U' && a->n_dims <= 1 && a->count <= INT32_MAX;
}

// a number, a list of numbers, an array of at most one dimension
static int take_state(reading *r, leaf *l, const char *name, const numpy_array *a, const place *p)
{
    char shape[200];
    const msgpack_object *v = l->value;
    const bool list = v->type == MSGPACK_OBJECT_ARRAY;
    if (a && !is_vector(a))
        return pi0_fail(p->err, PI0_EFORMAT,
                        "%s: %s: an array %s of type \"%s\", expected numbers in one dimension",
                        p->file, p->key, pi0_numpy_shape(shape, a), a->type);
    const size_t n = a ? a->count : list ? v->via.array.size : 1;
    double *values = pi0_observation_alloc(r->o, n * sizeof *values);
    if (!values) return pi0_fail(p->err, PI0_ENOMEM, "%s: no memory for %s", p->file, p->key);
    for (size_t i = 0; i < n; i++) {
        if (a)
            values[i] = pi0_numpy_number(a, i);
        else if (!pi0_msgpack_number(list ? &v->via.array.ptr[i] : v, &values[i]))
            return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: value %zu is not a number", p->file,
                            p->key, i);
    }
    l->used = true;
    return pi0_observation_add_state(
        r->o, &(pi0_state){ .name = name, .values = values, .n = (int)n }, p);
}

/* ---- pictures, text ---- */

static int take_image(reading *r, leaf *l, const char *name, const numpy_array *a, const place *p)
{
    pi0_image image = { .camera = name };
    if (!a)
        return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: expected a picture, which is a numpy array",
                        p->file, p->key);
    const int status = pi0_numpy_image(r->o, a, r->policy, &image, p);
    if (status) return status;
    l->used = true;
    return pi0_observation_add_image(r->o, &image, p);
}

// text, bytes, an array of one text, a list of one of these
static int take_prompt(reading *r, leaf *l, const numpy_array *a, const place *p)
{
    const msgpack_object *v = l->value;
    char *text;
    size_t size;
    l->used = true;
    if (a) {
        int status = pi0_numpy_text(a, &text, &size, p);
        if (status) return status;
        status = pi0_observation_set_prompt(r->o, text, size, p);
        free(text);
        return status;
    }
    if (v->type == MSGPACK_OBJECT_ARRAY && v->via.array.size == 1) v = &v->via.array.ptr[0];
    if (v->type == MSGPACK_OBJECT_STR)
        return pi0_observation_set_prompt(r->o, v->via.str.ptr, v->via.str.size, p);
    if (v->type == MSGPACK_OBJECT_BIN)
        return pi0_observation_set_prompt(r->o, v->via.bin.ptr, v->via.bin.size, p);
    return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: expected one text", p->file, p->key);
}

/* ---- which key is what ---- */

// a camera's name without the map that it may lie in
static const char *camera_name(const char *key)
{
    const size_t n = strlen(IMAGES);
    return strncmp(key, IMAGES, n) ? key : key + n;
}

static bool is_camera(const pi0_policy_info *policy, const char *key)
{
    for (int i = 0; i < policy->n_cameras; i++)
        if (!strcmp(policy->cameras[i].name, key) ||
            !strcmp(policy->cameras[i].name, camera_name(key)))
            return true;
    return false;
}

static bool is_state(const pi0_policy_info *policy, const char *key)
{
    for (int i = 0; i < policy->n_states; i++)
        if (!strcmp(policy->states[i].name, key)) return true;
    return false;
}

// one that the library knows by another name (LeRobot's rename step), or shall refuse
static bool judged_by_library(const reading *r, const leaf *l, const numpy_array *a)
{
    const pi0_policy_info *policy = r->policy;
    if (!policy || camera_name(l->key) != l->key) return true;
    if (policy->extra_allowed || !strcmp(policy->robot, "ALOHA")) return false;
    if (a->n_dims == 3) return true;
    for (int i = 0; i < policy->n_states; i++) {
        bool there = false;
        for (int k = 0; k < r->n; k++) there |= !strcmp(r->leaves[k].key, policy->states[i].name);
        if (!there) return !strncmp(l->key, "observation", strlen("observation"));
    }
    return false;
}

static int take_leaf(reading *r, leaf *l)
{
    const place p = { r->p.file, l->key, r->p.err };
    numpy_array array, *a = NULL;
    const bool prompt = !strcmp(l->key, "prompt") || !strcmp(l->key, "task");
    const bool camera = r->policy && is_camera(r->policy, l->key);
    const bool state = r->policy && is_state(r->policy, l->key);
    if (pi0_numpy_is_array(l->value)) {
        const int status = pi0_numpy_parse(&array, l->value, &p);
        if (status) return status;
        a = &array;
    }
    if (prompt) return take_prompt(r, l, a, &p);
    if (camera) return take_image(r, l, camera_name(l->key), a, &p);
    if (state) return take_state(r, l, l->key, a, &p);

    // neither asked for nor known
    if (a && judged_by_library(r, l, a)) {
        if (a->n_dims == 3) return take_image(r, l, camera_name(l->key), a, &p);
        if (is_vector(a)) return take_state(r, l, l->key, a, &p);
    }
    if (!r->policy && is_numeric(l->value)) return take_state(r, l, l->key, a, &p);
    return pi0_observation_add_unused(r->o, l->key, &p);
}

static int take_all(reading *r, const msgpack_object *root)
{
    if (root->type != MSGPACK_OBJECT_MAP || pi0_numpy_is_array(root) || pi0_numpy_is_scalar(root))
        return pi0_fail(r->p.err, PI0_EFORMAT, "%s: expected a map of an observation's keys",
                        r->p.file);
    int status = collect(r, root, "");
    for (int i = 0; i < r->n && !status; i++) status = take_leaf(r, &r->leaves[i]);
    return status;
}

int pi0_observation_unpacked(observation_file *o, const msgpack_object *root, const char *name,
                             const pi0_policy_info *policy, pi0_error *err)
{
    reading r = { .o = o, .policy = policy, .p = { name, "", err } };
    int status = pi0_observation_begin(o, name, err);
    if (status) return status;
    status = take_all(&r, root);
    if (status) pi0_observation_file_free(o);
    return status;
}

int pi0_observation_msgpack(observation_file *o, const void *data, size_t size, const char *name,
                            const pi0_policy_info *policy, pi0_error *err)
{
    msgpack_unpacked unpacked;
    int status = pi0_msgpack_read(&unpacked, data, size, name, err);
    if (!status) status = pi0_observation_unpacked(o, &unpacked.data, name, policy, err);
    msgpack_unpacked_destroy(&unpacked);
    return status;
}
