/* SPDX-License-Identifier: Apache-2.0 */
/* policy_lerobot.c - the policy of a LeRobot checkpoint: features from config.json, steps from its
 * two processor files in the order in which they stand there.
 * Source: lerobot src/lerobot/policies/pi0/processor_pi0.py, pi05/processor_pi05.py,
 * modeling_pi0.py predict_action_chunk. */
#include "core/file.h"
#include "policy/feature_stats.h"
#include "policy/policy.h"
#include <stdlib.h>
#include <string.h>

#define STATE_KEY "observation.state"
#define PRE_FILE "policy_preprocessor.json"
#define POST_FILE "policy_postprocessor.json"

// a checkpoint while its files are read
typedef struct builder {
    policy *p;
    const policy_request *r;
    const json_t *config; // config.json
    pipeline pre, post;
    char *config_path, *pre_path, *post_path;
    pi0_error *err;
    const processor *relative; // step that keeps the state, once it was met
    bool prompt, tokenized, normalized, state_touched;
} builder;

/* ---- config.json ---- */

// sizes of a feature of one axis; not there: LeRobot fills in `most`
static int feature_size(const builder *b, const char *group, const char *key, int most, int *size)
{
    const json_t *feature = json_object_get(json_object_get(b->config, group), key);
    const json_t *shape = json_object_get(feature, "shape");
    const json_int_t n = json_integer_value(json_array_get(shape, 0));
    *size = most;
    if (!feature) return PI0_OK;
    if (json_array_size(shape) != 1 || n < 1 || n > POLICY_MAX_VALUES)
        return pi0_fail(b->err, PI0_EFORMAT,
                        "%s: \"shape\" of \"%s\" in \"%s\" is not [n] with n from 1 to %d",
                        b->config_path, key, group, POLICY_MAX_VALUES);
    *size = (int)n;
    return PI0_OK;
}

// the robot's name of what the policy calls `key`
static const char *robots_name(const policy *p, const char *key)
{
    for (int i = 0; i < p->n_renames; i++)
        if (!strcmp(p->renames[i].to, key)) return p->renames[i].from;
    return key;
}

static int set_features(builder *b)
{
    policy *p = b->p;
    const policy_request *r = b->r;
    const int max_state = r->checkpoint->state_dim ? r->checkpoint->state_dim : 32;
    const int max_action = r->checkpoint->action_dim ? r->checkpoint->action_dim : 32;
    int status = feature_size(b, "input_features", STATE_KEY, max_state, &p->info.state_dim);
    if (!status)
        status = feature_size(b, "output_features", "action", max_action, &p->info.n_actions);
    if (!status) {
        p->info.n_action_steps = p->info.horizon = r->checkpoint->horizon;
        status = pi0_json_int(b->config, "n_action_steps", 1, 4096, &p->info.n_action_steps,
                              b->config_path, b->err);
    }
    if (status) return status;
    if (p->info.n_actions > r->action_dim || (!r->pi05 && p->info.state_dim > r->state_dim))
        return pi0_fail(b->err, PI0_EFORMAT,
                        "%s: a state of %d values and %d actions, but the network has %d and %d",
                        b->config_path, p->info.state_dim, p->info.n_actions, r->state_dim,
                        r->action_dim);
    p->padded_state = max_state;
    return PI0_OK;
}

/* ---- steps in front of the network ---- */

static int unsupported(const builder *b, const char *file, const processor *s, const char *why)
{
    return pi0_fail(b->err, PI0_EUNSUPPORTED, "%s: %s %s", file, s->name, why);
}

static int add_rename(builder *b, const processor *s)
{
    const json_t *map = json_object_get(s->config, "rename_map");
    const char *from;
    json_t *to;
    if (!json_object_size(map)) return PI0_OK;
    if (b->state_touched || b->p->n_renames)
        return unsupported(b, b->pre_path, s, "comes twice, or behind a step that reads names");
    if (json_object_size(map) > POLICY_MAX_RENAMES)
        return unsupported(b, b->pre_path, s, "renames more than 64 names");
    json_object_foreach((json_t *)map, from, to)
    {
        if (!json_is_string(to))
            return pi0_fail(b->err, PI0_EFORMAT, "%s: %s: \"%.*s\" becomes %s, expected a string",
                            b->pre_path, s->name, pi0_json_clip(from, strlen(from)), from,
                            pi0_json_kind(to));
        b->p->renames[b->p->n_renames].from = from;
        b->p->renames[b->p->n_renames++].to = json_string_value(to);
    }
    return PI0_OK;
}

static int add_new_line(builder *b, const processor *s)
{
    if (b->prompt || b->tokenized)
        return unsupported(b, b->pre_path, s, "stands behind another step that makes the prompt");
    b->prompt = true;
    b->p->prompt = PROMPT_LEROBOT_PI0;
    return PI0_OK;
}

