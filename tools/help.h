/* SPDX-License-Identifier: Apache-2.0 */
/* help.h - the help page of a subcommand, made from its tables. */
#ifndef PI0_TOOLS_HELP_H
#define PI0_TOOLS_HELP_H
#include "options.h"

// on stdout: usage, what it does, each option, examples, exit statuses
void pi0_help_print(const command *c, const option_group *groups, int n_groups);
#endif
