/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_read.c - everything that the checks of pi0 doctor look at, read once. What cannot be read
 * stays empty; the check that needs it says why. */
#include "data/json.h"
#include "data/norm_stats.h"
#include "doctor.h"
#include "tokenizer_search.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- files ---- */

static void read_json(doctor_json *j, const char *dir, const char *name)
{
    j->path = pi0_path_join(dir, name);
    j->there = j->path && pi0_file_exists(j->path);
    if (j->there && pi0_json_read(&j->root, j->path, &j->error)) j->root = NULL;
    if (!j->path) pi0_fail(&j->error, PI0_ENOMEM, "%s: no memory", name);
}

// the checkpoint's folder; what is not there stays as it is
static char *folder_of(const char *path)
{
    const bool there = pi0_file_exists(path) || pi0_is_directory(path);
    return there ? pi0_checkpoint_home(path) : strdup(path);
}

static void read_files(doctor *d)
{
    d->has_tensors = !pi0_checkpoint_open(&d->files, d->o->dir, &d->tensors_error);
    d->has_config = !pi0_config_read(&d->config, d->dir, &d->config_error);
    read_json(&d->config_json, d->dir, "config.json");
    read_json(&d->pre, d->dir, "policy_preprocessor.json");
    read_json(&d->post, d->dir, "policy_postprocessor.json");
    d->lerobot = json_object_get(d->config_json.root, "type") || d->pre.there || d->post.there;
    pi0_assets_list(&d->assets, d->dir);
}

// by the tensors, else by config.json
static void tell_model(doctor *d)
{
    model_sizes sizes;
    d->pi05 = d->has_config ? d->config.pi05 : -1;
    if (pi0_doctor_sizes(d, &sizes)) d->pi05 = sizes.pi05;
}

/* ---- tokenizer ---- */

// a file, or a folder with one
static char *named_tokenizer(const char *where)
{
    if (!pi0_is_directory(where)) return strdup(where);
    char *path = pi0_path_join(where, "tokenizer.model");
    if (path && pi0_file_exists(path)) return path;
    free(path);
    return NULL;
}

static void read_tokenizer(doctor *d)
{
    tokenizer_search search;
    if (d->o->tokenizer) {
        d->tokenizer_path = named_tokenizer(d->o->tokenizer);
        pi0_fail(&d->tokenizer_error, PI0_EIO, "no tokenizer.model in %s", d->o->tokenizer);
    } else {
        pi0_tokenizer_search(&search, d->dir);
        if (search.found[0]) d->tokenizer_path = strdup(search.found);
        pi0_tokenizer_not_found(&search, &d->tokenizer_error);
    }
    if (d->tokenizer_path) pi0_tokenizer_open(&d->words, d->tokenizer_path, &d->tokenizer_error);
}

/* ---- the library ---- */

// the reference backend reads weights where they are stored: loading costs next to nothing, unless
// they have to be decoded first, of which the default backend keeps less
static bool load(doctor *d, const char *config, pi0_error *err)
{
    pi0_options opt;
    pi0_default_options(&opt);
    if (!d->files.is_orbax) opt.backend = "reference";
    opt.config = config;
    opt.lerobot_state_padding = d->o->state_padding;
    if (d->words) opt.tokenizer = d->tokenizer_path;
    return !pi0_load(&d->model, d->o->dir, &opt, err);
}

static void load_model(doctor *d)
{
    const char *config = d->o->config;
    // a config that does not go with the checkpoint leaves the model without its robot
    const bool with_config = config && load(d, config, &d->policy_error);
    if (!with_config) load(d, NULL, &d->model_error);
    if (d->model) pi0_model_info(d->model, &d->info);
    // a converted folder has its robot itself, too
    d->asked_policy = config || d->lerobot || d->config.policy;
    if (!d->asked_policy) return;
    // a LeRobot folder has its robot itself; a config is then only good for an error
    const bool other = config && !d->lerobot;
    const pi0_model *m = other && !with_config ? NULL : d->model;
    if (!m && !config) d->policy_error = d->model_error;
    d->has_policy = m && !pi0_model_policy(m, &d->policy, config ? NULL : &d->policy_error);
    d->known_robot = d->has_policy;
    // what the configuration says of itself, where the checkpoint does not go with it
    if (!d->has_policy && other) d->known_robot = !pi0_config_info(config, &d->policy, NULL);
}

const pi0_model *pi0_doctor_robot(const doctor *d)
{
    return d->has_policy ? d->model : NULL;
}

static void make_session(doctor *d)
{
    pi0_options opt;
    const pi0_model *m = pi0_doctor_robot(d);
    if (!m) return;
    pi0_default_options(&opt);
    // one step: nothing is denoised
    opt.num_steps = 1;
    pi0_session_create(&d->session, m, &opt, &d->session_error);
}

/* ---- statistics ---- */

