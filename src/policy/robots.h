/* SPDX-License-Identifier: Apache-2.0 */
/* robots.h - the robots that openpi knows, its named configs, and robots described by a file. */
#ifndef PI0_ROBOTS_H
#define PI0_ROBOTS_H
#include "policy/policy.h"

// a robot: what it calls its cameras and states, and the steps that are its own
typedef struct robot_kind {
    const char *name;
    int n_cameras;
    pi0_policy_camera cameras[POLICY_MAX_CAMERAS];
    int extra_allowed;
    const char *image_axes;
    int n_states;
    pi0_policy_state states[POLICY_MAX_STATES];
    int n_actions;
    const char *const *action_names;
    const char *state_units, *action_units, *relative_units; // relative: where it moves joints
    enum policy_step input[3], output[3];
} robot_kind;

extern const robot_kind pi0_robot_aloha, pi0_robot_droid, pi0_robot_libero;

// which actions are relative to the state, or NULL: none. openpi's make_bool_mask
typedef const unsigned char *action_mask;

// one of openpi's configs
typedef struct named_config {
    const char *name;
    const robot_kind *robot;
    bool pi05;
    int horizon, max_tokens;
    bool state_in_prompt;
    action_mask relative;
    const char *asset_id, *prompt, *metadata;
} named_config;

const named_config *pi0_named_config(int i); // NULL behind the last one
int pi0_named_config_count(void);

// by its name. PI0_EINVAL: not known; PI0_EUNSUPPORTED: openpi's, but no pi0 or pi0.5
int pi0_named_config_find(const named_config **out, const char *name, pi0_error *err);

// "pi0_aloha, pi05_aloha, …" into text; returns text
const char *pi0_named_config_list(char *text, size_t size);

/* A config with everything that a file may say: a row of the table and its robot, or a JSON file.
 * Source of the fields: openpi src/openpi/training/config.py TrainConfig, DataConfig. */
typedef struct policy_spec {
    const char *name;
    robot_kind robot;
    bool pi05;
    int horizon, max_tokens; // horizon 0: not said
    enum prompt_format prompt;
    action_mask relative;
    enum norm_kind norm;
    double eps;
    bool lerobot_grid, torch;
    const char *asset_id;   // or
    const char *statistics; // path of a norm_stats.json
    const char *default_prompt, *metadata;

    // owners of a file's strings and masks
    json_t *root;
    char *statistics_path, *metadata_text;
    unsigned char mask[POLICY_MAX_VALUES];
    const char *action_names[POLICY_MAX_VALUES];
} policy_spec;

void pi0_spec_from_row(policy_spec *spec, const named_config *row);

/* Read a robot's JSON file (docs/CONFIG_FILE.md). spec->relative and spec->robot.action_names may
 * point into spec itself. PI0_EFORMAT names file and key, for an unknown key the nearest known one;
 * PI0_EIO, PI0_ENOMEM. */
int pi0_spec_read(policy_spec *spec, const char *path, pi0_error *err);
int pi0_spec_parse(policy_spec *spec, const char *json, size_t size, const char *name,
                   pi0_error *err);
// the same from an object of another file, which is taken over
int pi0_spec_take(policy_spec *spec, json_t *root, const char *name, pi0_error *err);
void pi0_spec_free(policy_spec *spec);

// what a spec says of itself, statistics left out; pointers are the spec's
void pi0_spec_info(pi0_policy_info *info, const policy_spec *spec);
#endif
