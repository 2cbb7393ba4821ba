/* SPDX-License-Identifier: Apache-2.0 */
/* observation_json.c - an observation as people write it by hand: pictures as files, the state as
 * numbers, a sentence. */
#include "data/json.h"
#include "observation_parts.h"
#include <stdlib.h>
#include <string.h>

typedef struct json_reading {
    observation_file *o;
    const char *file, *dir;
    picture_reader read_picture;
    pi0_error *err;
} json_reading;

// a copy of a name that goes with the observation
static char *own_name(const json_reading *r, const char *name)
{
    char *copy = pi0_observation_alloc(r->o, strlen(name) + 1);
    if (copy) strcpy(copy, name);
    return copy;
}

static int take_picture(json_reading *r, const char *camera, json_t *v)
{
    const place p = { r->file, camera, r->err };
    image_file picture = { NULL, 0, 0 };
    const char *file = json_string_value(v);
    if (!file || !*file || strlen(file) != json_string_length(v))
        return pi0_fail(r->err, PI0_EFORMAT, "%s: images: %s is %s, expected a picture's file name",
                        r->file, camera, pi0_json_kind(v));
    char *path = pi0_path_from(r->dir, file);
    if (!path) return pi0_fail(r->err, PI0_ENOMEM, "%s: no memory for a path", r->file);
    int status = r->read_picture(&picture, path, r->err);
    free(path);
    if (!status) status = pi0_observation_own(r->o, picture.rgb, &p);
    if (status) return status;
    char *name = own_name(r, camera);
    if (!name) return pi0_fail(r->err, PI0_ENOMEM, "%s: no memory for a name", r->file);
    return pi0_observation_add_image(r->o,
                                     &(pi0_image){ .camera = name,
                                                   .rgb = picture.rgb,
                                                   .width = picture.width,
                                                   .height = picture.height,
                                                   .format = PI0_RGB8_HWC },
                                     &p);
}

// numbers in a list, or one; key NULL: the whole state
static int take_values(json_reading *r, const char *key, json_t *v)
{
    const place p = { r->file, key ? key : "state", r->err };
    const size_t n = json_is_array(v) ? json_array_size(v) : 1;
    double *values = pi0_observation_alloc(r->o, n * sizeof *values);
    char *name = key ? own_name(r, key) : NULL;
    if (!values || (key && !name) || n > INT32_MAX)
        return pi0_fail(r->err, PI0_ENOMEM, "%s: no memory for %s", r->file, p.key);
    for (size_t i = 0; i < n; i++) {
        json_t *x = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_is_number(x))
            return pi0_fail(r->err, PI0_EFORMAT, "%s: %s: value %zu is %s, expected a number",
                            r->file, p.key, i, pi0_json_kind(x));
        values[i] = json_number_value(x);
    }
    return pi0_observation_add_state(
        r->o, &(pi0_state){ .name = name, .values = values, .n = (int)n }, &p);
}

static int take_object(json_reading *r, const char *what, json_t *v,
                       int (*take)(json_reading *, const char *, json_t *))
{
    const char *key;
    json_t *value;
    int status = PI0_OK;
    if (!json_is_object(v))
        return pi0_fail(r->err, PI0_EFORMAT, "%s: %s is %s, expected %s", r->file, what,
                        pi0_json_kind(v),
                        take == take_picture ? "{\"CAMERA\": \"picture.png\", ...}"
                                             : "a list of numbers, or {\"KEY\": [...], ...}");
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        status = take(r, key, value);
        if (status) break;
    }
    return status;
}

static int take_text(json_reading *r, const char *key, json_t *v)
{
    const place p = { r->file, key, r->err };
    if (json_is_null(v)) return PI0_OK;
    if (!json_is_string(v))
        return pi0_fail(r->err, PI0_EFORMAT, "%s: %s is %s, expected a sentence", r->file, key,
                        pi0_json_kind(v));
    return pi0_observation_set_prompt(r->o, json_string_value(v), json_string_length(v), &p);
}

static int take_key(json_reading *r, const char *key, json_t *v)
{
    if (!strcmp(key, "images")) return take_object(r, key, v, take_picture);
    if (!strcmp(key, "prompt") || !strcmp(key, "task")) return take_text(r, key, v);
    if (strcmp(key, "state"))
        return pi0_observation_add_unused(r->o, key, &(place){ r->file, key, r->err });
    return json_is_array(v) ? take_values(r, NULL, v) : take_object(r, key, v, take_values);
}

int pi0_observation_json(observation_file *o, const char *text, size_t size, const char *name,
                         const char *dir, picture_reader read_picture, pi0_error *err)
{
    json_reading r = { o, name, dir, read_picture, err };
    json_t *root;
    const char *key;
    json_t *value;
    int status = pi0_json_parse(&root, text, size, name, err);
    if (status) return status;
    status = pi0_observation_begin(o, name, err);
    if (!status) {
        json_object_foreach(root, key, value)
        {
            status = take_key(&r, key, value);
            if (status) break;
        }
        if (status) pi0_observation_file_free(o);
    }
    json_decref(root);
    return status;
}
