/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.h - SentencePiece behind a C door (tokenizer.cc is the only C++ in the tree). */
#ifndef PI0_TOKENIZER_H
#define PI0_TOKENIZER_H

#ifdef __cplusplus
extern "C" {
#endif
#include "core/error.h"

typedef struct tokenizer tokenizer;

// load a SentencePiece model file; PI0_EIO, PI0_EFORMAT, PI0_ENOMEM
int pi0_tokenizer_open(tokenizer **out, const char *path, pi0_error *err);
void pi0_tokenizer_free(tokenizer *t);

int pi0_tokenizer_vocabulary(const tokenizer *t); // pieces
int pi0_tokenizer_bos(const tokenizer *t);        // id, -1: none

/* Encode `size` bytes of UTF-8. *n becomes the number of ids of the whole text, of which the first
 * min(*n, capacity) are written. Safe from many threads on one tokenizer. */
int pi0_tokenizer_encode(const tokenizer *t, const char *text, size_t size, int32_t *ids,
                         int capacity, int *n, pi0_error *err);

#ifdef __cplusplus
}
#endif
#endif
