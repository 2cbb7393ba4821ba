/* SPDX-License-Identifier: Apache-2.0 */
/* test_serve_parts.c - the server's parts one by one: messages to the byte, the key, the text for
 * Prometheus, records. */
#include "data/npy.h"
#include "serve/serve_codec.h"
#include "serve/serve_key.h"
#include "serve/serve_metrics.h"
#include "serve/serve_record.h"
#include "support/expect.h"
#include "support/tmpdir.h"
#include "wire/numpy.h"
#include <math.h>
#include <stdlib.h>

/* ---- messages ---- */

static void expect_bytes(const msgpack_sbuffer *got, const char *expected, size_t size)
{
    if (got->size != size || memcmp(got->data, expected, size)) {
        for (size_t i = 0; i < got->size; i++) printf("%02x ", (unsigned char)got->data[i]);
        fail_msg("%zu bytes, expected %zu", got->size, size);
    }
}

static void test_metadata(void **state)
{
    (void)state;
    pi0_error err;
    msgpack_sbuffer out;
    msgpack_sbuffer_init(&out);
    expect_ok(pi0_serve_encode_metadata(&out, "{}", &err), &err);
    expect_bytes(&out, "\x80", 1);
    msgpack_sbuffer_clear(&out);
    // numbers keep their kind, as Python's do
    expect_ok(pi0_serve_encode_metadata(&out, "{\"reset_pose\": [0, -1.5, 1.5, 0]}", &err), &err);
    expect_bytes(&out,
                 "\x81\xaareset_pose\x94\x00\xcb\xbf\xf8\0\0\0\0\0\0\xcb\x3f\xf8\0\0\0\0\0\0\x00",
                 1 + 11 + 1 + 1 + 9 + 9 + 1);
    msgpack_sbuffer_clear(&out);
    expect_error(pi0_serve_encode_metadata(&out, "{", &err), PI0_EFORMAT, &err, "metadata");
    msgpack_sbuffer_destroy(&out);
}

static void test_reply(void **state)
{
    (void)state;
    pi0_error err;
    msgpack_sbuffer out;
    const double actions[2] = { 1, -0.5 };
    msgpack_sbuffer_init(&out);
    serve_output x = { actions, 1, 2, 2, 4, 16, -1 };
    expect_ok(pi0_serve_encode(&out, &x, &err), &err);
    static const char first[] = "\x83\xa7"
                                "actions\x84\xc4\x0b__ndarray__\xc3\xc4\x04"
                                "data\xc4\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\xe0\xbf\xc4\x05"
                                "dtype\xa3<f8\xc4\x05shape\x92\x01\x02\xadpolicy_timing\x81\xa8"
                                "infer_ms\xcb\x40\0\0\0\0\0\0\0\xadserver_timing\x82\xa8"
                                "infer_ms\xcb\x40\x10\0\0\0\0\0\0\xa8"
                                "queue_ms\xcb\x40\x30\0\0\0\0\0\0";
    expect_bytes(&out, first, sizeof first - 1);

    // from the second on
    msgpack_sbuffer_clear(&out);
    x.previous_ms = 8;
    expect_ok(pi0_serve_encode(&out, &x, &err), &err);
    static const char end[] = "\xadserver_timing\x83\xa8"
                              "infer_ms\xcb\x40\x10\0\0\0\0\0\0\xa8"
                              "queue_ms\xcb\x40\x30\0\0\0\0\0\0\xad"
                              "prev_total_ms\xcb\x40\x20\0\0\0\0\0\0";
    assert_true(out.size > sizeof end);
    assert_memory_equal(out.data + out.size - (sizeof end - 1), end, sizeof end - 1);
    msgpack_sbuffer_destroy(&out);
}

// a request of LIBERO's names with what `more` writes behind; n: keys of that
typedef void (*writer)(msgpack_packer *p);