static int add_prepare_state(builder *b, const processor *s)
{
    bool state = true;
    int status = pi0_json_bool(s->config, "include_state_in_prompt", &state, b->pre_path, b->err);
    if (!status)
        status = pi0_json_int(s->config, "max_state_dim", 1, POLICY_MAX_VALUES, &b->p->padded_state,
                              b->pre_path, b->err);
    if (status) return status;
    if (!state)
        return unsupported(b, b->pre_path, s, "leaves the state out: MEM memory is not supported");
    if (b->prompt || b->tokenized)
        return unsupported(b, b->pre_path, s, "stands behind another step that makes the prompt");
    b->prompt = true;
    b->state_touched = true;
    b->p->prompt = PROMPT_PI05;
    pi0_policy_add(b->p->input, b->r->state_padding ? STEP_PROMPT_STATE_PADDED : STEP_PROMPT_STATE);
    return PI0_OK;
}

static int add_tokenizer(builder *b, const processor *s)
{
    bool truncation = true;
    int max = 512; // LeRobot's default
    int status = pi0_json_int(s->config, "max_length", 1, 65536, &max, b->pre_path, b->err);
    if (!status) status = pi0_json_bool(s->config, "truncation", &truncation, b->pre_path, b->err);
    if (status) return status;
    if (!truncation) return unsupported(b, b->pre_path, s, "with \"truncation\" off");
    if (b->tokenized) return unsupported(b, b->pre_path, s, "comes twice");
    b->tokenized = true;
    b->p->info.max_tokens = max;
    return PI0_OK;
}

static int add_device(builder *b, const processor *s, const char *file)
{
    const json_t *type = json_object_get(s->config, "float_dtype");
    const char *text = json_string_value(type);
    if (!type || json_is_null(type)) return PI0_OK;
    if (text && (!strcmp(text, "float32") || !strcmp(text, "float"))) return PI0_OK;
    return unsupported(b, file, s, "with a \"float_dtype\" other than float32 changes the values");
}

static int add_relative(builder *b, const processor *s)
{
    if (b->relative) return unsupported(b, b->pre_path, s, "comes twice");
    b->relative = s;
    b->state_touched = true;
    pi0_policy_add(b->p->input, STEP_KEEP_STATE);
    return PI0_OK;
}

static int add_normalizer(builder *b, const processor *s)
{
    policy *p = b->p;
    if (b->normalized) return unsupported(b, b->pre_path, s, "comes twice");
    b->normalized = true;
    b->state_touched = true;
    int status = pi0_feature_check_pictures(s, b->pre_path, b->err);
    if (!status)
        status = pi0_feature_norm(&p->state, &p->statistics, b->r->dir, s, STATE_KEY, NULL,
                                  p->info.state_dim, b->pre_path, b->err);
    if (status) return status;
    if (p->state.kind != NORM_IDENTITY) pi0_policy_add(p->input, STEP_NORMALIZE_STATE);
    return PI0_OK;
}

static int add_input(builder *b, const processor *s)
{
    switch (s->kind) {
    case PROCESSOR_RENAME: return add_rename(b, s);
    case PROCESSOR_NEW_LINE: return add_new_line(b, s);
    case PROCESSOR_TOKENIZER: return add_tokenizer(b, s);
    case PROCESSOR_DEVICE: return add_device(b, s, b->pre_path);
    case PROCESSOR_RELATIVE: return add_relative(b, s);
    case PROCESSOR_NORMALIZER: return add_normalizer(b, s);
    case PROCESSOR_PREPARE_STATE: return add_prepare_state(b, s);
    default: return PI0_OK; // to_batch: there is one robot
    }
}

static int add_inputs(builder *b)
{
    const char *missing = NULL;
    pi0_policy_add(b->p->input, STEP_ROUND_STATE);
    for (int i = 0; i < b->pre.n; i++) {
        const int status = add_input(b, &b->pre.steps[i]);
        if (status) return status;
    }
    if (!b->normalized) missing = "normalizer_processor: the state would not be normalised";
    if (!b->tokenized) missing = "tokenizer_processor";
    if (!b->prompt)
        missing = "pi0_new_line_processor or pi05_prepare_state_tokenizer_processor_step";
    if (!missing) return PI0_OK;
    return pi0_fail(b->err, PI0_EUNSUPPORTED, "%s has no %s", b->pre_path, missing);
}

