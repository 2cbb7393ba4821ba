/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - the help page of a subcommand, and the list of its options that completion reads. The
 * manual page: help_man.c. */
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

void pi0_help_print(const help_page *p)
{
    const command *c = p->c;
    printf("pi0 %s - %s\n\nUsage: pi0 %s %s\n\n%s\n", c->name, c->summary, c->name, c->arguments,
           c->about);
    for (int g = 0; g < p->n_groups; g++) {
        printf("\n%s:\n", p->groups[g].title);
        for (int i = 0; i < p->groups[g].n; i++) print_option(&p->groups[g].options[i]);
    }
    printf("\nExamples:\n");
    print_lines(c->examples);
    // a command whose statuses mean more says so itself
    printf("\n%sOptions are written --name VALUE or --name=VALUE.\n",
           strstr(c->about, HELP_STATUS) ? "" : HELP_STATUS " " HELP_STATUSES "\n");
}

// what completes the value of an option
static const char *takes(const option *o)
{
    if (o->kind == OPTION_FLAG) return "flag";
    if (o->kind == OPTION_CHOICE) return "choice";
    if (o->kind == OPTION_INT || o->kind == OPTION_SEED) return "number";
    if (!strcmp(o->name, "config")) return "config";
    if (!strcmp(o->value, "DIR")) return "folder";
    if (!strncmp(o->value, "FILE", 4)) return "file";
    return strstr(o->value, "=FILE") ? "camera" : "text";
}

// what a help text says first: up to a full stop, a semicolon or an indented line, in one line
static void print_first(const char *help)
{
    for (const char *c = help; *c; c++) {
        if ((*c == ';' || *c == '.') && (c[1] == ' ' || c[1] == '\n' || !c[1])) break;
        if (*c == '\n' && c[1] == ' ') break;
        putchar(*c == '\n' ? ' ' : *c);
    }
    putchar('\n');
}

void pi0_help_table(const help_page *p)
{
    printf("arguments\t%d\n", p->max_arguments);
    for (int g = 0; g < p->n_groups; g++)
        for (int i = 0; i < p->groups[g].n; i++) {
            const option *o = &p->groups[g].options[i];
            printf("option\t%s\t%s%s\t%s\t%s\t", o->name, takes(o),
                   o->kind == OPTION_LIST ? "+" : "", o->value ? o->value : "-",
                   o->choices ? o->choices : "-");
            print_first(o->help);
        }
    printf("option\thelp\tflag\t-\t-\tthis command's help page\n");
}

bool pi0_help_as(const char *argument, const help_page *p)
{
    const char *equals = strchr(argument, '=');
    if (!equals)
        pi0_help_print(p);
    else if (!strcmp(equals, "=man"))
        pi0_help_man(p);
    else if (!strcmp(equals, "=options"))
        pi0_help_table(p);
    else
        return false;
    return true;
}
