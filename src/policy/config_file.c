/* SPDX-License-Identifier: Apache-2.0 */
/* config_file.c - a robot described by a JSON file: the fields of a named config, and what a robot
 * needs beside them. docs/CONFIG_FILE.md is its description. Strict: a key that is not known, or a
 * value that has no meaning, is an error, for a wrong guess would move an arm. */
#include "data/json.h"
#include "policy/nearest.h"
#include "policy/robots.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

// a file while it is read
typedef struct reader {
    policy_spec *spec;
    const json_t *root;
    const char *name; // of the file
    pi0_error *err;
} reader;

/* ---- values ---- */

static const json_t *get(const reader *r, const char *key)
{
    const json_t *v = json_object_get(r->root, key);
    return v && !json_is_null(v) ? v : NULL;
}

static int wrong(const reader *r, const char *key, const json_t *v, const char *expected)
{
    return pi0_fail(r->err, PI0_EFORMAT, "%s: \"%s\" is %s, expected %s", r->name, key,
                    pi0_json_kind(v), expected);
}

// one of n words; *index stays where the key is not there
static int read_word(const reader *r, const char *key, const char *const *words, int n, int *index)
{
    const json_t *v = get(r, key);
    char list[200];
    if (!v) return PI0_OK;
    if (!json_is_string(v)) return wrong(r, key, v, pi0_name_list(list, sizeof list, words, n));
    for (int i = 0; i < n; i++)
        if (!strcmp(words[i], json_string_value(v))) {
            *index = i;
            return PI0_OK;
        }
    return pi0_fail(r->err, PI0_EFORMAT, "%s: \"%s\" is \"%.*s\", expected one of %s", r->name, key,
                    pi0_json_clip(json_string_value(v), json_string_length(v)),
                    json_string_value(v), pi0_name_list(list, sizeof list, words, n));
}

static int read_text(const reader *r, const char *key, const char **text)
{
    const json_t *v = get(r, key);
    if (!v) return PI0_OK;
    if (!json_is_string(v) || !json_string_length(v))
        return wrong(r, key, v, "a string that is not empty");
    *text = json_string_value(v);
    return PI0_OK;
}

static int unknown_key(const reader *r, const char *key, const char *const *known, int n)
{
    return pi0_fail(r->err, PI0_EFORMAT,
                    "%s: \"%.*s\" is not a key of this file; the nearest is "
                    "\"%s\"",
                    r->name, pi0_json_clip(key, strlen(key)), key,
                    known[pi0_nearest(key, known, n)]);
}

static bool is_known(const char *key, const char *const *known, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(known[i], key)) return true;
    return false;
}

// every key of the file, so that one that is misspelt is not passed over
static int check_keys(const reader *r)
{
    static const char *const known[] = {
        "name",         "base",        "pi05",          "horizon",        "max_tokens",
        "cameras",      "states",      "actions",       "normalization",  "epsilon",
        "delta",        "adapt_to_pi", "prompt_format", "default_prompt", "asset_id",
        "statistics",   "time_grid",   "resize",        "metadata",       "state_units",
        "action_units",
    };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)r->root, key, value)
    {
        if (!is_known(key, known, LENGTH(known))) return unknown_key(r, key, known, LENGTH(known));
    }
    return PI0_OK;
}

/* ---- cameras, states, actions ---- */

static const char *const slot_names[] = { "base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb" };

// the network's camera, as a constant; a second camera may not have it too
static int read_slot(const reader *r, pi0_policy_camera *c, const json_t *v, const char *key)
{
    const robot_kind *robot = &r->spec->robot;
    const char *text = json_string_value(v);
    for (int i = 0; i < LENGTH(slot_names) && text; i++)
        if (!strcmp(slot_names[i], text)) c->slot = slot_names[i];
    if (!c->slot)
        return pi0_fail(r->err, PI0_EFORMAT,
                        "%s: slot of camera \"%s\" is %s, expected base_0_rgb, left_wrist_0_rgb, "
                        "right_wrist_0_rgb or null",
                        r->name, key, text ? "another name" : pi0_json_kind(v));
    for (int i = 0; i < robot->n_cameras; i++)
        if (robot->cameras[i].slot == c->slot)
            return pi0_fail(r->err, PI0_EFORMAT, "%s: cameras \"%s\" and \"%s\" have one slot, %s",
                            r->name, robot->cameras[i].name, key, c->slot);
    return PI0_OK;
}

