/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_infer.c - pi0 infer: inputs from files, one action chunk out. */
#include "commands.h"
#include "data/npy.h"
#include "infer_args.h"
#include "infer_result.h"
#include "plot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// a comparison repeats until so many runs or seconds: the first run of a process is never the best
#define COMPARE_RUNS 5
#define COMPARE_SECONDS 2.0

#define FIELD(name) offsetof(infer_args, name)
static const option input_options[] = {
    { "raw", "FILE", OPTION_TEXT, FIELD(raw),
      "safetensors file with the network's inputs:\n"
      "  images  U8  [n,224,224,3]  the cameras that are present, in the\n"
      "                             network's order, or\n"
      "  pixels  F32 [n,3,224,224]  the same in [-1,1]\n"
      "  tokens  I64 [T]            the prompt's tokens, without padding\n"
      "  state   F32 [up to 32]     normalised; not used by pi0.5\n"
      "  noise   F32 [horizon,32]   optional",
      0, 0, NULL },
    { "image", "CAMERA=FILE", OPTION_LIST, FIELD(images),
      "a camera's picture, PNG or JPEG, of any size; once for each camera\n"
      "that is present. Names: pi0 inspect DIR",
      0, 0, NULL },
    { "state", "N,N,...", OPTION_TEXT, FIELD(state),
      "joint state, already normalised, up to 32 values", 0, 0, NULL },
    { "prompt", "TEXT", OPTION_TEXT, FIELD(prompt), "what the robot shall do", 0, 0, NULL },
    { "noise", "FILE.npy", OPTION_TEXT, FIELD(noise),
      "what the chunk starts from, [horizon,32]. Default: drawn from --seed", 0, 0, NULL },
};

static const option output_options[] = {
    { "out", "FILE.npy", OPTION_TEXT, FIELD(out),
      "write the actions, float32 [horizon,32]. Default: a table on stdout", 0, 0, NULL },
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
    { "json", NULL, OPTION_FLAG, FIELD(json),
      "one JSON object on stdout: actions, shape, dtype, timing_ms, backend,\n"
      "isa, precision, threads, warnings",
      0, 0, NULL },
};

// a run's files and memory
typedef struct infer_run {
    const infer_args *a;
    infer_inputs x;
    notices w;
    runner main, other;
    infer_comparison comparison;
    float *noise, *actions, *other_actions; // [horizon][action_dim]
    size_t n;
} infer_run;

/* ---- run ---- */

// the noise is given to both runners, so that it is the same
static int make_buffers(infer_run *u, pi0_error *err)
{
    u->n = (size_t)u->main.made.horizon * (size_t)u->main.made.action_dim;
    u->noise = malloc(u->n * sizeof *u->noise);
    u->actions = malloc(u->n * sizeof *u->actions);
    u->other_actions = malloc(u->n * sizeof *u->other_actions);
    if (!u->noise || !u->actions || !u->other_actions)
        return pi0_fail(err, PI0_ENOMEM, "no memory for %zu actions", u->n);
    if (u->x.noise)
        memcpy(u->noise, u->x.noise, u->n * sizeof *u->noise);
    else
        pi0_noise(u->main.opt.seed, 0, u->noise, u->n);
    return PI0_OK;
}

// the fastest of a few runs, whose timing stays in r
static int run_often(infer_run *u, runner *r, float *actions, double *ms, pi0_error *err)
{
    pi0_timing best = { .total_ms = -1 };
    const double start = pi0_seconds();
    for (int i = 0; i < COMPARE_RUNS; i++) {
        const int status = pi0_runner_infer(r, &u->x.in, u->noise, actions, u->n, err);
        if (status) return status;
        if (best.total_ms < 0 || r->timing.total_ms < best.total_ms) best = r->timing;
        if (pi0_seconds() - start > COMPARE_SECONDS) break;
    }
    r->timing = best;
    *ms = best.total_ms;
    return PI0_OK;
}

static int compare(infer_run *u, int horizon, pi0_error *err)
{
    // the precision and instruction set that were asked for belong to the first backend
    run_options options = u->a->run;
    options.precision = "auto";
    options.cpu_mask = NULL;
    int status = run_often(u, &u->main, u->actions, &u->comparison.ms, err);
    if (!status) status = pi0_runner_load(&u->other, &options, u->a->compare, &u->w, err);
    if (!status) status = pi0_runner_session(&u->other, horizon, err);
    if (!status) status = run_often(u, &u->other, u->other_actions, &u->comparison.other_ms, err);
    if (status) return status;
    pi0_compare(&u->comparison, u->actions, u->other_actions, u->n);
    u->comparison.other = &u->other;
    return PI0_OK;
}

