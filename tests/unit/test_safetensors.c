/* SPDX-License-Identifier: Apache-2.0 */
/* test_safetensors.c - the header of a safetensors file: what is accepted, each way in which a file
 * can be wrong and what the message says, and the checkpoints of the golden cases. */
#include "support/expect.h"

#include "data/safetensors.h"
#include "support/st_blob.h"
#include "support/tmpdir.h"

#define T(name, dtype, shape, range) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" range "}"

// parse a file that must be refused; st must stay as it was
static void expect_bad(const void *bytes, size_t size, const char *find)
{
    pi0_error err = { 0 };
    safetensors st, before;
    memset(&st, 0x5a, sizeof st);
    before = st;
    // a block of exactly this size: a sanitizer sees the first byte too far
    unsigned char *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    const int status = pi0_safetensors_parse(&st, exact, size, "bad.safetensors", &err);
    expect_error(status, PI0_EFORMAT, &err, "bad.safetensors: ");
    expect_error(status, PI0_EFORMAT, &err, find);
    assert_memory_equal(&st, &before, sizeof st);
    free(exact);
}

static void expect_bad_header(const char *header, size_t data_size, const char *find)
{
    const st_blob blob = st_blob_text(header, data_size);
    expect_bad(blob.bytes, blob.size, find);
    free(blob.bytes);
}

