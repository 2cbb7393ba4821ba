/* SPDX-License-Identifier: Apache-2.0 */
/* policy_openpi.c - the policy of an openpi checkpoint: a config (one of openpi's or a file's),
 * checked against the checkpoint, with the statistics of the checkpoint's assets.
 * Source: openpi src/openpi/policies/policy_config.py create_trained_policy. */
#include "core/file.h"
#include "policy/robots.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a config says ---- */

void pi0_spec_from_row(policy_spec *spec, const named_config *row)
{
    *spec = (policy_spec){
        .name = row->name,
        .robot = *row->robot,
        .pi05 = row->pi05,
        .horizon = row->horizon,
        .max_tokens = row->max_tokens,
        .prompt = row->state_in_prompt ? PROMPT_PI05 : PROMPT_OPENPI,
        .relative = row->relative,
        // openpi DataConfigFactory.create_base_config: use_quantile_norm unless PI0
        .norm = row->pi05 ? NORM_QUANTILE : NORM_ZSCORE,
        .eps = 1e-6,
        .asset_id = row->asset_id,
        .default_prompt = row->prompt,
        .metadata = row->metadata,
    };
}

void pi0_spec_info(pi0_policy_info *info, const policy_spec *spec)
{
    const robot_kind *r = &spec->robot;
    static const char *const prompt[] = {
        [PROMPT_OPENPI] = "pi0", [PROMPT_LEROBOT_PI0] = "lerobot_pi0", [PROMPT_PI05] = "pi05"
    };
    const pi0_policy_norm how = { pi0_norm_name(spec->norm), spec->eps, 0, NULL, NULL };
    const bool relative_units = spec->relative && r->relative_units;
    *info = (pi0_policy_info){
        .config = spec->name,
        .robot = r->name,
        .pi05 = spec->pi05,
        .horizon = spec->horizon,
        .max_tokens = spec->max_tokens,
        .n_action_steps = spec->horizon,
        .n_cameras = r->n_cameras,
        .cameras = r->cameras,
        .image_axes = r->image_axes,
        .extra_allowed = r->extra_allowed,
        .n_states = r->n_states,
        .states = r->states,
        .n_actions = r->n_actions,
        .action_names = r->action_names,
        .state_units = r->state_units,
        .action_units = relative_units ? r->relative_units : r->action_units,
        .default_prompt = spec->default_prompt,
        .prompt_format = prompt[spec->prompt],
        .state_in_prompt = spec->prompt == PROMPT_PI05,
        .time_grid = spec->lerobot_grid ? "lerobot" : "openpi",
        .resize = spec->torch ? "torch" : "pillow",
        .relative = spec->relative,
        .asset_id = spec->statistics ? NULL : spec->asset_id,
        .metadata = spec->metadata,
        .state_norm = how,
        .action_norm = how,
    };
    for (int i = 0; i < r->n_states; i++) info->state_dim += r->states[i].size;
}

/* Input: robot -> Normalize -> TokenizePrompt; output: Unnormalize -> AbsoluteActions -> robot.
 * Filling up with zeros, and leaving out what is beyond the robot's actions, is in the sizes. */
static void set_steps(policy *p, const policy_spec *spec)
{
    const robot_kind *r = &spec->robot;
    for (int i = 0; r->input[i]; i++) pi0_policy_add(p->input, r->input[i]);
    pi0_policy_add(p->input, STEP_NORMALIZE_STATE);
    if (spec->prompt == PROMPT_PI05) pi0_policy_add(p->input, STEP_PROMPT_STATE);
    pi0_policy_add(p->output, STEP_UNNORMALIZE_ACTIONS);
    if (spec->relative) {
        pi0_policy_add(p->output, STEP_UNNORMALIZE_STATE);
        pi0_policy_add(p->output, STEP_ABSOLUTE_ACTIONS);
    }
    for (int i = 0; r->output[i]; i++) pi0_policy_add(p->output, r->output[i]);
}

/* ---- against the checkpoint ---- */

static int check_model(const policy_spec *s, const policy_request *r, int state_dim, pi0_error *err)
{
    const checkpoint_config *c = r->checkpoint;
    if (s->pi05 != r->pi05)
        return pi0_fail(err, PI0_EINVAL,
                        "config \"%s\" is of %s, but the tensors of %s are those of %s", s->name,
                        s->pi05 ? "pi0.5" : "pi0", r->dir, r->pi05 ? "pi0.5" : "pi0");
    if (s->horizon && c->horizon && s->horizon != c->horizon)
        return pi0_fail(err, PI0_EINVAL,
                        "config \"%s\" has chunks of %d actions, but %s/config.json says "
                        "action_horizon %d: another config was trained",
                        s->name, s->horizon, r->dir, c->horizon);
    if (s->horizon && r->horizon && s->horizon != r->horizon)
        return pi0_fail(err, PI0_EINVAL,
                        "horizon %d was asked for, but config \"%s\" has chunks of %d actions",
                        r->horizon, s->name, s->horizon);
    if (s->robot.n_actions > r->action_dim)
        return pi0_fail(err, PI0_EINVAL,
                        "config \"%s\" has %d actions, but the network makes %d at most", s->name,
                        s->robot.n_actions, r->action_dim);
    if (!s->pi05 && state_dim > r->state_dim)
        return pi0_fail(err, PI0_EINVAL,
                        "config \"%s\" has a state of %d values, but the network takes %d at most",
                        s->name, state_dim, r->state_dim);
    return PI0_OK;
}

