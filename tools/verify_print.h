/* SPDX-License-Identifier: Apache-2.0 */
/* verify_print.h - the rows of a verification for people and for programs. */
#ifndef PI0_TOOLS_VERIFY_PRINT_H
#define PI0_TOOLS_VERIFY_PRINT_H
#include "verify.h"
#include <jansson.h>

// tables on stdout: a line for each kind of module, of its layers the worst; all: a line each
void pi0_verify_print(const verify *v, bool all);
// the failures, the first ones by name
void pi0_verify_print_failures(const verify *v);

// [{module, shape, mode, pcc, max_error, rms_error, rel_l2, bound, pass}]; NULL: no memory. What is
// not a finite number is null
json_t *pi0_verify_json(const verify *v);
#endif