static void bad_length(void **state)
{
    (void)state;
    expect_bad("", 0, "truncated: 0 bytes, expected 8");
    expect_bad("\x02\0\0\0\0\0\0", 7, "truncated: 7 bytes, expected 8");
    expect_bad("\0\0\0\0\0\0\0\0", 8, "empty");
    expect_bad("\x03\0\0\0\0\0\0\0{}", 10, "truncated: 10 bytes, but the header ends at byte 11");
    expect_bad("\x01\xe1\xf5\x05\0\0\0\0{}", 10, "a header of 100000001 bytes, at most 100000000");
    expect_bad("\0\xe1\xf5\x05\0\0\0\0{}", 10, "but the header ends at byte 100000008");
    expect_bad("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "18446744073709551615 bytes");
    expect_bad("\xf8\xff\xff\xff\xff\xff\xff\xff{}", 10, "18446744073709551608 bytes");
    static const char lfs[] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\n";
    expect_bad(lfs, sizeof lfs - 1, "git lfs pull");
}

static void bad_json(void **state)
{
    (void)state;
    expect_bad_header("{\"a\":", 0, "not JSON");
    expect_bad_header("[]", 0, "expected a JSON object, found an array");
    expect_bad_header("{\"a\xff\":{}}", 0, "not UTF-8");
    expect_bad_header("{\"a\\u0000b\":{}}", 0, "NUL");
    expect_bad_header(
        "{" T("w.twice", "U8", "[1]", "[0,1]") "," T("w.twice", "U8", "[1]", "[0,1]") "}", 1,
        "\"w.twice\" is there twice");
    expect_bad_header("{\"w\":{\"dtype\":\"U8\",\"dtype\":\"I8\"}}", 1, "\"dtype\" is there twice");
    expect_bad_header("{\"__metadata__\":[]}", 0, "\"__metadata__\" is an array");
    expect_bad_header("{\"__metadata__\":{\"version\":1}}", 0, "\"version\" is an integer");
    expect_bad_header("{\"__metadata__\":{\"deep\":{\"er\":{}}}}", 0, "\"deep\" is an object");
}

static void bad_type(void **state)
{
    static const char *const unknown[] = { "F8_E4M3", "U64", "C64", "f32", "F32 ", "" };
    (void)state;
    for (size_t i = 0; i < COUNT(unknown); i++) {
        char header[128], find[64];
        snprintf(header, sizeof header,
                 "{\"a.w\":{\"dtype\":\"%s\",\"shape\":[1],\"data_offsets\":[0,1]}}", unknown[i]);
        snprintf(find, sizeof find, "tensor \"a.w\": unknown dtype \"%s\"", unknown[i]);
        expect_bad_header(header, 1, find);
    }
    expect_bad_header("{\"a.w\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
                      "tensor \"a.w\": \"dtype\" is missing");
    expect_bad_header("{\"a.w\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
                      "tensor \"a.w\": \"dtype\" is an integer");
}

static void bad_shape(void **state)
{
    static const struct {
        const char *shape, *find;
    } bad[] = {
        { "null", "\"shape\" is null" },
        { "4", "\"shape\" is an integer" },
        { "\"[4]\"", "\"shape\" is a string" },
        { "[2,2.0]", "dimension 1 is a real number" },
        { "[\"4\"]", "dimension 0 is a string" },
        { "[[4]]", "dimension 0 is an array" },
        { "[2,-2]", "dimension 1 is -2, expected 0..2^62" },
        { "[4611686018427387905]", "dimension 0 is 4611686018427387905" },
        { "[9223372036854775808]", "too big integer" },
        { "[4611686018427387904]", "shape [4611686018427387904] is too large" },
        { "[4294967296,4294967296]", "shape [4294967296,4294967296] is too large" },
        { "[3,2147483648,2147483648]", "shape [3,2147483648,2147483648] is too large" },
        { "[1,1,1,1,1,1,1,1,1]", "9 dimensions, at most 8" },
        { "[5]", "\"data_offsets\" [0,16] has 16 bytes, but F32 [5] needs 20" },
        { "[0]", "\"data_offsets\" [0,16] has 16 bytes, but F32 [0] needs 0" },
        { "[]", "\"data_offsets\" [0,16] has 16 bytes, but F32 [] needs 4" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        char header[256];
        snprintf(header, sizeof header,
                 "{\"a.w\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[0,16]}}",
                 bad[i].shape);
        expect_bad_header(header, 16, bad[i].find);
        if (strcmp(bad[i].find, "too big integer"))
            expect_bad_header(header, 16, "tensor \"a.w\": ");
    }
}

static void bad_range(void **state)
{
    static const struct {
        const char *range, *find;
    } bad[] = {
        { "null", "\"data_offsets\" is null" },
        { "{\"0\":0,\"1\":4}", "\"data_offsets\" is an object" },
        { "[0]", "expected an array of two integers" },
        { "[0,4,8]", "expected an array of two integers" },
        { "[0,4.0]", "expected an array of two integers" },
        { "[\"0\",4]", "expected an array of two integers" },
        { "[-4,0]", "[-4,0] is no range" },
        { "[4,0]", "[4,0] is no range" },
        { "[9223372036854775807,0]", "[9223372036854775807,0] is no range" },
        { "[0,5]", "has 5 bytes, but F32 [1] needs 4" },
        { "[0,9223372036854775807]", "has 9223372036854775807 bytes" },
        { "[4,8]", "begins at byte 4 of the data, expected 0: a hole of 4 bytes" },
        { "[9223372036854775803,9223372036854775807]", "begins at byte 9223372036854775803" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        char header[256];
        snprintf(header, sizeof header,
                 "{\"a.w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":%s}}", bad[i].range);
        expect_bad_header(header, 4, bad[i].find);
        expect_bad_header(header, 4, "tensor \"a.w\": ");
    }
    expect_bad_header("{\"a.w\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1,
                      "tensor \"a.w\": \"data_offsets\" is missing");
}

static void bad_layout(void **state)
{
    (void)state;
    // the order in the header is not that in the data
    expect_bad_header("{" T("b", "U8", "[4]", "[3,7]") "," T("a", "U8", "[4]", "[0,4]") "}", 7,
                      "tensor \"b\": begins at byte 3 of the data, expected 4: overlaps \"a\"");
    expect_bad_header("{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[4]", "[0,4]") "}", 4,
                      "begins at byte 0 of the data, expected 4: overlaps");
    expect_bad_header("{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[2]", "[5,7]") "}", 7,
                      "tensor \"b\": begins at byte 5 of the data, expected 4: a hole of 1 bytes");
    expect_bad_header("{" T("a", "U8", "[4]", "[0,4]") "," T("e", "U8", "[0]", "[2,2]") "}", 4,
                      "tensor \"e\": begins at byte 2 of the data, expected 4: overlaps \"a\"");
    // 8 + 53 bytes before the data
    const char *header = "{" T("a", "U8", "[4]", "[0,4]") "}";
    assert_int_equal(strlen(header), 53);
    expect_bad_header(header, 3, "truncated: 64 bytes, expected 65, where \"a\" ends");
    expect_bad_header(header, 0, "truncated: 61 bytes, expected 65");
    expect_bad_header(header, 5, "66 bytes, expected 65: the rest belongs to no tensor");
    expect_bad_header("{}", 1, "11 bytes, expected 10: the rest belongs to no tensor");
}

