/* SPDX-License-Identifier: Apache-2.0 */
/* help_man.c - manual pages, from the tables that help pages are made of; in the macros of man(7),
 * which groff and mandoc know. */
#include "help.h"
#include "pi0.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

// ---- text ------------------------------------------------------------------------------------

// how roff writes a character that it would take for something else; NULL: as it is
static const char *escape(char c)
{
    switch (c) {
    case '\\': return "\\e";
    case '-': return "\\-"; // a hyphen that may be copied
    case '\'': return "\\(aq";
    case '`': return "\\(ga";
    case '^': return "\\(ha";
    case '~': return "\\(ti";
    case '"': return "\\(dq";
    default: return NULL;
    }
}

static void put_escaped(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (escape(text[i]))
            printf("%s", escape(text[i]));
        else
            putchar(text[i]);
    }
}

// a line of text that stays one; where it begins with a point it is none of roff's requests
static void put_line(const char *line, size_t n)
{
    if (n && line[0] == '.') printf("\\&");
    put_escaped(line, n);
    putchar('\n');
}

// a line that roff fills, in lines of 80 bytes
static void put_words(const char *line, size_t n)
{
    int at = 0;
    for (size_t i = 0, word; i < n; i += word + 1) {
        int bytes = 0;
        for (word = 0; i + word < n && line[i + word] != ' '; word++)
            bytes += escape(line[i + word]) ? (int)strlen(escape(line[i + word])) : 1;
        if (at && at + 1 + bytes > 78) {
            putchar('\n');
            at = 0;
        }
        if (at) putchar(' ');
        if (!at && line[i] == '.') printf("\\&");
        put_escaped(line + i, word);
        at += bytes + 1;
    }
    putchar('\n');
}

// lines up to `end`: those that begin with a blank stand as they are, others are one paragraph
static void put_text(const char *text, const char *end)
{
    bool as_it_is = false, gap = false;
    for (const char *line = text; line < end;) {
        size_t n = strcspn(line, "\n");
        if (n > (size_t)(end - line)) n = (size_t)(end - line);
        const bool blank = line[0] == ' ';
        if (n && blank != as_it_is) {
            printf(blank ? ".nf\n" : ".fi\n");
            as_it_is = blank;
            gap = false;
        }
        // an empty line parts paragraphs, but none comes before a block or at the end
        if (n && gap) printf(".PP\n");
        gap = !n;
        if (blank)
            put_line(line, n);
        else if (n)
            put_words(line, n);
        line += n + (line[n] == '\n');
    }
    if (as_it_is) printf(".fi\n");
}

static void put_all(const char *text)
{
    put_text(text, text + strlen(text));
}

// examples, or a synopsis: each line as it is
static void put_block(const char *text)
{
    printf(".nf\n");
    for (const char *line = text; *line;) {
        const size_t n = strcspn(line, "\n");
        put_line(line, n);
        line += n + (line[n] == '\n');
    }
    printf(".fi\n");
}

// a command line: --options bold, WORDS that stand for something in italics
static void put_usage(const char *text)
{
    for (size_t n; *text; text += n) {
        n = strcspn(text, " \n[]()|=,");
        if (!n) {
            n = strspn(text, " \n");
            // blanks and the ends of lines are one blank
            if (n)
                putchar(' ');
            else
                put_escaped(text, n = 1);
            continue;
        }
        const char *font = isupper((unsigned char)*text) ? "\\fI" : "\\fR";
        printf("%s", strncmp(text, "--", 2) ? font : "\\fB");
        put_escaped(text, n);
        printf("\\fR");
    }
    putchar('\n');
}

// ---- sections --------------------------------------------------------------------------------

static void put_title(const char *name)
{
    printf(".\\\" made by pi0 --help=man from the tables that --help shows\n.TH PI0");
    if (name) putchar('-');
    for (; name && *name; name++) putchar(toupper((unsigned char)*name));
    printf(" 1 %s \"pi0.c %s\" \"pi0.c\"\n.nh\n.ad l\n", PI0_RELEASE_DATE, pi0_version());
}

static void put_options(const help_page *p)
{
    printf(".SH OPTIONS\n"
           "Options are written \\fB\\-\\-\\fIname value\\fR or\n"
           "\\fB\\-\\-\\fIname\\fB=\\fIvalue\\fR.\n");
    for (int g = 0; g < p->n_groups; g++) {
        printf(".SS ");
        put_line(p->groups[g].title, strlen(p->groups[g].title));
        for (int i = 0; i < p->groups[g].n; i++) {
            const option *o = &p->groups[g].options[i];
            printf(".TP\n\\fB\\-\\-");
            put_escaped(o->name, strlen(o->name));
            printf("\\fR");
            if (o->value) {
                printf(" \\fI");
                put_escaped(o->value, strlen(o->value));
                printf("\\fR");
            }
            putchar('\n');
            put_all(o->help);
        }
    }
    printf(".SS Help\n.TP\n\\fB\\-\\-help\\fR, \\fB\\-h\\fR\nShow the options and end.\n"
           ".TP\n\\fB\\-\\-help=man\\fR, \\fB\\-\\-help=options\\fR\n"
           "Show this page in the macros of\n.BR man (7),\n"
           "or the options as a table for programs: completion reads it.\n");
}