/* ---- steps behind the network ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

// is `token` a part of `name`, capitals or not?
static bool contains(const char *name, const char *token)
{
    for (; *name; name++) {
        size_t i = 0;
        while (token[i] && lower(name[i]) == lower(token[i])) i++;
        if (!token[i]) return true;
    }
    return false;
}

static bool is_excluded(const json_t *tokens, const char *name)
{
    const json_t *token;
    size_t i;
    json_array_foreach(tokens, i, token)
    {
        if (json_string_length(token) && contains(name, json_string_value(token))) return true;
    }
    return false;
}

// lists of strings, or not there
static int check_names(const builder *b, const char *key, const json_t *list)
{
    const json_t *item;
    size_t i;
    if (!list || json_is_null(list)) return PI0_OK;
    bool good = json_is_array(list);
    json_array_foreach(list, i, item)
    {
        good &= json_is_string(item);
    }
    if (good) return PI0_OK;
    return pi0_fail(b->err, PI0_EFORMAT, "%s: \"%s\" is %s, expected an array of strings",
                    b->pre_path, key, pi0_json_kind(list));
}

// RelativeActionsProcessorStep._build_mask: all but the names that contain an excluded word
static int set_mask(builder *b)
{
    policy *p = b->p;
    const json_t *tokens = json_object_get(b->relative->config, "exclude_joints");
    const json_t *names = json_object_get(b->relative->config, "action_names");
    int status = check_names(b, "exclude_joints", tokens);
    if (!status) status = check_names(b, "action_names", names);
    if (status) return status;
    for (int i = 0; i < p->info.n_actions; i++) {
        const char *name = json_string_value(json_array_get(names, (size_t)i));
        p->relative[i] = !name || !is_excluded(tokens, name);
        if (p->relative[i] && i >= p->info.state_dim)
            return pi0_fail(b->err, PI0_EFORMAT,
                            "%s: action %d is relative to the state, which has only %d values",
                            b->pre_path, i, p->info.state_dim);
    }
    p->info.relative = p->relative;
    return PI0_OK;
}

static int add_absolute(builder *b, const processor *s)
{
    bool absolute = false, relative = false;
    int status = pi0_json_bool(s->config, "enabled", &absolute, b->post_path, b->err);
    if (!status && b->relative)
        status = pi0_json_bool(b->relative->config, "enabled", &relative, b->pre_path, b->err);
    if (status) return status;
    if (absolute != relative)
        return pi0_fail(b->err, PI0_EFORMAT,
                        "%s: absolute_actions_processor is %s, but relative_actions_processor of "
                        "%s is %s: actions would be off by the state",
                        b->post_path, absolute ? "enabled" : "not enabled", b->pre_path,
                        relative ? "enabled" : "not enabled");
    if (!absolute) return PI0_OK;
    if (!b->p->output[0] || b->p->info.relative)
        return unsupported(b, b->post_path, s,
                           "stands in front of unnormalizer_processor or twice");
    pi0_policy_add(b->p->output, STEP_ABSOLUTE_ACTIONS_F32);
    return set_mask(b);
}

static int add_unnormalizer(builder *b, const processor *s)
{
    policy *p = b->p;
    char *path;
    if (p->output[0]) return unsupported(b, b->post_path, s, "comes twice");
    const int status = pi0_feature_norm(&p->actions, &path, b->r->dir, s, "action", "ACTION",
                                        p->info.n_actions, b->post_path, b->err);
    if (status) return status;
    free(path);
    pi0_policy_add(p->output, STEP_UNNORMALIZE_ACTIONS);
    return PI0_OK;
}

static int add_outputs(builder *b)
{
    bool relative = false, absolute = false;
    for (int i = 0; i < b->post.n; i++) {
        const processor *s = &b->post.steps[i];
        int status = PI0_OK;
        if (s->kind == PROCESSOR_UNNORMALIZER) status = add_unnormalizer(b, s);
        if (s->kind == PROCESSOR_ABSOLUTE) status = add_absolute(b, s);
        if (s->kind == PROCESSOR_DEVICE) status = add_device(b, s, b->post_path);
        if (status) return status;
        absolute |= s->kind == PROCESSOR_ABSOLUTE;
    }
    if (!b->p->output[0])
        return pi0_fail(b->err, PI0_EUNSUPPORTED,
                        "%s has no unnormalizer_processor: the network's numbers would go to the "
                        "motors",
                        b->post_path);
    if (absolute || !b->relative) return PI0_OK;
    const int status =
        pi0_json_bool(b->relative->config, "enabled", &relative, b->pre_path, b->err);
    if (status || !relative) return status;
    return pi0_fail(b->err, PI0_EFORMAT,
                    "%s has no absolute_actions_processor, but relative_actions_processor of %s is "
                    "enabled: actions would be off by the state",
                    b->post_path, b->pre_path);
}

/* ---- together ---- */

// the names of the actions, where there are as many as actions
static void set_action_names(builder *b)
{
    policy *p = b->p;
    const json_t *names = json_object_get(b->config, "action_feature_names");
    if (!json_array_size(names) && b->relative)
        names = json_object_get(b->relative->config, "action_names");
    if (json_array_size(names) != (size_t)p->info.n_actions) return;
    for (int i = 0; i < p->info.n_actions; i++) {
        p->action_names[i] = json_string_value(json_array_get(names, (size_t)i));
        if (!p->action_names[i]) return;
    }
    p->info.action_names = p->action_names;
}

