/* SPDX-License-Identifier: Apache-2.0 */
/* ocdbt_node.c - manifest and B+tree nodes of OCDBT. */
#include "data/ocdbt_node.h"
#include "data/ocdbt_bytes.h"
#include <stdlib.h>
#include <string.h>

#define MAGIC_MANIFEST 0x0cdb3a2au
#define MAGIC_NODE 0x0cdb20deu
#define MAX_ENTRIES (1u << 20) // of a node
#define MAX_TEXT (32u << 20)   // bytes of all its keys
#define NO_VALUE UINT64_MAX    // offset and length of what is not there

// a reference of an entry: three columns, of which length may be elsewhere
static int make_ref(ocdbt_ref *ref, uint64_t file, uint64_t offset, uint64_t length, size_t n_files,
                    const byte_reader *r, pi0_error *err)
{
    if (file >= n_files || offset > INT64_MAX || length > INT64_MAX - offset)
        return pi0_bytes_bad(r, "a reference to a data file", err);
    *ref = (ocdbt_ref){ (uint32_t)file, offset, length };
    return PI0_OK;
}

/* ---- manifest ---- */

static int read_settings(byte_reader *r, pi0_error *err)
{
    pi0_bytes_take(r, 16); // uuid
    const uint64_t kind = pi0_bytes_varint(r);
    if (!r->bad && kind != 0)
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "%s: manifest kind %llu (numbered manifests): only single ones are read",
                        r->name, (unsigned long long)kind);
    pi0_bytes_varint(r);   // largest inline value
    pi0_bytes_varint(r);   // largest decoded node
    pi0_bytes_fixed(r, 1); // arity of the version tree
    const uint64_t compression = pi0_bytes_varint(r);
    if (compression == 1) pi0_bytes_fixed(r, 4); // level
    return r->bad || compression > 1 ? pi0_bytes_bad(r, "its settings", err) : PI0_OK;
}

// columns of versions: the last value of each, as the newest version counts
static int read_versions(ocdbt_manifest *m, byte_reader *r, pi0_error *err)
{
    enum { GENERATION, FILE_ID, OFFSET, LENGTH, KEYS, TREE_BYTES, VALUE_BYTES, COLUMNS };
    uint64_t last[COLUMNS] = { 0 };
    const size_t n = pi0_bytes_count(r);
    for (int c = 0; c < COLUMNS; c++) {
        for (size_t i = 0; i < n && !r->bad; i++) last[c] = pi0_bytes_varint(r);
        // the heights stand behind the generations, a byte each
        const unsigned char *heights = c == GENERATION ? pi0_bytes_take(r, n) : NULL;
        if (heights && n) m->height = heights[n - 1];
    }
    pi0_bytes_take(r, 8 * (uint64_t)n); // times of the commits
    if (r->bad || !n) return pi0_bytes_bad(r, "its versions", err);
    if (last[OFFSET] == NO_VALUE && last[LENGTH] == NO_VALUE) return PI0_OK; // an empty store
    if (m->height > OCDBT_MAX_HEIGHT || !last[LENGTH])
        return pi0_bytes_bad(r, "its newest version", err);
    return make_ref(&m->root, last[FILE_ID], last[OFFSET], last[LENGTH], m->n_files, r, err);
}

// nodes of older versions: passed over, but they must be what is left
static int skip_version_nodes(byte_reader *r, pi0_error *err)
{
    const size_t n = pi0_bytes_count(r);
    for (int c = 0; c < 5; c++) // generation, file, offset, length, number of generations
        for (size_t i = 0; i < n && !r->bad; i++) pi0_bytes_varint(r);
    pi0_bytes_take(r, 8 * (uint64_t)n); // times
    pi0_bytes_take(r, n);               // heights
    return r->bad || r->at != r->end ? pi0_bytes_bad(r, "its tree of versions", err) : PI0_OK;
}

