/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_processors.c - checks of pi0 doctor: LeRobot's two pipelines, policy_preprocessor.json and
 * policy_postprocessor.json. */
#include "doctor.h"
#include <stdlib.h>
#include <string.h>

static bool check_file(doctor *d, const doctor_json *j)
{
    const char *name = j->path ? pi0_doctor_short(d, j->path) : "pipeline";
    if (!j->there)
        pi0_found(d, F_PROCESSOR_FILE, "%s is not there", name);
    else if (!j->root)
        pi0_found(d, F_PROCESSOR_FILE, "%s", j->error.message);
    else if (!json_is_array(json_object_get(j->root, "steps")))
        pi0_found(d, F_PROCESSOR_FILE, "%s: no list \"steps\"", name);
    else
        return true;
    return false;
}

// asked only where the library refuses the pipelines: it is the one that decides
static bool is_known(const char *step)
{
    static const char *const known[] = {
        "rename_observations_processor",
        "to_batch_processor",
        "pi0_new_line_processor",
        "tokenizer_processor",
        "device_processor",
        "relative_actions_processor",
        "normalizer_processor",
        "absolute_actions_processor",
        "unnormalizer_processor",
        "pi05_prepare_state_tokenizer_processor_step",
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i], step)) return true;
    return false;
}

static void check_steps(doctor *d, const doctor_json *j)
{
    const json_t *steps = json_object_get(j->root, "steps");
    const char *file = pi0_doctor_short(d, j->path);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const char *name = json_string_value(json_object_get(step, "registry_name"));
        const char *state = json_string_value(json_object_get(step, "state_file"));
        if (!d->has_policy && (!name || !is_known(name)))
            pi0_found(d, F_PROCESSOR_UNKNOWN, "%s: step %zu, %.200s", file, i,
                      name ? name : "has no registry_name");
        char *path = state ? pi0_path_join(d->dir, state) : NULL;
        if (path && !pi0_file_exists(path))
            pi0_found(d, F_PROCESSOR_STATE_FILE, "%s: step %zu, %.100s: %.200s is not there", file,
                      i, name ? name : "?", state);
        free(path);
    }
}

/* ---- what the steps say against each other and against config.json ---- */

static const json_t *step_config(const doctor_json *j, const char *name)
{
    return json_object_get(pi0_doctor_step(j, name), "config");
}

static void check_relative(doctor *d)
{
    const bool in = json_is_true(
                   json_object_get(step_config(&d->pre, "relative_actions_processor"), "enabled")),
               out = json_is_true(
                   json_object_get(step_config(&d->post, "absolute_actions_processor"), "enabled"));
    if (in != out)
        pi0_found(d, F_PROCESSOR_RELATIVE,
                  "relative_actions_processor is %s, but absolute_actions_processor is %s",
                  in ? "enabled" : "disabled or missing", out ? "enabled" : "disabled or missing");
}

static void check_max_length(doctor *d)
{
    const json_t *said = json_object_get(d->config_json.root, "tokenizer_max_length"),
                 *used = json_object_get(step_config(&d->pre, "tokenizer_processor"), "max_length");
    if (json_is_integer(said) && json_is_integer(used) &&
        json_integer_value(said) != json_integer_value(used))
        pi0_found(d, F_PROCESSOR_MAX_LENGTH,
                  "tokenizer_processor: max_length %lld, config.json: tokenizer_max_length %lld",
                  (long long)json_integer_value(used), (long long)json_integer_value(said));
}

static const char *kind_of(const json_t *map, const char *type)
{
    const char *kind = json_string_value(json_object_get(map, type));
    return kind ? kind : "nothing";
}

// one type of feature in two of the three places
static void compare_kinds(doctor *d, const char *type, const char *where_a, const json_t *a,
                          const char *where_b, const json_t *b)
{
    if (!a || !b || !strcmp(kind_of(a, type), kind_of(b, type))) return;
    pi0_found(d, F_NORM_DIFFERS, "%s: %s says %.40s, %s says %.40s", type, where_a,
              kind_of(a, type), where_b, kind_of(b, type));
}

static void check_norms(doctor *d)
{
    const json_t *said = json_object_get(d->config_json.root, "normalization_mapping"),
                 *in = json_object_get(step_config(&d->pre, "normalizer_processor"), "norm_map"),
                 *out =
                     json_object_get(step_config(&d->post, "unnormalizer_processor"), "norm_map");
    compare_kinds(d, "STATE", "config.json", said, "normalizer_processor", in);
    compare_kinds(d, "ACTION", "config.json", said, "unnormalizer_processor", out);
    compare_kinds(d, "ACTION", "normalizer_processor", in, "unnormalizer_processor", out);
    if (pi0_stat_kind(kind_of(in, "STATE")) == KIND_NONE)
        pi0_found(d, F_PROCESSOR_NO_NORM,
                  "policy_preprocessor.json: the state is not normalised (%s)",
                  in ? kind_of(in, "STATE") : "no normalizer_processor");
    if (pi0_stat_kind(kind_of(out, "ACTION")) == KIND_NONE)
        pi0_found(d, F_PROCESSOR_NO_NORM,
                  "policy_postprocessor.json: actions are not un-normalised (%s)",
                  out ? kind_of(out, "ACTION") : "no unnormalizer_processor");
    if (d->pi05 == 1 && !strcmp(kind_of(in, "STATE"), "MEAN_STD"))
        pi0_found(d, F_NORM_PI05_MEAN_STD, "pi0.5 with STATE by MEAN_STD");
}

void pi0_check_processors(doctor *d)
{
    if (!d->lerobot) return;
    const bool in = check_file(d, &d->pre), out = check_file(d, &d->post);
    if (in) check_steps(d, &d->pre);
    if (out) check_steps(d, &d->post);
    if (in && out) {
        check_relative(d);
        check_norms(d);
        pi0_looked(d, "%zu and %zu steps", json_array_size(json_object_get(d->pre.root, "steps")),
                   json_array_size(json_object_get(d->post.root, "steps")));
    }
    if (in) check_max_length(d);
    if (d->pi05 == 1 && !d->o->state_padding && (!d->has_policy || d->policy.state_in_prompt))
        pi0_found(d, F_PROMPT_PADDING,
                  "pi0.5 of LeRobot: which version trained it is not recorded");
}