static pi0_policy_norm describe(const norm *s)
{
    return (pi0_policy_norm){ pi0_norm_name(s->kind), s->eps, s->n, s->a, s->b };
}

static void describe_policy(builder *b)
{
    policy *p = b->p;
    const checkpoint_config *c = b->r->checkpoint;
    pi0_policy_info *info = &p->info;
    for (int i = 0; i < c->n_cameras; i++) {
        p->cameras[i] = (pi0_policy_camera){ robots_name(p, c->camera[i]), c->camera[i], 0 };
        p->slot[i] = i;
    }
    p->states[0] = (pi0_policy_state){ robots_name(p, STATE_KEY), info->state_dim };
    info->config = "lerobot";
    info->robot = "LeRobot";
    info->pi05 = b->r->pi05;
    info->n_cameras = c->n_cameras;
    info->cameras = p->cameras;
    info->image_axes = "HWC";
    info->n_states = 1;
    info->states = p->states;
    info->prompt_format = p->prompt == PROMPT_PI05 ? "pi05" : "lerobot_pi0";
    info->state_in_prompt = p->prompt == PROMPT_PI05;
    info->time_grid = "lerobot";
    info->resize = "torch";
    info->statistics = p->statistics;
    info->metadata = "{}";
    info->state_norm = describe(&p->state);
    info->action_norm = describe(&p->actions);
    set_action_names(b);
}

// LeRobot goes on with these; the smallest difference becomes huge
static void warn_flat(policy *p, const norm *s, const char *feature)
{
    for (int i = 0; i < s->n; i++)
        if (s->kind == NORM_MEAN_STD ? s->b[i] == 0 : s->a[i] == s->b[i])
            pi0_policy_warn(p,
                            "value %d of \"%s\" never moved in training (%s): the smallest "
                            "difference from %g becomes huge",
                            i, feature, s->kind == NORM_MEAN_STD ? "std is 0" : "equal bounds",
                            s->a[i]);
}

static void warn(builder *b)
{
    bool relative = false;
    warn_flat(b->p, &b->p->state, STATE_KEY);
    warn_flat(b->p, &b->p->actions, "action");
    if (b->r->state_padding && b->p->prompt != PROMPT_PI05)
        pi0_policy_warn(b->p, "lerobot_state_padding has no effect: the prompt has no state");
    if (json_is_true(json_object_get(b->config, "use_relative_actions"))) relative = true;
    if (relative != (b->p->info.relative != NULL))
        pi0_policy_warn(b->p,
                        "%s: \"use_relative_actions\" is %s, but the processors say otherwise; "
                        "LeRobot follows them and so do we",
                        b->config_path, relative ? "true" : "false");
}

static int need(const builder *b, const char *path)
{
    if (pi0_file_exists(path)) return PI0_OK;
    return pi0_fail(b->err, PI0_EIO,
                    "%s is not there: it says how the robot's values become the network's. Copy "
                    "it from where the model came from; for checkpoints of LeRobot before 0.4 "
                    "LeRobot's migrate_policy_normalization.py makes it",
                    path);
}

static int build(builder *b)
{
    json_t *config;
    b->config_path = pi0_path_join(b->r->dir, "config.json");
    b->pre_path = pi0_path_join(b->r->dir, PRE_FILE);
    b->post_path = pi0_path_join(b->r->dir, POST_FILE);
    if (!b->config_path || !b->pre_path || !b->post_path)
        return pi0_fail(b->err, PI0_ENOMEM, "%s: no memory for a path", b->r->dir);
    int status = need(b, b->pre_path);
    if (!status) status = need(b, b->post_path);
    if (!status) status = pi0_json_read(&config, b->config_path, b->err);
    if (status) return status;
    b->config = b->p->owner[0] = config;
    status = pi0_pipeline_read(&b->pre, b->pre_path, false, b->err);
    if (!status) {
        b->p->owner[1] = b->pre.root;
        status = pi0_pipeline_read(&b->post, b->post_path, true, b->err);
    }
    if (status) return status;
    b->p->owner[2] = b->post.root;
    status = set_features(b);
    if (!status) status = add_inputs(b);
    if (!status) status = add_outputs(b);
    if (status) return status;
    describe_policy(b);
    warn(b);
    return PI0_OK;
}

int pi0_policy_load_lerobot(policy *p, const policy_request *r, pi0_error *err)
{
    builder b = { .p = p, .r = r, .err = err };
    p->lerobot = p->torch = p->lerobot_grid = true;
    const int status = build(&b);
    free(b.config_path);
    free(b.pre_path);
    free(b.post_path);
    return status;
}
