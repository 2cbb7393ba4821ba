/* SPDX-License-Identifier: Apache-2.0 */
/* processors.c - LeRobot's processor files: the list of steps. A step that is not known might
 * change any number on its way, so it is never passed over; nor is a setting of a known one.
 * Source: lerobot src/lerobot/processor/pipeline.py; the registry names of the steps in
 * src/lerobot/processor/ and src/lerobot/policies/pi0, pi05. */
#include "policy/processors.h"
#include <string.h>

#define MAX_KEYS 8

// a step that this library runs: in which file it stands, and its settings
typedef struct known_step {
    const char *name;
    bool pre, post;
    const char *keys[MAX_KEYS];
} known_step;

#define NORM_KEYS                                                    \
    {                                                                \
        "eps", "features", "norm_map", "normalize_observation_keys", \
    }

static const known_step known[PROCESSOR_COUNT] = {
    [PROCESSOR_RENAME] = { "rename_observations_processor", true, false, { "rename_map" } },
    [PROCESSOR_TO_BATCH] = { "to_batch_processor", true, true, { NULL } },
    [PROCESSOR_NEW_LINE] = { "pi0_new_line_processor", true, false, { NULL } },
    [PROCESSOR_TOKENIZER] = { "tokenizer_processor",
                              true,
                              false,
                              { "max_length", "task_key", "padding_side", "padding", "truncation",
                                "tokenizer_name" } },
    [PROCESSOR_DEVICE] = { "device_processor", true, true, { "device", "float_dtype" } },
    [PROCESSOR_RELATIVE] = { "relative_actions_processor",
                             true,
                             false,
                             { "enabled", "exclude_joints", "action_names" } },
    [PROCESSOR_NORMALIZER] = { "normalizer_processor", true, false, NORM_KEYS },
    [PROCESSOR_PREPARE_STATE] = { "pi05_prepare_state_tokenizer_processor_step",
                                  true,
                                  false,
                                  { "max_state_dim", "task_key", "include_state_in_prompt" } },
    [PROCESSOR_UNNORMALIZER] = { "unnormalizer_processor", false, true, NORM_KEYS },
    [PROCESSOR_ABSOLUTE] = { "absolute_actions_processor", false, true, { "enabled" } },
};

static int check_config(const processor *s, int index, const char *file, pi0_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)s->config, key, value)
    {
        bool found = false;
        for (int k = 0; k < MAX_KEYS && known[s->kind].keys[k]; k++)
            found |= !strcmp(known[s->kind].keys[k], key);
        if (!found)
            return pi0_fail(err, PI0_EUNSUPPORTED,
                            "%s: step %d, \"%s\", has a setting \"%.*s\" that is not known", file,
                            index, s->name, pi0_json_clip(key, strlen(key)), key);
    }
    return PI0_OK;
}

static int find_kind(processor *s, const char *name, int index, bool post, const char *file,
                     pi0_error *err)
{
    const int length = pi0_json_clip(name, strlen(name));
    int kind = 0;
    while (kind < PROCESSOR_COUNT && strcmp(known[kind].name, name)) kind++;
    if (kind == PROCESSOR_COUNT)
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "%s: step %d, \"%.*s\", is not one that this library knows; it may change "
                        "what the policy sees or does, so nothing is run without it",
                        file, index, length, name);
    if (!(post ? known[kind].post : known[kind].pre))
        return pi0_fail(err, PI0_EUNSUPPORTED, "%s: step %d, \"%s\", is not supported in this file",
                        file, index, name);
    s->kind = (enum processor_kind)kind;
    s->name = known[kind].name;
    return PI0_OK;
}

static int check_state_file(const processor *s, int index, const char *file, pi0_error *err)
{
    if (!strchr(s->state_file, '/') && s->state_file[0] && s->state_file[0] != '.') return PI0_OK;
    return pi0_fail(err, PI0_EFORMAT,
                    "%s: step %d, \"%s\": \"state_file\" is \"%.*s\", expected the name of a file "
                    "beside this one",
                    file, index, s->name, pi0_json_clip(s->state_file, strlen(s->state_file)),
                    s->state_file);
}

static int read_step(processor *s, const json_t *entry, int index, bool post, const char *file,
                     pi0_error *err)
{
    const json_t *name = json_object_get(entry, "registry_name");
    const json_t *class = json_object_get(entry, "class");
    const json_t *state = json_object_get(entry, "state_file");
    const json_t *config = json_object_get(entry, "config");
    // without a registry name a step is a Python class of somebody's own
    if (!name && json_is_string(class)) name = class;
    if (!json_is_string(name))
        return pi0_fail(err, PI0_EFORMAT, "%s: step %d has no \"registry_name\"", file, index);
    if (config && !json_is_object(config) && !json_is_null(config))
        return pi0_fail(err, PI0_EFORMAT, "%s: \"config\" of step %d is %s, expected an object",
                        file, index, pi0_json_kind(config));
    if (state && !json_is_string(state) && !json_is_null(state))
        return pi0_fail(err, PI0_EFORMAT, "%s: \"state_file\" of step %d is %s, expected a string",
                        file, index, pi0_json_kind(state));
    int status = find_kind(s, json_string_value(name), index, post, file, err);
    if (status) return status;
    s->config = json_is_object(config) ? config : NULL;
    s->state_file = json_string_value(state);
    if (s->state_file) status = check_state_file(s, index, file, err);
    return status ? status : check_config(s, index, file, err);
}

// takes over `root`
static int take_root(pipeline *p, json_t *root, bool post, const char *file, pi0_error *err)
{
    const json_t *steps = json_object_get(root, "steps");
    pipeline read = { .root = root };
    int status = PI0_OK;
    if (!json_is_array(steps) || json_array_size(steps) > PIPELINE_MAX_STEPS)
        status = pi0_fail(err, PI0_EFORMAT, "%s: \"steps\" is %s, expected an array of at most %d",
                          file, pi0_json_kind(steps), PIPELINE_MAX_STEPS);
    for (size_t i = 0; !status && i < json_array_size(steps); i++) {
        status = read_step(&read.steps[i], json_array_get(steps, i), (int)i, post, file, err);
        read.n++;
    }
    if (status) {
        json_decref(root);
        return status;
    }
    *p = read;
    return PI0_OK;
}

int pi0_pipeline_parse(pipeline *p, const char *json, size_t size, const char *name, bool post,
                       pi0_error *err)
{
    json_t *root;
    const int status = pi0_json_parse(&root, json, size, name, err);
    return status ? status : take_root(p, root, post, name, err);
}

int pi0_pipeline_read(pipeline *p, const char *path, bool post, pi0_error *err)
{
    json_t *root;
    const int status = pi0_json_read(&root, path, err);
    return status ? status : take_root(p, root, post, path, err);
}

void pi0_pipeline_free(pipeline *p)
{
    json_decref(p->root);
    *p = (pipeline){ .n = 0 };
}

const processor *pi0_pipeline_find(const pipeline *p, enum processor_kind kind)
{
    for (int i = 0; i < p->n; i++)
        if (p->steps[i].kind == kind) return &p->steps[i];
    return NULL;
}
