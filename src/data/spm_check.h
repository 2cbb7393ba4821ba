/* SPDX-License-Identifier: Apache-2.0 */
/* spm_check.h - is this a SentencePiece model that may be handed to libsentencepiece? */
#ifndef PI0_SPM_CHECK_H
#define PI0_SPM_CHECK_H
#include "core/error.h"

/* PI0_EFORMAT: not framed as one, without pieces, or with a table of character replacements that
 * leads out of itself, which the library would follow. */
int pi0_spm_check(const void *data, size_t size, const char *path, pi0_error *err);
#endif
