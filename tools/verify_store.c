/* SPDX-License-Identifier: Apache-2.0 */
/* verify_store.c - stages of a run, kept by name. */
#include "verify.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// room for one more; NULL: no memory
static kept_stage *grow(stage_store *s)
{
    if (s->n == s->capacity) {
        const int more = s->capacity ? 2 * s->capacity : 256;
        kept_stage *grown = realloc(s->stage, (size_t)more * sizeof *grown);
        if (!grown) return NULL;
        s->stage = grown;
        s->capacity = more;
    }
    return &s->stage[s->n];
}

void pi0_store_keep(stage_store *s, const char *name, const float *data, int rows, int cols)
{
    const size_t bytes = (size_t)rows * (size_t)cols * sizeof *data;
    kept_stage *k = pi0_store_find(s, name);
    const bool fits = k && k->rows == rows && k->cols == cols;
    float *copy = fits ? k->data : malloc(bytes);
    if (!k && (k = grow(s))) {
        *k = (kept_stage){ .rows = rows };
        snprintf(k->name, sizeof k->name, "%s", name);
        s->n += copy != NULL;
    }
    if (!copy || !k) {
        s->failed = true;
        if (!fits) free(copy);
        return;
    }
    if (!fits) free(k->data);
    memcpy(copy, data, bytes);
    k->data = copy;
    k->rows = rows;
    k->cols = cols;
}

// both flows come to their stages in the same order: the next one is nearly always the one
kept_stage *pi0_store_find(stage_store *s, const char *name)
{
    for (int i = 0; i < s->n; i++) {
        const int at = (s->next + i) % s->n;
        if (strcmp(s->stage[at].name, name)) continue;
        s->next = at + 1;
        return &s->stage[at];
    }
    return NULL;
}

void pi0_store_free(stage_store *s)
{
    for (int i = 0; i < s->n; i++) free(s->stage[i].data);
    free(s->stage);
    *s = (stage_store){ .n = 0 };
}
