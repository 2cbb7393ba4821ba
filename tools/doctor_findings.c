/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_findings.c - findings as they are collected, and lists of names within their texts. */
#include "doctor_findings.h"
#include "doctor.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X_KIND(name, severity, id, why, todo) [F_##name] = { FOUND_##severity, id, why, todo },
const finding_kind pi0_findings[FINDING_COUNT] = { FINDING_TABLE(X_KIND) };
#undef X_KIND

const char *const pi0_severity_name[SEVERITY_COUNT] = { "error", "warning", "note" };

void pi0_found(doctor *d, enum finding_id id, const char *format, ...)
{
    char text[1600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    // names come from files, and go to a terminal
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    finding *grown = realloc(d->findings, ((size_t)d->n_findings + 1) * sizeof *grown);
    if (grown) d->findings = grown;
    char *what = strdup(text);
    if (!grown || !what) {
        free(what);
        d->out_of_memory = true;
        return;
    }
    d->findings[d->n_findings++] = (finding){ id, what };
}

void pi0_looked(doctor *d, const char *format, ...)
{
    check_line *line = &d->lines[d->n_lines - 1];
    va_list args;
    va_start(args, format);
    vsnprintf(line->text, sizeof line->text, format, args);
    va_end(args);
}

int pi0_found_count(const doctor *d, enum severity severity, const char *family)
{
    int n = 0;
    for (int i = 0; i < d->n_findings; i++) {
        const finding_kind *k = &pi0_findings[d->findings[i].id];
        n += k->severity == severity && !strncmp(k->id, family, strlen(family));
    }
    return n;
}

#define LIST_SHOWN 6

void pi0_list_add(text_list *list, const char *format, ...)
{
    char item[240];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(item, sizeof item, format, args);
    va_end(args);
    list->n++;
    // room for " and N more" stays
    if (list->shown == LIST_SHOWN || size < 0 || (size_t)size >= sizeof item ||
        list->used + (size_t)size + 40 > sizeof list->text)
        return;
    list->used += (size_t)snprintf(list->text + list->used, sizeof list->text - list->used, "%s%s",
                                   list->shown ? ", " : "", item);
    list->shown++;
}

const char *pi0_list_text(text_list *list)
{
    if (list->n > list->shown)
        snprintf(list->text + list->used, sizeof list->text - list->used, " and %d more",
                 list->n - list->shown);
    return list->text;
}

const char *pi0_doctor_short(const doctor *d, const char *path)
{
    const size_t n = strlen(d->dir);
    if (strncmp(path, d->dir, n) || (path[n] != '/' && (!n || path[n - 1] != '/'))) return path;
    return path + n + strspn(path + n, "/");
}