// relative actions need the state's value of the same index
static int check_relative(const policy_spec *s, int state_dim, pi0_error *err)
{
    for (int i = 0; s->relative && i < s->robot.n_actions; i++)
        if (s->relative[i] && i >= state_dim)
            return pi0_fail(err, PI0_EINVAL,
                            "config \"%s\": action %d is relative to the state, which has only %d "
                            "values",
                            s->name, i, state_dim);
    return PI0_OK;
}

static int set_slots(policy *p, const policy_request *r, pi0_error *err)
{
    const checkpoint_config *c = r->checkpoint;
    for (int i = 0; i < p->info.n_cameras; i++) {
        const char *slot = p->info.cameras[i].slot;
        p->slot[i] = -1;
        for (int k = 0; k < c->n_cameras && slot; k++)
            if (!strcmp(c->camera[k], slot)) p->slot[i] = k;
        if (slot && p->slot[i] < 0)
            return pi0_fail(err, PI0_EINVAL,
                            "config \"%s\": camera \"%s\" is shown to \"%s\", which is none of the "
                            "network's: base_0_rgb, left_wrist_0_rgb, right_wrist_0_rgb",
                            p->info.config, p->info.cameras[i].name, slot);
    }
    return PI0_OK;
}

/* ---- statistics ---- */

// a vector's statistics as a step takes them; n: the values that the robot has
static int take_norm(norm *out, const vector_stats *s, const policy_spec *spec, const char *what,
                     int n, const char *path, pi0_error *err)
{
    const bool quantile = spec->norm == NORM_QUANTILE;
    if (quantile && !s->quantiles)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: \"%s\" has no q01 and q99, which config \"%s\" normalises with: "
                        "compute the statistics again with quantiles",
                        path, what, spec->name);
    if (s->n < n)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: statistics of %d values of \"%s\", but config \"%s\" has %d", path,
                        s->n, what, spec->name, n);
    out->kind = spec->norm;
    out->eps = spec->eps;
    out->n = s->n;
    memcpy(out->a, quantile ? s->q01 : s->mean, sizeof out->a);
    memcpy(out->b, quantile ? s->q99 : s->std, sizeof out->b);
    return PI0_OK;
}

// more statistics than columns: openpi stops there; fewer are the network's own zeros
static int check_width(const vector_stats *s, const char *what, const policy_request *r,
                       const char *path, pi0_error *err)
{
    if (s->n <= r->action_dim) return PI0_OK;
    return pi0_fail(err, PI0_EFORMAT,
                    "%s: statistics of %d values of \"%s\", but the network has only %d", path,
                    s->n, what, r->action_dim);
}

// openpi goes on with these; what it does then is 1e6 times the difference
static void warn_flat(policy *p, const norm *s, const char *what, int n)
{
    for (int i = 0; i < n; i++) {
        const double range = s->kind == NORM_QUANTILE ? s->b[i] - s->a[i] : s->b[i];
        if (range == 0)
            pi0_policy_warn(p,
                            "%s: value %d of \"%s\" never moved in training (%s): the smallest "
                            "difference from %g becomes huge",
                            p->statistics, i, what,
                            s->kind == NORM_QUANTILE ? "q01 = q99" : "std is 0", s->a[i]);
    }
}

static int read_statistics(norm_stats *stats, policy *p, const policy_spec *spec,
                           const policy_request *r, pi0_error *err)
{
    if (!spec->statistics)
        return pi0_norm_stats_find(stats, &p->statistics, r->dir, spec->asset_id, err);
    if (!(p->statistics = pi0_policy_copy(spec->statistics)))
        return pi0_fail(err, PI0_ENOMEM, "no memory for a path");
    return pi0_norm_stats_read(stats, p->statistics, err);
}

