/* SPDX-License-Identifier: Apache-2.0 */
/* convert_config.c - the config.json of a converted openpi checkpoint: openpi's own fields, and in
 * "policy" the robot, in the form of a robot's own file (docs/CONFIG_FILE.md), with everything
 * written out that decides the result. */
#include "convert.h"
#include "data/json.h"
#include "output_file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int no_memory(conversion *c)
{
    return pi0_fail(c->err, PI0_ENOMEM, "no memory for config.json");
}

/* ---- the robot ---- */

// statistics that a robot's file names come along, as an asset of that name
#define OWN_ASSET "statistics"

static int make_folder(conversion *c, const char *path)
{
    if (!mkdir(path, 0777) || errno == EEXIST) return PI0_OK;
    return pi0_fail_errno(c->err, PI0_EIO, "%s: cannot make the folder", path);
}

static int take_statistics(conversion *c, json_t *policy, const char *file)
{
    const char *path = json_string_value(json_object_get(policy, "statistics"));
    if (!path) return PI0_OK;
    char *folder = pi0_path_folder(file), *from = NULL;
    if (folder) from = pi0_path_from(folder, path);
    char *assets = pi0_path_join(c->part, "assets"),
         *own = pi0_path_join(c->part, "assets/" OWN_ASSET);
    int status = from && assets && own ? PI0_OK : no_memory(c);
    if (!status) status = make_folder(c, assets);
    if (!status) status = make_folder(c, own);
    if (!status) status = pi0_convert_copy(c, from, "assets/" OWN_ASSET "/norm_stats.json");
    free(folder);
    free(from);
    free(assets);
    free(own);
    json_object_set_new(policy, "asset_id", json_string(OWN_ASSET));
    json_object_del(policy, "statistics");
    return status;
}

// the robot as it was given: a name, a file, or what the source says itself
static int make_policy(conversion *c, json_t *root)
{
    const char *config = c->job->config;
    json_t *policy;
    if (!config) return PI0_OK;
    if (!pi0_config_is_file(config)) {
        policy = json_pack("{s:s, s:s}", "base", config, "name", config);
        return policy && !json_object_set_new(root, "policy", policy) ? PI0_OK : no_memory(c);
    }
    int status = pi0_json_read(&policy, config, c->err);
    if (status) return status;
    status = take_statistics(c, policy, config);
    if (json_object_set_new(root, "policy", policy) && !status) status = no_memory(c);
    return status;
}

// what the library made of it, so that no default has to be known
static void write_out(json_t *policy, const pi0_policy_info *p)
{
    json_t *all = json_pack("{s:i, s:i, s:s, s:f, s:s, s:s, s:s}", "horizon", p->horizon,
                            "max_tokens", p->max_tokens, "normalization", p->state_norm.kind,
                            "epsilon", p->state_norm.eps, "time_grid", p->time_grid, "resize",
                            p->resize, "prompt_format", p->prompt_format);
    if (p->asset_id) json_object_set_new(all, "asset_id", json_string(p->asset_id));
    json_object_update(policy, all);
    json_decref(all);
}

/* ---- the file ---- */

static int source_config(conversion *c, json_t **root)
{
    char *path = pi0_path_join(c->home, "config.json");
    int status = path ? PI0_OK : no_memory(c);
    if (!status && pi0_file_exists(path))
        status = pi0_json_read(root, path, c->err);
    else if (!status && !(*root = json_object()))
        status = no_memory(c);
    free(path);
    return status;
}

static void write_sizes(conversion *c, json_t *root, const pi0_info *m)
{
    const int horizon = c->config.horizon ? c->config.horizon : c->job->horizon;
    if (horizon) json_object_set_new(root, "action_horizon", json_integer(horizon));
    if (!m) return;
    json_object_set_new(root, "action_dim", json_integer(m->action_dim));
    if (m->horizon) json_object_set_new(root, "action_horizon", json_integer(m->horizon));
    json_object_set_new(root, "pi05", json_boolean(m->pi05));
    if (m->n_f32 == m->n_tensors || m->n_bf16 == m->n_tensors)
        json_object_set_new(root, "precision", json_string(m->n_f32 ? "float32" : "bfloat16"));
}

int pi0_convert_config(conversion *c, const pi0_info *model, const pi0_policy_info *info)
{
    json_t *root = NULL;
    // LeRobot's own came with its other files
    if (c->config.layout == LAYOUT_LEROBOT) return PI0_OK;
    char *path = pi0_path_join(c->part, "config.json");
    int status = path ? PI0_OK : no_memory(c);
    // the second time the robot is there already
    if (!status && model)
        status = pi0_json_read(&root, path, c->err);
    else if (!status && !(status = source_config(c, &root)))
        status = make_policy(c, root);
    if (!status) write_sizes(c, root, model);
    if (!status && info) write_out(json_object_get(root, "policy"), info);
    if (!status)
        status = pi0_output_json(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(17), c->err);
    json_decref(root);
    free(path);
    return status;
}
