/* SPDX-License-Identifier: Apache-2.0 */
/* kv_store.c - keys and values of a folder. */
#include "data/kv_store.h"
#include "core/file.h"
#include "data/ocdbt_node.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANIFEST "manifest.ocdbt"
#define MAX_KEYS (1u << 20)
#define MAX_FILES 65536
#define BLOCK_BYTES 65536
#define NEWEST 1024 // files that are compared with a new one

// memory that is handed out piece by piece and freed whole
typedef struct kv_block {
    struct kv_block *next;
    size_t used, size;
    char data[];
} kv_block;

static int no_memory(pi0_error *err)
{
    return pi0_fail(err, PI0_ENOMEM, "no memory for a checkpoint's list of arrays");
}

char *pi0_kv_keep(kv_store *kv, const void *data, size_t size)
{
    kv_block *b = kv->blocks;
    if (!b || b->size - b->used < size + 1) {
        const size_t room = size + 1 > BLOCK_BYTES ? size + 1 : BLOCK_BYTES;
        if (!(b = malloc(sizeof *b + room))) return NULL;
        *b = (kv_block){ .next = kv->blocks, .size = room };
        kv->blocks = b;
    }
    char *to = b->data + b->used;
    memcpy(to, data, size);
    to[size] = 0;
    b->used += size + 1;
    return to;
}

int pi0_kv_add(kv_store *kv, const char *key, const kv_value *value, pi0_error *err)
{
    if (kv->n == MAX_KEYS)
        return pi0_fail(err, PI0_EFORMAT, "more than %u keys in one checkpoint", MAX_KEYS);
    if (kv->n == kv->entry_room) {
        const size_t room = kv->entry_room ? 2 * kv->entry_room : 256;
        kv_entry *grown = realloc(kv->entries, room * sizeof *grown);
        if (!grown) return no_memory(err);
        kv->entries = grown;
        kv->entry_room = room;
    }
    const char *copy = pi0_kv_keep(kv, key, strlen(key));
    if (!copy) return no_memory(err);
    kv->entries[kv->n++] = (kv_entry){ copy, *value };
    return PI0_OK;
}

int pi0_kv_file(kv_store *kv, int *index, const char *path, pi0_error *err)
{
    // files come in runs: the newest are the likeliest
    const int last = kv->n_paths > NEWEST ? kv->n_paths - NEWEST : 0;
    for (int i = kv->n_paths - 1; i >= last; i--)
        if (!strcmp(kv->paths[i], path)) {
            *index = i;
            return PI0_OK;
        }
    if (kv->n_paths == MAX_FILES)
        return pi0_fail(err, PI0_EFORMAT, "more than %d data files in one checkpoint", MAX_FILES);
    if ((size_t)kv->n_paths == kv->path_room) {
        const size_t room = kv->path_room ? 2 * kv->path_room : 64;
        char **grown = realloc(kv->paths, room * sizeof *grown);
        if (!grown) return no_memory(err);
        kv->paths = grown;
        kv->path_room = room;
    }
    char *copy = pi0_kv_keep(kv, path, strlen(path));
    if (!copy) return no_memory(err);
    *index = kv->n_paths;
    kv->paths[kv->n_paths++] = copy;
    return PI0_OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const kv_entry *)a)->key, ((const kv_entry *)b)->key);
}

/* ---- plain folders ---- */

// one file of a folder of the store: its key is "folder/file"
static int add_file(kv_store *kv, const char *folder, const char *key, const char *name,
                    pi0_error *err)
{
    char full[2 * OCDBT_KEY_MAX];
    kv_value v = { 0 };
    int fd = -1;
    const int n = snprintf(full, sizeof full, "%s/%s", key, name);
    if (n < 0 || n > OCDBT_KEY_MAX)
        return pi0_fail(err, PI0_EFORMAT, "%s/%s: a name of more than %d bytes", folder, name,
                        OCDBT_KEY_MAX);
    char *path = pi0_path_join(folder, name);
    int status = path ? pi0_file_open(&fd, &v.length, path, err) : no_memory(err);
    if (!status) close(fd);
    if (!status) status = pi0_kv_file(kv, &v.file, path, err);
    if (!status) status = pi0_kv_add(kv, full, &v, err);
    free(path);
    return status;
}

