/* SPDX-License-Identifier: Apache-2.0 */
/* test_shards.c - checkpoints as folders: a golden checkpoint split into shards reads as the whole
 * one; indices and folders that are wrong. */
#include "support/expect.h"

#include "data/safetensors.h"
#include "support/st_blob.h"
#include "support/tmpdir.h"

#define INDEX "model.safetensors.index.json"
#define TEN "0123456789"
#define LONG_NAME                                                                               \
    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN \
        TEN TEN "123456"
#define ONE_TENSOR(name) "{\"" name "\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}"

// write every n-th tensor of `whole`, from `first`, into a file, and its lines of the index
static void write_shard(const tmpdir *dir, const char *file, const safetensors *whole, int first,
                        int n, char **index)
{
    static char header[1 << 18];
    char *to = header, shape[64];
    size_t size = 0;
    for (int i = first; i < whole->n_tensors; i += n) {
        const st_tensor *t = &whole->tensors[i];
        to += sprintf(to, "%c\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                      to == header ? '{' : ',', t->name, dtype_name(t->type),
                      pi0_st_shape(shape, sizeof shape, t), size, size + t->bytes);
        *index += sprintf(*index, "\"%s\":\"%s\",", t->name, file);
        size += t->bytes;
        assert_true(to < header + sizeof header - 1024);
    }
    to += sprintf(to, "}");
    unsigned char *data = malloc(size);
    assert_non_null(data);
    size_t at = 0;
    for (int i = first; i < whole->n_tensors; i += n) {
        memcpy(data + at, whole->tensors[i].data, whole->tensors[i].bytes);
        at += whole->tensors[i].bytes;
    }
    const st_blob blob = st_blob_make(header, (size_t)(to - header), data, size);
    tmpdir_write(dir, file, blob.bytes, blob.size);
    free(blob.bytes);
    free(data);
}

// the same tensors with the same contents
static void expect_same(const safetensors *a, const safetensors *b)
{
    char sa[64], sb[64];
    assert_int_equal(a->n_tensors, b->n_tensors);
    for (int i = 0; i < a->n_tensors; i++) {
        const st_tensor *x = &a->tensors[i], *y = &b->tensors[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->type, y->type);
        assert_string_equal(pi0_st_shape(sa, sizeof sa, x), pi0_st_shape(sb, sizeof sb, y));
        assert_int_equal(x->bytes, y->bytes);
        assert_memory_equal(x->data, y->data, x->bytes);
    }
}

static void split_golden(void **state)
{
    static const char *const names[] = { "model-00001-of-00003.safetensors",
                                         "model-00002-of-00003.safetensors",
                                         "model-00003-of-00003.safetensors" };
    static char index[1 << 18];
    const tmpdir dir = tmpdir_make();
    safetensors whole, shards;
    pi0_error err;
    (void)state;
    expect_ok(pi0_safetensors_open(&whole, PI0_TEST_DATA "/openpi/pi05_libero", &err), &err);
    char *to = index + sprintf(index, "{\"metadata\":{\"total_size\":1},\"weight_map\":{");
    for (int i = 0; i < 3; i++) write_shard(&dir, names[i], &whole, i, 3, &to);
    sprintf(to - 1, "}}"); // over the last comma
    tmpdir_write_text(&dir, INDEX, index);

    expect_ok(pi0_safetensors_open(&shards, dir.path, &err), &err);
    expect_same(&whole, &shards);
    assert_int_equal(shards.n_files, 3);
    for (int i = 0; i < shards.n_tensors; i++) {
        const char *path = shards.paths[shards.tensors[i].file];
        assert_non_null(strstr(path, names[i % 3]));
    }
    pi0_safetensors_close(&shards);

    // one shard truncated, then gone
    char path[TMPDIR_PATH];
    assert_int_equal(truncate(tmpdir_path(path, &dir, names[1]), 100), 0);
    expect_error(pi0_safetensors_open(&shards, dir.path, &err), PI0_EFORMAT, &err,
                 "model-00002-of-00003.safetensors: truncated: 100 bytes");
    tmpdir_unlink(&dir, names[1]);
    expect_error(pi0_safetensors_open(&shards, dir.path, &err), PI0_EIO, &err,
                 "model-00002-of-00003.safetensors: cannot open");
    pi0_safetensors_close(&whole);
    tmpdir_remove(&dir);
}

