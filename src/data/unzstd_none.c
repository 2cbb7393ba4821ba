/* SPDX-License-Identifier: Apache-2.0 */
/* unzstd_none.c - in place of unzstd.c where the library is built without libzstd. */
#include "data/unzstd.h"

int pi0_unzstd_new(unzstd **z, pi0_error *err)
{
    (void)z;
    return pi0_fail(err, PI0_EUNSUPPORTED,
                    "this libpi0 was built without libzstd (PI0_ZSTD=OFF), which Orbax checkpoints "
                    "need");
}

void pi0_unzstd_free(unzstd *z)
{
    (void)z;
}

size_t pi0_unzstd_memory(const unzstd *z)
{
    (void)z;
    return 0;
}

int pi0_unzstd_step(unzstd *z, const void *in, size_t n_in, size_t *used, void *out, size_t n_out,
                    size_t *made, bool *at_end, const char *what, pi0_error *err)
{
    (void)in, (void)n_in, (void)used, (void)out, (void)n_out, (void)made, (void)at_end, (void)what;
    return pi0_unzstd_new(&z, err);
}

int pi0_unzstd_whole(unsigned char **out, size_t *size, const void *in, size_t n_in, size_t limit,
                     const char *what, pi0_error *err)
{
    unzstd *z = NULL;
    (void)out, (void)size, (void)in, (void)n_in, (void)limit, (void)what;
    return pi0_unzstd_new(&z, err);
}