static int add_folder(kv_store *kv, const char *dir, const char *name, pi0_error *err)
{
    char *folder = pi0_path_join(dir, name);
    char *array = folder ? pi0_path_join(folder, ".zarray") : NULL;
    int status = array ? PI0_OK : no_memory(err);
    const bool is_array = !status && pi0_file_exists(array);
    DIR *d = is_array ? opendir(folder) : NULL;
    if (is_array && !d) status = pi0_fail_errno(err, PI0_EIO, "%s: cannot open", folder);
    for (const struct dirent *e; d && (e = pi0_folder_next(d, folder, &status, err));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            status = add_file(kv, folder, name, e->d_name, err);
    if (d) closedir(d);
    free(array);
    free(folder);
    return status;
}

// every value is a whole file; folders come in any order
static int open_folders(kv_store *kv, const char *dir, pi0_error *err)
{
    int status = PI0_OK;
    DIR *d = opendir(dir);
    if (!d) return pi0_fail_errno(err, PI0_EIO, "%s: cannot open", dir);
    for (const struct dirent *e; (e = pi0_folder_next(d, dir, &status, err));)
        if (e->d_name[0] != '.') status = add_folder(kv, dir, e->d_name, err);
    closedir(d);
    if (!status && !kv->n)
        status = pi0_fail(err, PI0_EIO,
                          "%s: neither " MANIFEST " nor folders with .zarray are there", dir);
    if (!status) qsort(kv->entries, kv->n, sizeof *kv->entries, by_key);
    return status;
}

/* ---- OCDBT ---- */

// the sizes of all files
static int measure_files(uint64_t *sizes, const kv_store *kv, pi0_error *err)
{
    int fd, status = PI0_OK;
    for (int i = 0; i < kv->n_paths && !status; i++) {
        status = pi0_file_open(&fd, &sizes[i], kv->paths[i], err);
        if (!status) close(fd);
    }
    return status;
}

// every value inside its file
static int check_values(const kv_store *kv, pi0_error *err)
{
    uint64_t *sizes = calloc((size_t)kv->n_paths + 1, sizeof *sizes);
    int status = sizes ? measure_files(sizes, kv, err) : no_memory(err);
    for (size_t i = 0; i < kv->n && !status; i++) {
        const kv_value *v = &kv->entries[i].value;
        if (v->bytes) continue;
        const uint64_t size = sizes[v->file];
        if (v->length > size || v->offset > size - v->length)
            status = pi0_fail(err, PI0_EFORMAT,
                              "%s: truncated: %llu bytes, but \"%s\" lies at bytes %llu to %llu",
                              kv->paths[v->file], (unsigned long long)size, kv->entries[i].key,
                              (unsigned long long)v->offset,
                              (unsigned long long)(v->offset + v->length));
    }
    free(sizes);
    return status;
}

// the tree's order has been checked: keys come sorted
static int open_ocdbt(kv_store *kv, const char *dir, const char *manifest, pi0_error *err)
{
    const int status = pi0_ocdbt_open(kv, dir, manifest, err);
    return status ? status : check_values(kv, err);
}

/* ---- together ---- */

int pi0_kv_open(kv_store *kv, const char *dir, pi0_error *err)
{
    kv_store made = { 0 };
    char *manifest = pi0_path_join(dir, MANIFEST);
    int status = manifest ? PI0_OK : no_memory(err);
    if (!status)
        status = pi0_file_exists(manifest) ? open_ocdbt(&made, dir, manifest, err)
                                           : open_folders(&made, dir, err);
    free(manifest);
    if (status)
        pi0_kv_close(&made);
    else
        *kv = made;
    return status;
}

void pi0_kv_close(kv_store *kv)
{
    for (kv_block *b = kv->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(kv->entries);
    free(kv->paths);
    *kv = (kv_store){ 0 };
}

const kv_value *pi0_kv_find(const kv_store *kv, const char *key)
{
    const kv_entry wanted = { .key = key };
    if (!kv->n) return NULL;
    const kv_entry *e = bsearch(&wanted, kv->entries, kv->n, sizeof wanted, by_key);
    return e ? &e->value : NULL;
}

static int read_file_value(char *to, const kv_store *kv, const kv_value *v, pi0_error *err)
{
    int fd;
    uint64_t size;
    const char *path = kv->paths[v->file];
    int status = pi0_file_open(&fd, &size, path, err);
    if (status) return status;
    status = pi0_file_read_at(fd, to, (size_t)v->length, v->offset, path, err);
    close(fd);
    return status;
}

int pi0_kv_read(char **data, size_t *size, const kv_store *kv, const char *key,
                const kv_value *value, size_t limit, pi0_error *err)
{
    int status = PI0_OK;
    if (value->length > limit)
        return pi0_fail(err, PI0_EFORMAT, "%s: %llu bytes, more than the %zu that are allowed", key,
                        (unsigned long long)value->length, limit);
    char *p = malloc((size_t)value->length + 1);
    if (!p) return no_memory(err);
    if (value->bytes)
        memcpy(p, value->bytes, (size_t)value->length);
    else
        status = read_file_value(p, kv, value, err);
    if (status) {
        free(p);
        return status;
    }
    p[value->length] = 0;
    *data = p;
    *size = (size_t)value->length;
    return PI0_OK;
}
