/* SPDX-License-Identifier: Apache-2.0 */
/* ocdbt.c - from an OCDBT store's manifest through its B+tree to the list of its keys. */
#include "core/file.h"
#include "data/kv_store.h"
#include "data/ocdbt_node.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_STORED (64u << 20)   // bytes of a node as it is stored
#define MAX_DECODED (256u << 20) // bytes of all nodes together, decoded: 100 for each possible key
#define NAME_SIZE 1024

// a walk through the tree: what all of it shares
typedef struct walk {
    kv_store *kv;
    const char *dir;
    uint64_t budget; // decoded bytes of nodes that may still come
    pi0_error *err;
} walk;

// where a node is: its file's path, and how much of it its children's paths begin with
typedef struct place {
    char path[OCDBT_PATH_SIZE];
    size_t base;
    ocdbt_ref ref;
    int height;
} place;

static int no_memory(const walk *w)
{
    return pi0_fail(w->err, PI0_ENOMEM, "%s: no memory for its keys", w->dir);
}

// a reference of a node or manifest, whose own paths begin with `transitive`
static int make_place(place *to, const walk *w, const char *transitive, size_t n_transitive,
                      const ocdbt_file *file, const ocdbt_ref *ref, int height)
{
    if (!file->path[0])
        return pi0_fail(w->err, PI0_EFORMAT,
                        "%s: data file \"\": not the path of a file below the checkpoint's folder",
                        w->dir);
    const int n =
        snprintf(to->path, sizeof to->path, "%.*s%s", (int)n_transitive, transitive, file->path);
    if (n < 0 || (size_t)n >= sizeof to->path)
        return pi0_fail(w->err, PI0_EFORMAT, "%s: the path of a data file has more than %d bytes",
                        w->dir, OCDBT_PATH_SIZE - 1);
    to->base = n_transitive + file->base;
    to->ref = *ref;
    to->height = height;
    return PI0_OK;
}

/* ---- one node ---- */

static int load_node(ocdbt_node *node, walk *w, const place *at)
{
    char name[NAME_SIZE];
    int fd = -1;
    uint64_t size;
    char *path = pi0_path_join(w->dir, at->path);
    if (!path) return no_memory(w);
    snprintf(name, sizeof name, "%s: node at byte %llu", path, (unsigned long long)at->ref.offset);
    int status = pi0_file_open(&fd, &size, path, w->err);
    if (!status && (at->ref.length > size || at->ref.offset > size - at->ref.length))
        status = pi0_fail(w->err, PI0_EFORMAT, "%s: truncated: the file has %llu bytes", name,
                          (unsigned long long)size);
    if (!status && at->ref.length > MAX_STORED)
        status = pi0_fail(w->err, PI0_EFORMAT, "%s: %llu bytes are too many for a node", name,
                          (unsigned long long)at->ref.length);
    unsigned char *data = status ? NULL : malloc((size_t)at->ref.length + 1);
    if (!status && !data) status = no_memory(w);
    if (!status)
        status = pi0_file_read_at(fd, data, (size_t)at->ref.length, at->ref.offset, path, w->err);
    if (!status) status = pi0_ocdbt_node_parse(node, data, (size_t)at->ref.length, name, w->err);
    if (!status && node->height != at->height) {
        status = pi0_fail(w->err, PI0_EFORMAT, "%s: height %d, but its parent says %d", name,
                          node->height, at->height);
        pi0_ocdbt_node_free(node);
    }
    if (!status && node->body_size > w->budget) {
        status = pi0_fail(w->err, PI0_EFORMAT, "%s: the tree's nodes have more than %u bytes", name,
                          MAX_DECODED);
        pi0_ocdbt_node_free(node);
    }
    if (fd >= 0) close(fd);
    free(data);
    free(path);
    return status;
}

/* ---- leaves ---- */

