/* SPDX-License-Identifier: Apache-2.0 */
/* test_tokenizer.c - SentencePiece behind its C door: ids, room, threads; files that are not
 * models are refused, in silence. */
#include "core/file.h"
#include "data/spm_check.h"
#include "data/tokenizer.h"
#include "support/expect.h"
#include "support/tmpdir.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>

#define MODEL PI0_TEST_DATA "/openpi/tokenizer.model"

static tokenizer *open_model(void)
{
    tokenizer *t = NULL;
    pi0_error e;
    expect_ok(pi0_tokenizer_open(&t, MODEL, &e), &e);
    return t;
}

static void knows_its_pieces(void **state)
{
    (void)state;
    tokenizer *t = open_model();
    assert_int_equal(pi0_tokenizer_vocabulary(t), 512);
    assert_int_equal(pi0_tokenizer_bos(t), 2);
    pi0_tokenizer_free(t);
    pi0_tokenizer_free(NULL);
}

static void encodes(void **state)
{
    (void)state;
    tokenizer *t = open_model();
    // the line feed is a piece; bytes that are in no piece fall back to 5 + byte; digits one by one
    static const struct {
        const char *text;
        size_t size;
        int n;
        int32_t ids[8];
    } known[] = {
        { "", 0, 0, { 0 } },
        { "\n", 1, 1, { 4 } },
        { "\n\n", 2, 2, { 4, 4 } },
        { "\xc3\xa9", 2, 2, { 5 + 0xc3, 5 + 0xa9 } },
        { "\xf0\x9f\xa4\x96", 4, 4, { 5 + 0xf0, 5 + 0x9f, 5 + 0xa4, 5 + 0x96 } },
        { "open the drawer", 15, 3, { 431, 358, 393 } },
        // the size counts, not a NUL
        { "open the drawer\n", 15, 3, { 431, 358, 393 } },
        { "a\0b", 3, 3, { 476, 5 + 0, 490 } },
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        int32_t ids[8];
        int n = -1;
        pi0_error e;
        expect_ok(pi0_tokenizer_encode(t, known[i].text, known[i].size, ids, 8, &n, &e), &e);
        assert_int_equal(n, known[i].n);
        assert_memory_equal(ids, known[i].ids, (size_t)n * sizeof *ids);
    }
    pi0_tokenizer_free(t);
}

// *n is that of the whole text, however small the room
static void writes_no_more_than_there_is_room(void **state)
{
    (void)state;
    tokenizer *t = open_model();
    const char *text = "put the blue block into the bowl";
    int32_t whole[32];
    int n_whole = 0;
    assert_int_equal(pi0_tokenizer_encode(t, text, strlen(text), whole, 32, &n_whole, NULL),
                     PI0_OK);
    assert_int_equal(n_whole, 7);
    for (int room = -1; room <= 8; room++) {
        int32_t ids[10];
        int n = 0;
        for (int i = 0; i < 10; i++) ids[i] = -7;
        assert_int_equal(pi0_tokenizer_encode(t, text, strlen(text), ids, room, &n, NULL), PI0_OK);
        assert_int_equal(n, n_whole);
        for (int i = 0; i < 10; i++)
            assert_int_equal(ids[i], i < room && i < n_whole ? whole[i] : -7);
    }
    // even no room at all, at no address
    assert_int_equal(pi0_tokenizer_encode(t, text, strlen(text), NULL, 0, &n_whole, NULL), PI0_OK);
    assert_int_equal(n_whole, 7);
    pi0_tokenizer_free(t);
}

static void *encode_often(void *user)
{
    static const int32_t expected[] = { 425, 358, 387, 381, 392, 358, 395 };
    for (int k = 0; k < 500; k++) {
        int32_t ids[16];
        int n = 0;
        const char *text = "put the blue block into the bowl";
        if (pi0_tokenizer_encode(user, text, strlen(text), ids, 16, &n, NULL) || n != 7 ||
            memcmp(ids, expected, sizeof expected))
            return (void *)1;
    }
    return NULL;
}

