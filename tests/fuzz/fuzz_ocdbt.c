/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ocdbt.c - OCDBT's manifests and nodes. The first byte says which: M a whole manifest, N a
 * whole node, checksum included; m and n a body, around which a right frame is put; s a store of
 * such a manifest and, behind two bytes with its length, one node. */
#include "data/kv_store.h"
#include "data/ocdbt_node.h"
#include "fuzz/fuzz.h"
#include "support/ocdbt_blob.h"
#include "support/tmpdir.h"

static void check_files(const ocdbt_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(files[i].path);
        must(length < OCDBT_PATH_SIZE && files[i].base <= length);
        must(files[i].path[0] != '/' && !strstr(files[i].path, "/../"));
        must(strncmp(files[i].path, "../", 3) && strcmp(files[i].path, ".."));
    }
}

static void fuzz_manifest(const void *data, size_t size)
{
    ocdbt_manifest m;
    pi0_error err = { 0 };
    const int status = pi0_ocdbt_manifest_parse(&m, data, size, "fuzz", &err);
    if (status) {
        check_failure(status, &err);
        return;
    }
    check_files(m.files, m.n_files);
    must(m.height >= 0 && (!m.root.length || m.root.file < m.n_files));
    pi0_ocdbt_manifest_free(&m);
}

static void fuzz_node(const void *data, size_t size)
{
    ocdbt_node node;
    pi0_error err = { 0 };
    unsigned sum = 0;
    const int status = pi0_ocdbt_node_parse(&node, data, size, "fuzz", &err);
    if (status) {
        check_failure(status, &err);
        return;
    }
    check_files(node.files, node.n_files);
    for (size_t i = 0; i < node.n_entries; i++) {
        const ocdbt_entry *e = &node.entries[i];
        must(e->key_length <= OCDBT_KEY_MAX && e->common <= e->key_length);
        must(e->inline_value || e->ref.file < node.n_files);
        // every byte can be read
        for (size_t k = 0; k < e->key_length; k++) sum += (unsigned char)e->key[k];
        for (size_t k = 0; e->inline_value && k < e->inline_length; k++) sum += e->inline_value[k];
    }
    must(sum < UINT32_MAX);
    pi0_ocdbt_node_free(&node);
}

// a store of a manifest and one file
static void fuzz_store(const uint8_t *data, size_t size)
{
    kv_store kv;
    pi0_error err = { 0 };
    if (size < 2) return;
    size_t n = (size_t)data[0] | (size_t)data[1] << 8;
    data += 2;
    size -= 2;
    if (n > size) n = size;
    const tmpdir dir = tmpdir_make();
    ocdbt_blob manifest = blob_frame(OCDBT_MANIFEST, 0, data, n);
    ocdbt_blob node = blob_frame(OCDBT_NODE, 0, data + n, size - n);
    tmpdir_write(&dir, "manifest.ocdbt", manifest.data, manifest.size);
    tmpdir_write(&dir, "data", node.data, node.size);
    const int status = pi0_kv_open(&kv, dir.path, &err);
    if (status) {
        check_failure(status, &err);
    } else {
        for (size_t i = 0; i < kv.n; i++) must(pi0_kv_find(&kv, kv.entries[i].key) != NULL);
        pi0_kv_close(&kv);
    }
    blob_free(&manifest);
    blob_free(&node);
    tmpdir_remove(&dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || size > BLOB_MAX / 2) return 0;
    const char kind = (char)*data++;
    size--;
    if (kind == 'M') fuzz_manifest(data, size);
    if (kind == 'N') fuzz_node(data, size);
    if (kind == 's') fuzz_store(data, size);
    if (kind != 'm' && kind != 'n') return 0;
    ocdbt_blob b = blob_frame(kind == 'm' ? OCDBT_MANIFEST : OCDBT_NODE, 0, data, size);
    if (kind == 'm')
        fuzz_manifest(b.data, b.size);
    else
        fuzz_node(b.data, b.size);
    blob_free(&b);
    return 0;
}
