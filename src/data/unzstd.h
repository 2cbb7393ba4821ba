/* SPDX-License-Identifier: Apache-2.0 */
/* unzstd.h - zstd behind a door of our own: whole buffers, and streams of bounded memory. */
#ifndef PI0_UNZSTD_H
#define PI0_UNZSTD_H
#include "core/error.h"
#include <stdbool.h>

typedef struct unzstd unzstd;

// PI0_EUNSUPPORTED where the library was built without libzstd; PI0_ENOMEM
int pi0_unzstd_new(unzstd **z, pi0_error *err);
void pi0_unzstd_free(unzstd *z);
// bytes that it holds now: its window grows with the data
size_t pi0_unzstd_memory(const unzstd *z);

/* One step: read some of in[n_in] (*used bytes), write some of out[n_out] (*made bytes). *at_end:
 * a frame ended with the last byte read. PI0_EFORMAT: "<what>: …". */
int pi0_unzstd_step(unzstd *z, const void *in, size_t n_in, size_t *used, void *out, size_t n_out,
                    size_t *made, bool *at_end, const char *what, pi0_error *err);

/* Decode in[n_in] whole into *out (malloc'd), more than `limit` bytes being an error.
 * PI0_EFORMAT, PI0_ENOMEM, PI0_EUNSUPPORTED. */
int pi0_unzstd_whole(unsigned char **out, size_t *size, const void *in, size_t n_in, size_t limit,
                     const char *what, pi0_error *err);
#endif