// {"slot": …, "required": …}
static int read_camera_object(const reader *r, pi0_policy_camera *c, const json_t *v,
                              const char *key)
{
    static const char *const known[] = { "slot", "required" };
    const json_t *required = json_object_get(v, "required");
    const char *inner;
    json_t *value;
    json_object_foreach((json_t *)v, inner, value)
    {
        if (!is_known(inner, known, LENGTH(known)))
            return unknown_key(r, inner, known, LENGTH(known));
    }
    if (required && !json_is_boolean(required))
        return wrong(r, "required", required, "true or false");
    if (required) c->required = json_is_true(required);
    const json_t *slot = json_object_get(v, "slot");
    if (!json_is_null(slot)) return read_slot(r, c, slot, key);
    c->required = 0;
    return PI0_OK;
}

// {"front": "base_0_rgb", "depth": null, "wrist": {"slot": "left_wrist_0_rgb", "required": false}}
static int read_cameras(const reader *r)
{
    robot_kind *robot = &r->spec->robot;
    const json_t *cameras = get(r, "cameras");
    const char *key;
    json_t *v;
    bool seen = false;
    if (!cameras) return PI0_OK;
    if (!json_is_object(cameras) || !json_object_size(cameras) ||
        json_object_size(cameras) > POLICY_MAX_CAMERAS)
        return wrong(r, "cameras", cameras, "an object of 1 to 16 cameras and their slots");
    robot->n_cameras = 0;
    robot->extra_allowed = 0;
    json_object_foreach((json_t *)cameras, key, v)
    {
        pi0_policy_camera c = { key, NULL, !json_is_null(v) };
        int status = PI0_OK;
        if (strlen(key) >= CONFIG_NAME_SIZE || !*key)
            return pi0_fail(r->err, PI0_EFORMAT,
                            "%s: a camera's name has %zu bytes, expected 1 "
                            "to %d",
                            r->name, strlen(key), CONFIG_NAME_SIZE - 1);
        if (json_is_object(v))
            status = read_camera_object(r, &c, v, key);
        else if (!json_is_null(v))
            status = read_slot(r, &c, v, key);
        if (status) return status;
        robot->cameras[robot->n_cameras++] = c;
        seen |= c.slot != NULL;
    }
    if (seen) return PI0_OK;
    return pi0_fail(r->err, PI0_EFORMAT, "%s: \"cameras\": none of them has a slot", r->name);
}

// {"joints": 7, "gripper": 1}
static int read_states(const reader *r)
{
    robot_kind *robot = &r->spec->robot;
    const json_t *states = get(r, "states");
    const char *key;
    json_t *v;
    json_int_t total = 0;
    if (!states) return PI0_OK;
    if (!json_is_object(states) || !json_object_size(states) ||
        json_object_size(states) > POLICY_MAX_STATES)
        return wrong(r, "states", states, "an object of 1 to 16 states and their sizes");
    robot->n_states = 0;
    json_object_foreach((json_t *)states, key, v)
    {
        const json_int_t size = json_integer_value(v);
        if (size >= 1 && size <= POLICY_MAX_VALUES) total += size;
        if (size < 1 || size > POLICY_MAX_VALUES || total > POLICY_MAX_VALUES || !*key ||
            strlen(key) >= CONFIG_NAME_SIZE)
            return pi0_fail(r->err, PI0_EFORMAT,
                            "%s: state \"%.*s\": a state has a name of 1 to %d bytes and a size, "
                            "and all together are at most %d values",
                            r->name, pi0_json_clip(key, strlen(key)), key, CONFIG_NAME_SIZE - 1,
                            POLICY_MAX_VALUES);
        robot->states[robot->n_states++] = (pi0_policy_state){ key, (int)size };
    }
    return PI0_OK;
}

