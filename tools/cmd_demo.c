/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_demo.c - pi0 demo: a small policy at work on a simulated table. */
#include "commands.h"
#include "demo_live.h"
#include <stdio.h>
#include <stdlib.h>

#define FIELD(name) offsetof(demo_args, name)
static const option scene_options[] = {
    { "task", "NAME", OPTION_CHOICE, FIELD(task_name),
      "place: put a block in the bowl; reach: move the hand to a block.\nDefault: place", 0, 0,
      "place|reach" },
    { "prompt", "TEXT", OPTION_TEXT, FIELD(prompt),
      "what it is told, in every episode; {colour} in it is the colour asked\n"
      "for, {other} another one. The block that the sentence names is the one\n"
      "that counts. Default: the task's sentence with the colour asked for,\n"
      "which is red, green, blue in turn",
      0, 0, NULL },
    { "episodes", "N", OPTION_INT, FIELD(episodes), "scenes, 1 to 100000. Default: 50", 1, 100000,
      NULL },
    { "execute", "N", OPTION_INT, FIELD(execute),
      "commands of each plan that are done before it looks again. Default: 8", 1, 4096, NULL },
    { "noise-std", "X", OPTION_TEXT, FIELD(noise_text),
      "each command's x and y are off by a random distance of this standard\n"
      "deviation (0.01 is 2.2 pixels). Default: 0",
      0, 0, NULL },
    { "disturb", NULL, OPTION_FLAG, FIELD(disturb),
      "after 8 steps the blocks change places, or, if one is carried, the\n"
      "bowl moves away; an episode then has 72 steps instead of 48",
      0, 0, NULL },
};

static const option result_options[] = {
    { "out", "FILE.html", OPTION_TEXT, FIELD(out),
      "write a page to replay the episodes in a browser: one file that needs\n"
      "nothing else",
      0, 0, NULL },
    { "dump-scenes", "FILE", OPTION_TEXT, FIELD(dump),
      "write what another program needs to run the same episodes, and the\n"
      "first plan of each, as safetensors; n episodes:\n"
      "  colours I64 [n,3]    of blocks 0, 1, 2: 0 red, 1 green, 2 blue\n"
      "  blocks F64 [n,3,2], bowl F64 [n,2], hand F64 [n,2]  at the start\n"
      "  goal I64 [n]         the block that the sentence names\n"
      "  success I64 [n]      1: done at the end\n"
      "  kicks F64 [n,steps,2]  what --noise-std adds to each command\n"
      "  state F64 [n,3], image U8 [n,224,224,3]  the first observation\n"
      "  noise F32 [n,plans,horizon,32]  what each plan starts from\n"
      "  plan F64 [n,horizon,3]  the first plan's commands\n"
      "  __metadata__         task; prompts, a line for each episode",
      0, 0, NULL },
    { "json", NULL, OPTION_FLAG, FIELD(json),
      "one JSON object on stdout: episodes, success, rate, interval (95 %,\n"
      "Wilson), by_colour, steps_mean, infer_ms_p50, infer_ms_p99, backend,\n"
      "precision, and the conditions of the run",
      0, 0, NULL },
};

static const option live_options[] = {
    { "serve", "PORT", OPTION_INT, FIELD(port),
      "instead: a page on which one tells it what to do, watches, and drags\n"
      "blocks and bowl while it moves. 0: any free port; it is printed",
      0, 65535, NULL },
    { "host", "ADDRESS", OPTION_TEXT, FIELD(host),
      "where --serve listens: 0.0.0.0 for a telephone in the same network.\n"
      "Default: 127.0.0.1, this machine alone",
      0, 0, NULL },
};

// an interrupt must not leave half of a file behind
static int write_files(const demo_run *d, pi0_error *err)
{
    int status = PI0_OK;
    pi0_interrupt_hold(true);
    if (d->a->dump) status = pi0_demo_write_dump(d, d->a->dump, err);
    if (!status && d->a->out) status = pi0_demo_write_replay(d, d->a->out, err);
    pi0_interrupt_hold(false);
    return status;
}

static int demo(const demo_args *a)
{
    demo_run d;
    pi0_error err;
    int status = pi0_demo_run(&d, a, &err);
    if (!status) status = write_files(&d, &err);
    if (!status && a->json) status = pi0_demo_print_json(&d, &err);
    if (!status && !a->json) pi0_demo_print(&d);
    if (!status && !a->json && a->dump) printf("wrote %s\n", a->dump);
    if (!status && !a->json && a->out) printf("wrote %s: open it in a browser\n", a->out);
    const int code = status ? pi0_report(status, &err) : STATUS_OK;
    pi0_demo_run_free(&d);
    return code;
}

static int run(const command *self, int argc, char **argv)
{
    demo_args a = {
        .run = RUN_OPTIONS_DEFAULT, .task_name = "place", .episodes = 50, .execute = 8, .port = -1
    };
    const option_group groups[] = { OPTION_GROUP("What happens", scene_options, &a),
                                    OPTION_GROUP("Results", result_options, &a),
                                    OPTION_GROUP("Live in a browser", live_options, &a),
                                    pi0_run_options_group(&a.run) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 4, 1, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    int status = pi0_run_options_folder(self, &a.run.model, &rest);
    if (!status) status = pi0_demo_args_finish(self, &a);
    if (!status) status = a.port >= 0 ? pi0_demo_live(&a) : demo(&a);
    free(a.model);
    return status;
}

const command pi0_command_demo = {
    "demo",
    "a small policy at work on a simulated table: how often it succeeds",
    "[--task place|reach] [--prompt TEXT] [--episodes N] [options]",
    "Runs a policy in closed loop, as a robot would: it looks (a picture of 224x224 pixels, the\n"
    "hand's state, a sentence), plans a chunk of commands, does the first of them, looks again.\n"
    "The table is simulated: a two-link arm seen from above, three coloured blocks, a bowl.\n"
    "Without --model the policy of the task that comes with pi0 runs; another one needs the same\n"
    "camera, state and commands. An episode succeeds when at its end the block that the sentence\n"
    "names is in the bowl (reach: the hand is at it); it counts as reached when that was so at\n"
    "some time.\n"
    "The policies that come with pi0 run on one thread unless --threads says otherwise: they are\n"
    "so small that more of them only wait for each other.\n"
    "Scenes and noise come from --seed: the same on every machine and with every backend.\n"
    "Plan k of episode i starts from stream 65536 i + k of pi0_noise().",
    "pi0 demo --out replay.html\n"
    "pi0 demo --serve 8080\n"
    "pi0 demo --task reach --episodes 500 --json\n"
    "pi0 demo --prompt \"put the blue block in the bowl\"\n"
    "pi0 demo --prompt \"put the {other} block in the bowl\" --noise-std 0.02 --disturb\n"
    "pi0 demo --episodes 10 --backend reference --dump-scenes scenes.safetensors\n",
    run,
};
