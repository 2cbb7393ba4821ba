/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - parsing of a subcommand's options from its tables. The help page: help.c. */
#include "options.h"
#include "help.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 64 // of one subcommand

int pi0_usage_error(const command *c, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "pi0 %s: ", c->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nSee: pi0 %s --help\n", c->name);
    return STATUS_USAGE;
}

bool pi0_parse_int(const char *text, int min, int max, int *value)
{
    char *end;
    // strtol would skip blanks and take a plus
    if (!isdigit((unsigned char)text[text[0] == '-'])) return false;
    errno = 0;
    const long n = strtol(text, &end, 10);
    if (errno || *end || n < min || n > max) return false;
    *value = (int)n;
    return true;
}

bool pi0_parse_u64(const char *text, uint64_t *value)
{
    char *end;
    if (!isdigit((unsigned char)text[0])) return false;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 10);
    if (errno || *end) return false;
    *value = n;
    return true;
}

bool pi0_parse_double(const char *text, double *value)
{
    char *end;
    // digits, point, exponent: neither "nan" nor "0x10"
    if (!*text || text[strspn(text, "+-.0123456789eE")]) return false;
    const double x = strtod(text, &end);
    if (*end || end == text || !isfinite(x)) return false;
    *value = x;
    return true;
}

// edits from a to b: insert, delete, replace a letter, swap two neighbours
static int distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    int d[LONGEST + 1][LONGEST + 1];
    const int na = (int)strlen(a), nb = (int)strlen(b);
    if (na > LONGEST || nb > LONGEST) return LONGEST;
    for (int i = 0; i <= na; i++) d[i][0] = i;
    for (int j = 0; j <= nb; j++) d[0][j] = j;
    for (int i = 1; i <= na; i++)
        for (int j = 1; j <= nb; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && d[i - 2][j - 2] + 1 < best) best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[na][nb];
}

const char *pi0_nearest_option(const char *word, const char *const *names, int n)
{
    const char *nearest = NULL;
    int best = (int)strlen(word) / 2 + 1; // more than half of it wrong is no likeness
    for (int i = 0; i < n; i++) {
        const size_t length = strlen(word);
        // the beginning of a name is as good as one letter wrong
        int d = distance(word, names[i]);
        if (length >= 3 && !strncmp(word, names[i], length) && d > 1) d = 1;
        if (d < best) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}

// an option of the command line: where its table entry and its field are
typedef struct match {
    const option *option;
    void *field;
    int index; // over all groups
} match;

// the option called name[0..length), false if there is none
static bool find(match *m, const option_group *groups, int n_groups, const char *name,
                 size_t length)
{
    int index = 0;
    for (int g = 0; g < n_groups; g++)
        for (int i = 0; i < groups[g].n; i++, index++) {
            const option *o = &groups[g].options[i];
            if (strlen(o->name) != length || memcmp(o->name, name, length)) continue;
            *m = (match){ o, (char *)groups[g].into + o->offset, index };
            return true;
        }
    return false;
}

static int unknown_option(const command *c, const option_group *groups, int n_groups,
                          const char *given)
{
    const char *names[OPTIONS_MAX + 1];
    char word[64];
    int n = 0;
    for (int g = 0; g < n_groups; g++)
        for (int i = 0; i < groups[g].n && n < OPTIONS_MAX; i++)
            names[n++] = groups[g].options[i].name;
    names[n++] = "help";

    // compare without dashes and value
    const char *start = given + strspn(given, "-");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(start, "="), start);
    const char *nearest = pi0_nearest_option(word, names, n);
    if (nearest) return pi0_usage_error(c, "unknown option %s; did you mean --%s?", given, nearest);
    return pi0_usage_error(c, "unknown option %s", given);
}

static bool is_choice(const char *choices, const char *value)
{
    const size_t length = strlen(value);
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strcspn(at, "|") == length && !strncmp(at, value, length)) return length > 0;
    return false;
}

