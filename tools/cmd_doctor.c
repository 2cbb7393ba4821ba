/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_doctor.c - pi0 doctor: what would go wrong with a checkpoint, or silently get worse. */
#include "commands.h"
#include "doctor_report.h"
#include "fail.h"
#include "run_options.h"
#include "terminal.h"
#include <assert.h>
#include <stdio.h>

#define FIELD(name) offsetof(doctor_options, name)
static const option options[] = {
    { "config", "NAME", OPTION_TEXT, FIELD(config),
      "one of openpi's configurations, or a JSON file that describes a\n"
      "robot; LeRobot's folders need none",
      0, 0, NULL },
    { "tokenizer", "FILE", OPTION_TEXT, FIELD(tokenizer),
      "SentencePiece model, or a folder with tokenizer.model. Default: the\n"
      "checkpoint's folder, openpi's cache, Hugging Face's cache",
      0, 0, NULL },
    { "model", "DIR", OPTION_TEXT, FIELD(dir), "DIR, as the other commands have it", 0, 0, NULL },
    { "observation", "FILE", OPTION_TEXT, FIELD(observation),
      "look at this observation too (FILE.msgpack, FILE.json)", 0, 0, NULL },
    { "lerobot-state-padding", "NAME", OPTION_CHOICE, FIELD(state_padding),
      "v0.4: the prompt of pi0.5 as LeRobot 0.4.0 to 0.4.4 made it", 0, 0, "v0.4" },
    { "memory", "MB", OPTION_INT, FIELD(memory),
      "memory of the machine that shall run the model, in MB. Default:\n"
      "what is free on this one",
      1, INT32_MAX, NULL },
    { "verbose", NULL, OPTION_FLAG, FIELD(verbose),
      "a line for each check, also for those that\n"
      "found nothing",
      0, 0, NULL },
    { "json", NULL, OPTION_FLAG, FIELD(json), "one JSON object on stdout", 0, 0, NULL },
};

static const struct {
    const char *name;
    void (*run)(doctor *d);
} checks[] = {
    { "files", pi0_check_files },
    { "tensors", pi0_check_tensors },
    { "tensor values", pi0_check_values },
    { "config.json", pi0_check_config },
    { "robot", pi0_check_robot },
    { "cameras", pi0_check_cameras },
    { "pipelines", pi0_check_processors },
    { "statistics", pi0_check_stats },
    { "statistics' values", pi0_check_stat_values },
    { "tokenizer", pi0_check_tokenizer },
    { "prompt", pi0_check_prompt },
    { "library", pi0_check_model },
    { "memory", pi0_check_memory },
    { "observation", pi0_check_observation },
};
#define N_CHECKS (sizeof checks / sizeof *checks)
static_assert(N_CHECKS <= DOCTOR_CHECKS_MAX, "doctor.lines");

static void run_checks(doctor *d)
{
    for (size_t i = 0; i < N_CHECKS; i++) {
        const int before = d->n_findings;
        check_line *line = &d->lines[d->n_lines++];
        *line = (check_line){ .name = checks[i].name };
        checks[i].run(d);
        line->n_findings = d->n_findings - before;
    }
}

// 0: nothing but notes, 1: warnings, 2: errors
static int verdict(const doctor *d)
{
    if (pi0_found_count(d, FOUND_ERROR, "")) return 2;
    return pi0_found_count(d, FOUND_WARNING, "") ? 1 : 0;
}

static int examine(const doctor_options *o)
{
    pi0_error err;
    int status = PI0_OK;
    doctor *d = calloc(1, sizeof *d);
    if (d) {
        progress *line = pi0_progress_start("looking");
        pi0_doctor_read(d, o);
        run_checks(d);
        pi0_progress_stop(line);
    }
    // a report that lacks a finding is none
    if (!d || d->out_of_memory)
        status = pi0_fail(&err, PI0_ENOMEM, "%s: no memory for the report", o->dir);
    else if (o->json)
        status = pi0_doctor_print_json(d, &err);
    else
        pi0_doctor_print(d);
    int code = 2;
    if (status)
        pi0_report(status, &err);
    else
        code = verdict(d);
    if (d) pi0_doctor_free(d);
    free(d);
    return code;
}

static int run(const command *self, int argc, char **argv)
{
    doctor_options o = { .json = false };
    const option_group groups[] = { OPTION_GROUP("Options", options, &o) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 1, 1, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    const int status = pi0_run_options_folder(self, &o.dir, &rest);
    if (status) return status;
    if (!o.dir) return pi0_usage_error(self, "which checkpoint? Give its folder");
    return examine(&o);
}

const command pi0_command_doctor = {
    "doctor",
    "what would go wrong with a checkpoint, or silently get worse",
    "[options] DIR",
    "Reads a checkpoint and, if given, an observation, and tells everything that would fail or\n"
    "move the robot worse than it was trained to: tensors, config, statistics, cameras,\n"
    "tokenizer, prompt, state, pictures. Writes nothing. Each finding: what, why it matters,\n"
    "what to do; docs/DOCTOR.md lists them all.\n\n"
    "Exit status: 0 nothing but notes, 1 warnings, 2 errors (a wrong command line is 2 too,\n"
    "with a message on stderr and nothing on stdout), 130 interrupted.",
    "pi0 doctor demo/place\n"
    "pi0 doctor --config pi0_aloha_sim --observation obs.msgpack checkpoints/pi0_aloha_sim\n",
    run,
};
