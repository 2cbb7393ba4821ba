/* SPDX-License-Identifier: Apache-2.0 */
/* policy_text.c - a robot policy as text and as JSON. */
#include "policy_text.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *pi0_policy_mask_text(char text[128], const pi0_policy_info *p)
{
    if (!p->relative) return "-";
    int at = 0;
    for (int i = 0, n; i < p->n_actions && at < 110; i += n) {
        for (n = 1; i + n < p->n_actions && !p->relative[i + n] == !p->relative[i];) n++;
        at += snprintf(text + at, 128 - (size_t)at, "%s%d", i ? "," : "", p->relative[i] ? n : -n);
    }
    return text;
}

/* ---- JSON ---- */

static json_t *mask_json(const pi0_policy_info *p)
{
    if (!p->relative) return json_null();
    json_t *mask = json_array();
    for (int i = 0; i < p->n_actions; i++)
        json_array_append_new(mask, json_boolean(p->relative[i]));
    return mask;
}

json_t *pi0_policy_config_json(const pi0_policy_info *p)
{
    json_t *metadata = p->metadata ? json_loads(p->metadata, 0, NULL) : json_object();
    return json_pack("{s:s, s:s, s:i, s:i, s:b, s:s, s:i, s:i, s:s, s:s, s:o, s:s?, s:s?, s:o}",
                     "name", p->config, "model", p->pi05 ? "pi0.5" : "pi0", "horizon", p->horizon,
                     "max_tokens", p->max_tokens, "state_in_prompt", p->state_in_prompt, "robot",
                     p->robot, "state_dim", p->state_dim, "n_actions", p->n_actions,
                     "state_normalization", p->state_norm.kind, "action_normalization",
                     p->action_norm.kind, "relative", mask_json(p), "asset_id", p->asset_id,
                     "default_prompt", p->default_prompt, "metadata", metadata);
}

static json_t *names_json(const char *const *names, int n)
{
    if (!names) return json_null();
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *steps_json(const char *const *steps)
{
    int n = 0;
    while (steps[n]) n++;
    return names_json(steps, n);
}

static json_t *norm_json(const pi0_policy_norm *s)
{
    json_t *a = json_array(), *b = json_array();
    for (int i = 0; i < s->n; i++) {
        json_array_append_new(a, json_real(s->a[i]));
        json_array_append_new(b, json_real(s->b[i]));
    }
    return json_pack("{s:s, s:f, s:o, s:o}", "kind", s->kind, "eps", s->eps, "a", a, "b", b);
}

json_t *pi0_policy_json(const pi0_policy_info *p)
{
    json_t *root = pi0_policy_config_json(p), *cameras = json_array(), *states = json_array();
    for (int i = 0; i < p->n_cameras; i++)
        json_array_append_new(cameras,
                              json_pack("{s:s, s:s?, s:b}", "name", p->cameras[i].name, "slot",
                                        p->cameras[i].slot, "required", p->cameras[i].required));
    for (int i = 0; i < p->n_states; i++)
        json_array_append_new(
            states, json_pack("{s:s, s:i}", "name", p->states[i].name, "size", p->states[i].size));
    json_t *more = json_pack(
        "{s:o, s:o, s:o, s:s?, s:s?, s:s, s:s?, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o}", "cameras",
        cameras, "states", states, "action_names", names_json(p->action_names, p->n_actions),
        "state_units", p->state_units, "action_units", p->action_units, "prompt_format",
        p->prompt_format, "statistics", p->statistics, "image_axes", p->image_axes, "time_grid",
        p->time_grid, "resize", p->resize, "n_action_steps", p->n_action_steps, "input_steps",
        steps_json(p->input_steps), "output_steps", steps_json(p->output_steps), "state_statistics",
        norm_json(&p->state_norm), "action_statistics", norm_json(&p->action_norm));
    if (root && more && !json_object_update(root, more)) {
        json_decref(more);
        return root;
    }
    json_decref(more);
    json_decref(root);
    return NULL;
}

/* ---- for people ---- */

static void print_cameras(const pi0_policy_info *p)
{
    for (int i = 0; i < p->n_cameras; i++) {
        const pi0_policy_camera *c = &p->cameras[i];
        printf("  %-13s %s", i ? "" : "cameras", c->name);
        if (!c->slot)
            printf(" (not looked at)\n");
        else if (!strcmp(c->slot, c->name))
            printf("%s\n", c->required ? "" : " (may be missing)");
        else
            printf(" -> %s%s\n", c->slot, c->required ? "" : " (may be missing)");
    }
}

// names and units of one side
static void print_units(const char *const *names, int n, const char *units)
{
    for (int i = 0; names && i < n; i++) printf("%s%s", i ? ", " : ": ", names[i]);
    if (units) printf("\n  %-13s %s", "", units);
    printf("\n");
}

static void print_steps(const char *title, const char *const *steps)
{
    printf("  %-13s", title);
    for (int i = 0; steps[i]; i++) printf("%s %s", i ? "," : "", steps[i]);
    printf("%s\n", steps[0] ? "" : " none");
}

void pi0_policy_print(const pi0_policy_info *p)
{
    char mask[128];
    const bool lerobot = !strcmp(p->robot, p->config) || !strcmp(p->config, "lerobot");
    printf("robot policy: %s%s%s%s\n", lerobot ? "" : p->config, lerobot ? "" : " (", p->robot,
           lerobot ? "'s own processors" : ")");
    print_cameras(p);
    printf("  %-13s", "state");
    for (int i = 0; i < p->n_states; i++)
        printf("%s %s [%d]", i ? "," : "", p->states[i].name, p->states[i].size);
    print_units(NULL, 0, p->state_units);
    printf("  %-13s %d columns", "n_actions", p->n_actions);
    print_units(p->action_names, p->n_actions, p->action_units);
    if (p->relative)
        printf("  %-13s %s (relative to the state; -: not)\n", "", pi0_policy_mask_text(mask, p));
    printf("  %-13s state %s, actions %s%s%s\n", "normalisation", p->state_norm.kind,
           p->action_norm.kind, p->statistics ? ", from " : "", p->statistics ? p->statistics : "");
    printf("  %-13s %s, %s%d tokens at most", "prompt", p->prompt_format,
           p->state_in_prompt ? "with the state, " : "", p->max_tokens);
    if (p->default_prompt) printf("; default \"%s\"", p->default_prompt);
    printf("\n  %-13s %s's resizing, %s's time grid\n", "",
           strcmp(p->resize, "pillow") ? "torch" : "Pillow",
           strcmp(p->time_grid, "openpi") ? "LeRobot" : "openpi");
    print_steps("in", p->input_steps);
    print_steps("out", p->output_steps);
}