// where a tokenizer is looked for depends on these
static void put_environment(const help_page *p)
{
    bool tokenizer = false;
    for (int g = 0; g < p->n_groups; g++)
        for (int i = 0; i < p->groups[g].n; i++)
            tokenizer |= !strcmp(p->groups[g].options[i].name, "tokenizer");
    if (!tokenizer) return;
    printf(".SH ENVIRONMENT\n"
           "They say where openpi and Hugging Face keep what they downloaded, PaliGemma\\(aqs\n"
           "tokenizer among it.\n"
           ".TP\n\\fBOPENPI_DATA_HOME\\fR\nopenpi\\(aqs cache. Default: \\(ti/.cache/openpi\n"
           ".TP\n\\fBHF_HUB_CACHE\\fR, \\fBHF_HOME\\fR, \\fBXDG_CACHE_HOME\\fR\n"
           "The first that is set: Hugging Face\\(aqs cache is it, its folder hub, its folder\n"
           "huggingface/hub. Default: \\(ti/.cache/huggingface/hub\n");
}

void pi0_help_man(const help_page *p)
{
    // a command whose statuses mean more says so itself
    const command *c = p->c;
    const char *statuses = strstr(c->about, HELP_STATUS);

    put_title(c->name);
    printf(".SH NAME\npi0\\-%s \\- ", c->name);
    put_line(c->summary, strlen(c->summary));
    printf(".SH SYNOPSIS\n\\fBpi0 %s\\fR ", c->name);
    put_usage(c->arguments);
    printf(".SH DESCRIPTION\n");
    put_text(c->about, statuses ? statuses : c->about + strlen(c->about));
    put_options(p);
    printf(".SH EXIT STATUS\n");
    put_all(statuses ? statuses + strlen(HELP_STATUS) + 1 : HELP_STATUSES);
    put_environment(p);
    printf(".SH EXAMPLES\n");
    put_block(c->examples);
    printf(".SH SEE ALSO\n.BR pi0 (1)\n");
}

void pi0_help_man_all(const command *const *commands, int n)
{
    put_title(NULL);
    printf(".SH NAME\npi0 \\- run the robot policies pi0 and pi0.5\n"
           ".SH SYNOPSIS\n\\fBpi0\\fR \\fIcommand\\fR [\\fIoptions\\fR]\n"
           ".SH DESCRIPTION\n"
           "Runs the robot policies pi0 and pi0.5: camera images, a sentence and joint\n"
           "state in, a chunk of motor actions out, from an untouched checkpoint of openpi\n"
           "or LeRobot.\n"
           "Results go to stdout, everything else to stderr.\n"
           ".SH COMMANDS\nEach has a page of its own.\n");
    for (int i = 0; i < n; i++) {
        printf(".TP\n.BR pi0\\-%s (1)\n", commands[i]->name);
        put_line(commands[i]->summary, strlen(commands[i]->summary));
    }
    printf(".SH OPTIONS\n"
           ".TP\n\\fB\\-\\-help\\fR, \\fB\\-h\\fR\nShow the list of commands and end.\n"
           "\\fBpi0\\fR \\fIcommand\\fR \\fB\\-\\-help\\fR shows what a command does.\n"
           ".TP\n\\fB\\-\\-help=man\\fR, \\fB\\-\\-help=options\\fR\n"
           "Show this page in the macros of\n.BR man (7),\n"
           "or the commands as a table for programs: completion reads it.\n"
           ".TP\n\\fB\\-\\-version\\fR\nShow the version and end.\n"
           ".SH EXIT STATUS\n" HELP_STATUSES "\n"
           ".SH EXAMPLES\n");
    put_block("pi0 demo --out replay.html\n"
              "pi0 doctor --config pi05_droid checkpoints/pi05_droid\n"
              "pi0 infer --model checkpoints/pi05_droid --config pi05_droid \\\n"
              "    --observation obs.msgpack --out actions.npy\n"
              "pi0 serve --model checkpoints/pi05_droid --config pi05_droid\n");
    printf(".SH SEE ALSO\n");
    for (int i = 0; i < n; i++)
        printf(".BR pi0\\-%s (1)%s\n", commands[i]->name, i + 1 < n ? "," : "");
}
