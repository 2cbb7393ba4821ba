/* SPDX-License-Identifier: Apache-2.0 */
/* json_out.c - JSON on stdout, and parts of it that several subcommands have. */
#include "json_out.h"
#include "fail.h"
#include <stdio.h>

int pi0_json_print(json_t *root, int digits, pi0_error *err)
{
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION((size_t)digits);
    const bool bad = !root || json_dumpf(root, stdout, flags);
    json_decref(root);
    if (bad) return pi0_fail(err, PI0_EIO, "stdout: cannot write the JSON");
    printf("\n");
    return PI0_OK;
}

json_t *pi0_text_json(const char *text)
{
    if (!text) return json_null();
    json_t *s = json_string(text);
    return s ? s : json_string("(not UTF-8)");
}

json_t *pi0_notices_json(const notices *w)
{
    json_t *list = json_array();
    for (int i = 0; i < w->n; i++) json_array_append_new(list, pi0_text_json(w->text[i]));
    return list;
}

json_t *pi0_rows_json(const double *x, int rows, int cols)
{
    json_t *list = json_array();
    for (int r = 0; r < rows; r++) {
        json_t *row = json_array();
        for (int c = 0; c < cols; c++) json_array_append_new(row, json_real(*x++));
        json_array_append_new(list, row);
    }
    return list;
}
