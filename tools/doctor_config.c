/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_config.c - checks of pi0 doctor: config.json, and whether the robot that was asked for is
 * that of this checkpoint. */
#include "doctor.h"
#include <stdio.h>
#include <string.h>

/* ---- config.json ---- */

static void check_variant(doctor *d, const char *key, const char *name, int width, int depth,
                          int mlp)
{
    int w, n, m;
    if (!name[0]) return;
    if (!pi0_config_variant(name, &w, &n, &m))
        pi0_found(d, F_CONFIG_VARIANT, "config.json: %s \"%s\" is not known", key, name);
    else if (w != width || n != depth || m != mlp)
        pi0_found(d, F_CONFIG_VARIANT,
                  "config.json: %s \"%s\" means width %d, depth %d, mlp %d; the tensors have %d, "
                  "%d, %d",
                  key, name, w, n, m, width, depth, mlp);
}

static void check_features(doctor *d)
{
    const json_t *root = d->config_json.root, *rtc = json_object_get(root, "rtc_config");
    const json_int_t rows = json_integer_value(json_object_get(root, "n_action_steps")),
                     chunk = json_integer_value(json_object_get(root, "chunk_size"));
    if (rtc && !json_is_null(rtc))
        pi0_found(d, F_CONFIG_RTC, "config.json: rtc_config is set and will not be applied");
    if (chunk > 0 && rows > chunk)
        pi0_found(d, F_CONFIG_ACTION_STEPS, "config.json: n_action_steps is %lld, chunk_size %lld",
                  (long long)rows, (long long)chunk);
}

void pi0_check_config(doctor *d)
{
    model_sizes z;
    const bool missing = !d->config_json.there && d->config_error.code == PI0_EIO;
    if (!d->has_config && !missing) {
        pi0_found(d, F_CONFIG_REFUSED, "%s", d->config_error.message);
        return;
    }
    if (!d->config.found && d->lerobot)
        pi0_found(d, F_CONFIG_MISSING, "LeRobot's pipelines are there, but config.json is not");
    else if (!d->config.found && d->has_tensors)
        pi0_found(d, F_CONFIG_ABSENT, "no config.json");
    if (d->config.found)
        pi0_looked(d, "config.json, %s's",
                   d->config.layout == LAYOUT_LEROBOT ? "LeRobot" : "openpi");
    check_features(d);
    if (!pi0_doctor_sizes(d, &z)) return;
    check_variant(d, "paligemma_variant", d->config.vlm_variant, z.size[SIZE_D], z.layers,
                  z.size[SIZE_D_MLP]);
    check_variant(d, "action_expert_variant", d->config.expert_variant, z.size[SIZE_W], z.layers,
                  z.size[SIZE_W_MLP]);
}

/* ---- the robot ---- */

static bool has_asset(const doctor *d, const char *id)
{
    for (int i = 0; i < d->assets.n; i++)
        if (id && !strcmp(d->assets.id[i], id)) return true;
    return !d->assets.n;
}

// openpi's configs that this checkpoint may be of: model, horizon and statistics agree
static const char *list_fitting(const doctor *d, text_list *list)
{
    pi0_policy_info p;
    const char *name;
    for (int i = 0; (name = pi0_config_name(i)); i++) {
        if (pi0_config_info(name, &p, NULL) || p.pi05 != d->pi05 || !has_asset(d, p.asset_id))
            continue;
        if (d->config.horizon && p.horizon != d->config.horizon) continue;
        pi0_list_add(list, "%s", name);
    }
    if (!list->n) pi0_list_add(list, "none of openpi's");
    return pi0_list_text(list);
}

static void check_fit(doctor *d)
{
    text_list fitting = { .n = 0 };
    const pi0_policy_info *p = &d->policy;
    if (d->pi05 >= 0 && p->pi05 != d->pi05)
        pi0_found(d, F_ROBOT_MODEL, "config %s is of %s, the tensors are of %s; fitting: %s",
                  p->config, p->pi05 ? "pi0.5" : "pi0", d->pi05 ? "pi0.5" : "pi0",
                  list_fitting(d, &fitting));
    else if (d->config.horizon && p->horizon && p->horizon != d->config.horizon)
        pi0_found(d, F_ROBOT_HORIZON,
                  "config %s has chunks of %d actions, config.json says %d; fitting: %s", p->config,
                  p->horizon, d->config.horizon, list_fitting(d, &fitting));
}

void pi0_check_robot(doctor *d)
{
    text_list fitting = { .n = 0 };
    if (!d->asked_policy) {
        if (d->has_tensors && !d->lerobot)
            pi0_found(d, F_ROBOT_NONE, "no --config; what fits model, horizon and assets: %s",
                      list_fitting(d, &fitting));
        return;
    }
    if (d->lerobot) {
        if (d->o->config) pi0_found(d, F_ROBOT_REFUSED, "%s", d->policy_error.message);
    } else if (!d->known_robot)
        // a file that describes a robot may be right, and the checkpoint not
        pi0_found(d,
                  !d->o->config || pi0_file_exists(d->o->config) ? F_ROBOT_REFUSED : F_ROBOT_CONFIG,
                  "%s", d->policy_error.message);
    else
        check_fit(d);
    if (d->known_robot)
        pi0_looked(d, "%s, %s, state of %d, %d actions, chunks of %d", d->policy.config,
                   d->policy.robot, d->policy.state_dim, d->policy.n_actions, d->policy.horizon);
}

void pi0_check_cameras(doctor *d)
{
    static const char empty[] = "observation.images.empty_camera_";
    const json_t *features = json_object_get(d->config_json.root, "input_features"), *value;
    text_list names = { .n = 0 }, left_out = { .n = 0 };
    const char *key;
    for (int i = 0; d->known_robot && i < d->policy.n_cameras; i++) {
        const pi0_policy_camera *c = &d->policy.cameras[i];
        pi0_list_add(&names, "%s%s", c->name,
                     !c->slot      ? " (not looked at)"
                     : c->required ? " (required)"
                                   : "");
    }
    if (names.n)
        pi0_found(d, F_CAMERA_NAMES, "pictures as %s (H height, W width, C colours); %s",
                  d->policy.image_axes, pi0_list_text(&names));
    json_object_foreach((json_t *)(uintptr_t)features, key,
                        value) if (!strncmp(key, empty, sizeof empty - 1))
        pi0_list_add(&left_out, "%.100s", key);
    if (left_out.n) pi0_found(d, F_CAMERA_EMPTY, "config.json: %s", pi0_list_text(&left_out));
}