static int run_network(infer_run *u, pi0_error *err)
{
    int horizon = 0;
    int status = pi0_infer_inputs_read(&u->x, u->a, &u->w, err);
    if (!status) status = pi0_runner_load(&u->main, &u->a->run, NULL, &u->w, err);
    if (!status) status = pi0_infer_horizon(&horizon, &u->x, &u->main.info, err);
    if (!status) status = pi0_runner_session(&u->main, horizon, err);
    if (!status) status = make_buffers(u, err);
    if (status) return status;

    // pi0.5 sees the state in its prompt only, and tokens are a prompt already made
    if (u->main.info.pi05 && u->x.raw.n_state) {
        pi0_notice(&u->w, "%s: the key state is not used by pi0.5: its tokens hold the state",
                   u->a->raw);
        u->x.in.state = NULL;
        u->x.in.n_state = 0;
    }
    if (u->a->compare) return compare(u, horizon, err);
    return pi0_runner_infer(&u->main, &u->x.in, u->noise, u->actions, u->n, err);
}

/* ---- results ---- */

static int write_plot(const infer_run *u, pi0_error *err)
{
    char title[256], subtitle[400];
    const pi0_session_info *m = &u->main.made;
    const int columns =
        u->a->columns && u->a->columns < m->action_dim ? u->a->columns : m->action_dim;
    snprintf(title, sizeof title, "%s", u->a->prompt ? u->a->prompt : u->a->raw);
    snprintf(subtitle, sizeof subtitle, "%s: one chunk of %d rows, normalised actions",
             u->a->run.model, m->horizon);
    const plot p = { title, subtitle, u->actions, m->horizon, columns, m->action_dim };
    return pi0_plot_write(u->a->plot, &p, err);
}

static int write_files(const infer_run *u, pi0_error *err)
{
    const int64_t dims[2] = { u->main.made.horizon, u->main.made.action_dim };
    int status = PI0_OK;
    // an interrupt must not leave half of a file behind
    pi0_interrupt_hold(true);
    if (u->a->out) status = pi0_npy_write_f32(u->a->out, u->actions, 2, dims, err);
    if (!status && u->a->plot) status = write_plot(u, err);
    pi0_interrupt_hold(false);
    return status;
}

static int show(const infer_run *u, pi0_error *err)
{
    const infer_result result = { &u->main,
                                  u->actions,
                                  u->main.made.horizon,
                                  u->main.made.action_dim,
                                  &u->w,
                                  u->a->compare ? &u->comparison : NULL };
    if (u->a->json) return pi0_result_json(&result, err);
    if (u->a->out)
        printf("wrote %s: float32 [%d,%d]\n", u->a->out, result.rows, result.cols);
    else
        pi0_result_table(&result, u->a->columns);
    if (u->a->plot) printf("wrote %s\n", u->a->plot);
    if (u->a->compare)
        pi0_result_comparison(&result);
    else
        pi0_result_timing(&result);
    return PI0_OK;
}

static int infer(const infer_args *a)
{
    infer_run u = { .a = a };
    pi0_error err;
    int status = run_network(&u, &err);
    if (!status) status = write_files(&u, &err);
    if (!status) status = show(&u, &err);
    const int code = status ? pi0_report(status, &err) : STATUS_OK;
    pi0_runner_free(&u.main);
    pi0_runner_free(&u.other);
    pi0_infer_inputs_free(&u.x);
    pi0_notices_free(&u.w);
    free(u.noise);
    free(u.actions);
    free(u.other_actions);
    return code;
}

static int run(const command *self, int argc, char **argv)
{
    infer_args a = { .run = RUN_OPTIONS_DEFAULT };
    const option_group groups[] = { OPTION_GROUP("Inputs", input_options, &a),
                                    OPTION_GROUP("Results", output_options, &a),
                                    pi0_run_options_group(&a.run) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 3, 0, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    int status = pi0_run_options_check(self, &a.run);
    if (!status) status = pi0_infer_args_check(self, &a);
    return status ? status : infer(&a);
}

const command pi0_command_infer = {
    "infer",
    "one action chunk from images, a sentence and a joint state",
    "--model DIR (--raw FILE | --image CAMERA=FILE ... --prompt TEXT [--state N,N,...]) [options]",
    "Runs the network once. State and actions are the network's own: normalised as the\n"
    "checkpoint's training data was, padded to 32 columns.",
    "pi0 infer --model demo/place --image observation.images.top=demo/images/scene1.png \\\n"
    "    --state 1.51,0.58,-0.52 --prompt \"put the red block in the bowl\" --columns 3\n"
    "pi0 infer --model checkpoints/pi0_base --raw inputs.safetensors --out actions.npy\n",
    run,
};
