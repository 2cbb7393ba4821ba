/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_search.h - where PaliGemma's SentencePiece model may already lie on this machine. The
 * library looks into the checkpoint's folder only; caches and their environment variables are the
 * command's affair. */
#ifndef PI0_TOOLS_TOKENIZER_SEARCH_H
#define PI0_TOOLS_TOKENIZER_SEARCH_H
#include "fail.h"
#include <stdbool.h>

typedef struct tokenizer_search {
    char found[4096];     // path of a SentencePiece model; "": there is none
    char looked[2048];    // where it was looked for, "A, B, C", always terminated
    char only_json[4096]; // a tokenizer.json that was met instead, or ""
} tokenizer_search;

/* Look in this order: the checkpoint's folder (tokenizer.model, tokenizer/tokenizer.model),
 * openpi's cache ($OPENPI_DATA_HOME, else ~/.cache/openpi), Hugging Face's cache ($HF_HUB_CACHE,
 * else $HF_HOME/hub, else ~/.cache/huggingface/hub). `model`: the checkpoint's folder or file. */
void pi0_tokenizer_search(tokenizer_search *s, const char *model);

// why there is none and where the model is published. PI0_EIO
int pi0_tokenizer_not_found(const tokenizer_search *s, pi0_error *err);
#endif
