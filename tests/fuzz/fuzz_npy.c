/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_npy.c - any bytes as an .npy file: an error, or an array whose every element is there. */
#include "data/npy.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    npy_array a = { 0 };
    pi0_error e = { 0 };
    const int status = pi0_npy_parse(&a, data, size, "fuzz", &e);
    if (status) {
        // the output untouched, the message there and terminated
        if (a.data || a.n_dims || e.code != status || !memchr(e.message, 0, sizeof e.message) ||
            !*e.message)
            abort();
        return 0;
    }
    // read every element that the shape promises
    size_t n = 1;
    for (int i = 0; i < a.n_dims; i++) n *= (size_t)a.dims[i];
    if (n > size / 4) abort();
    double square = 0;
    for (size_t i = 0; i < n; i++) square += (double)a.data[i] * a.data[i];
    if (square < 0) abort(); // so that the values are read
    pi0_npy_free(&a);
    return 0;
}
