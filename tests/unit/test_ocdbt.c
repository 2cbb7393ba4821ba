/* SPDX-License-Identifier: Apache-2.0 */
/* test_ocdbt.c - OCDBT stores: what is damaged is noticed, what is made to harm does none. */
#include "core/file.h"
#include "data/kv_store.h"
#include "data/ocdbt_node.h"
#include "support/expect.h"
#include "support/ocdbt_blob.h"
#include "support/tmpdir.h"
#include <zstd.h>

static void checksum(void **state)
{
    (void)state;
    assert_int_equal(pi0_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(pi0_crc32c("", 0), 0);
}

/* ---- every byte ---- */

static int parse(bool manifest, const void *data, size_t size, pi0_error *err)
{
    ocdbt_manifest m;
    ocdbt_node node;
    const int status = manifest ? pi0_ocdbt_manifest_parse(&m, data, size, "test", err)
                                : pi0_ocdbt_node_parse(&node, data, size, "test", err);
    if (!status && manifest) pi0_ocdbt_manifest_free(&m);
    if (!status && !manifest) pi0_ocdbt_node_free(&node);
    return status;
}

#define ALL 400 // bytes of which each is changed; of a longer node so many, evenly spaced

/* Every byte changed in three ways, every length cut. A checksum of 32 bits notices any change
 * within 32 bits that follow each other, wherever that is; so of the largest nodes, of 100 kB and
 * more, it is enough to try some places. */
static int flip_all(bool manifest, unsigned char *data, size_t size)
{
    const size_t step = size / ALL + 1;
    static const unsigned char flips[] = { 0x01, 0x80, 0xff };
    pi0_error err;
    int n = 0;
    expect_ok(parse(manifest, data, size, &err), &err);
    for (size_t i = 0; i < size; i += step)
        for (size_t k = 0; k < COUNT(flips); k++, n++) {
            data[i] ^= flips[k];
            if (!parse(manifest, data, size, &err)) fail_msg("byte %zu changed, not noticed", i);
            data[i] ^= flips[k];
        }
    for (size_t cut = 0; cut < size; cut += step, n++)
        if (!parse(manifest, data, cut, &err)) fail_msg("cut to %zu, not noticed", cut);
    return n;
}

// the nodes of a tree: flip each, then go down
static int flip_nodes(const char *dir, const char *path, const ocdbt_ref *ref)
{
    char name[1024];
    pi0_error err;
    ocdbt_node node;
    uint64_t size;
    int fd, n;
    snprintf(name, sizeof name, "%s/%s", dir, path);
    unsigned char *data = malloc((size_t)ref->length);
    expect_ok(pi0_file_open(&fd, &size, name, &err), &err);
    expect_ok(pi0_file_read_at(fd, data, (size_t)ref->length, ref->offset, name, &err), &err);
    close(fd);
    n = flip_all(false, data, (size_t)ref->length);
    expect_ok(pi0_ocdbt_node_parse(&node, data, (size_t)ref->length, name, &err), &err);
    for (size_t i = 0; node.height && i < node.n_entries; i++)
        n += flip_nodes(dir, node.files[node.entries[i].ref.file].path, &node.entries[i].ref);
    pi0_ocdbt_node_free(&node);
    free(data);
    return n;
}

static void every_byte(void **state)
{
    static const char *const cases[] = { "jax_pi0/1", "jax_pi0_bf16_chunked", "jax_pi05/1",
                                         "jax_pi05_bf16_chunked" };
    (void)state;
    for (size_t i = 0; i <= COUNT(cases); i++) {
        char dir[600], path[700], *data;
        size_t size;
        pi0_error err;
        ocdbt_manifest m;
        snprintf(dir, sizeof dir, "%s/openpi_jax/%s/params", PI0_TEST_DATA,
                 i < COUNT(cases) ? cases[i] : "");
        if (i == COUNT(cases)) snprintf(dir, sizeof dir, "%s/ocdbt/deep", PI0_TEST_DATA);
        snprintf(path, sizeof path, "%s/manifest.ocdbt", dir);
        expect_ok(pi0_file_read(&data, &size, path, 1 << 20, &err), &err);
        int n = flip_all(true, (unsigned char *)data, size);
        expect_ok(pi0_ocdbt_manifest_parse(&m, data, size, path, &err), &err);
        n += flip_nodes(dir, m.files[m.root.file].path, &m.root);
        printf("  %-24s %d changes, all noticed; height of the tree %d\n",
               i < COUNT(cases) ? cases[i] : "deep", n, m.height);
        pi0_ocdbt_manifest_free(&m);
        free(data);
    }
}

/* ---- tensorstore's own stores ---- */

/* Written by tensorstore 0.1.74: "deep" has a tree of several levels, keys in three versions and
 * inline and other values; "first" one version, whose table of files has a file without a name.
 * keys.txt: each key, its value's length and the sum of its bytes. */
static void tensorstores(void **state)
{
    static const char *const names[] = { "deep", "first" };
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char dir[600], path[700], line[600];
        kv_store kv;
        pi0_error err;
        size_t n = 0;
        snprintf(dir, sizeof dir, "%s/ocdbt/%s", PI0_TEST_DATA, names[i]);
        snprintf(path, sizeof path, "%s/keys.txt", dir);
        FILE *keys = fopen(path, "r");
        assert_non_null(keys);
        expect_ok(pi0_kv_open(&kv, dir, &err), &err);
        for (; fgets(line, sizeof line, keys); n++) {
            char key[500], *data;
            size_t length, is;
            unsigned sum, total = 0;
            assert_int_equal(sscanf(line, "%499s %zu %u", key, &length, &sum), 3);
            const kv_value *v = pi0_kv_find(&kv, key);
            assert_non_null(v);
            expect_ok(pi0_kv_read(&data, &is, &kv, key, v, 1 << 20, &err), &err);
            for (size_t k = 0; k < is; k++) total += (unsigned char)data[k];
            assert_int_equal(is, length);
            assert_int_equal(total, sum);
            free(data);
        }
        assert_int_equal(kv.n, n);
        assert_true(n >= 20);
        fclose(keys);
        pi0_kv_close(&kv);
    }
}

