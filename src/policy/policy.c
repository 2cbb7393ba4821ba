/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - making, describing and freeing the policy of a checkpoint. */
#include "policy/policy.h"
#include "policy/robots.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_config(const policy_request *r, pi0_error *err)
{
    char list[600];
    return pi0_fail(err, PI0_EINVAL,
                    "%s is an openpi checkpoint, which does not say for which robot it was "
                    "trained: give option config, one of %s; or the path of a JSON file that "
                    "describes a robot",
                    r->dir, pi0_named_config_list(list, sizeof list));
}

// options that contradict the kind of checkpoint
static int check_request(const policy_request *r, pi0_error *err)
{
    const bool lerobot = r->checkpoint->layout == LAYOUT_LEROBOT;
    if (lerobot && r->config)
        return pi0_fail(err, PI0_EINVAL,
                        "config \"%s\" is given, but %s is a LeRobot checkpoint, which has its own "
                        "processors: leave config out",
                        r->config, r->dir);
    if (r->state_padding && strcmp(r->state_padding, "v0.4"))
        return pi0_fail(err, PI0_EINVAL,
                        "lerobot_state_padding is \"%s\", expected \"v0.4\" or nothing",
                        r->state_padding);
    if (r->state_padding && !lerobot)
        return pi0_fail(err, PI0_EINVAL,
                        "lerobot_state_padding is given, but %s is an openpi checkpoint: openpi "
                        "never filled up the state in the prompt",
                        r->dir);
    return lerobot || r->config || r->checkpoint->policy ? PI0_OK : no_config(r, err);
}

// rows that a control loop takes of each chunk: the option's, the checkpoint's, else all
static int set_action_steps(policy *p, const policy_request *r, pi0_error *err)
{
    const int horizon = p->info.horizon;
    if (r->n_action_steps < 0 || (horizon && r->n_action_steps > horizon))
        return pi0_fail(err, PI0_EINVAL, "n_action_steps is %d, but a chunk has %d rows",
                        r->n_action_steps, horizon);
    if (r->n_action_steps) p->info.n_action_steps = r->n_action_steps;
    return PI0_OK;
}

int pi0_policy_load(policy **out, const policy_request *request, pi0_error *err)
{
    int status = check_request(request, err);
    if (status) return status;
    policy *p = calloc(1, sizeof *p);
    if (!p) return pi0_fail(err, PI0_ENOMEM, "no memory for a policy");
    status = request->checkpoint->layout == LAYOUT_LEROBOT
                 ? pi0_policy_load_lerobot(p, request, err)
                 : pi0_policy_load_openpi(p, request, err);
    if (!status) status = set_action_steps(p, request, err);
    if (status) {
        pi0_policy_free(p);
        return status;
    }
    pi0_policy_name_steps(p);
    *out = p;
    return PI0_OK;
}

void pi0_policy_free(policy *p)
{
    if (!p) return;
    for (size_t i = 0; i < sizeof p->owner / sizeof *p->owner; i++) json_decref(p->owner[i]);
    free(p->metadata);
    free(p->statistics);
    free(p);
}

void pi0_policy_warn(policy *p, const char *format, ...)
{
    va_list args;
    if (p->n_warnings == POLICY_MAX_WARNINGS) return;
    va_start(args, format);
    vsnprintf(p->warning[p->n_warnings++], sizeof p->warning[0], format, args);
    va_end(args);
}

char *pi0_policy_copy(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

/* ---- steps ---- */

void pi0_policy_add(enum policy_step table[PI0_POLICY_MAX_STEPS], enum policy_step step)
{
    int n = 0;
    while (table[n]) n++;
    assert(n + 1 < PI0_POLICY_MAX_STEPS);
    table[n] = step;
    table[n + 1] = STEP_END;
}

void pi0_policy_name_steps(policy *p)
{
    static const char *const name[STEP_COUNT] = {
        [STEP_ROUND_STATE] = "round_state_to_f32",
        [STEP_ALOHA_FLIP_STATE] = "aloha_flip_state",
        [STEP_ALOHA_GRIPPER_STATE] = "aloha_gripper_state",
        [STEP_KEEP_STATE] = "keep_state",
        [STEP_NORMALIZE_STATE] = "normalize_state",
        [STEP_PROMPT_STATE] = "state_into_prompt",
        [STEP_PROMPT_STATE_PADDED] = "padded_state_into_prompt",
        [STEP_UNNORMALIZE_ACTIONS] = "unnormalize_actions",
        [STEP_UNNORMALIZE_STATE] = "unnormalize_state",
        [STEP_ABSOLUTE_ACTIONS] = "absolute_actions",
        [STEP_ABSOLUTE_ACTIONS_F32] = "absolute_actions_f32",
        [STEP_ALOHA_FLIP_ACTIONS] = "aloha_flip_actions",
        [STEP_ALOHA_GRIPPER_ACTIONS] = "aloha_gripper_actions",
    };
    for (int i = 0; i < PI0_POLICY_MAX_STEPS; i++) {
        p->info.input_steps[i] = p->input[i] ? name[p->input[i]] : NULL;
        p->info.output_steps[i] = p->output[i] ? name[p->output[i]] : NULL;
    }
}
