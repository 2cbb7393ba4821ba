/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_tokenizer.c - a file that says it is a token model. What the door lets through is handed to
 * libsentencepiece, which trusts it, and encodes some texts. */
#include "data/tokenizer.h"
#include "fuzz/fuzz.h"
#include "support/tmpdir.h"

enum { IDS = 64 };

static void encode(const tokenizer *t, const char *text, size_t size)
{
    int32_t ids[IDS];
    int n = -1;
    pi0_error err = { 0 };
    const int status = pi0_tokenizer_encode(t, text, size, ids, IDS, &n, &err);
    must(status ? status == err.code && err.message[0] : n >= 0);
    for (int i = 0; !status && i < n && i < IDS; i++)
        must(ids[i] >= -1 && ids[i] < pi0_tokenizer_vocabulary(t));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] =
        "put the blue block \xf0\x9f\x8d\x8b into\tthe bowl\n\xff State: 12 \xe3\x81\x82";
    const tmpdir dir = tmpdir_make();
    char path[TMPDIR_PATH];
    tokenizer *t = NULL;
    pi0_error err = { 0 };
    tmpdir_write(&dir, "tokenizer.model", data, size);
    const int status = pi0_tokenizer_open(&t, tmpdir_path(path, &dir, "tokenizer.model"), &err);
    tmpdir_remove(&dir);
    if (status) {
        must(status == err.code && err.message[0] && !t);
        return 0;
    }
    must(pi0_tokenizer_vocabulary(t) > 0 && pi0_tokenizer_bos(t) < pi0_tokenizer_vocabulary(t));
    encode(t, text, sizeof text - 1);
    encode(t, "", 0);
    pi0_tokenizer_free(t);
    return 0;
}
