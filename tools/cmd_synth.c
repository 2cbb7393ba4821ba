/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_synth.c - pi0 synth: a checkpoint of random weights, so that memory, speed and tests need no
 * download. */
#include "commands.h"
#include "synth.h"
#include "terminal.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct synth_args {
    const char *size, *type;
    bool pi05, force;
    int horizon, threads;
    option_seed seed;
} synth_args;

#define FIELD(name) offsetof(synth_args, name)
static const option options[] = {
    { "size", "NAME", OPTION_CHOICE, FIELD(size),
      "pi0 (6.5 GB as bf16), pi05 (6.7 GB), tiny (1 MB). Required", 0, 0, "pi0|pi05|tiny" },
    { "pi05", NULL, OPTION_FLAG, FIELD(pi05), "with --size tiny: a pi0.5 model, not pi0", 0, 0,
      NULL },
    { "seed", "N", OPTION_SEED, FIELD(seed),
      "the same seed gives the same file on every machine. Default: 0", 0, 0, NULL },
    { "dtype", "NAME", OPTION_CHOICE, FIELD(type), "bf16 or f32. Default: bf16", 0, 0, "bf16|f32" },
    { "horizon", "N", OPTION_INT, FIELD(horizon),
      "rows of an action chunk, for config.json, 1 to 4096. Default: 50", 1, 4096, NULL },
    { "threads", "N", OPTION_INT, FIELD(threads),
      "1 to 64; the file is the same for any number. Default: all processors", 1, 64, NULL },
    { "force", NULL, OPTION_FLAG, FIELD(force), "overwrite a checkpoint that is there", 0, 0,
      NULL },
};

static void show_progress(void *line, uint64_t done, uint64_t total)
{
    pi0_progress_set(line, (double)done / (double)total);
}

static int write_checkpoint(const char *dir, const synth_args *a)
{
    const bool tiny = !strcmp(a->size, "tiny"), pi05 = a->pi05 || !strcmp(a->size, "pi05");
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    synth_job job = { .type = strcmp(a->type, "f32") ? DTYPE_BF16 : DTYPE_F32,
                      .seed = a->seed.value,
                      .horizon = a->horizon,
                      .published = !tiny,
                      .force = a->force,
                      .n_threads = a->threads       ? a->threads
                                   : processors > 0 ? (int)processors
                                                    : 1,
                      .stop = pi0_interrupted,
                      .progress = show_progress };
    if (tiny)
        pi0_sizes_tiny(&job.sizes, pi05);
    else
        pi0_sizes_published(&job.sizes, pi05);

    pi0_error err;
    uint64_t bytes = 0;
    char what[64];
    snprintf(what, sizeof what, "writing a %s%s checkpoint", tiny ? "tiny " : "",
             pi05 ? "pi0.5" : "pi0");
    job.user = pi0_progress_start(what);
    pi0_interrupt_hold(true);
    const int status = pi0_synth_write(dir, &job, &bytes, &err);
    pi0_progress_stop(job.user);
    if (status) return pi0_report(status, &err);
    printf("%s: random %s%s weights, %s, seed %llu, horizon %d, %.3f GB\n", dir,
           tiny ? "tiny " : "", pi05 ? "pi0.5" : "pi0", a->type, (unsigned long long)job.seed,
           job.horizon, (double)bytes * 1e-9);
    return STATUS_OK;
}

static int run(const command *self, int argc, char **argv)
{
    synth_args a = { .type = "bf16", .horizon = 50 };
    const option_group groups[] = { OPTION_GROUP("Options", options, &a) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 1, 1, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;

    if (!a.size) return pi0_usage_error(self, "which size? Give --size pi0, pi05 or tiny");
    if (a.pi05 && !strcmp(a.size, "pi0"))
        return pi0_usage_error(self, "--pi05 contradicts --size pi0; use --size pi05");
    if (rest.n != 1) return pi0_usage_error(self, "where to? Give the folder to write");
    return write_checkpoint(rest.item[0], &a);
}

const command pi0_command_synth = {
    "synth",
    "write a checkpoint of random weights",
    "--size pi0|pi05|tiny [options] DIR",
    "Writes DIR/model.safetensors and DIR/config.json, laid out as openpi's converter to PyTorch\n"
    "does, with reproducible random weights whose activations stay near 1: for measuring memory\n"
    "and speed, and for tests, without a download. Its actions mean nothing. The folder gets its\n"
    "files when they are whole, or not at all.",
    "pi0 synth --size pi0 /tmp/pi0-random\n"
    "pi0 synth --size tiny --pi05 --dtype f32 --seed 7 /tmp/tiny\n",
    run,
};
