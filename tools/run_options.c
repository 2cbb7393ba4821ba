/* SPDX-License-Identifier: Apache-2.0 */
/* run_options.c - the options of every subcommand that runs the network. */
#include "run_options.h"

#define FIELD(name) offsetof(run_options, name)

const option pi0_run_options_table[RUN_OPTIONS_COUNT] = {
    { "model", "DIR", OPTION_TEXT, FIELD(model),
      "checkpoint as it was downloaded, openpi's or LeRobot's: a folder with\n"
      "model.safetensors (or its shards and their index), or with params and\n"
      "assets (JAX). --model can be left out: DIR alone is the same",
      0, 0, NULL },
    { "tokenizer", "FILE", OPTION_TEXT, FIELD(tokenizer),
      "SentencePiece model, or a folder with tokenizer.model; needed for\n"
      "a sentence. Default: tokenizer.model in the checkpoint's folder,\n"
      "then in openpi's cache and in Hugging Face's",
      0, 0, NULL },
    { "config", "NAME", OPTION_TEXT, FIELD(config),
      "the robot: openpi's name of a configuration (pi0 configs lists them),\n"
      "or FILE.json that describes one. A LeRobot folder has its own",
      0, 0, NULL },
    { "lerobot-state-padding", "v0.4", OPTION_CHOICE, FIELD(state_padding),
      "pi0.5 trained with LeRobot 0.4.0 to 0.4.4: the prompt holds the state\n"
      "filled with zeros, as those versions made it",
      0, 0, "v0.4" },
    { "horizon", "N", OPTION_INT, FIELD(horizon),
      "rows of an action chunk, 1 to 4096. Default: what the checkpoint's\n"
      "config.json says",
      1, 4096, NULL },
    { "steps", "N", OPTION_INT, FIELD(steps),
      "denoising steps, 1 to 1024: fewer are faster, and less exact.\n"
      "Default: what the checkpoint says, else 10",
      1, 1024, NULL },
    { "seed", "N", OPTION_SEED, FIELD(seed),
      "of the noise a chunk starts from; the same seed gives the same\n"
      "noise on every machine. Default: 0",
      0, 0, NULL },
    { "backend", "NAME", OPTION_CHOICE, FIELD(backend),
      "what computes: cpu (accelerated), reference (plain C, f32, slow),\n"
      "auto (the fastest there is; what it chose is reported). Default: auto",
      0, 0, "auto|cpu|reference" },
    { "precision", "NAME", OPTION_CHOICE, FIELD(precision),
      "what the big matrix products read: bf16, f32, auto (bf16; f32 of the\n"
      "reference backend). Default: auto",
      0, 0, "auto|bf16|f32" },
    { "threads", "N", OPTION_INT, FIELD(threads),
      "1 to 1024. Default: one for each physical core that this process may\n"
      "run on. The result is the same for any number",
      1, 1024, NULL },
    { "cpu-mask", "NAME", OPTION_CHOICE, FIELD(cpu_mask),
      "highest instruction set that the cpu backend may use: c, avx2,\n"
      "avx512, avx512bf16. Default: all that this processor has",
      0, 0, "c|avx2|avx512|avx512bf16" },
};

option_group pi0_run_options_group(run_options *r)
{
    return (option_group){ "Options of every command that runs the network", pi0_run_options_table,
                           RUN_OPTIONS_COUNT, r };
}

int pi0_run_options_folder(const command *c, const char **model, const arguments *rest)
{
    if (!rest->n) return STATUS_OK;
    // mostly a word of a sentence
    if (*model)
        return pi0_usage_error(
            c, "two checkpoints: %s and --model %s; a value with blanks needs quotes",
            rest->item[0], *model);
    *model = rest->item[0];
    return STATUS_OK;
}

int pi0_run_options_check(const command *c, run_options *r, const arguments *rest)
{
    const int status = pi0_run_options_folder(c, &r->model, rest);
    if (status) return status;
    if (!r->model) return pi0_usage_error(c, "which checkpoint? Give --model DIR");
    return STATUS_OK;
}

void pi0_run_options_library(pi0_options *opt, const run_options *r)
{
    pi0_default_options(opt);
    opt->backend = r->backend;
    opt->precision = r->precision;
    opt->cpu_mask = r->cpu_mask;
    opt->tokenizer = r->tokenizer;
    opt->config = r->config;
    opt->lerobot_state_padding = r->state_padding;
    opt->n_threads = r->threads;
    opt->num_steps = r->steps;
    opt->horizon = r->horizon;
    opt->seed = r->seed.value;
}