// 8, or a list of names
static int read_actions(const reader *r)
{
    robot_kind *robot = &r->spec->robot;
    const json_t *actions = get(r, "actions");
    static const char expected[] = "a number from 1 to 256, or as many names";
    if (!actions) return PI0_OK;
    const json_int_t n =
        json_is_array(actions) ? (json_int_t)json_array_size(actions) : json_integer_value(actions);
    if (n < 1 || n > POLICY_MAX_VALUES) return wrong(r, "actions", actions, expected);
    robot->n_actions = (int)n;
    robot->action_names = NULL;
    for (int i = 0; i < (int)n && json_is_array(actions); i++) {
        const json_t *name = json_array_get(actions, (size_t)i);
        if (!json_is_string(name)) return wrong(r, "actions", name, expected);
        r->spec->action_names[i] = json_string_value(name);
        robot->action_names = r->spec->action_names;
    }
    return PI0_OK;
}

// openpi's make_bool_mask: [6, -1] is six joints relative to the state and a gripper that is not
static int read_delta(const reader *r)
{
    const json_t *delta = json_object_get(r->root, "delta"), *v;
    int at = 0;
    size_t i;
    if (!delta) return PI0_OK;
    memset(r->spec->mask, 0, sizeof r->spec->mask);
    r->spec->relative = NULL;
    if (json_is_null(delta)) return PI0_OK;
    if (!json_is_array(delta)) return wrong(r, "delta", delta, "an array of integers, or null");
    json_array_foreach(delta, i, v)
    {
        const json_int_t n = json_integer_value(v);
        if (!json_is_integer(v) || n > POLICY_MAX_VALUES - at || n < at - POLICY_MAX_VALUES)
            return wrong(r, "delta", v,
                         "integers: so many actions relative to the state, or, below 0, so many "
                         "that are not; 256 together at most");
        memset(r->spec->mask + at, n > 0, (size_t)(n < 0 ? -n : n));
        at += (int)(n < 0 ? -n : n);
        r->spec->relative = r->spec->mask;
    }
    return PI0_OK;
}

/* ---- the other fields ---- */

static int read_sizes(const reader *r)
{
    const int status =
        pi0_json_int(r->root, "horizon", 1, 4096, &r->spec->horizon, r->name, r->err);
    if (status) return status;
    return pi0_json_int(r->root, "max_tokens", 1, 65536, &r->spec->max_tokens, r->name, r->err);
}

static int read_normalization(const reader *r)
{
    static const char *const words[] = { "zscore", "quantile" };
    const json_t *eps = get(r, "epsilon");
    int index = r->spec->norm == NORM_QUANTILE;
    const int status = read_word(r, "normalization", words, LENGTH(words), &index);
    if (status) return status;
    r->spec->norm = index ? NORM_QUANTILE : NORM_ZSCORE;
    if (!eps) return PI0_OK;
    r->spec->eps = json_number_value(eps);
    if (!json_is_number(eps) || !(r->spec->eps >= 0) || r->spec->eps > 1)
        return wrong(r, "epsilon", eps, "a number from 0 to 1");
    return PI0_OK;
}

static int read_routes(const reader *r)
{
    static const char *const grids[] = { "openpi", "lerobot" };
    static const char *const resize[] = { "pillow", "torch" };
    static const char *const prompts[] = { "pi0", "pi05", "lerobot_pi0" };
    static const enum prompt_format format[] = { PROMPT_OPENPI, PROMPT_PI05, PROMPT_LEROBOT_PI0 };
    int grid = r->spec->lerobot_grid, torch = r->spec->torch, prompt = 0;
    while (format[prompt] != r->spec->prompt) prompt++;
    int status = read_word(r, "time_grid", grids, LENGTH(grids), &grid);
    if (!status) status = read_word(r, "resize", resize, LENGTH(resize), &torch);
    if (!status) status = read_word(r, "prompt_format", prompts, LENGTH(prompts), &prompt);
    if (status) return status;
    r->spec->lerobot_grid = grid;
    r->spec->torch = torch;
    r->spec->prompt = format[prompt];
    return PI0_OK;
}

