/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_infer.c - pi0 infer: inputs from files, one action chunk out. */
#include "commands.h"
#include "data/npy.h"
#include "infer_run.h"
#include "plot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(infer_args, name)
static const option input_options[] = {
    { "observation", "FILE", OPTION_LIST, FIELD(observations),
      "what the robot sees and measures, in its own units; more than once,\n"
      "or a folder: one load, many chunks, results stacked to [n,rows,dims]\n"
      "  FILE.msgpack  as openpi's client packs it (msgpack with numpy)\n"
      "  FILE.json     {\"images\": {\"CAMERA\": \"picture.png\"},\n"
      "                \"state\": [...], \"prompt\": \"...\"}; state also\n"
      "                {\"KEY\": [...]}; pictures relative to the file",
      0, 0, NULL },
    { "image", "CAMERA=FILE", OPTION_LIST, FIELD(images),
      "a camera's picture, PNG or JPEG, of any size; once for each camera\n"
      "that is present. Names: pi0 inspect DIR",
      0, 0, NULL },
    { "state", "N,N,...", OPTION_TEXT, FIELD(state),
      "joint state, up to 32 values, in the robot's units (with --config,\n"
      "and of a LeRobot folder) or normalised (without a robot)",
      0, 0, NULL },
    { "prompt", "TEXT", OPTION_TEXT, FIELD(prompt),
      "what the robot shall do. Default: the config's default prompt", 0, 0, NULL },
    { "normalized", NULL, OPTION_FLAG, FIELD(normalized),
      "--image and --state of a LeRobot folder go to the network as they\n"
      "are: state and actions are its own, normalised",
      0, 0, NULL },
    { "raw", "FILE", OPTION_TEXT, FIELD(raw),
      "safetensors file with the network's own inputs:\n"
      "  images  U8  [n,224,224,3]  the cameras that are present, in the\n"
      "                             network's order, or\n"
      "  pixels  F32 [n,3,224,224]  the same in [-1,1]\n"
      "  tokens  I64 [T]            the prompt's tokens, without padding\n"
      "  state   F32 [up to 32]     normalised; not used by pi0.5\n"
      "  noise   F32 [horizon,32]   optional",
      0, 0, NULL },
    { "noise", "FILE.npy", OPTION_TEXT, FIELD(noise),
      "what the chunk starts from, [horizon,32]; of several observations one\n"
      "for all, or [n,horizon,32]. Default: drawn from --seed, for each\n"
      "observation another",
      0, 0, NULL },
};

static const option output_options[] = {
    { "out", "FILE.npy", OPTION_TEXT, FIELD(out),
      "write the actions: a robot's as float64 [horizon,dims], the network's\n"
      "own as float32 [horizon,32]. Default: a table on stdout",
      0, 0, NULL },
    { "plot", "FILE.svg", OPTION_TEXT, FIELD(plot), "draw the actions as lines over time", 0, 0,
      NULL },
    { "columns", "N", OPTION_INT, FIELD(columns),
      "show only the first N columns in table and picture: a robot has\n"
      "fewer actions than the network. Default: all",
      1, 4096, NULL },
    { "compare", "BACKEND", OPTION_CHOICE, FIELD(compare),
      "run the same inputs and noise on a second backend: time, speed-up,\n"
      "largest difference, correlation",
      0, 0, "cpu|reference" },
    { "trace", "FILE.json", OPTION_TEXT, FIELD(trace),
      "write when each stage, step, layer and operation ran on which thread,\n"
      "as trace events for ui.perfetto.dev or chrome://tracing",
      0, 0, NULL },
    { "json", NULL, OPTION_FLAG, FIELD(json),
      "one JSON object on stdout: actions, shape, dtype, normalized, config,\n"
      "robot, action_names, action_units, observations, timing_ms, backend,\n"
      "isa, precision, threads, warnings",
      0, 0, NULL },
};

/* ---- results ---- */

