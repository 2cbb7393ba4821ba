/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_convert.c - pi0 convert: any checkpoint into one folder with model.safetensors. */
#include "commands.h"
#include "convert.h"
#include "terminal.h"
#include <stdio.h>

typedef struct convert_args {
    const char *type, *config;
    int horizon;
} convert_args;

#define FIELD(name) offsetof(convert_args, name)
static const option options[] = {
    { "dtype", "NAME", OPTION_CHOICE, FIELD(type),
      "round every weight to bf16, or widen it to f32. Default: as they are,\n"
      "without loss",
      0, 0, "bf16|f32" },
    { "config", "NAME", OPTION_TEXT, FIELD(config),
      "the robot that an openpi checkpoint is for: one of openpi's\n"
      "configurations, or a JSON file that describes a robot. It is written\n"
      "into config.json, and need not be given any more",
      0, 0, NULL },
    { "horizon", "N", OPTION_INT, FIELD(horizon),
      "rows of an action chunk, where neither checkpoint nor --config says", 1, 4096, NULL },
};

static void show_progress(void *line, double part)
{
    pi0_progress_set(line, part);
}

static int convert(const char *from, const char *to, const convert_args *a)
{
    convert_job job = { .from = from,
                        .to = to,
                        .config = a->config,
                        .type = a->type,
                        .horizon = a->horizon,
                        .progress = show_progress,
                        .stop = pi0_interrupted };
    convert_result r;
    notices w = { NULL, 0 };
    pi0_error err;
    job.user = pi0_progress_start("converting");
    pi0_interrupt_hold(true);
    const int status = pi0_convert(&job, &r, &w, &err);
    pi0_progress_stop(job.user);
    pi0_notices_free(&w);
    if (status) return pi0_report(status, &err);
    printf("%s: %d tensors, %.3f GB, horizon %d, robot %s\n", to, r.n_tensors,
           (double)r.bytes * 1e-9, r.horizon, r.config[0] ? r.config : "none");
    return STATUS_OK;
}

static int run(const command *self, int argc, char **argv)
{
    convert_args a = { .type = NULL };
    const option_group groups[] = { OPTION_GROUP("Options", options, &a) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 1, 2, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    if (rest.n != 2)
        return pi0_usage_error(self, "from where to where? Give a checkpoint and a new folder");
    return convert(rest.item[0], rest.item[1], &a);
}

const command pi0_command_convert = {
    "convert",
    "a checkpoint of any kind into one folder with model.safetensors",
    "[options] DIR OUT",
    "Reads any checkpoint that pi0 runs (openpi's JAX folders, shards, LeRobot's) and writes the\n"
    "folder OUT: model.safetensors, config.json, statistics, tokenizer. Weights keep every bit\n"
    "unless --dtype says otherwise, and OUT gives the very actions that DIR gives. What decides\n"
    "them (horizon, time grid, normalisation, resizing, form of the prompt) is written into\n"
    "config.json; a LeRobot checkpoint keeps its own files, which say it. LoRA is merged.\n"
    "OUT is there when it is whole, or not at all; nothing is overwritten.",
    "pi0 convert --config pi05_droid checkpoints/pi05_droid pi05_droid_st\n"
    "pi0 convert --dtype bf16 checkpoints/my_policy my_policy_bf16\n",
    run,
};