static void pack_request(msgpack_sbuffer *out, int n, writer more)
{
    static const unsigned char pixels[12];
    static const double values[8];
    static const int64_t side[3] = { 2, 2, 3 }, eight[1] = { 8 };
    const numpy_array image = pi0_numpy_array("|u1", 3, side, pixels);
    const numpy_array numbers = pi0_numpy_array("<f8", 1, eight, values);
    msgpack_packer p;
    msgpack_sbuffer_clear(out);
    msgpack_packer_init(&p, out, msgpack_sbuffer_write);
    msgpack_pack_map(&p, (size_t)(4 + n));
    pi0_pack_text(&p, "observation/image");
    pi0_numpy_pack(&p, &image);
    pi0_pack_text(&p, "observation/wrist_image");
    pi0_numpy_pack(&p, &image);
    pi0_pack_text(&p, "observation/state");
    pi0_numpy_pack(&p, &numbers);
    pi0_pack_text(&p, "prompt");
    pi0_pack_text(&p, "do it");
    if (more) more(&p);
}

static void pack_all(msgpack_packer *p)
{
    static const double noise[6] = { 0, 1, -2, 3, 0.25, 5 };
    static const int64_t dims[2] = { 2, 3 };
    const numpy_array a = pi0_numpy_array("<f8", 2, dims, noise);
    pi0_pack_text(p, "noise");
    pi0_numpy_pack(p, &a);
    pi0_pack_text(p, "seed");
    msgpack_pack_uint64(p, UINT64_MAX);
    pi0_pack_text(p, "num_steps");
    msgpack_object three = { .type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via = { .u64 = 1024 } };
    pi0_numpy_pack_scalar(p, "<i8", &three);
}

static void pack_none(msgpack_packer *p)
{
    static const char *const names[] = { "noise", "seed", "num_steps" };
    for (size_t i = 0; i < COUNT(names); i++) {
        pi0_pack_text(p, names[i]);
        msgpack_pack_nil(p);
    }
}

static void pack_seed_array(msgpack_packer *p)
{
    static const int64_t five = 5;
    const numpy_array a = pi0_numpy_array("<i8", 0, NULL, &five);
    pi0_pack_text(p, "seed");
    pi0_numpy_pack(p, &a);
}

static void pack_seed_negative(msgpack_packer *p)
{
    pi0_pack_text(p, "seed");
    msgpack_pack_int64(p, -1);
}

static void pack_seed_float(msgpack_packer *p)
{
    pi0_pack_text(p, "seed");
    msgpack_pack_double(p, 1);
}

static void pack_steps_none(msgpack_packer *p)
{
    pi0_pack_text(p, "num_steps");
    msgpack_pack_int64(p, 0);
}

static void pack_steps_many(msgpack_packer *p)
{
    pi0_pack_text(p, "num_steps");
    msgpack_pack_int64(p, 1025);
}

static void pack_noise_shape(msgpack_packer *p)
{
    static const float noise[6];
    static const int64_t dims[2] = { 3, 2 };
    const numpy_array a = pi0_numpy_array("<f4", 2, dims, noise);
    pi0_pack_text(p, "noise");
    pi0_numpy_pack(p, &a);
}

static void pack_noise_infinite(msgpack_packer *p)
{
    static const int64_t dims[2] = { 2, 3 };
    const double noise[6] = { 0, 0, 0, 0, INFINITY, 0 };
    const numpy_array a = pi0_numpy_array("<f8", 2, dims, noise);
    pi0_pack_text(p, "noise");
    pi0_numpy_pack(p, &a);
}

static void pack_noise_list(msgpack_packer *p)
{
    pi0_pack_text(p, "noise");
    msgpack_pack_array(p, 0);
}

