/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c - see pages.h. */
#include "pages.h"
#include "fail.h"
#include "output_file.h"
#include <stdlib.h>
#include <string.h>

#define PLACE "@DATA@" // in the page, where the data go

// JSON between script tags: "<" may begin a tag's end, and is the same when it is escaped
static void write_escaped(FILE *f, const char *text)
{
    for (; *text; text++)
        if (*text == '<')
            fputs("\\u003c", f);
        else
            fputc(*text, f);
}

int pi0_page_write(const char *path, const unsigned char *page, json_t *data, int digits,
                   pi0_error *err)
{
    FILE *f;
    char part[OUTPUT_PATH];
    const char *text = (const char *)page, *at = strstr(text, PLACE);
    char *json = data ? json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(digits)) : NULL;
    json_decref(data);
    if (!json) return pi0_fail(err, PI0_ENOMEM, "%s: no memory for the page", path);
    int status = pi0_output_open(&f, part, path, err);
    if (!status) {
        fwrite(text, 1, (size_t)(at - text), f);
        write_escaped(f, json);
        fputs(at + strlen(PLACE), f);
        status = pi0_output_close(f, part, path, PI0_OK, err);
    }
    free(json);
    return status;
}