// a path in the file is relative to the folder that the file lies in
static int take_path(const reader *r, const char *path)
{
    const char *slash = strrchr(r->name, '/');
    const size_t n = slash && path[0] != '/' ? (size_t)(slash - r->name) + 1 : 0;
    const size_t size = n + strlen(path) + 1;
    char *joined = malloc(size);
    if (!joined) return pi0_fail(r->err, PI0_ENOMEM, "%s: no memory for a path", r->name);
    snprintf(joined, size, "%.*s%s", (int)n, r->name, path);
    r->spec->statistics = r->spec->statistics_path = joined;
    return PI0_OK;
}

static int read_statistics(const reader *r)
{
    const char *path = NULL;
    if (get(r, "asset_id") && get(r, "statistics"))
        return pi0_fail(r->err, PI0_EFORMAT,
                        "%s: both \"asset_id\" and \"statistics\" are given, expected one of them",
                        r->name);
    int status = read_text(r, "asset_id", &r->spec->asset_id);
    if (!status) status = read_text(r, "statistics", &path);
    if (status || !path) return status;
    return take_path(r, path);
}

static int read_metadata(const reader *r)
{
    const json_t *v = get(r, "metadata");
    if (!v) return PI0_OK;
    if (!json_is_object(v)) return wrong(r, "metadata", v, "an object");
    // once to measure, once to write; there is no NUL behind it
    const size_t size = json_dumpb(v, NULL, 0, JSON_COMPACT);
    char *text = size ? calloc(1, size + 1) : NULL;
    if (!text || json_dumpb(v, text, size, JSON_COMPACT) != size) {
        free(text);
        return pi0_fail(r->err, PI0_ENOMEM, "%s: no memory for its metadata", r->name);
    }
    r->spec->metadata = r->spec->metadata_text = text;
    return PI0_OK;
}

static int read_texts(const reader *r)
{
    robot_kind *robot = &r->spec->robot;
    int status = read_text(r, "name", &r->spec->name);
    if (!status) status = read_text(r, "default_prompt", &r->spec->default_prompt);
    if (!status) status = read_text(r, "state_units", &robot->state_units);
    if (get(r, "action_units")) robot->relative_units = NULL;
    if (!status) status = read_text(r, "action_units", &robot->action_units);
    return status;
}

// ALOHA's joint flips and gripper maps, on or off
static int read_adapt(const reader *r)
{
    robot_kind *robot = &r->spec->robot;
    bool on = robot->input[0] != STEP_END;
    int n_state = 0;
    const int status = pi0_json_bool(r->root, "adapt_to_pi", &on, r->name, r->err);
    if (status) return status;
    memset(robot->input, 0, sizeof robot->input);
    memset(robot->output, 0, sizeof robot->output);
    if (!on) return PI0_OK;
    for (int i = 0; i < robot->n_states; i++) n_state += robot->states[i].size;
    if (n_state != ALOHA_VALUES || robot->n_actions != ALOHA_VALUES)
        return pi0_fail(r->err, PI0_EFORMAT,
                        "%s: \"adapt_to_pi\" is for ALOHA's %d values of state and of action, but "
                        "here are %d and %d",
                        r->name, ALOHA_VALUES, n_state, robot->n_actions);
    memcpy(robot->input, pi0_robot_aloha.input, sizeof robot->input);
    memcpy(robot->output, pi0_robot_aloha.output, sizeof robot->output);
    return PI0_OK;
}

/* ---- together ---- */

