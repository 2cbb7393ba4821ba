/* SPDX-License-Identifier: Apache-2.0 */
/* st_blob.h - safetensors files made by hand, right or wrong. Needs no cmocka. */
#ifndef TEST_ST_BLOB_H
#define TEST_ST_BLOB_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct st_blob {
    unsigned char *bytes; // malloc'd
    size_t size;
} st_blob;

// length, header as it is given, then `data` (NULL: 0, 1, 2 … 255, 0 …)
static inline st_blob st_blob_make(const char *header, size_t header_size, const void *data,
                                   size_t data_size)
{
    st_blob blob = { malloc(8 + header_size + data_size), 8 + header_size + data_size };
    if (!blob.bytes) abort();
    for (int i = 0; i < 8; i++) blob.bytes[i] = (unsigned char)((uint64_t)header_size >> 8 * i);
    memcpy(blob.bytes + 8, header, header_size);
    unsigned char *to = blob.bytes + 8 + header_size;
    if (data) memcpy(to, data, data_size);
    for (size_t i = 0; !data && i < data_size; i++) to[i] = (unsigned char)i;
    return blob;
}

static inline st_blob st_blob_text(const char *header, size_t data_size)
{
    return st_blob_make(header, strlen(header), NULL, data_size);
}
#endif
