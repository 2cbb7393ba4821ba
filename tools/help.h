/* SPDX-License-Identifier: Apache-2.0 */
/* help.h - what is made from the tables of a subcommand besides its parser: its help page, its
 * manual page, the list that a shell's completion reads. */
#ifndef PI0_TOOLS_HELP_H
#define PI0_TOOLS_HELP_H
#include "options.h"

// what a page says of exit statuses, unless the command's own text has such a line
#define HELP_STATUS "Exit status:"
#define HELP_STATUSES "0 done, 1 the run failed, 2 the command line was wrong, 130 interrupted."

// a subcommand with its tables
typedef struct help_page {
    const command *c;
    const option_group *groups;
    int n_groups;
    int max_arguments; // that are not options: folders, all of them
} help_page;

// on stdout: usage, what it does, each option, examples, exit statuses
void pi0_help_print(const help_page *p);

// on stdout: the page for man(1), in the macros of man(7)
void pi0_help_man(const help_page *p);
// pi0(1), which names the others
void pi0_help_man_all(const command *const *commands, int n);

/* On stdout, first how many folders may be given that are not options, then one line an option,
 * with tabs between:
 *     arguments N
 *     option NAME TAKES VALUE CHOICES TEXT
 * TAKES: flag, or what completes its value: folder, file, config, choice, camera, number, text;
 * with a "+" behind it where it may be given again. VALUE as help calls it, CHOICES "a|b"; "-":
 * none. TEXT: what its help says first. */
void pi0_help_table(const help_page *p);

// a --help by itself or --help=man or --help=options, on stdout; false: another word behind the "="
bool pi0_help_as(const char *argument, const help_page *p);
#endif
