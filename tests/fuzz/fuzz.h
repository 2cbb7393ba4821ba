/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h - what fuzz targets of parsers have in common. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H
#include "core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// what must hold, also where asserts are off
static inline void must(bool holds)
{
    if (!holds) abort();
}

// a failure says so, in words that end
static inline void check_failure(int status, const pi0_error *err)
{
    must(status < 0 && err->code == status && err->message[0]);
    must(memchr(err->message, 0, sizeof err->message) != NULL);
}
#endif