static int set_statistics(policy *p, const policy_spec *spec, const policy_request *r,
                          pi0_error *err)
{
    norm_stats *stats = malloc(sizeof *stats);
    const int n_state = p->info.state_dim, n_actions = p->info.n_actions;
    if (!stats) return pi0_fail(err, PI0_ENOMEM, "no memory for statistics");
    int status = read_statistics(stats, p, spec, r, err);
    const char *path = p->statistics;
    if (!status) status = check_width(&stats->state, "state", r, path, err);
    if (!status) status = check_width(&stats->actions, "actions", r, path, err);
    if (!status) status = take_norm(&p->state, &stats->state, spec, "state", n_state, path, err);
    if (!status)
        status = take_norm(&p->actions, &stats->actions, spec, "actions", n_actions, path, err);
    free(stats);
    if (status) return status;
    warn_flat(p, &p->state, "state", n_state);
    warn_flat(p, &p->actions, "actions", n_actions);
    p->info.statistics = p->statistics;
    p->info.state_norm = (pi0_policy_norm){ pi0_norm_name(p->state.kind), p->state.eps, n_state,
                                            p->state.a, p->state.b };
    p->info.action_norm = (pi0_policy_norm){ pi0_norm_name(p->actions.kind), p->actions.eps,
                                             n_actions, p->actions.a, p->actions.b };
    return PI0_OK;
}

/* ---- together ---- */

// what the info of a file's spec points to moves into the policy
static int keep_strings(policy *p, policy_spec *spec, pi0_error *err)
{
    const robot_kind *r = &spec->robot;
    memcpy(p->cameras, r->cameras, sizeof p->cameras);
    memcpy(p->states, r->states, sizeof p->states);
    p->info.cameras = p->cameras;
    p->info.states = p->states;
    if (r->action_names == spec->action_names) {
        memcpy(p->action_names, spec->action_names, sizeof p->action_names);
        p->info.action_names = p->action_names;
    }
    if (spec->relative == spec->mask) {
        memcpy(p->relative, spec->mask, sizeof p->relative);
        p->info.relative = p->relative;
    }
    if (!(p->metadata = pi0_policy_copy(spec->metadata)))
        return pi0_fail(err, PI0_ENOMEM, "no memory for metadata");
    p->info.metadata = p->metadata;
    p->owner[0] = json_incref(spec->root);
    return PI0_OK;
}

static int from_spec(policy *p, policy_spec *spec, const policy_request *r, pi0_error *err)
{
    pi0_spec_info(&p->info, spec);
    int status = check_model(spec, r, p->info.state_dim, err);
    if (!status) status = check_relative(spec, p->info.state_dim, err);
    if (!status) status = keep_strings(p, spec, err);
    if (!status) status = set_slots(p, r, err);
    if (!status) status = set_statistics(p, spec, r, err);
    if (status) return status;
    set_steps(p, spec);
    p->prompt = spec->prompt;
    p->torch = spec->torch;
    p->lerobot_grid = spec->lerobot_grid;
    if (!p->info.horizon) p->info.horizon = r->checkpoint->horizon;
    if (!p->info.horizon) p->info.horizon = r->horizon;
    p->info.n_action_steps = p->info.horizon;
    return PI0_OK;
}

// the robot that config.json describes
static int read_own(policy_spec *spec, const policy_request *r, pi0_error *err)
{
    json_t *root;
    char *path = pi0_path_join(r->dir, "config.json");
    if (!path) return pi0_fail(err, PI0_ENOMEM, "%s: no memory for its config", r->dir);
    int status = pi0_json_read(&root, path, err);
    if (!status) {
        status = pi0_spec_take(spec, json_incref(json_object_get(root, "policy")), path, err);
        json_decref(root);
    }
    free(path);
    return status;
}

int pi0_policy_load_openpi(policy *p, const policy_request *r, pi0_error *err)
{
    policy_spec *spec = calloc(1, sizeof *spec);
    const named_config *row;
    int status;
    if (!spec) return pi0_fail(err, PI0_ENOMEM, "no memory for a config");
    if (!r->config)
        status = read_own(spec, r, err);
    else if (pi0_config_is_file(r->config))
        status = pi0_spec_read(spec, r->config, err);
    else if (!(status = pi0_named_config_find(&row, r->config, err)))
        pi0_spec_from_row(spec, row);
    if (!status) status = from_spec(p, spec, r, err);
    pi0_spec_free(spec);
    free(spec);
    return status;
}

int pi0_config_info(const char *name, pi0_policy_info *info, pi0_error *err)
{
    const named_config *row;
    policy *p;
    if (!name || !info) return pi0_fail(err, PI0_EINVAL, "pi0_config_info: name or info is NULL");
    const int status = pi0_named_config_find(&row, name, err);
    if (status) return status;
    policy_spec *spec = calloc(1, sizeof *spec);
    if (!spec || !(p = calloc(1, sizeof *p))) {
        free(spec);
        return pi0_fail(err, PI0_ENOMEM, "no memory for a config");
    }
    pi0_spec_from_row(spec, row);
    pi0_spec_info(&p->info, spec);
    // the table's own arrays outlive the copy
    p->info.cameras = row->robot->cameras;
    p->info.states = row->robot->states;
    set_steps(p, spec);
    pi0_policy_name_steps(p);
    *info = p->info;
    free(p);
    free(spec);
    return PI0_OK;
}
