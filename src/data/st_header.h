/* SPDX-License-Identifier: Apache-2.0 */
/* st_header.h - inside of safetensors: the header of one file, checked whole. */
#ifndef PI0_ST_HEADER_H
#define PI0_ST_HEADER_H
#include "data/safetensors.h"

// the names of one file's tensors; a list of these is what `names` of a safetensors owns
typedef struct name_block {
    struct name_block *next;
    char text[];
} name_block;

/* Append the tensors of a file that lies in memory to st, unsorted, with `file` = st->n_files.
 * PI0_EFORMAT, PI0_ENOMEM: st is as before. */
int pi0_st_add_tensors(safetensors *st, const unsigned char *data, size_t size, const char *name,
                       pi0_error *err);

// "<file>: tensor "<tensor>": <message>", PI0_EFORMAT; a long tensor name is cut
__attribute__((format(printf, 4, 5))) int pi0_st_fail(pi0_error *err, const char *file,
                                                      const char *tensor, const char *format, ...);

int pi0_st_no_memory(const char *file, pi0_error *err);
#endif