int pi0_ocdbt_manifest_parse(ocdbt_manifest *m, const void *data, size_t size, const char *name,
                             pi0_error *err)
{
    unsigned char *body;
    size_t n;
    ocdbt_manifest made = { 0 };
    int status = pi0_ocdbt_body(&body, &n, data, size, MAGIC_MANIFEST, name, err);
    if (status) return status;
    byte_reader r = { body, body + n, name, false };
    status = read_settings(&r, err);
    if (!status) status = pi0_ocdbt_files(&made.files, &made.n_files, &r, err);
    if (!status) status = read_versions(&made, &r, err);
    if (!status) status = skip_version_nodes(&r, err);
    free(body);
    if (status)
        pi0_ocdbt_manifest_free(&made);
    else
        *m = made;
    return status;
}

void pi0_ocdbt_manifest_free(ocdbt_manifest *m)
{
    free(m->files);
    *m = (ocdbt_manifest){ 0 };
}

/* ---- keys ---- */

// keys come as the bytes that each shares with the one before, and the rest
typedef struct key_columns {
    uint64_t *shared, *suffix, *common; // common: of interior nodes
} key_columns;

static int read_key_columns(key_columns *k, byte_reader *r, const ocdbt_node *node, pi0_error *err)
{
    const size_t n = node->n_entries;
    int status = pi0_bytes_column(&k->shared, r, n - 1, OCDBT_KEY_MAX, err);
    if (!status) status = pi0_bytes_column(&k->suffix, r, n, OCDBT_KEY_MAX, err);
    if (!status && node->height) status = pi0_bytes_column(&k->common, r, n, OCDBT_KEY_MAX, err);
    return status;
}

