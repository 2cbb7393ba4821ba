/* SPDX-License-Identifier: Apache-2.0 */
/* test_numpy_pack.c - arrays and scalars packed byte for byte as openpi-client packs them, and read
 * back the same. Bytes are those that msgpack_numpy.py of openpi-client 0.1.2 gave. */
#include "support/expect.h"
#include "wire/numpy.h"
#include <string.h>

// {"a": np.zeros((1, 2), np.uint8) + [1, 2]}
static void small_array(void **state)
{
    static const unsigned char expected[] = "\x81\xa1\x61\x84\xc4\x0b__ndarray__\xc3\xc4\x04"
                                            "data\xc4\x02\x01\x02\xc4\x05"
                                            "dtype\xa3|u1\xc4\x05shape\x92\x01\x02";
    msgpack_sbuffer to;
    msgpack_packer pack;
    (void)state;
    msgpack_sbuffer_init(&to);
    msgpack_packer_init(&pack, &to, msgpack_sbuffer_write);
    const numpy_array a = pi0_numpy_array("|u1", 2, (int64_t[]){ 1, 2 }, "\1\2");
    assert_int_equal(msgpack_pack_map(&pack, 1), 0);
    assert_int_equal(pi0_pack_text(&pack, "a"), 0);
    assert_int_equal(pi0_numpy_pack(&pack, &a), 0);
    assert_int_equal(to.size, sizeof expected - 1);
    assert_memory_equal(to.data, expected, to.size);
    msgpack_sbuffer_destroy(&to);
}

// pack, check, unpack, parse: the same array
static void round_trip(const numpy_array *a, bool in_pieces)
{
    msgpack_sbuffer to;
    msgpack_packer pack;
    msgpack_unpacked back;
    numpy_array b;
    size_t at = 0;
    pi0_error err;
    const size_t bytes = a->count * a->item;
    msgpack_sbuffer_init(&to);
    msgpack_packer_init(&pack, &to, msgpack_sbuffer_write);
    if (in_pieces) {
        assert_int_equal(pi0_numpy_pack_begin(&pack, a), 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(msgpack_pack_bin_body(&pack, a->data + i, 1), 0);
        assert_int_equal(pi0_numpy_pack_end(&pack, a), 0);
    } else {
        assert_int_equal(pi0_numpy_pack(&pack, a), 0);
    }
    assert_int_equal(pi0_msgpack_check(to.data, to.size, "array", &err), PI0_OK);
    msgpack_unpacked_init(&back);
    assert_int_equal(msgpack_unpack_next(&back, to.data, to.size, &at), MSGPACK_UNPACK_SUCCESS);
    assert_true(pi0_numpy_is_array(&back.data));
    assert_false(pi0_numpy_is_scalar(&back.data));
    assert_int_equal(pi0_numpy_parse(&b, &back.data, &(place){ "array", "a", &err }), PI0_OK);
    assert_string_equal(a->type, b.type);
    assert_int_equal(a->kind, b.kind);
    assert_int_equal(a->item, b.item);
    assert_int_equal(a->count, b.count);
    assert_int_equal(a->n_dims, b.n_dims);
    for (int d = 0; d < a->n_dims; d++) assert_int_equal(a->dims[d], b.dims[d]);
    if (bytes) assert_memory_equal(a->data, b.data, bytes);
    msgpack_unpacked_destroy(&back);
    msgpack_sbuffer_destroy(&to);
}

static void every_type_and_shape(void **state)
{
    static const char *const types[] = { "|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4",
                                         "<i8", "<u8", "<f2", "<f4", "<f8", "<U1", "<U7" };
    static const struct {
        int n;
        int64_t dims[NUMPY_MAX_DIMS];
    } shapes[] = { { 0, { 0 } },
                   { 1, { 0 } },
                   { 1, { 1 } },
                   { 1, { 300 } },
                   { 2, { 0, 3 } },
                   { 2, { 3, 0 } },
                   { 2, { 50, 14 } },
                   { 3, { 3, 2, 1 } },
                   { 3, { 1, 200, 40 } },
                   { 4, { 1, 2, 3, 4 } },
                   { 8, { 1, 1, 2, 1, 1, 1, 1, 2 } } };
    static unsigned char bytes[4 * 7 * 8000];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 37 + 11);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            const numpy_array a = pi0_numpy_array(types[t], shapes[s].n, shapes[s].dims, bytes);
            round_trip(&a, false);
            if (a.count < 100) round_trip(&a, true);
        }
}

// np.float32(0.5): its value is a float64, as Python's float is
static void scalars_and_numbers(void **state)
{
    static const unsigned char expected[] = "\x82\xa1s\x83\xc4\x0d__npgeneric__\xc3\xc4\x04"
                                            "data\xcb\x3f\xe0\0\0\0\0\0\0\xc4\x05"
                                            "dtype\xa3<f4\xa1x\xcb\x3f\xf8\0\0\0\0\0\0";
    msgpack_sbuffer to;
    msgpack_packer pack;
    msgpack_unpacked back;
    size_t at = 0;
    double x = 0;
    (void)state;
    msgpack_sbuffer_init(&to);
    msgpack_packer_init(&pack, &to, msgpack_sbuffer_write);
    const msgpack_object half = { .type = MSGPACK_OBJECT_FLOAT64, .via.f64 = 0.5 };
    assert_int_equal(msgpack_pack_map(&pack, 2), 0);
    assert_int_equal(pi0_pack_text(&pack, "s"), 0);
    assert_int_equal(pi0_numpy_pack_scalar(&pack, "<f4", &half), 0);
    assert_int_equal(pi0_pack_number(&pack, "x", 1.5), 0);
    assert_int_equal(to.size, sizeof expected - 1);
    assert_memory_equal(to.data, expected, to.size);

    msgpack_unpacked_init(&back);
    assert_int_equal(msgpack_unpack_next(&back, to.data, to.size, &at), MSGPACK_UNPACK_SUCCESS);
    assert_true(pi0_msgpack_number(pi0_msgpack_get(&back.data, "s"), &x));
    assert_true(x == 0.5);
    assert_true(pi0_msgpack_number(pi0_msgpack_get(&back.data, "x"), &x));
    assert_true(x == 1.5);
    assert_null(pi0_msgpack_get(&back.data, "y"));
    msgpack_unpacked_destroy(&back);
    msgpack_sbuffer_destroy(&to);
}

// a callback without room: the failure comes back
static size_t room;
static int no_room(void *data, const char *bytes, size_t n)
{
    (void)data;
    (void)bytes;
    if (n > room) return -1;
    room -= n;
    return 0;
}

static void failing_writer(void **state)
{
    static const unsigned char bytes[24] = { 1 };
    msgpack_packer pack;
    (void)state;
    const numpy_array a = pi0_numpy_array("<f8", 2, (int64_t[]){ 3, 1 }, bytes);
    msgpack_packer_init(&pack, NULL, no_room);
    size_t whole = 0;
    for (;; whole++) {
        room = whole;
        if (!pi0_numpy_pack(&pack, &a)) break;
        assert_true(whole < 1000);
    }
    // 4 keys with their heads, true, 24 bytes, "<f8", a shape of two
    assert_int_equal(whole, 1 + 13 + 1 + 6 + 2 + 24 + 7 + 4 + 7 + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_array),
        cmocka_unit_test(every_type_and_shape),
        cmocka_unit_test(scalars_and_numbers),
        cmocka_unit_test(failing_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
