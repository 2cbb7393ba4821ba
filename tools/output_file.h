/* SPDX-License-Identifier: Apache-2.0 */
/* output_file.h - a file that appears when it is whole: written under another name, then renamed.
 */
#ifndef PI0_TOOLS_OUTPUT_FILE_H
#define PI0_TOOLS_OUTPUT_FILE_H
#include "pi0.h"
#include <jansson.h>
#include <stdio.h>

#define OUTPUT_PATH 4096

/* Open PATH.part for writing; `part` gets that name. A device or a pipe is refused. PI0_EIO,
 * PI0_EINVAL: too long a path. */
int pi0_output_open(FILE **file, char part[OUTPUT_PATH], const char *path, pi0_error *err);
/* Close it and give it its name, or remove it where it is not whole: `status`, that of the writing
 * before, is not PI0_OK, or the rest cannot be written. Returns the first failure. */
int pi0_output_close(FILE *file, const char *part, const char *path, int status, pi0_error *err);
/* A document by itself; flags as json_dumpf() has them. */
int pi0_output_json(const json_t *root, const char *path, size_t flags, pi0_error *err);
#endif
