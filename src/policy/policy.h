/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - what stands between a robot and the network: which cameras and states there are, and
 * a table of steps for what goes in and for what comes out. One struct for all robots; what
 * differs is data. Mirrors openpi src/openpi/policies/policy_config.py create_trained_policy and
 * LeRobot's policy_preprocessor.json and policy_postprocessor.json. */
#ifndef PI0_POLICY_H
#define PI0_POLICY_H
#include "data/config.h"
#include "data/json.h"
#include "policy/prompt.h"
#include "policy/steps.h"

#define POLICY_MAX_CAMERAS CONFIG_MAX_CAMERAS
#define POLICY_MAX_STATES 16
#define POLICY_MAX_RENAMES 64
#define POLICY_MAX_WARNINGS 16

enum policy_step {
    STEP_END,
    // on the state, in front of the network
    STEP_ROUND_STATE,
    STEP_ALOHA_FLIP_STATE,
    STEP_ALOHA_GRIPPER_STATE,
    STEP_KEEP_STATE, // actions will be relative to the state as it is here
    STEP_NORMALIZE_STATE,
    STEP_PROMPT_STATE,        // the prompt gets the state as it is here
    STEP_PROMPT_STATE_PADDED, // the same, filled with zeros
    // on the actions, behind the network
    STEP_UNNORMALIZE_ACTIONS,
    STEP_UNNORMALIZE_STATE, // actions are relative to this
    STEP_ABSOLUTE_ACTIONS,
    STEP_ABSOLUTE_ACTIONS_F32,
    STEP_ALOHA_FLIP_ACTIONS,
    STEP_ALOHA_GRIPPER_ACTIONS,
    STEP_COUNT
};

typedef struct policy {
    pi0_policy_info info; // points into this struct, its owners and constant tables
    bool lerobot;         // camera and state names are resolved as LeRobot does
    bool torch;           // pictures resized as LeRobot does
    bool lerobot_grid;    // of the time steps
    enum prompt_format prompt;
    int padded_state; // values of the state in the prompt, with the zeros
    enum policy_step input[PI0_POLICY_MAX_STEPS], output[PI0_POLICY_MAX_STEPS];
    int slot[POLICY_MAX_CAMERAS]; // index of the network's camera; -1: not looked at
    norm state, actions;

    // LeRobot's rename step
    struct {
        const char *from, *to;
    } renames[POLICY_MAX_RENAMES];
    int n_renames;

    // what info points to
    pi0_policy_camera cameras[POLICY_MAX_CAMERAS];
    pi0_policy_state states[POLICY_MAX_STATES];
    const char *action_names[POLICY_MAX_VALUES];
    unsigned char relative[POLICY_MAX_VALUES];
    char *metadata, *statistics;
    json_t *owner[3]; // of strings

    char warning[POLICY_MAX_WARNINGS][320];
    int n_warnings;
} policy;

// what a policy is made from
typedef struct policy_request {
    const char *dir;    // the checkpoint's folder
    const char *config; // options
    const char *state_padding;
    int horizon, n_action_steps;
    const checkpoint_config *checkpoint;
    bool pi05; // what the tensors say
    int state_dim, action_dim;
} policy_request;

/* Make the policy of a checkpoint. PI0_EINVAL, PI0_EIO, PI0_EFORMAT, PI0_EUNSUPPORTED, PI0_ENOMEM.
 * An openpi folder without config is an error too: one that says what to give. */
int pi0_policy_load(policy **out, const policy_request *request, pi0_error *err);
void pi0_policy_free(policy *p);

// its two halves: a named config or a robot file; LeRobot's processors
int pi0_policy_load_openpi(policy *p, const policy_request *request, pi0_error *err);
int pi0_policy_load_lerobot(policy *p, const policy_request *request, pi0_error *err);

// keep a warning for whoever loads the model; those that are too many are left out
__attribute__((format(printf, 2, 3))) void pi0_policy_warn(policy *p, const char *format, ...);

// a copy of a text, malloc'd; NULL: no memory
char *pi0_policy_copy(const char *text);

// append a step to a table
void pi0_policy_add(enum policy_step table[PI0_POLICY_MAX_STEPS], enum policy_step step);
// fill the names of the steps into info
void pi0_policy_name_steps(policy *p);

/* ---- running ---- */

// what the steps work on; all of it is the caller's
typedef struct step_data {
    double *state;        // [state_dim] the robot's, then the network's
    double *anchor;       // [state_dim] what actions are relative to
    double *prompt;       // [max(state_dim, padded_state)] what the prompt says
    int n_prompt;         // 0: the prompt has no state
    const float *network; // [rows][network_cols]
    int network_cols;
    double *actions; // [rows][n_actions]
    int rows;
} step_data;

void pi0_policy_run(const policy *p, const enum policy_step *table, step_data *d);

// the robot's state in the policy's order; out[state_dim]. PI0_EINVAL
int pi0_policy_take_state(const policy *p, const pi0_observation *obs, double *out, pi0_error *err);

/* Which picture shows which camera: image[i] for the camera of slot[i], in the network's order;
 * *n of them. Checked: names, each once, at least one, the required ones, and that no picture's
 * axes are mixed up. PI0_EINVAL */
int pi0_policy_take_cameras(const policy *p, const pi0_observation *obs,
                            int image[POLICY_MAX_CAMERAS], int camera[POLICY_MAX_CAMERAS], int *n,
                            pi0_error *err);

// a name in the observation that the policy passes over (extra_allowed), for a warning; or NULL
const char *pi0_policy_extra(const policy *p, const pi0_observation *obs);
#endif