static int write_plot(const infer_run *u, pi0_error *err)
{
    char title[256], subtitle[400];
    const infer_result *x = &u->result;
    const int columns = u->a->columns && u->a->columns < x->cols ? u->a->columns : x->cols;
    snprintf(title, sizeof title, "%s",
             u->a->prompt ? u->a->prompt
             : u->a->raw  ? u->a->raw
             : x->files   ? x->files[0]
                          : "");
    snprintf(subtitle, sizeof subtitle, "%s: one chunk of %d rows, %s%s", u->a->run.model, x->rows,
             x->policy ? "in units of the robot, " : "normalised actions",
             x->policy ? x->policy->robot : "");
    const plot p = { title,
                     subtitle,
                     x->actions,
                     x->rows,
                     columns,
                     x->cols,
                     x->policy ? x->policy->action_names : NULL };
    return pi0_plot_write(u->a->plot, &p, err);
}

// robots' actions are f64, as openpi's are; the network's own are f32
static int write_actions(const infer_run *u, pi0_error *err)
{
    const infer_result *x = &u->result;
    const int64_t dims[3] = { x->count, x->rows, x->cols };
    const int first = x->stacked ? 0 : 1;
    if (x->policy) return pi0_npy_write_f64(u->a->out, x->actions, 3 - first, dims + first, err);
    return pi0_npy_write_f32(u->a->out, u->network, 2, dims + 1, err);
}

static int write_files(const infer_run *u, pi0_error *err)
{
    int status = PI0_OK;
    // an interrupt must not leave half of a file behind
    pi0_interrupt_hold(true);
    if (u->a->out) status = write_actions(u, err);
    if (!status && u->a->plot) status = write_plot(u, err);
    pi0_interrupt_hold(false);
    return status;
}

static int show(const infer_run *u, pi0_error *err)
{
    char shape[64];
    const infer_result *x = &u->result;
    if (u->a->json) return pi0_result_json(x, err);
    if (u->a->out)
        printf("wrote %s: %s%s\n", u->a->out, pi0_result_shape(shape, x),
               x->policy ? ", in the robot's units" : ", normalised");
    else
        pi0_result_table(x, u->a->columns);
    if (u->a->plot) printf("wrote %s\n", u->a->plot);
    if (u->a->trace) printf("wrote %s\n", u->a->trace);
    if (x->comparison)
        pi0_result_comparison(x);
    else
        pi0_result_timing(x);
    return PI0_OK;
}

static int infer(const infer_args *a)
{
    infer_run u;
    pi0_error err;
    int status = pi0_infer_run(&u, a, &err);
    if (!status) status = write_files(&u, &err);
    if (!status) status = show(&u, &err);
    const int code = status ? pi0_report(status, &err) : STATUS_OK;
    pi0_infer_run_free(&u);
    return code;
}

static int run(const command *self, int argc, char **argv)
{
    infer_args a = { .run = RUN_OPTIONS_DEFAULT };
    const option_group groups[] = { OPTION_GROUP("Inputs", input_options, &a),
                                    OPTION_GROUP("Results", output_options, &a),
                                    pi0_run_options_group(&a.run) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 3, 1, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    int status = pi0_run_options_check(self, &a.run, &rest);
    if (!status) status = pi0_infer_args_check(self, &a);
    return status ? status : infer(&a);
}

const command pi0_command_infer = {
    "infer",
    "one action chunk from images, a sentence and a joint state",
    "--model DIR [--config NAME] (--observation FILE ... | --image CAMERA=FILE ... --prompt TEXT\n"
    "       [--state N,N,...] | --raw FILE) [options]",
    "Runs a policy once for each observation. With --config, and of a LeRobot folder, all is the\n"
    "robot's: its names of cameras, its units of state and actions (float64). With --raw, with\n"
    "--normalized, and of an openpi folder without --config, they are the network's own:\n"
    "normalised as the checkpoint's training data was, padded to 32 columns (float32).",
    "pi0 infer --model demo/place --image observation.images.top=demo/images/scene1.png \\\n"
    "    --state 0.842927,0.558296,0 --prompt \"put the red block in the bowl\"\n"
    "pi0 infer --model checkpoints/pi05_droid --config pi05_droid --observation obs.msgpack \\\n"
    "    --out actions.npy\n"
    "pi0 infer --model checkpoints/pi0_base --raw inputs.safetensors --out actions.npy\n",
    run,
};