static void read_openpi_stats(doctor *d)
{
    char part[600], *path = NULL, *assets = NULL;
    const char *id = d->known_robot ? d->policy.asset_id : NULL;
    // without a folder there is nothing to miss in it
    if (!pi0_is_directory(d->dir)) return;
    if (d->known_robot && d->policy.statistics) path = strdup(d->policy.statistics);
    if (!d->known_robot && d->assets.n) id = d->assets.id[0];
    if (!path && id) {
        snprintf(part, sizeof part, "%s/norm_stats.json", id);
        assets = pi0_assets_folder(d->dir);
        if (assets) path = pi0_path_join(assets, part);
        free(assets);
    }
    if (!path) return;
    pi0_stat_file_openpi(&d->stats[0], path);
    d->has_stats[0] = true;
    // quantiles for pi0.5, unless the robot's own file says something else
    const bool quantiles = d->known_robot ? d->policy.pi05 : d->pi05 == 1;
    enum stat_kind kind = quantiles ? KIND_QUANTILES : KIND_MEAN_STD;
    if (d->has_policy) kind = pi0_stat_kind(d->policy.state_norm.kind);
    d->stats[0].state.kind = d->stats[0].actions.kind = kind;
}

static enum stat_kind mapped(const json_t *config, const char *type)
{
    const json_t *map = json_object_get(config, "norm_map");
    return pi0_stat_kind(json_string_value(json_object_get(map, type)));
}

static void read_lerobot_stats(doctor *d, const doctor_json *pipeline, const char *step_name)
{
    const json_t *step = pi0_doctor_step(pipeline, step_name);
    const char *file = json_string_value(json_object_get(step, "state_file"));
    const json_t *config = json_object_get(step, "config");
    if (!step || !file) return;
    char *path = pi0_path_join(d->dir, file);
    if (!path) return;
    stat_file *f = &d->stats[pipeline == &d->post];
    d->has_stats[pipeline == &d->post] = true;
    pi0_stat_file_lerobot(f, path, "observation.state", "action");
    f->state.kind = mapped(config, "STATE");
    f->actions.kind = mapped(config, "ACTION");
}

const json_t *pi0_doctor_step(const doctor_json *pipeline, const char *registry_name)
{
    const json_t *steps = json_object_get(pipeline->root, "steps");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const char *name = json_string_value(json_object_get(step, "registry_name"));
        if (name && !strcmp(name, registry_name)) return step;
    }
    return NULL;
}

static void read_stats(doctor *d)
{
    if (!d->lerobot) {
        read_openpi_stats(d);
        return;
    }
    read_lerobot_stats(d, &d->pre, "normalizer_processor");
    read_lerobot_stats(d, &d->post, "unnormalizer_processor");
}

/* ---- all ---- */

void pi0_doctor_read(doctor *d, const doctor_options *o)
{
    *d = (doctor){ .o = o, .pi05 = -1, .dir = folder_of(o->dir) };
    if (!d->dir) {
        d->out_of_memory = true;
        return;
    }
    read_files(d);
    tell_model(d);
    read_tokenizer(d);
    load_model(d);
    make_session(d);
    read_stats(d);
}

static void free_json(doctor_json *j)
{
    free(j->path);
    json_decref(j->root);
}

void pi0_doctor_free(doctor *d)
{
    for (int i = 0; i < d->n_findings; i++) free(d->findings[i].what);
    free(d->findings);
    for (int i = 0; i < 2; i++) pi0_stat_file_free(&d->stats[i]);
    pi0_session_free(d->session);
    pi0_free(d->model);
    pi0_tokenizer_free(d->words);
    free(d->tokenizer_path);
    pi0_assets_free(&d->assets);
    free_json(&d->config_json);
    free_json(&d->pre);
    free_json(&d->post);
    if (d->has_tensors) pi0_checkpoint_close(&d->files);
    free(d->dir);
}

/* ---- the robot's sizes ---- */

static int lerobot_dim(const doctor *d, const char *group, const char *key)
{
    const json_t *features = json_object_get(d->config_json.root, group);
    const json_t *shape = json_object_get(json_object_get(features, key), "shape");
    const json_int_t n = json_integer_value(json_array_get(shape, 0));
    return n > 0 && n < 10000 ? (int)n : 0;
}

int pi0_doctor_dim(const doctor *d, bool actions)
{
    if (d->known_robot) return actions ? d->policy.n_actions : d->policy.state_dim;
    if (!d->lerobot) return 0;
    return actions ? lerobot_dim(d, "output_features", "action")
                   : lerobot_dim(d, "input_features", "observation.state");
}

const char *pi0_doctor_dim_name(const doctor *d, bool actions, int i, char text[160])
{
    const pi0_policy_info *p = &d->policy;
    int at = i;
    snprintf(text, 160, "%d", i);
    if (d->known_robot && actions && p->action_names && i < p->n_actions)
        snprintf(text, 160, "%d (%s)", i, p->action_names[i]);
    // a state of several vectors: which of them
    for (int k = 0; d->known_robot && !actions && p->n_states > 1 && k < p->n_states; k++) {
        if (at >= 0 && at < p->states[k].size)
            snprintf(text, 160, "%d (%s[%d])", i, p->states[k].name, at);
        at -= p->states[k].size;
    }
    return text;
}