static void bad_entry(void **state)
{
    (void)state;
    expect_bad_header("{\"a.w\":[]}", 0, "tensor \"a.w\": is an array, expected an object");
    expect_bad_header("{\"a.w\":null}", 0, "tensor \"a.w\": is null");
    expect_bad_header("{" T("", "U8", "[0]", "[0,0]") "}", 0, "empty name");

    // a name of 1001 bytes: the message keeps to its beginning
    char name[1002] = { 0 }, header[1200];
    memset(name, 'n', 1001);
    snprintf(header, sizeof header, "{\"%s\":{}}", name);
    expect_bad_header(header, 0, "the name has 1001 bytes, at most 1000");
}

// a long name is cut between two characters
static void long_name_in_message(void **state)
{
    char name[401] = { 0 }, header[600];
    pi0_error err;
    safetensors st;
    (void)state;
    name[0] = 'x';
    for (int i = 1; i < 399; i += 2) memcpy(name + i, "\xc3\xa9", 2);
    snprintf(header, sizeof header, "{\"%s\":{}}", name);
    const st_blob blob = st_blob_text(header, 0);
    expect_error(pi0_safetensors_parse(&st, blob.bytes, blob.size, "x", &err), PI0_EFORMAT, &err,
                 "\xc3\xa9\xc3\xa9\": \"dtype\" is missing");
    free(blob.bytes);
}

static void good_header(void **state)
{
    (void)state;
    safetensors st;
    pi0_error err;
    char text[64];
    // spaces behind, unknown fields, a range order that is not the names' order, empty tensors
    const st_blob blob = st_blob_text(
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8],\"note\":\"?\"}," T(
            "scalar", "I64", "[]",
            "[8,16]") "," T("a", "BF16", "[1,1,1,1,1,1,1,1]",
                            "[16,18]") "," T("empty", "F32", "[4,0,4611686018427387904]",
                                             "[18,18]") "," T("\\u00e9", "BOOL", "[3]",
                                                              "[18,21]") "}    ",
        21);
    expect_ok(pi0_safetensors_parse(&st, blob.bytes, blob.size, "good", &err), &err);
    assert_int_equal(st.n_tensors, 5);
    static const struct {
        const char *name, *shape;
        dtype type;
        size_t offset, bytes;
    } expected[] = {
        { "a", "[1,1,1,1,1,1,1,1]", DTYPE_BF16, 16, 2 },
        { "b", "[2,1]", DTYPE_F32, 0, 8 },
        { "empty", "[4,0,4611686018427387904]", DTYPE_F32, 18, 0 },
        { "scalar", "[]", DTYPE_I64, 8, 8 },
        { "\xc3\xa9", "[3]", DTYPE_BOOL, 18, 3 },
    };
    for (int i = 0; i < st.n_tensors; i++) {
        const st_tensor *t = &st.tensors[i];
        assert_string_equal(t->name, expected[i].name);
        assert_string_equal(pi0_st_shape(text, sizeof text, t), expected[i].shape);
        assert_int_equal(t->type, expected[i].type);
        assert_int_equal(t->bytes, expected[i].bytes);
        assert_ptr_equal(t->data, blob.bytes + blob.size - 21 + expected[i].offset);
        assert_string_equal(st.paths[t->file], "good");
        assert_ptr_equal(pi0_safetensors_find(&st, t->name), t);
    }
    assert_null(pi0_safetensors_find(&st, "c"));
    assert_null(pi0_safetensors_find(&st, ""));
    pi0_safetensors_close(&st);
    free(blob.bytes);
}

static void all_types(void **state)
{
    (void)state;
    for (int i = 0; i < DTYPE_COUNT; i++) {
        char header[128];
        safetensors st;
        pi0_error err;
        const size_t size = 3 * dtype_size((dtype)i);
        snprintf(header, sizeof header,
                 "{\"w\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%zu]}}",
                 dtype_name((dtype)i), size);
        const st_blob blob = st_blob_text(header, size);
        expect_ok(pi0_safetensors_parse(&st, blob.bytes, blob.size, "good", &err), &err);
        assert_int_equal(pi0_safetensors_find(&st, "w")->type, i);
        pi0_safetensors_close(&st);
        free(blob.bytes);
    }
}

