/* SPDX-License-Identifier: Apache-2.0 */
/* ocdbt_blob.h - bytes of OCDBT's manifests and nodes, made by hand: numbers, then a frame around
 * them. Needs no cmocka, so fuzz targets may use it. */
#ifndef TEST_OCDBT_BLOB_H
#define TEST_OCDBT_BLOB_H
#include "data/crc32c.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_MAX ((size_t)1 << 20)
#define OCDBT_MANIFEST 0x0cdb3a2au
#define OCDBT_NODE 0x0cdb20deu

typedef struct ocdbt_blob {
    unsigned char *data;
    size_t size;
} ocdbt_blob;

static inline ocdbt_blob blob_new(void)
{
    ocdbt_blob b = { malloc(BLOB_MAX), 0 };
    if (!b.data) abort();
    return b;
}

static inline void blob_bytes(ocdbt_blob *b, const void *data, size_t size)
{
    if (b->size + size > BLOB_MAX) abort();
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void blob_fixed(ocdbt_blob *b, uint64_t v, int n)
{
    for (int i = 0; i < n; i++) {
        const unsigned char byte = (unsigned char)(v >> 8 * i);
        blob_bytes(b, &byte, 1);
    }
}

static inline void blob_varint(ocdbt_blob *b, uint64_t v)
{
    while (v >= 128) {
        blob_fixed(b, (v & 127) | 128, 1);
        v >>= 7;
    }
    blob_fixed(b, v, 1);
}

// a frame around a body: magic, length, version, compression, body, checksum
static inline ocdbt_blob blob_frame(uint32_t magic, int compression, const void *body, size_t size)
{
    ocdbt_blob b = blob_new();
    for (int i = 3; i >= 0; i--) blob_fixed(&b, magic >> 8 * i & 255, 1);
    blob_fixed(&b, size + 18, 8);
    blob_varint(&b, 0);
    blob_varint(&b, (uint64_t)compression);
    blob_bytes(&b, body, size);
    blob_fixed(&b, pi0_crc32c(b.data, b.size), 4);
    return b;
}

// a table with one file
static inline void blob_one_file(ocdbt_blob *b, const char *path)
{
    blob_varint(b, 1);
    blob_varint(b, strlen(path));
    blob_varint(b, 0);
    blob_bytes(b, path, strlen(path));
}

// the body of a manifest whose one version is a node of `height`, `length` bytes of `path`
static inline ocdbt_blob blob_manifest(const char *path, int height, uint64_t offset,
                                       uint64_t length)
{
    ocdbt_blob b = blob_new();
    static const unsigned char uuid[16];
    blob_bytes(&b, uuid, sizeof uuid);
    blob_varint(&b, 0); // kind
    blob_varint(&b, 1024);
    blob_varint(&b, 1 << 20);
    blob_fixed(&b, 4, 1);
    blob_varint(&b, 0); // no compression
    blob_one_file(&b, path);
    blob_varint(&b, 1); // versions
    blob_varint(&b, 1); // generation
    blob_fixed(&b, (uint64_t)height, 1);
    blob_varint(&b, 0); // file
    blob_varint(&b, offset);
    blob_varint(&b, length);
    for (int i = 0; i < 3; i++) blob_varint(&b, 1); // statistics
    blob_fixed(&b, 0, 8);                           // time
    blob_varint(&b, 0);                             // version nodes
    return b;
}

// the body of an interior node with one child
static inline ocdbt_blob blob_interior(const char *path, int height, const char *key,
                                       uint64_t offset, uint64_t length)
{
    ocdbt_blob b = blob_new();
    blob_fixed(&b, (uint64_t)height, 1);
    blob_one_file(&b, path);
    blob_varint(&b, 1);           // entries
    blob_varint(&b, strlen(key)); // suffix
    blob_varint(&b, 0);           // common prefix
    blob_bytes(&b, key, strlen(key));
    blob_varint(&b, 0); // file
    blob_varint(&b, offset);
    blob_varint(&b, length);
    for (int i = 0; i < 3; i++) blob_varint(&b, 1); // statistics
    return b;
}

// the body of a leaf with two inline values
static inline ocdbt_blob blob_leaf(const char *first, const char *second, const char *value)
{
    ocdbt_blob b = blob_new();
    blob_fixed(&b, 0, 1);
    blob_varint(&b, 0); // files
    blob_varint(&b, 2); // entries
    blob_varint(&b, 0); // bytes shared with the first key
    blob_varint(&b, strlen(first));
    blob_varint(&b, strlen(second));
    blob_bytes(&b, first, strlen(first));
    blob_bytes(&b, second, strlen(second));
    for (int i = 0; i < 2; i++) blob_varint(&b, strlen(value));
    for (int i = 0; i < 2; i++) blob_varint(&b, 0); // inline
    for (int i = 0; i < 2; i++) blob_bytes(&b, value, strlen(value));
    return b;
}

static inline void blob_free(ocdbt_blob *b)
{
    free(b->data);
    b->data = NULL;
}
#endif