static int take_value(kv_value *v, walk *w, const place *at, const ocdbt_node *node,
                      const ocdbt_entry *e)
{
    place there;
    if (e->inline_value) {
        v->length = e->inline_length;
        v->bytes = (unsigned char *)pi0_kv_keep(w->kv, e->inline_value, e->inline_length);
        return v->bytes ? PI0_OK : no_memory(w);
    }
    int status = make_place(&there, w, at->path, at->base, &node->files[e->ref.file], &e->ref, 0);
    if (status) return status;
    char *path = pi0_path_join(w->dir, there.path);
    v->offset = e->ref.offset;
    v->length = e->ref.length;
    status = path ? pi0_kv_file(w->kv, &v->file, path, w->err) : no_memory(w);
    free(path);
    return status;
}

// "<prefix><part>", `part` being n bytes
static int join_key(char key[OCDBT_KEY_MAX + 1], const walk *w, const char *prefix,
                    const char *part, size_t n)
{
    const size_t before = strlen(prefix);
    if (before + n > OCDBT_KEY_MAX || memchr(part, 0, n))
        return pi0_fail(w->err, PI0_EFORMAT, "%s: a key below \"%s\" is too long or has a zero",
                        w->dir, prefix);
    memcpy(key, prefix, before);
    memcpy(key + before, part, n);
    key[before + n] = 0;
    return PI0_OK;
}

// larger than the newest: keys only grow, so the walk ends
static int check_order(const walk *w, const char *key)
{
    const char *last = w->kv->n ? w->kv->entries[w->kv->n - 1].key : NULL;
    if (!last || strcmp(last, key) < 0) return PI0_OK;
    return pi0_fail(w->err, PI0_EFORMAT, "%s: the B+tree has key \"%s\" behind \"%s\"", w->dir, key,
                    last);
}

static int walk_leaf(walk *w, const place *at, const ocdbt_node *node, const char *prefix)
{
    for (size_t i = 0; i < node->n_entries; i++) {
        char key[OCDBT_KEY_MAX + 1];
        kv_value v = { 0 };
        const ocdbt_entry *e = &node->entries[i];
        int status = join_key(key, w, prefix, e->key, e->key_length);
        if (!status) status = check_order(w, key);
        if (!status) status = take_value(&v, w, at, node, e);
        if (!status) status = pi0_kv_add(w->kv, key, &v, w->err);
        if (status) return status;
    }
    return PI0_OK;
}

/* ---- the tree ---- */

static int walk_node(walk *w, const place *at, const char *prefix);

static int walk_children(walk *w, const place *at, const ocdbt_node *node, const char *prefix)
{
    int status = PI0_OK;
    for (size_t i = 0; i < node->n_entries && !status; i++) {
        const ocdbt_entry *e = &node->entries[i];
        char below[OCDBT_KEY_MAX + 1];
        place child;
        status = join_key(below, w, prefix, e->key, e->common);
        if (!status)
            status = make_place(&child, w, at->path, at->base, &node->files[e->ref.file], &e->ref,
                                node->height - 1);
        if (!status) status = walk_node(w, &child, below);
    }
    return status;
}

// height counts down to 0 at the leaves: no deeper than OCDBT_MAX_HEIGHT
static int walk_node(walk *w, const place *at, const char *prefix)
{
    ocdbt_node node;
    int status = load_node(&node, w, at);
    if (status) return status;
    w->budget -= node.body_size;
    status = node.height ? walk_children(w, at, &node, prefix) : walk_leaf(w, at, &node, prefix);
    pi0_ocdbt_node_free(&node);
    return status;
}

int pi0_ocdbt_open(kv_store *kv, const char *dir, const char *manifest, pi0_error *err)
{
    walk w = { .kv = kv, .dir = dir, .budget = MAX_DECODED, .err = err };
    ocdbt_manifest m;
    char *data;
    size_t size;
    place root;
    int status = pi0_file_read(&data, &size, manifest, MAX_STORED, err);
    if (status) return status;
    status = pi0_ocdbt_manifest_parse(&m, data, size, manifest, err);
    free(data);
    if (status) return status;
    if (!m.root.length) status = pi0_fail(err, PI0_EFORMAT, "%s: the store is empty", manifest);
    if (!status) status = make_place(&root, &w, "", 0, &m.files[m.root.file], &m.root, m.height);
    if (!status) status = walk_node(&w, &root, "");
    pi0_ocdbt_manifest_free(&m);
    return status;
}
