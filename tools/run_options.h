/* SPDX-License-Identifier: Apache-2.0 */
/* run_options.h - the options that every subcommand that runs the network has, and what they mean:
 * one table, so that they mean the same everywhere. */
#ifndef PI0_TOOLS_RUN_OPTIONS_H
#define PI0_TOOLS_RUN_OPTIONS_H
#include "options.h"
#include "pi0.h"

typedef struct run_options {
    const char *model, *tokenizer, *config, *state_padding, *backend, *precision, *cpu_mask;
    int horizon, steps, threads;
    option_seed seed;
    bool words; // not an option: the run has a prompt, which needs a tokenizer
} run_options;

#define RUN_OPTIONS_COUNT 11
extern const option pi0_run_options_table[RUN_OPTIONS_COUNT];

// the group of a subcommand's options that fills *r
option_group pi0_run_options_group(run_options *r);

// what they are when not given
#define RUN_OPTIONS_DEFAULT                    \
    {                                          \
        .backend = "auto", .precision = "auto" \
    }

/* A checkpoint's folder that stands alone means --model DIR. STATUS_OK, or a message was printed
 * and the status to exit with. */
int pi0_run_options_folder(const command *c, const char **model, const arguments *rest);

// the same; and there has to be a checkpoint
int pi0_run_options_check(const command *c, run_options *r, const arguments *rest);

// fill opt; its strings are r's
void pi0_run_options_library(pi0_options *opt, const run_options *r);
#endif