/* ---- stores made by hand ---- */

// write a store: the manifest's body, and one data file of framed nodes
static tmpdir store(ocdbt_blob *manifest, const char *file, const ocdbt_blob *nodes, int n)
{
    const tmpdir dir = tmpdir_make();
    char path[TMPDIR_PATH];
    ocdbt_blob framed = blob_frame(OCDBT_MANIFEST, 0, manifest->data, manifest->size);
    tmpdir_write(&dir, "manifest.ocdbt", framed.data, framed.size);
    FILE *f = fopen(tmpdir_path(path, &dir, file), "wb");
    if (!f) abort();
    for (int i = 0; i < n; i++) fwrite(nodes[i].data, 1, nodes[i].size, f);
    fclose(f);
    blob_free(&framed);
    blob_free(manifest);
    return dir;
}

static void expect_store(const tmpdir *dir, int status, const char *text)
{
    kv_store kv;
    pi0_error err;
    if (!status) {
        expect_ok(pi0_kv_open(&kv, dir->path, &err), &err);
        pi0_kv_close(&kv);
    } else {
        expect_error(pi0_kv_open(&kv, dir->path, &err), status, &err, text);
    }
    tmpdir_remove(dir);
}

static ocdbt_blob node_of(ocdbt_blob body)
{
    const ocdbt_blob framed = blob_frame(OCDBT_NODE, 0, body.data, body.size);
    blob_free(&body);
    return framed;
}

// one leaf; a value that is there
static void a_leaf(void **state)
{
    (void)state;
    kv_store kv;
    pi0_error err;
    ocdbt_blob leaf = node_of(blob_leaf("a/.zarray", "b/.zarray", "{}"));
    ocdbt_blob m = blob_manifest("data", 0, 0, leaf.size);
    const tmpdir dir = store(&m, "data", &leaf, 1);
    expect_ok(pi0_kv_open(&kv, dir.path, &err), &err);
    assert_int_equal(kv.n, 2);
    assert_memory_equal(pi0_kv_find(&kv, "b/.zarray")->bytes, "{}", 2);
    assert_null(pi0_kv_find(&kv, "c"));
    pi0_kv_close(&kv);
    tmpdir_remove(&dir);
    blob_free(&leaf);
}

