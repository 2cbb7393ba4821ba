/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the command pi0: finds the subcommand and runs it. */
#include "commands.h"
#include "help.h"
#include "pi0.h"
#include "terminal.h"
#include <stdio.h>
#include <string.h>

static const command *const commands[] = {
    &pi0_command_infer,   &pi0_command_inspect, &pi0_command_configs, &pi0_command_doctor,
    &pi0_command_bench,   &pi0_command_serve,   &pi0_command_client,  &pi0_command_demo,
    &pi0_command_convert, &pi0_command_synth,   &pi0_command_verify
};
#define N_COMMANDS ((int)(sizeof commands / sizeof *commands))

static void print_help(FILE *to)
{
    fprintf(to, "pi0 - run the robot policies pi0 and pi0.5: camera images, a sentence and joint "
                "state in,\n"
                "a chunk of motor actions out.\n\nUsage: pi0 COMMAND [options]\n\nCommands:\n");
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\n  pi0 COMMAND --help   what a command does, its options, examples\n"
                "  pi0 --version        the version\n\n"
                "Results go to stdout, everything else to stderr.\n" HELP_STATUS " " HELP_STATUSES
                "\n");
}

// the same in another form: the manual page, or what a shell's completion reads
static int print_help_as(const char *form)
{
    if (!strcmp(form, "man")) {
        pi0_help_man_all(commands, N_COMMANDS);
    } else if (!strcmp(form, "options")) {
        for (int i = 0; i < N_COMMANDS; i++)
            printf("command\t%s\t%s\n", commands[i]->name, commands[i]->summary);
    } else {
        fprintf(stderr, "pi0: --help=%s: expected --help, --help=man or --help=options\n", form);
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

static int unknown_command(const char *word)
{
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++) names[i] = commands[i]->name;
    const char *what = word[0] == '-' ? "option" : "command", *nearest = NULL;
    if (word[0] != '-') nearest = pi0_nearest_option(word, names, N_COMMANDS);
    fprintf(stderr, "pi0: unknown %s %s", what, word);
    if (nearest) fprintf(stderr, "; did you mean pi0 %s?", nearest);
    fprintf(stderr, "\nSee: pi0 --help\n");
    return STATUS_USAGE;
}

static const command *find(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (!strcmp(commands[i]->name, name)) return commands[i];
    return NULL;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return STATUS_USAGE;
    }
    const char *word = argv[1];
    const bool help = !strcmp(word, "help");
    if (!strcmp(word, "--version")) {
        printf("pi0 %s\n", pi0_version());
        return STATUS_OK;
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || (help && argc == 2)) {
        print_help(stdout);
        return STATUS_OK;
    }
    if (!strncmp(word, "--help=", 7)) return print_help_as(word + 7);

    // "pi0 help NAME" is "pi0 NAME --help"
    const command *c = find(help ? argv[2] : word);
    if (!c) return unknown_command(help ? argv[2] : word);
    char ask_help[] = "--help", *ask[] = { argv[0], ask_help };
    return help ? c->run(c, 2, ask) : c->run(c, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    pi0_interrupt_catch();
    const int status = dispatch(argc, argv);
    // a full disk or a closed pipe behind stdout is a failure, not silence
    if ((fflush(stdout) || ferror(stdout)) && status == STATUS_OK) {
        perror("pi0: error: stdout");
        return STATUS_FAILED;
    }
    return status;
}