// store the value where the table says; false: a message was printed
static bool store(const command *c, const match *m, const char *value)
{
    const option *o = m->option;
    option_list *list;
    switch (o->kind) {
    case OPTION_FLAG: *(bool *)m->field = true; return true;
    case OPTION_TEXT:
        if (!*value) return !pi0_usage_error(c, "--%s: the value is empty", o->name);
        *(const char **)m->field = value;
        return true;
    case OPTION_CHOICE:
        if (!is_choice(o->choices, value))
            return !pi0_usage_error(c, "--%s %s: expected one of %s", o->name, value, o->choices);
        *(const char **)m->field = value;
        return true;
    case OPTION_INT:
        if (!pi0_parse_int(value, o->min, o->max, m->field))
            return !pi0_usage_error(c, "--%s %s: expected a whole number from %d to %d", o->name,
                                    value, o->min, o->max);
        return true;
    case OPTION_SEED:
        if (!pi0_parse_u64(value, &((option_seed *)m->field)->value))
            return !pi0_usage_error(c, "--%s %s: expected a whole number from 0 to 2^64-1", o->name,
                                    value);
        ((option_seed *)m->field)->given = true;
        return true;
    case OPTION_LIST:
        list = m->field;
        if (list->n == OPTION_LIST_MAX)
            return !pi0_usage_error(c, "--%s: given more than %d times", o->name, OPTION_LIST_MAX);
        list->item[list->n++] = value;
        return true;
    }
    return false;
}

// one option at argv[*at], which moves on when the value is an argument of its own
static bool take_option(const command *c, const option_group *groups, int n_groups, bool *seen,
                        int argc, char **argv, int *at)
{
    match m;
    const char *arg = argv[*at], *equals = strchr(arg, '=');
    const size_t length = equals ? (size_t)(equals - arg - 2) : strlen(arg + 2);
    if (!find(&m, groups, n_groups, arg + 2, length))
        return !unknown_option(c, groups, n_groups, arg);

    // a second value would silently win over the first
    const option *o = m.option;
    if (seen[m.index] && o->kind != OPTION_LIST)
        return !pi0_usage_error(c, "--%s is given twice", o->name);
    seen[m.index] = true;

    // --name=value, --name value, --flag
    if (o->kind == OPTION_FLAG) {
        if (equals) return !pi0_usage_error(c, "--%s takes no value", o->name);
        return store(c, &m, NULL);
    }
    if (equals) return store(c, &m, equals + 1);
    if (*at + 1 >= argc || !strncmp(argv[*at + 1], "--", 2))
        return !pi0_usage_error(c, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    return store(c, &m, argv[++*at]);
}

static bool is_help(const char *arg)
{
    return !strcmp(arg, "--help") || !strncmp(arg, "--help=", 7) || !strcmp(arg, "-h");
}

enum options_result pi0_options_parse(const command *c, const option_group *groups, int n_groups,
                                      int max_arguments, arguments *rest, int argc, char **argv)
{
    bool seen[OPTIONS_MAX] = { false }, options = true;
    rest->n = 0;

    // help wins over everything else, wherever it stands
    const help_page page = { c, groups, n_groups, max_arguments };
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (is_help(argv[i])) {
            if (pi0_help_as(argv[i], &page)) return OPTIONS_HELP;
            pi0_usage_error(c, "%s: expected --help, --help=man or --help=options", argv[i]);
            return OPTIONS_WRONG;
        }

    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (options && !strcmp(arg, "--")) {
            options = false;
        } else if (options && arg[0] == '-' && arg[1] == '-') {
            if (!take_option(c, groups, n_groups, seen, argc, argv, &i)) return OPTIONS_WRONG;
        } else if (options && arg[0] == '-' && arg[1]) {
            unknown_option(c, groups, n_groups, arg);
            return OPTIONS_WRONG;
        } else if (rest->n == max_arguments) {
            pi0_usage_error(c, "unexpected argument %s; a value with blanks needs quotes", arg);
            return OPTIONS_WRONG;
        } else {
            rest->item[rest->n++] = arg;
        }
    }
    return OPTIONS_OK;
}