// what a robot without a row starts from; openpi's defaults
static void blank(policy_spec *spec, bool pi05)
{
    spec->pi05 = pi05;
    spec->robot = (robot_kind){ .name = "custom", .image_axes = "HWC or CHW" };
    spec->max_tokens = pi05 ? 200 : 48;
    spec->prompt = pi05 ? PROMPT_PI05 : PROMPT_OPENPI;
    spec->norm = pi05 ? NORM_QUANTILE : NORM_ZSCORE;
    spec->eps = 1e-6;
    spec->metadata = "{}";
}

// a row of the table, in a form that the file's fields can change
static void copy_row(policy_spec *spec, const named_config *row)
{
    pi0_spec_from_row(spec, row);
    if (!spec->relative) return;
    memcpy(spec->mask, spec->relative, (size_t)spec->robot.n_actions);
    spec->relative = spec->mask;
}

static int start(const reader *r)
{
    const char *base = NULL;
    const named_config *row;
    const json_t *pi05 = get(r, "pi05");
    int status = read_text(r, "base", &base);
    if (status) return status;
    if (pi05 && !json_is_boolean(pi05)) return wrong(r, "pi05", pi05, "true or false");
    if (!base && !pi05)
        return pi0_fail(r->err, PI0_EFORMAT,
                        "%s: neither \"base\" (a named config to start from) nor \"pi05\" (true or "
                        "false) is given",
                        r->name);
    if (!base) {
        blank(r->spec, json_is_true(pi05));
    } else {
        pi0_error why;
        if ((status = pi0_named_config_find(&row, base, &why)))
            return pi0_fail(r->err, status, "%s: \"base\": %s", r->name, why.message);
        if (pi05 && json_is_true(pi05) != row->pi05)
            return pi0_fail(r->err, PI0_EFORMAT, "%s: \"pi05\" contradicts the base, \"%s\"",
                            r->name, base);
        copy_row(r->spec, row);
    }
    r->spec->name = "custom";
    return PI0_OK;
}

static int check_complete(const reader *r)
{
    const policy_spec *s = r->spec;
    const char *missing = NULL;
    if (!s->robot.n_cameras) missing = "cameras";
    if (!s->robot.n_states) missing = "states";
    if (!s->robot.n_actions) missing = "actions";
    if (!s->asset_id && !s->statistics) missing = "asset_id";
    if (!missing) return PI0_OK;
    return pi0_fail(r->err, PI0_EFORMAT,
                    "%s: \"%s\" is missing: a robot without a \"base\" needs "
                    "cameras, states, actions and asset_id (or statistics)",
                    r->name, missing);
}

static int read_spec(const reader *r)
{
    int status = check_keys(r);
    if (!status) status = start(r);
    if (!status) status = read_sizes(r);
    if (!status) status = read_cameras(r);
    if (!status) status = read_states(r);
    if (!status) status = read_actions(r);
    if (!status) status = read_adapt(r);
    if (!status) status = read_delta(r);
    if (!status) status = read_normalization(r);
    if (!status) status = read_routes(r);
    if (!status) status = read_texts(r);
    if (!status) status = read_statistics(r);
    if (!status) status = read_metadata(r);
    return status ? status : check_complete(r);
}

void pi0_spec_free(policy_spec *spec)
{
    json_decref(spec->root);
    free(spec->statistics_path);
    free(spec->metadata_text);
    *spec = (policy_spec){ 0 };
}

int pi0_spec_take(policy_spec *spec, json_t *root, const char *name, pi0_error *err)
{
    const reader r = { spec, root, name, err };
    memset(spec, 0, sizeof *spec);
    int status = read_spec(&r);
    spec->root = root;
    if (status) pi0_spec_free(spec);
    return status;
}

int pi0_spec_parse(policy_spec *spec, const char *json, size_t size, const char *name,
                   pi0_error *err)
{
    json_t *root;
    const int status = pi0_json_parse(&root, json, size, name, err);
    return status ? status : pi0_spec_take(spec, root, name, err);
}

int pi0_spec_read(policy_spec *spec, const char *path, pi0_error *err)
{
    json_t *root;
    const int status = pi0_json_read(&root, path, err);
    return status ? status : pi0_spec_take(spec, root, path, err);
}