static int compare_keys(const ocdbt_entry *a, const ocdbt_entry *b)
{
    const size_t n = a->key_length < b->key_length ? a->key_length : b->key_length;
    const int order = memcmp(a->key, b->key, n);
    return order ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

static int write_keys(ocdbt_node *node, const key_columns *k, byte_reader *r, pi0_error *err)
{
    char *to = node->text;
    for (size_t i = 0; i < node->n_entries; i++) {
        ocdbt_entry *e = &node->entries[i];
        const size_t shared = i ? (size_t)k->shared[i - 1] : 0, suffix = (size_t)k->suffix[i];
        const unsigned char *text = pi0_bytes_take(r, suffix);
        if (!text || (i && shared > e[-1].key_length)) return pi0_bytes_bad(r, "a key", err);
        if (shared) memcpy(to, e[-1].key, shared);
        memcpy(to + shared, text, suffix);
        e->key = to;
        e->key_length = shared + suffix;
        to += e->key_length;
        if (e->key_length > OCDBT_KEY_MAX || (i && compare_keys(e - 1, e) >= 0))
            return pi0_bytes_bad(r, "the order of its keys", err);
        e->common = k->common ? (size_t)k->common[i] : 0;
        if (e->common > e->key_length) return pi0_bytes_bad(r, "a common prefix", err);
    }
    return PI0_OK;
}

static int read_keys(ocdbt_node *node, byte_reader *r, pi0_error *err)
{
    key_columns k = { 0 };
    size_t bytes = 0;
    int status = read_key_columns(&k, r, node, err);
    for (size_t i = 0; i < node->n_entries && !status; i++) {
        bytes += (size_t)k.suffix[i] + (i ? (size_t)k.shared[i - 1] : 0);
        if (bytes > MAX_TEXT) status = pi0_bytes_bad(r, "the length of its keys", err);
    }
    if (!status && !(node->text = malloc(bytes + 1))) status = pi0_bytes_no_memory(r, err);
    if (!status) status = write_keys(node, &k, r, err);
    free(k.shared);
    free(k.suffix);
    free(k.common);
    return status;
}

/* ---- values and children ---- */

// columns: length, kind, file and offset of the indirect ones, then the inline bytes
static int read_values(ocdbt_node *node, byte_reader *r, pi0_error *err)
{
    const size_t n = node->n_entries;
    uint64_t *length = NULL, *kind = NULL, *file = NULL, *offset = NULL;
    size_t indirect = 0, at = 0;
    int status = pi0_bytes_column(&length, r, n, INT64_MAX, err);
    if (!status) status = pi0_bytes_column(&kind, r, n, 1, err);
    for (size_t i = 0; i < n && !status; i++) indirect += kind[i] == 1;
    if (!status) status = pi0_bytes_column(&file, r, indirect, UINT32_MAX, err);
    if (!status) status = pi0_bytes_column(&offset, r, indirect, INT64_MAX, err);
    for (size_t i = 0; i < n && !status; i++) {
        ocdbt_entry *e = &node->entries[i];
        if (kind[i]) {
            status = make_ref(&e->ref, file[at], offset[at], length[i], node->n_files, r, err);
            at++;
            continue;
        }
        e->inline_value = pi0_bytes_take(r, length[i]);
        e->inline_length = (size_t)length[i];
        if (!e->inline_value) status = pi0_bytes_bad(r, "an inline value", err);
    }
    free(length);
    free(kind);
    free(file);
    free(offset);
    return status;
}

// columns: file, offset, length of each child, then three statistics
static int read_children(ocdbt_node *node, byte_reader *r, pi0_error *err)
{
    const size_t n = node->n_entries;
    uint64_t *file = NULL, *offset = NULL, *length = NULL;
    int status = pi0_bytes_column(&file, r, n, UINT32_MAX, err);
    if (!status) status = pi0_bytes_column(&offset, r, n, INT64_MAX, err);
    if (!status) status = pi0_bytes_column(&length, r, n, INT64_MAX, err);
    for (size_t i = 0; i < n && !status; i++)
        status =
            make_ref(&node->entries[i].ref, file[i], offset[i], length[i], node->n_files, r, err);
    for (size_t i = 0; i < 3 * n && !r->bad; i++) pi0_bytes_varint(r);
    free(file);
    free(offset);
    free(length);
    return status;
}

/* ---- node ---- */

static int read_node(ocdbt_node *node, byte_reader *r, pi0_error *err)
{
    node->height = (int)pi0_bytes_fixed(r, 1);
    if (r->bad || node->height > OCDBT_MAX_HEIGHT) return pi0_bytes_bad(r, "its height", err);
    int status = pi0_ocdbt_files(&node->files, &node->n_files, r, err);
    if (status) return status;
    node->n_entries = pi0_bytes_count(r);
    if (r->bad || !node->n_entries || node->n_entries > MAX_ENTRIES)
        return pi0_bytes_bad(r, "the number of its entries", err);
    node->entries = calloc(node->n_entries, sizeof *node->entries);
    if (!node->entries) return pi0_bytes_no_memory(r, err);
    status = read_keys(node, r, err);
    if (!status) status = node->height ? read_children(node, r, err) : read_values(node, r, err);
    if (!status && (r->bad || r->at != r->end)) status = pi0_bytes_bad(r, "its end", err);
    return status;
}

int pi0_ocdbt_node_parse(ocdbt_node *node, const void *data, size_t size, const char *name,
                         pi0_error *err)
{
    ocdbt_node made = { 0 };
    size_t n;
    int status = pi0_ocdbt_body(&made.body, &n, data, size, MAGIC_NODE, name, err);
    if (status) return status;
    byte_reader r = { made.body, made.body + n, name, false };
    made.body_size = n;
    status = read_node(&made, &r, err);
    if (status)
        pi0_ocdbt_node_free(&made);
    else
        *node = made;
    return status;
}

void pi0_ocdbt_node_free(ocdbt_node *node)
{
    free(node->files);
    free(node->entries);
    free(node->body);
    free(node->text);
    *node = (ocdbt_node){ 0 };
}
