/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - the help page of a subcommand. */
#include "help.h"
#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 24 // where the texts of options begin

// one option: its name and value, then its text, each line indented
static void print_option(const option *o)
{
    int at = printf("  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    for (const char *line = o->help; line;) {
        if (at > HELP_COLUMN - 2) {
            printf("\n");
            at = 0;
        }
        const int length = (int)strcspn(line, "\n");
        printf("%*s%.*s\n", HELP_COLUMN - at, "", length, line);
        line = line[length] ? line + length + 1 : NULL;
        at = 0;
    }
}

// a text of several lines, indented by two
static void print_lines(const char *text)
{
    for (const char *line = text; *line;) {
        const int length = (int)strcspn(line, "\n");
        printf("%s%.*s\n", length ? "  " : "", length, line);
        line += length + (line[length] != 0);
    }
}

void pi0_help_print(const command *c, const option_group *groups, int n_groups)
{
    printf("pi0 %s - %s\n\nUsage: pi0 %s %s\n\n%s\n", c->name, c->summary, c->name, c->arguments,
           c->about);
    for (int g = 0; g < n_groups; g++) {
        printf("\n%s:\n", groups[g].title);
        for (int i = 0; i < groups[g].n; i++) print_option(&groups[g].options[i]);
    }
    printf("\nExamples:\n");
    print_lines(c->examples);
    // a command whose statuses mean more says so itself
    printf("\n%sOptions are written --name VALUE or --name=VALUE.\n",
           strstr(c->about, "Exit status:") ? ""
                                            : "Exit status: 0 done, 1 the run failed, 2 the "
                                              "command line was wrong, 130 interrupted.\n");
}
