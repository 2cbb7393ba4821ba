/* SPDX-License-Identifier: Apache-2.0 */
/* unzstd.c - decoding zstd with libzstd; its own bound on a frame's window (128 MiB) is kept. */
#include "data/unzstd.h"
#include <stdlib.h>
#include <zstd.h>

#define FIRST_BYTES 65536 // of a buffer that grows

struct unzstd {
    ZSTD_DCtx *context;
};

int pi0_unzstd_new(unzstd **z, pi0_error *err)
{
    unzstd *made = malloc(sizeof *made);
    if (made) made->context = ZSTD_createDCtx();
    if (!made || !made->context) {
        free(made);
        return pi0_fail(err, PI0_ENOMEM, "no memory to decode zstd");
    }
    *z = made;
    return PI0_OK;
}

void pi0_unzstd_free(unzstd *z)
{
    if (!z) return;
    ZSTD_freeDCtx(z->context);
    free(z);
}

size_t pi0_unzstd_memory(const unzstd *z)
{
    return ZSTD_sizeof_DCtx(z->context);
}

int pi0_unzstd_step(unzstd *z, const void *in, size_t n_in, size_t *used, void *out, size_t n_out,
                    size_t *made, bool *at_end, const char *what, pi0_error *err)
{
    ZSTD_inBuffer from = { in, n_in, 0 };
    ZSTD_outBuffer to = { out, n_out, 0 };
    const size_t left = ZSTD_decompressStream(z->context, &to, &from);
    if (ZSTD_isError(left))
        return pi0_fail(err, PI0_EFORMAT, "%s: no valid zstd data: %s", what,
                        ZSTD_getErrorName(left));
    *used = from.pos;
    *made = to.pos;
    *at_end = left == 0;
    return PI0_OK;
}

// twice the room, at most limit + 1 bytes: the one more tells what is too long
static int grow(unsigned char **out, size_t *room, size_t limit, const char *what, pi0_error *err)
{
    size_t more = *room ? 2 * *room : FIRST_BYTES;
    if (more > limit) more = limit + 1;
    unsigned char *p = realloc(*out, more);
    if (!p) return pi0_fail(err, PI0_ENOMEM, "%s: no memory for %zu bytes", what, more);
    *out = p;
    *room = more;
    return PI0_OK;
}

static int decode(unzstd *z, unsigned char **out, size_t *size, const unsigned char *in,
                  size_t n_in, size_t limit, const char *what, pi0_error *err)
{
    size_t room = 0, n = 0, at = 0, used, made;
    bool at_end = false;
    while (at < n_in || !at_end) {
        int status = n == room ? grow(out, &room, limit, what, err) : PI0_OK;
        if (!status)
            status = pi0_unzstd_step(z, in + at, n_in - at, &used, *out + n, room - n, &made,
                                     &at_end, what, err);
        if (status) return status;
        at += used;
        n += made;
        if (n > limit)
            return pi0_fail(err, PI0_EFORMAT, "%s: decodes to more than the %zu bytes allowed",
                            what, limit);
        if (!used && !made && !at_end)
            return pi0_fail(err, PI0_EFORMAT, "%s: the zstd data end in the middle", what);
    }
    *size = n;
    return PI0_OK;
}

int pi0_unzstd_whole(unsigned char **out, size_t *size, const void *in, size_t n_in, size_t limit,
                     const char *what, pi0_error *err)
{
    unzstd *z = NULL;
    unsigned char *made = NULL;
    int status = pi0_unzstd_new(&z, err);
    if (status) return status;
    status = decode(z, &made, size, in, n_in, limit, what, err);
    pi0_unzstd_free(z);
    if (status)
        free(made);
    else
        *out = made;
    return status;
}