static void many_threads_share_it(void **state)
{
    (void)state;
    tokenizer *t = open_model();
    pthread_t thread[4];
    for (size_t i = 0; i < COUNT(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, encode_often, t), 0);
    for (size_t i = 0; i < COUNT(thread); i++) {
        void *wrong;
        assert_int_equal(pthread_join(thread[i], &wrong), 0);
        assert_null(wrong);
    }
    pi0_tokenizer_free(t);
}

/* ---- files ---- */

// open these bytes as a model file; the output stays untouched on failure, the path is named
static int open_bytes(const tmpdir *dir, const void *bytes, size_t size, pi0_error *e)
{
    char path[TMPDIR_PATH];
    tokenizer *const none = (tokenizer *)dir, *t = none;
    tmpdir_write(dir, "m.model", bytes, size);
    tmpdir_path(path, dir, "m.model");
    const int status = pi0_tokenizer_open(&t, path, e);
    if (status) {
        assert_ptr_equal(t, none);
        assert_ptr_equal(strstr(e->message, path), e->message);
    } else {
        pi0_tokenizer_free(t);
    }
    return status;
}

static void refuses_other_files(void **state)
{
    (void)state;
    const tmpdir dir = tmpdir_make();
    tokenizer *t = NULL;
    pi0_error e = { 0 };
    expect_error(pi0_tokenizer_open(&t, "/nonexistent/t.model", &e), PI0_EIO, &e, "/nonexistent");
    expect_error(pi0_tokenizer_open(&t, PI0_TEST_DATA, &e), PI0_EIO, &e, PI0_TEST_DATA);
    assert_null(t);
    expect_error(open_bytes(&dir, "", 0, &e), PI0_EFORMAT, &e, "without pieces");
    expect_error(open_bytes(&dir, "{\"a\": 1}\n", 9, &e), PI0_EFORMAT, &e, "not a SentencePiece");
    char zeros[100] = { 0 };
    expect_error(open_bytes(&dir, zeros, sizeof zeros, &e), PI0_EFORMAT, &e, "not a SentencePiece");
    // well framed: an empty trainer_spec; one piece "a" and no <unk>
    expect_error(open_bytes(&dir, "\x12\0", 2, &e), PI0_EFORMAT, &e, "without pieces");
    expect_error(open_bytes(&dir,
                            "\x0a\x03\x0a\x01"
                            "a",
                            5, &e),
                 PI0_EFORMAT, &e, "unk is not defined");
    tmpdir_remove(&dir);
}

// stderr into a file meanwhile: libsentencepiece must have nothing to say
static void refuses_cut_models_in_silence(void **state)
{
    (void)state;
    const tmpdir dir = tmpdir_make();
    char *model, log_path[TMPDIR_PATH];
    size_t size;
    assert_int_equal(pi0_file_read(&model, &size, MODEL, 1 << 20, NULL), PI0_OK);
    const int old = dup(2), log = open(tmpdir_path(log_path, &dir, "log"), O_RDWR | O_CREAT, 0600);
    assert_true(old >= 0 && log >= 0);
    assert_int_equal(dup2(log, 2), 2);
    // the pieces come first, then the two specifications; without the last it is a model still
    int whole = 0, other = 0;
    for (size_t n = 0; n < size; n += n + 400 < size ? 97 : 1) {
        pi0_error e = { 0 };
        const int status = open_bytes(&dir, model, n, &e);
        whole += status == PI0_OK;
        other += status != PI0_OK && status != PI0_EFORMAT;
    }
    dup2(old, 2);
    close(old);
    const off_t printed = lseek(log, 0, SEEK_END);
    close(log);
    free(model);
    tmpdir_remove(&dir);
    assert_int_equal(other, 0);
    assert_true(whole <= 1);
    assert_int_equal(printed, 0);
}