static void test_request(void **state)
{
    (void)state;
    pi0_error err;
    pi0_policy_info policy;
    serve_input in;
    msgpack_sbuffer out;
    msgpack_sbuffer_init(&out);
    expect_ok(pi0_config_info("pi05_libero", &policy, &err), &err);

    pack_request(&out, 0, NULL);
    expect_ok(pi0_serve_decode(&in, out.data, out.size, &policy, 2, 3, &err), &err);
    assert_int_equal(in.o.in.n_images, 2);
    assert_int_equal(in.o.in.n_states, 1);
    assert_string_equal(in.o.in.prompt, "do it");
    assert_null(in.noise);
    assert_false(in.has_seed);
    assert_int_equal(in.num_steps, 0);
    pi0_serve_input_free(&in);

    pack_request(&out, 3, pack_all);
    expect_ok(pi0_serve_decode(&in, out.data, out.size, &policy, 2, 3, &err), &err);
    assert_true(in.has_seed && in.seed == UINT64_MAX);
    assert_int_equal(in.num_steps, 1024);
    assert_true(in.noise[2] == -2.0f && in.noise[4] == 0.25f);
    pi0_serve_input_free(&in);

    // None is as good as nothing
    pack_request(&out, 3, pack_none);
    expect_ok(pi0_serve_decode(&in, out.data, out.size, &policy, 2, 3, &err), &err);
    assert_false(in.has_seed || in.noise || in.num_steps);
    pi0_serve_input_free(&in);

    pack_request(&out, 1, pack_seed_array);
    expect_ok(pi0_serve_decode(&in, out.data, out.size, &policy, 2, 3, &err), &err);
    assert_true(in.has_seed && in.seed == 5);
    pi0_serve_input_free(&in);

    const struct {
        writer more;
        const char *text;
    } wrong[] = { { pack_seed_negative, "seed: expected a whole number" },
                  { pack_seed_float, "seed: expected a whole number" },
                  { pack_steps_none, "num_steps: expected a whole number, 1 to 1024" },
                  { pack_steps_many, "num_steps: expected a whole number, 1 to 1024" },
                  { pack_noise_shape, "[3,2] of type \"<f4\", expected floats [2,3]" },
                  { pack_noise_infinite, "value 4 is not finite" },
                  { pack_noise_list, "noise: expected a numpy array [2,3]" } };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        pack_request(&out, 1, wrong[i].more);
        expect_error(pi0_serve_decode(&in, out.data, out.size, &policy, 2, 3, &err), PI0_EFORMAT,
                     &err, wrong[i].text);
        assert_null(in.noise);
    }
    expect_error(pi0_serve_decode(&in, "\xc1", 1, &policy, 2, 3, &err), PI0_EFORMAT, &err,
                 "damaged msgpack");
    expect_error(pi0_serve_decode(&in, "", 0, &policy, 2, 3, &err), PI0_EFORMAT, &err, "empty");
    msgpack_sbuffer_destroy(&out);
}

/* ---- the key ---- */

static char *key_of(const tmpdir *dir, const char *text, pi0_error *err)
{
    char path[TMPDIR_PATH], *key = NULL;
    bool open;
    tmpdir_write(dir, "key", text, strlen(text));
    snprintf(path, sizeof path, "%s/key", dir->path);
    return pi0_serve_key_read(&key, &open, path, err) ? NULL : key;
}

static void test_key(void **state)
{
    (void)state;
    pi0_error err;
    bool open;
    char *key;
    tmpdir dir = tmpdir_make();
    key = key_of(&dir, "s3cret\n# a comment\n", &err);
    assert_string_equal(key, "s3cret");
    assert_true(pi0_serve_key_matches(key, "Api-Key s3cret"));
    static const char *const wrong[] = { "",
                                         "s3cret",
                                         "Api-Key ",
                                         "Api-Key s3cre",
                                         "Api-Key s3cretx",
                                         "Api-Key s3crets3cret",
                                         "Api-Key S3cret",
                                         "api-key s3cret",
                                         "Bearer s3cret",
                                         "Api-Key  s3cret" };
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (pi0_serve_key_matches(key, wrong[i])) fail_msg("'%s' passes", wrong[i]);
    free(key);
    assert_null(key_of(&dir, "\nsecond line\n", &err));
    assert_non_null(strstr(err.message, "empty"));
    assert_null(key_of(&dir, "two words\n", &err));
    assert_int_equal(err.code, PI0_EFORMAT);
    expect_error(pi0_serve_key_read(&key, &open, "/no/such/file", &err), PI0_EIO, &err,
                 "/no/such/file");
    tmpdir_remove(&dir);
}

/* ---- metrics ---- */

static void expect_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    if (!at || (at != text && at[-1] != '\n') || at[strlen(line)] != '\n')
        fail_msg("no line '%s' in:\n%s", line, text);
}