// a folder with shards a.st (tensor "x") and b.st (tensor "y") and this index
static void expect_index(const tmpdir *dir, const char *index, int code, const char *find)
{
    pi0_error err = { 0 };
    safetensors st, before;
    memset(&st, 0x5a, sizeof st);
    before = st;
    tmpdir_write_text(dir, INDEX, index);
    const int status = pi0_safetensors_open(&st, dir->path, &err);
    expect_error(status, code, &err, dir->path);
    expect_error(status, code, &err, find);
    assert_memory_equal(&st, &before, sizeof st);
}

static tmpdir make_shards(void)
{
    const tmpdir dir = tmpdir_make();
    const st_blob x = st_blob_text(ONE_TENSOR("x"), 2), y = st_blob_text(ONE_TENSOR("y"), 2);
    tmpdir_write(&dir, "a.st", x.bytes, x.size);
    tmpdir_write(&dir, "b.st", y.bytes, y.size);
    free(x.bytes);
    free(y.bytes);
    return dir;
}

static void bad_index(void **state)
{
    const tmpdir dir = make_shards();
    safetensors st;
    pi0_error err;
    (void)state;
    expect_index(&dir, "{\"weight_map\":", PI0_EFORMAT, INDEX ": line 1");
    expect_index(&dir, "{\"weight_map\":{\"x\":\"a.st\",\"x\":\"b.st\"}}", PI0_EFORMAT,
                 "\"x\" is there twice");
    expect_index(&dir, "{\"weights\":{}}", PI0_EFORMAT, "\"weight_map\" is missing");
    expect_index(&dir, "{\"weight_map\":[]}", PI0_EFORMAT, "\"weight_map\" is an array");
    expect_index(&dir, "{\"weight_map\":{}}", PI0_EFORMAT, "\"weight_map\" is empty");
    expect_index(&dir, "{\"weight_map\":{\"x\":\"a.st\",\"y\":\"c.st\"}}", PI0_EIO,
                 "c.st: cannot open");
    // both ways: a mapped tensor must be there, one that is there must be mapped
    expect_index(&dir, "{\"weight_map\":{\"x\":\"a.st\",\"y\":\"b.st\",\"z\":\"b.st\"}}",
                 PI0_EFORMAT, INDEX ": tensor \"z\": is not in b.st");
    expect_index(&dir, "{\"weight_map\":{\"x\":\"a.st\",\"y\":\"a.st\"}}", PI0_EFORMAT,
                 INDEX ": tensor \"y\": is not in a.st");
    expect_index(&dir, "{\"weight_map\":{\"x\":\"b.st\",\"y\":\"a.st\"}}", PI0_EFORMAT,
                 INDEX ": tensor \"x\": is in a.st, not in b.st");
    expect_index(&dir, "{\"weight_map\":{\"x\":\"a.st\",\"z\":\"b.st\"}}", PI0_EFORMAT,
                 "tensor \"z\": is not in b.st");
    const st_blob two = st_blob_text("{\"y\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]"
                                     "},\"q\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":"
                                     "[2,3]}}",
                                     3);
    tmpdir_write(&dir, "b.st", two.bytes, two.size);
    free(two.bytes);
    expect_index(&dir, "{\"weight_map\":{\"x\":\"a.st\",\"y\":\"b.st\"}}", PI0_EFORMAT,
                 "tensor \"q\": is in b.st, but not in");
    // all is well once it is named
    tmpdir_write_text(&dir, INDEX,
                      "{\"weight_map\":{\"x\":\"a.st\",\"y\":\"b.st\",\"q\":\"b.st\"}}");
    expect_ok(pi0_safetensors_open(&st, dir.path, &err), &err);
    assert_int_equal(st.n_tensors, 3);
    pi0_safetensors_close(&st);
    tmpdir_remove(&dir);
}

