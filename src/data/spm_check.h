/* SPDX-License-Identifier: Apache-2.0 */
/* spm_check.h - is this a SentencePiece model that may be handed to libsentencepiece? */
#ifndef PI0_SPM_CHECK_H
#define PI0_SPM_CHECK_H
#include "core/error.h"

/* PI0_EFORMAT: not framed as one, or without pieces. PI0_EUNSUPPORTED: it carries a table of
 * character replacements: Gemma's have none, and the library follows a damaged one anywhere. */
int pi0_spm_check(const void *data, size_t size, const char *path, pi0_error *err);
#endif
