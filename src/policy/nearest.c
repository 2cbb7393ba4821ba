/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.c - for messages: which known name did somebody mean? */
#include "policy/nearest.h"
#include <stdio.h>
#include <string.h>

#define MAX_LENGTH 64 // bytes that are compared

static int least(int a, int b, int c)
{
    const int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

// letters to insert, delete or change to make one of the other (Levenshtein)
static int distance(const char *a, const char *b)
{
    const int na = (int)strnlen(a, MAX_LENGTH), nb = (int)strnlen(b, MAX_LENGTH);
    int row[MAX_LENGTH + 1];
    for (int j = 0; j <= nb; j++) row[j] = j;
    for (int i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            const int change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(row[j] + 1, row[j - 1] + 1, change);
        }
    }
    return row[nb];
}

int pi0_nearest(const char *name, const char *const *known, int n)
{
    int best = -1, least_distance = 0;
    for (int i = 0; i < n; i++) {
        const int d = distance(name, known[i]);
        if (best < 0 || d < least_distance) {
            best = i;
            least_distance = d;
        }
    }
    return best;
}

const char *pi0_name_list(char *text, size_t size, const char *const *names, int n)
{
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < n; i++) {
        const size_t more = strlen(names[i]) + 2;
        if (at + more >= size) break;
        at += (size_t)snprintf(text + at, size - at, "%s%s", i ? ", " : "", names[i]);
    }
    return text;
}
