/* SPDX-License-Identifier: Apache-2.0 */
/* api_list.c - see api_list.h. */
#include "support/api_list.h"
#include "core/file.h"
#include "support/expect.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>

#define MARK "\nPI0_API "

// the word before the next "(", malloc'd memory is the caller's text: it is ended there
static char *next_name(char **at)
{
    char *from = strstr(*at, MARK), *end = from ? strchr(from, '(') : NULL;
    if (!end) return NULL;
    *end = 0;
    *at = end + 1;
    for (from = end; isalnum((unsigned char)from[-1]) || from[-1] == '_';) from--;
    return from;
}

void api_list_check(const char *header, const char *const *names, int n)
{
    char path[600], *text, *name;
    size_t size;
    pi0_error err;
    int declared = 0, missing = 0;
    snprintf(path, sizeof path, "%s/../../include/%s", PI0_TEST_DATA, header);
    expect_ok(pi0_file_read(&text, &size, path, 1 << 20, &err), &err);
    for (char *at = text; (name = next_name(&at)); declared++) {
        bool found = false;
        for (int i = 0; i < n && !found; i++) found = !strcmp(names[i], name);
        if (!found) printf("  %s: %s is in no row\n", header, name);
        missing += !found;
    }
    free(text);
    // as many rows, and each function in one: no row is another's, or nobody's
    if (missing || declared != n)
        fail_msg("%s: %d functions, %d rows, %d not in a row", header, declared, n, missing);
}
