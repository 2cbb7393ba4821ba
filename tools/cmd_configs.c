/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_configs.c - pi0 configs: openpi's named configurations, as --config takes them. */
#include "commands.h"
#include "fail.h"
#include "json_out.h"
#include "policy_text.h"
#include "terminal.h"
#include <stdio.h>
#include <string.h>

typedef struct configs_args {
    bool json;
} configs_args;

#define FIELD(name) offsetof(configs_args, name)
static const option options[] = {
    { "json", NULL, OPTION_FLAG, FIELD(json), "one JSON array on stdout", 0, 0, NULL },
};

static void print_row(const pi0_policy_info *p, int name_width)
{
    char mask[128];
    const char *metadata = p->metadata && strcmp(p->metadata, "{}") ? p->metadata : "";
    printf("%-*s  %-5s %4d %6d  %-5s  %-6s  %-9s  %-38s  %s%s%s\n", name_width, p->config,
           p->pi05 ? "pi0.5" : "pi0", p->horizon, p->max_tokens, p->state_in_prompt ? "yes" : "no",
           p->robot, pi0_policy_mask_text(mask, p), p->asset_id ? p->asset_id : "-",
           p->default_prompt ? p->default_prompt : "-", *metadata ? "  " : "", metadata);
}

static int print_table(pi0_error *err)
{
    pi0_policy_info p;
    int width = 0;
    for (int i = 0; pi0_config_name(i); i++) {
        const int length = (int)strlen(pi0_config_name(i));
        if (length > width) width = length;
    }
    printf("%-*s  %-5s %4s %6s  %-5s  %-6s  %-9s  %-38s  %s\n", width, "config", "model", "rows",
           "tokens", "state", "robot", "relative", "asset id", "default prompt, metadata");
    for (int i = 0; pi0_config_name(i); i++) {
        const int status = pi0_config_info(pi0_config_name(i), &p, err);
        if (status) return status;
        print_row(&p, width);
    }
    printf("\nrows: of an action chunk. tokens: of the prompt, at most. state: it is part of the "
           "prompt.\nrelative: actions that are relative to the state (6: the first six, -1: then "
           "one that is not).\nasset id: statistics are read from DIR/assets/ASSET_ID/"
           "norm_stats.json. Another robot: --config FILE.json\n");
    return PI0_OK;
}

static int print_json(pi0_error *err)
{
    json_t *list = json_array();
    int status = PI0_OK;
    for (int i = 0; pi0_config_name(i) && !status; i++) {
        pi0_policy_info p;
        status = pi0_config_info(pi0_config_name(i), &p, err);
        if (!status && json_array_append_new(list, pi0_policy_config_json(&p)))
            status = pi0_fail(err, PI0_ENOMEM, "no memory for the JSON");
    }
    if (!status) return pi0_json_print(list, 0, err);
    json_decref(list);
    return status;
}

static int run(const command *self, int argc, char **argv)
{
    configs_args a = { .json = false };
    const option_group groups[] = { OPTION_GROUP("Options", options, &a) };
    arguments rest;
    pi0_error err;
    const enum options_result r = pi0_options_parse(self, groups, 1, 0, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    const int status = a.json ? print_json(&err) : print_table(&err);
    return status ? pi0_report(status, &err) : STATUS_OK;
}

const command pi0_command_configs = {
    "configs",
    "openpi's named robot configurations, for --config",
    "[--json]",
    "Lists openpi's configurations of pi0 and pi0.5: what each says of the model, the robot, its\n"
    "prompt and its statistics. An openpi checkpoint does not say which one it was trained with.",
    "pi0 configs\n"
    "pi0 configs --json\n",
    run,
};
