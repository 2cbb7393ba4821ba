/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_report.c - what pi0 doctor found, as a list to read or as JSON. */
#include "doctor_report.h"
#include "json_out.h"
#include "terminal.h"
#include <stdio.h>
#include <string.h>

#define WIDTH 96 // columns where stdout is no terminal
#define INDENT 7

/* ---- for people ---- */

static int columns(void)
{
    const int width = pi0_terminal_width();
    return width >= 40 ? width : WIDTH;
}

// `text` behind a label, wrapped between words
static void print_wrapped(const char *label, const char *text)
{
    const int width = columns() - INDENT;
    printf("  %-*s", INDENT - 2, label);
    while (*text) {
        size_t n = strlen(text);
        if (n > (size_t)width) {
            n = (size_t)width;
            while (n > 0 && text[n] != ' ') n--;
            // a word that is longer than a line stays whole
            if (!n) n = strcspn(text, " ");
        }
        printf("%.*s\n", (int)n, text);
        text += n + strspn(text + n, " ");
        if (*text) printf("%*s", INDENT, "");
    }
}

static void print_severity(const doctor *d, enum severity severity)
{
    static const char *const title[SEVERITY_COUNT] = { "ERRORS", "WARNINGS", "NOTES" };
    bool first = true;
    for (int i = 0; i < d->n_findings; i++) {
        const finding_kind *k = &pi0_findings[d->findings[i].id];
        if (k->severity != severity) continue;
        if (first) printf("\n%s\n", title[severity]);
        first = false;
        printf("%s\n", k->id);
        print_wrapped("what", d->findings[i].what);
        print_wrapped("why", k->why);
        print_wrapped("do", k->todo);
    }
}

static const char *model_name(const doctor *d)
{
    return d->pi05 < 0 ? NULL : d->pi05 ? "pi0.5" : "pi0";
}

static const char *config_name(const doctor *d)
{
    if (d->known_robot) return d->policy.config;
    return d->o->config;
}

static void print_checks(const doctor *d)
{
    printf("\n");
    for (int i = 0; i < d->n_lines; i++) {
        const check_line *c = &d->lines[i];
        printf("  %-18s ", c->name);
        if (c->n_findings)
            printf("%d finding%s%s", c->n_findings, c->n_findings == 1 ? "" : "s",
                   c->text[0] ? "; " : "");
        if (!c->n_findings && !c->text[0]) printf("not looked at");
        if (!c->n_findings && c->text[0]) printf("ok: ");
        printf("%s\n", c->text);
    }
}

void pi0_doctor_print(const doctor *d)
{
    const char *model = model_name(d), *config = config_name(d);
    int n[SEVERITY_COUNT];
    printf("%s: %s", d->o->dir, model ? model : "model not known");
    if (model || d->lerobot || d->has_tensors)
        printf(", %s layout", d->lerobot ? "LeRobot" : "openpi");
    if (config) printf(", config %s", config);
    printf("\n");
    if (d->o->verbose) print_checks(d);
    for (int s = 0; s < SEVERITY_COUNT; s++) {
        print_severity(d, (enum severity)s);
        n[s] = pi0_found_count(d, (enum severity)s, "");
    }
    printf("%s%d error%s, %d warning%s, %d note%s\n", d->n_findings ? "\n" : "", n[0],
           n[0] == 1 ? "" : "s", n[1], n[1] == 1 ? "" : "s", n[2], n[2] == 1 ? "" : "s");
}

/* ---- for programs ---- */

int pi0_doctor_print_json(const doctor *d, pi0_error *err)
{
    json_t *findings = json_array();
    int bad = 0;
    // as in the list: the worst first
    for (int s = 0; s < SEVERITY_COUNT; s++)
        for (int i = 0; i < d->n_findings; i++) {
            const finding_kind *k = &pi0_findings[d->findings[i].id];
            if ((int)k->severity != s) continue;
            bad |= json_array_append_new(
                findings, json_pack("{s:s, s:s, s:o, s:s, s:s}", "severity", pi0_severity_name[s],
                                    "id", k->id, "what", pi0_text_json(d->findings[i].what), "why",
                                    k->why, "todo", k->todo));
        }
    json_t *root = json_pack(
        "{s:o, s:o, s:o, s:o, s:{s:i, s:i, s:i}}", "checkpoint", pi0_text_json(d->o->dir), "model",
        pi0_text_json(model_name(d)), "config", pi0_text_json(config_name(d)), "findings", findings,
        "counts", "errors", pi0_found_count(d, FOUND_ERROR, ""), "warnings",
        pi0_found_count(d, FOUND_WARNING, ""), "notes", pi0_found_count(d, FOUND_NOTE, ""));
    // a report that misses something is none
    if (bad) json_decref(root);
    return pi0_json_print(bad ? NULL : root, 0, err);
}
