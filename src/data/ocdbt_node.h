/* SPDX-License-Identifier: Apache-2.0 */
/* ocdbt_node.h - inside of OCDBT, the key-value store of Orbax: its manifest and the nodes of its
 * B+tree, from memory, checked whole.
 * Format: tensorstore/kvstore/ocdbt/index.rst, "Storage format". */
#ifndef PI0_OCDBT_NODE_H
#define PI0_OCDBT_NODE_H
#include "core/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OCDBT_PATH_SIZE 512         // of a data file's path below the store's folder
#define OCDBT_KEY_MAX 512           // bytes of a key
#define OCDBT_MAX_HEIGHT 16         // of a B+tree: 8 levels of 100 children are 10^16 keys
#define OCDBT_MAX_BODY (100u << 20) // decoded bytes of a manifest or node, Orbax's own limit

// a file that nodes or values lie in
typedef struct ocdbt_file {
    char path[OCDBT_PATH_SIZE]; // below the folder of the parent's transitive path
    size_t base;                // bytes of path that a child's own paths begin with
} ocdbt_file;

// a range of bytes of files[file]
typedef struct ocdbt_ref {
    uint32_t file;
    uint64_t offset, length;
} ocdbt_ref;

// the newest version of the store
typedef struct ocdbt_manifest {
    ocdbt_file *files;
    size_t n_files;
    ocdbt_ref root; // length 0: the store is empty
    int height;     // of the root
} ocdbt_manifest;

typedef struct ocdbt_entry {
    const char *key; // key_length bytes, without what the parents' keys begin with
    size_t key_length;
    // leaf: where the value is
    const unsigned char *inline_value; // NULL: at ref
    size_t inline_length;
    ocdbt_ref ref;
    // interior: bytes of key that all keys below it begin with; ref is the child
    size_t common;
} ocdbt_entry;

typedef struct ocdbt_node {
    int height; // 0: a leaf
    ocdbt_file *files;
    size_t n_files;
    ocdbt_entry *entries;
    size_t n_entries;
    unsigned char *body; // decoded; keys and inline values lie in it and in text
    size_t body_size;
    char *text;
} ocdbt_node;

/* From the size bytes at data, which are one whole manifest or node; `name` stands in messages.
 * Checked: magic, length, CRC-32C, every count and length against what is there, paths (relative,
 * without ".."), order of keys. PI0_EFORMAT, PI0_EUNSUPPORTED, PI0_ENOMEM. */
int pi0_ocdbt_manifest_parse(ocdbt_manifest *m, const void *data, size_t size, const char *name,
                             pi0_error *err);
void pi0_ocdbt_manifest_free(ocdbt_manifest *m);
int pi0_ocdbt_node_parse(ocdbt_node *node, const void *data, size_t size, const char *name,
                         pi0_error *err);
void pi0_ocdbt_node_free(ocdbt_node *node);
#endif