static void same_tensor_in_two_shards(void **state)
{
    const tmpdir dir = make_shards();
    const char *index = "{\"weight_map\":{\"x\":\"a.st\",\"y\":\"b.st\"}}";
    (void)state;
    const st_blob x = st_blob_text(ONE_TENSOR("x"), 2);
    tmpdir_write(&dir, "b.st", x.bytes, x.size);
    free(x.bytes);
    expect_index(&dir, index, PI0_EFORMAT, "a.st");
    expect_index(&dir, index, PI0_EFORMAT, "b.st");
    expect_index(&dir, index, PI0_EFORMAT, "tensor \"x\": is also in ");
    tmpdir_remove(&dir);
}

// names that lead out of the folder are refused even where the file is there
static void shard_names(void **state)
{
    static const char *const names[] = {
        LONG_NAME, "../a.st", "/etc/passwd", "sub/a.st", "..", ".", "",
        "./a.st",  ".hidden", "sub\\\\a",    "5",        NULL, "{}"
    };
    const tmpdir dir = make_shards();
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char index[512];
        // the last of the list are no strings at all
        const char *quote = i < COUNT(names) - 3 ? "\"" : "";
        snprintf(index, sizeof index, "{\"weight_map\":{\"x\":%s%s%s,\"y\":\"b.st\"}}", quote,
                 names[i] ? names[i] : "null", quote);
        expect_index(&dir, index, PI0_EFORMAT, INDEX ": tensor \"x\": \"");
        expect_index(&dir, index, PI0_EFORMAT, "is not the name of a file in the same folder");
    }
    tmpdir_remove(&dir);
}

static void single_file_wins(void **state)
{
    const tmpdir dir = make_shards();
    safetensors st;
    pi0_error err;
    char path[TMPDIR_PATH];
    (void)state;
    tmpdir_write_text(&dir, INDEX, "{\"weight_map\":{\"x\":\"a.st\",\"y\":\"b.st\"}}");
    const st_blob w = st_blob_text(ONE_TENSOR("w"), 2);
    tmpdir_write(&dir, "model.safetensors", w.bytes, w.size);
    free(w.bytes);
    expect_ok(pi0_safetensors_open(&st, dir.path, &err), &err);
    assert_int_equal(st.n_tensors, 1);
    assert_string_equal(st.tensors[0].name, "w");
    pi0_safetensors_close(&st);
    // a file instead of a folder: any name will do
    expect_ok(pi0_safetensors_open(&st, tmpdir_path(path, &dir, "b.st"), &err), &err);
    assert_string_equal(st.tensors[0].name, "y");
    assert_string_equal(st.paths[0], path);
    pi0_safetensors_close(&st);
    pi0_safetensors_close(&st);
    tmpdir_remove(&dir);
}

static void folders_without(void **state)
{
    const tmpdir dir = tmpdir_make();
    safetensors st;
    pi0_error err;
    char path[TMPDIR_PATH];
    (void)state;
    expect_error(pi0_safetensors_open(&st, dir.path, &err), PI0_EIO, &err,
                 "neither model.safetensors, model.safetensors.index.json nor a folder params/");
    expect_error(pi0_safetensors_open(&st, tmpdir_path(path, &dir, "none"), &err), PI0_EIO, &err,
                 path);
    tmpdir_write_text(&dir, "adapter_model.safetensors", "");
    expect_error(pi0_safetensors_open(&st, dir.path, &err), PI0_EUNSUPPORTED, &err, "PEFT adapter");
    expect_error(pi0_safetensors_open(&st, dir.path, &err), PI0_EUNSUPPORTED, &err,
                 "merge_and_unload");
    // a folder of that name is no checkpoint file
    tmpdir_mkdir(&dir, "model.safetensors");
    expect_error(pi0_safetensors_open(&st, dir.path, &err), PI0_EUNSUPPORTED, &err, "PEFT adapter");
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_golden),     cmocka_unit_test(bad_index),
        cmocka_unit_test(shard_names),      cmocka_unit_test(same_tensor_in_two_shards),
        cmocka_unit_test(single_file_wins), cmocka_unit_test(folders_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