// the golden model with another normalizer: protobuf takes the last of two
static int open_with_charsmap(const void *charsmap, size_t size, pi0_error *e)
{
    const tmpdir dir = tmpdir_make();
    char *model;
    size_t n;
    assert_int_equal(pi0_file_read(&model, &n, MODEL, 1 << 20, NULL), PI0_OK);
    unsigned char *bytes = malloc(n + size + 8);
    assert_non_null(bytes);
    memcpy(bytes, model, n);
    // field 3 {field 2: table}, sizes in two bytes each
    const unsigned char head[6] = {
        0x1a, (unsigned char)((size + 3) | 128), (unsigned char)((size + 3) >> 7),
        0x12, (unsigned char)(size | 128),       (unsigned char)(size >> 7)
    };
    memcpy(bytes + n, head, 6);
    memcpy(bytes + n + 6, charsmap, size);
    const int status = open_bytes(&dir, bytes, n + 6 + size, e);
    free(bytes);
    free(model);
    tmpdir_remove(&dir);
    return status;
}

// libsentencepiece would follow each of these out of its memory
static void refuses_broken_character_tables(void **state)
{
    (void)state;
    enum { UNITS = 256, SIZE = 4 + 4 * UNITS + 2 };
    unsigned char table[SIZE];
    pi0_error e = { 0 };
    for (int kind = 0; kind < 8; kind++) {
        // a trie that matches nothing, one empty text
        uint32_t size = 4 * UNITS, n = SIZE, root = 0;
        memset(table, 0, SIZE);
        switch (kind) {
        case 0: break;
        case 1: size = SIZE; break;         // longer than the table
        case 2: size = SIZE - 4; break;     // no room for texts
        case 3: size = 0; break;            // no root
        case 4: root = 256u << 10; break;   // a step behind the last unit
        case 5: root = 0xfffffe00u; break;  // far behind it
        case 6: table[SIZE - 1] = 1; break; // the last text does not end
        case 7:
            // a leaf whose text begins behind the texts
            root = 1u << 10 | 0x100;
            table[4 + 4 * 1] = 2;
            break;
        }
        memcpy(table, &size, 4);
        memcpy(table + 4, &root, 4);
        const int status = open_with_charsmap(table, n, &e);
        if (kind == 0)
            expect_ok(status, &e);
        else
            expect_error(status, PI0_EFORMAT, &e, "broken normalizer");
    }
    // a table of every size up to the smallest that could be one
    memset(table, 0, SIZE);
    for (size_t n = 1; n < 8; n++)
        expect_error(open_with_charsmap(table, n, &e), PI0_EFORMAT, &e, "broken normalizer");
}

// any framing that protobuf might read otherwise is refused
static void refuses_odd_framing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } wrong[] = {
        { "\x0a", 1 },                                              // a tag, no size
        { "\x0a\x05zz", 4 },                                        // a size beyond the end
        { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },     // a size of ten bytes
        { "\x8a\x80\x80\x80\x80\x00\x00", 7 },                      // a tag of six bytes
        { "\xff\xff\xff\xff\xff", 5 },                              // a tag that does not end
        { "\x0b\x0c", 2 },                                          // a group
        { "\x02\x00", 2 },                                          // field number 0
        { "\x0e\x00", 2 },                                          // wire type 6
        { "\x09zzzzzzz", 8 },                                       // 64 bits cut
        { "\x0dzzz", 4 },                                           // 32 bits cut
        { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, // a varint of eleven bytes
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        // in a block of its exact size
        char *copy = malloc(wrong[i].size);
        pi0_error e = { 0 };
        assert_non_null(copy);
        memcpy(copy, wrong[i].bytes, wrong[i].size);
        expect_error(pi0_spm_check(copy, wrong[i].size, "m", &e), PI0_EFORMAT, &e, "m: not a Sent");
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_pieces),
        cmocka_unit_test(encodes),
        cmocka_unit_test(writes_no_more_than_there_is_room),
        cmocka_unit_test(many_threads_share_it),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(refuses_cut_models_in_silence),
        cmocka_unit_test(refuses_broken_character_tables),
        cmocka_unit_test(refuses_odd_framing),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