static void test_metrics(void **state)
{
    (void)state;
    size_t size;
    serve_metrics *m = pi0_serve_metrics_new();
    pi0_serve_metrics_result(m, RESULT_OK);
    pi0_serve_metrics_result(m, RESULT_OK);
    pi0_serve_metrics_result(m, RESULT_DROPPED);
    pi0_serve_metrics_error(m, PI0_EFORMAT);
    pi0_serve_metrics_unrecorded(m);
    pi0_serve_metrics_time(m, STAGE_INFER, 0.015);
    pi0_serve_metrics_time(m, STAGE_INFER, 0.02);
    pi0_serve_metrics_time(m, STAGE_INFER, 100);
    const serve_now now = { .waiting = 3,
                            .model = "a \"b\" \\c\nd",
                            .backend = "cpu",
                            .ready = true,
                            .net = { .websockets = 5, .bytes_in = 1ull << 40 } };
    char *text = pi0_serve_metrics_text(m, &now, &size);
    assert_int_equal(strlen(text), size);
    expect_line(text, "pi0_requests_total{result=\"ok\"} 2");
    expect_line(text, "pi0_requests_total{result=\"dropped\"} 1");
    expect_line(text, "pi0_errors_total{kind=\"PI0_EFORMAT\"} 1");
    expect_line(text, "pi0_records_failed_total 1");
    expect_line(text, "pi0_queue_depth 3");
    expect_line(text, "pi0_clients 5");
    expect_line(text, "pi0_received_bytes_total 1099511627776");
    // buckets add up; a bound belongs to its bucket
    expect_line(text, "pi0_stage_seconds_bucket{stage=\"infer\",le=\"0.01\"} 0");
    expect_line(text, "pi0_stage_seconds_bucket{stage=\"infer\",le=\"0.02\"} 2");
    expect_line(text, "pi0_stage_seconds_bucket{stage=\"infer\",le=\"60\"} 2");
    expect_line(text, "pi0_stage_seconds_bucket{stage=\"infer\",le=\"+Inf\"} 3");
    expect_line(text, "pi0_stage_seconds_count{stage=\"infer\"} 3");
    assert_non_null(strstr(text, "model=\"a \\\"b\\\" \\\\c\\nd\""));
    free(text);
    pi0_serve_metrics_free(m);
}

/* ---- records ---- */

static void test_record(void **state)
{
    (void)state;
    pi0_error err;
    char path[TMPDIR_PATH], sub[64];
    npy_array a;
    tmpdir dir = tmpdir_make();
    const double actions[4] = { 1, 2, 3, 4 };
    snprintf(sub, sizeof sub, "%s/new", dir.path);
    serve_record r;
    expect_ok(pi0_serve_record_open(&r, sub, &err), &err);
    expect_ok(pi0_serve_record_write(&r, "\x80", 1, actions, 2, 2, &err), &err);
    expect_ok(pi0_serve_record_write(&r, "\x80", 1, actions, 2, 2, &err), &err);
    snprintf(path, sizeof path, "%s/request_000002.npy", sub);
    expect_ok(pi0_npy_read(&a, path, &err), &err);
    assert_int_equal(a.dims[0], 2);
    assert_true(a.data[3] == 4.0f);
    pi0_npy_free(&a);
    // the next server goes on behind them
    expect_ok(pi0_serve_record_open(&r, sub, &err), &err);
    assert_int_equal(r.next, 3);
    // and overwrites nothing that another one has written since
    tmpdir_write_text(&dir, "new/request_000003.msgpack", "another's");
    expect_error(pi0_serve_record_write(&r, "\x80", 1, actions, 2, 2, &err), PI0_EIO, &err,
                 "request_000003.msgpack: is there already");
    expect_ok(pi0_serve_record_write(&r, "\x80", 1, actions, 2, 2, &err), &err);
    tmpdir_remove(&dir);
    expect_error(pi0_serve_record_write(&r, "\x80", 1, actions, 2, 2, &err), PI0_EIO, &err,
                 "request_000005.msgpack");
    expect_error(pi0_serve_record_open(&r, "/proc/no", &err), PI0_EIO, &err, "--record /proc/no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata), cmocka_unit_test(test_reply),
        cmocka_unit_test(test_request),  cmocka_unit_test(test_key),
        cmocka_unit_test(test_metrics),  cmocka_unit_test(test_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
