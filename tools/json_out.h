/* SPDX-License-Identifier: Apache-2.0 */
/* json_out.h - what the subcommands' JSON has in common, and how it is printed. */
#ifndef PI0_TOOLS_JSON_OUT_H
#define PI0_TOOLS_JSON_OUT_H
#include "terminal.h"
#include <jansson.h>

/* One line on stdout, reals with so many digits (0: jansson's choice). `root` is taken over; NULL,
 * what jansson gives without memory, cannot be written either. PI0_EIO */
int pi0_json_print(json_t *root, int digits, pi0_error *err);

// a string; null for NULL; "(not UTF-8)" for bytes that a file name may have and JSON may not
json_t *pi0_text_json(const char *text);
// the warnings so far
json_t *pi0_notices_json(const notices *w);
// [rows][cols] as an array of rows
json_t *pi0_rows_json(const double *x, int rows, int cols);
#endif
