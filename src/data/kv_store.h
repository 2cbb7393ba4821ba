/* SPDX-License-Identifier: Apache-2.0 */
/* kv_store.h - a folder as a table of keys and values: an OCDBT store (manifest.ocdbt), or plain
 * folders with files, "folder/file" being the key. */
#ifndef PI0_KV_STORE_H
#define PI0_KV_STORE_H
#include "core/error.h"
#include <stddef.h>
#include <stdint.h>

typedef struct kv_value {
    const unsigned char *bytes; // NULL: in a file
    int file;                   // index of its path
    uint64_t offset, length;
} kv_value;

typedef struct kv_entry {
    const char *key;
    kv_value value;
} kv_entry;

typedef struct kv_store {
    kv_entry *entries; // sorted by key, each once
    size_t n;
    char **paths; // of the files that values lie in
    int n_paths;
    // owners
    struct kv_block *blocks;
    size_t entry_room, path_room;
} kv_store;

/* Read the keys of the store in folder `dir`. Checked: every node's CRC-32C, the tree's height and
 * order (so that it ends), that each value lies inside its file. PI0_EIO, PI0_EFORMAT,
 * PI0_EUNSUPPORTED, PI0_ENOMEM. */
int pi0_kv_open(kv_store *kv, const char *dir, pi0_error *err);
void pi0_kv_close(kv_store *kv);

const kv_value *pi0_kv_find(const kv_store *kv, const char *key); // or NULL

// a small value, malloc'd, a NUL behind it; more than limit bytes is an error
int pi0_kv_read(char **data, size_t *size, const kv_store *kv, const char *key,
                const kv_value *value, size_t limit, pi0_error *err);

/* ---- for the readers of stores ---- */

// a copy of size bytes that lives as long as the store, a NUL behind it; NULL: no memory
char *pi0_kv_keep(kv_store *kv, const void *data, size_t size);
int pi0_kv_add(kv_store *kv, const char *key, const kv_value *value, pi0_error *err);
// index of a file's path; a copy is kept, and paths that come in runs are kept once
int pi0_kv_file(kv_store *kv, int *index, const char *path, pi0_error *err);

int pi0_ocdbt_open(kv_store *kv, const char *dir, const char *manifest, pi0_error *err);
#endif
