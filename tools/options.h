/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - the command line of a subcommand: tables of options, one parser, one help page.
 *
 * A table says what an option is called, what it takes and where its value goes; parser, messages
 * and help are made from it, so that none of them can forget an option. */
#ifndef PI0_TOOLS_OPTIONS_H
#define PI0_TOOLS_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// exit statuses of the command, the same for every subcommand
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_INTERRUPTED = 130 };

// what an option's value is, and the type of the field it goes to
enum option_kind {
    OPTION_FLAG,   // no value; bool
    OPTION_TEXT,   // const char *
    OPTION_CHOICE, // const char *, one of `choices`
    OPTION_INT,    // int in [min, max]
    OPTION_SEED,   // option_seed: any unsigned 64-bit number
    OPTION_LIST    // option_list: may be given more than once
};

#define OPTION_LIST_MAX 32
typedef struct option_list {
    const char *item[OPTION_LIST_MAX];
    int n;
} option_list;

typedef struct option_seed {
    uint64_t value;
    bool given;
} option_seed;

typedef struct option {
    const char *name;  // without the dashes
    const char *value; // what help calls its value; NULL for a flag
    enum option_kind kind;
    size_t offset;       // of the field in the group's struct
    const char *help;    // may have several lines
    int min, max;        // OPTION_INT
    const char *choices; // OPTION_CHOICE: "auto|cpu|reference"
} option;

typedef struct option_group {
    const char *title;
    const option *options;
    int n;
    void *into; // the struct that the offsets belong to
} option_group;

#define OPTION_GROUP(title, table, into)                           \
    {                                                              \
        title, table, (int)(sizeof(table) / sizeof *(table)), into \
    }

// a subcommand as its help page shows it
typedef struct command {
    const char *name;
    const char *summary;   // one line, for the list of commands
    const char *arguments; // "[options] DIR"
    const char *about;     // what it does: the paragraph under the usage
    const char *examples;
    int (*run)(const struct command *self, int argc, char **argv);
} command;

#define ARGUMENTS_MAX 4
typedef struct arguments {
    const char *item[ARGUMENTS_MAX]; // what is not an option
    int n;
} arguments;

enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_WRONG };

/* Read argv[1..] into the groups' structs, which hold the defaults; at most max_arguments others
 * into *rest. OPTIONS_HELP: help was asked for and printed on stdout. OPTIONS_WRONG: a message on
 * stderr said why; the caller exits with STATUS_USAGE. */
enum options_result pi0_options_parse(const command *c, const option_group *groups, int n_groups,
                                      int max_arguments, arguments *rest, int argc, char **argv);

// "pi0 NAME: message" and where to find help, on stderr; returns STATUS_USAGE
__attribute__((format(printf, 2, 3))) int pi0_usage_error(const command *c, const char *format,
                                                          ...);

// the name among n that is nearest to `word`, NULL if none is near
const char *pi0_nearest_option(const char *word, const char *const *names, int n);

// strict numbers: all of the text, no blanks, decimal; false: not one, or out of range
bool pi0_parse_int(const char *text, int min, int max, int *value);
bool pi0_parse_u64(const char *text, uint64_t *value);
bool pi0_parse_double(const char *text, double *value); // finite
#endif
