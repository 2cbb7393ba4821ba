/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.cc - SentencePiece behind a C door: from text to token ids. The only C++ in the tree;
 * no exception leaves it. */
#include "data/tokenizer.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <new>
#include <string_view>
#include <vector>

extern "C" {
#include "core/error.h"
#include "core/file.h"
#include "data/spm_check.h"
}

// PaliGemma's is 4 MB
static const size_t model_max = 256u << 20;

struct tokenizer {
    sentencepiece::SentencePieceProcessor processor;
    int vocabulary, bos;
};

// may throw
static int load(tokenizer *t, std::string_view model, const char *path, pi0_error *err)
{
    const auto status = t->processor.LoadFromSerializedProto(model);
    if (!status.ok())
        return pi0_fail(err, PI0_EFORMAT, "%s: not a SentencePiece model (%s)", path,
                        status.error_message());
    t->vocabulary = t->processor.GetPieceSize();
    t->bos = t->processor.bos_id();
    return PI0_OK;
}

int pi0_tokenizer_open(tokenizer **out, const char *path, pi0_error *err)
{
    char *data = nullptr;
    size_t size = 0;
    tokenizer *t = nullptr;
    int status = pi0_file_read(&data, &size, path, model_max, err);
    if (status) return status;
    status = pi0_spm_check(data, size, path, err);
    if (status) {
        free(data);
        return status;
    }
    try {
        t = new tokenizer;
        status = load(t, std::string_view(data, size), path, err);
    } catch (const std::bad_alloc &) {
        status = pi0_fail(err, PI0_ENOMEM, "%s: no memory for the tokenizer", path);
    } catch (...) {
        status = pi0_fail(err, PI0_EFORMAT, "%s: not a SentencePiece model", path);
    }
    free(data);
    if (status)
        delete t;
    else
        *out = t;
    return status;
}

void pi0_tokenizer_free(tokenizer *t)
{
    delete t;
}

int pi0_tokenizer_vocabulary(const tokenizer *t)
{
    return t->vocabulary;
}

int pi0_tokenizer_bos(const tokenizer *t)
{
    return t->bos;
}

int pi0_tokenizer_encode(const tokenizer *t, const char *text, size_t size, int32_t *ids,
                         int capacity, int *n, pi0_error *err)
{
    // a byte makes at most a few ids: their number stays an int
    if (size > INT_MAX / 8)
        return pi0_fail(err, PI0_EINVAL, "text of %zu bytes is too long to encode", size);
    try {
        std::vector<int> all;
        const auto status = t->processor.Encode(std::string_view(text, size), &all);
        if (!status.ok())
            return pi0_fail(err, PI0_EFORMAT, "tokenizer: %s", status.error_message());
        std::copy_n(all.begin(), std::min<size_t>(all.size(), capacity > 0 ? capacity : 0), ids);
        *n = static_cast<int>(all.size());
        return PI0_OK;
    } catch (const std::bad_alloc &) {
        return pi0_fail(err, PI0_ENOMEM, "no memory to encode %zu bytes of text", size);
    } catch (...) {
        return pi0_fail(err, PI0_EFORMAT, "tokenizer: text of %zu bytes cannot be encoded", size);
    }
}