// a node that is its own child, at any height; a tree that is too high; one that says other heights
static void no_tree(void **state)
{
    (void)state;
    for (int height = 1; height <= 40; height += 13) {
        // its length is that of itself: found by trying
        ocdbt_blob self = node_of(blob_interior("data", height, "a", 0, 60));
        const uint64_t length = self.size;
        blob_free(&self);
        self = node_of(blob_interior("data", height, "a", 0, length));
        ocdbt_blob m = blob_manifest("data", height, 0, self.size);
        const tmpdir dir = store(&m, "data", &self, 1);
        expect_store(&dir, PI0_EFORMAT, height > 16 ? "newest version" : "its parent says");
        blob_free(&self);
    }
    // a chain of 16 is allowed, if it ends in a leaf; the same leaf twice is not
    ocdbt_blob leaf = node_of(blob_leaf("a", "b", "x"));
    ocdbt_blob m = blob_manifest("data", 3, 0, leaf.size);
    const tmpdir dir = store(&m, "data", &leaf, 1);
    expect_store(&dir, PI0_EFORMAT, "its parent says 3");
    blob_free(&leaf);
}

static void bad_nodes(void **state)
{
    (void)state;
    struct {
        ocdbt_blob node;
        const char *text;
    } bad[] = {
        { node_of(blob_leaf("b", "a", "x")), "order of its keys" },
        { node_of(blob_leaf("a", "a", "x")), "order of its keys" },
        { node_of(blob_interior("data", 0, "a", 0, 1)), "not as OCDBT" },
        { node_of(blob_leaf("", "a", "x")), "" },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        ocdbt_blob m = blob_manifest("data", 0, 0, bad[i].node.size);
        const tmpdir dir = store(&m, "data", &bad[i].node, 1);
        expect_store(&dir, bad[i].text[0] ? PI0_EFORMAT : PI0_OK, bad[i].text);
        blob_free(&bad[i].node);
    }
}

// names that lead out of the folder, and files that are not there or lead nowhere
static void bad_paths(void **state)
{
    (void)state;
    static const char *const names[] = { "../data", "a/../data", "/data", "",
                                         ".",       "..",        "a//b",  "./data" };
    for (size_t i = 0; i < COUNT(names); i++) {
        ocdbt_blob leaf = node_of(blob_leaf("a", "b", "x"));
        ocdbt_blob m = blob_manifest(names[i], 0, 0, leaf.size);
        const tmpdir dir = store(&m, "data", &leaf, 1);
        expect_store(&dir, PI0_EFORMAT, "not the path of a file below");
        blob_free(&leaf);
    }
    for (int what = 0; what < 3; what++) {
        ocdbt_blob leaf = node_of(blob_leaf("a", "b", "x"));
        ocdbt_blob m = blob_manifest("other", 0, 0, leaf.size + (what == 2));
        const tmpdir dir = store(&m, what == 2 ? "other" : "data", &leaf, 1);
        char path[TMPDIR_PATH];
        // a link that leads to itself
        if (what == 1 && symlink("other", tmpdir_path(path, &dir, "other"))) abort();
        expect_store(&dir, what == 2 ? PI0_EFORMAT : PI0_EIO, what == 2 ? "truncated" : "other");
        blob_free(&leaf);
    }
}

// 200 MB of zeros in some kilobytes
static void bomb(void **state)
{
    (void)state;
    const size_t size = 200u << 20, room = ZSTD_compressBound(size);
    char *zeros = calloc(1, size), *packed = malloc(room);
    if (!zeros || !packed) abort();
    const size_t n = ZSTD_compress(packed, room, zeros, size, 1);
    ocdbt_blob node = blob_frame(OCDBT_NODE, 1, packed, n);
    ocdbt_blob m = blob_manifest("data", 0, 0, node.size);
    const tmpdir dir = store(&m, "data", &node, 1);
    expect_store(&dir, PI0_EFORMAT, "decodes to more than");
    blob_free(&node);
    free(zeros);
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensorstores), cmocka_unit_test(checksum), cmocka_unit_test(every_byte),
        cmocka_unit_test(a_leaf),       cmocka_unit_test(no_tree),  cmocka_unit_test(bad_nodes),
        cmocka_unit_test(bad_paths),    cmocka_unit_test(bomb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