static void no_tensors_and_close(void **state)
{
    safetensors st = { 0 };
    pi0_error err;
    (void)state;
    pi0_safetensors_close(&st);
    assert_null(pi0_safetensors_find(&st, "w"));
    const st_blob blob = st_blob_text("{}", 0);
    expect_ok(pi0_safetensors_parse(&st, blob.bytes, blob.size, "empty", &err), &err);
    assert_int_equal(st.n_tensors, 0);
    assert_null(pi0_safetensors_find(&st, "w"));
    // closed once or twice: nothing is left
    const safetensors zero = { 0 };
    pi0_safetensors_close(&st);
    assert_memory_equal(&st, &zero, sizeof st);
    pi0_safetensors_close(&st);
    free(blob.bytes);
}

static void shape_text_is_cut(void **state)
{
    const st_tensor t = { .n_dims = 3, .dims = { 10, 200, 3000 } };
    char text[13];
    (void)state;
    assert_string_equal(pi0_st_shape(text, 13, &t), "[10,200,3000");
    assert_string_equal(pi0_st_shape(text, 5, &t), "[10,");
    assert_string_equal(pi0_st_shape(text, 1, &t), "");
}

static void golden_checkpoints(void **state)
{
    // first value of action_out_proj.weight, read from the files with Python
    static const struct {
        const char *dir;
        int n_tensors;
        const char *prefix;
        dtype type;
        float value;
    } golden[] = {
        { "openpi/pi05_aloha", 111, "", DTYPE_BF16, 0x1.68p-4f },
        { "openpi/pi05_droid", 111, "", DTYPE_F32, 0x1.4dfe6ep-2f },
        { "openpi/pi05_full_droid_finetune", 111, "", DTYPE_F32, 0x1.16c902p-6f },
        { "openpi/pi05_libero", 111, "", DTYPE_BF16, -0x1.86p-3f },
        { "openpi/pi0_aloha_sim", 106, "", DTYPE_F32, 0x1.16c482p-3f },
        { "openpi/pi0_droid", 106, "", DTYPE_BF16, 0x1.4cp-4f },
        { "openpi/pi0_libero", 106, "", DTYPE_F32, -0x1.050b7cp-5f },
        { "lerobot/lerobot_pi0", 108, "model.", DTYPE_F32, 0x1.284024p-3f },
        { "lerobot/lerobot_pi05", 113, "model.", DTYPE_F32, 0x1.913afap-3f },
        { "lerobot/lerobot_pi05_meanstd", 113, "model.", DTYPE_F32, 0x1.7b6e14p-3f },
        { "lerobot/lerobot_pi0_relative", 108, "model.", DTYPE_F32, -0x1.40c4a8p-5f },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        char path[TMPDIR_PATH], name[256], shape[64];
        safetensors st;
        pi0_error err;
        snprintf(path, sizeof path, "%s/%s", PI0_TEST_DATA, golden[i].dir);
        expect_ok(pi0_safetensors_open(&st, path, &err), &err);
        assert_int_equal(st.n_tensors, golden[i].n_tensors);
        assert_int_equal(st.n_files, 1);
        // a matrix with its first value, and the one tensor of four dimensions
        snprintf(name, sizeof name, "%saction_out_proj.weight", golden[i].prefix);
        const st_tensor *t = pi0_safetensors_find(&st, name);
        assert_non_null(t);
        assert_string_equal(pi0_st_shape(shape, sizeof shape, t), "[32,32]");
        assert_int_equal(t->type, golden[i].type);
        assert_true(dtype_load(t->type, t->data, 0) == golden[i].value);
        snprintf(name, sizeof name,
                 "%spaligemma_with_expert.paligemma.model.vision_tower.vision_model."
                 "embeddings.patch_embedding.weight",
                 golden[i].prefix);
        assert_non_null(t = pi0_safetensors_find(&st, name));
        assert_string_equal(pi0_st_shape(shape, sizeof shape, t), "[96,3,14,14]");
        assert_null(pi0_safetensors_find(&st, "action_out_proj.weigh"));
        pi0_safetensors_close(&st);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_length),
        cmocka_unit_test(bad_json),
        cmocka_unit_test(bad_type),
        cmocka_unit_test(bad_shape),
        cmocka_unit_test(bad_range),
        cmocka_unit_test(bad_layout),
        cmocka_unit_test(bad_entry),
        cmocka_unit_test(long_name_in_message),
        cmocka_unit_test(good_header),
        cmocka_unit_test(all_types),
        cmocka_unit_test(no_tensors_and_close),
        cmocka_unit_test(shape_text_is_cut),
        cmocka_unit_test(golden_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
