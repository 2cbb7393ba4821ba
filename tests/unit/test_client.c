/* SPDX-License-Identifier: Apache-2.0 */
/* test_client.c - libpi0_client and a server that behaves: what is sent, what is made of replies,
 * and the arguments that are refused. The client's thread runs beside all of it. */
#include "support/client_bench.h"
#include <math.h>
#include <stdlib.h>

static const pi0_observation nothing;

/* ---- a good server ---- */

static void replies(void **state)
{
    client_bench b;
    (void)state;
    client_bench_begin(&b, client_bench_answer, NULL);
    assert_string_equal(pi0_client_metadata(b.client),
                        "{\"reset_pose\":[0,-1.5],\"name\":\"a\\\"b\"}");
    for (int n = 0; n < 100; n++) {
        expect_ok(client_bench_ask(&b, 5000), &b.err);
        assert_true(b.actions[0] == n);
        assert_memory_equal(b.actions + 1, client_bench_values + 1,
                            sizeof client_bench_values - sizeof *client_bench_values);
    }
    assert_int_equal(b.reply.rows, ROWS);
    assert_int_equal(b.reply.cols, COLS);
    assert_int_equal(b.reply.sends, 1);
    assert_true(b.reply.policy_ms == 1.5 && b.reply.infer_ms == 2.5 && b.reply.queue_ms == 0.25);
    assert_true(isnan(b.reply.prev_total_ms));
    assert_true(b.reply.round_trip_ms > 0);
    client_bench_end(&b);
}

// a message in three frames, with a ping in between; f32 actions
static void in_fragments(ws_server *s, int fd, int k)
{
    msgpack_sbuffer to;
    (void)s;
    (void)k;
    if (!ws_accept(fd, NULL) || !client_bench_metadata(fd) || !client_bench_request(fd)) return;
    client_bench_pack(&to, 7, "<f4", 2);
    ws_send(fd, WS_BINARY, false, to.data, 10);
    ws_send(fd, WS_PING, true, "?", 1);
    ws_send(fd, 0, false, to.data + 10, 0);
    ws_send(fd, 0, true, to.data + 10, to.size - 10);
    msgpack_sbuffer_destroy(&to);
    client_bench_drain(fd);
}

static void fragments(void **state)
{
    client_bench b;
    (void)state;
    client_bench_begin(&b, in_fragments, NULL);
    expect_ok(client_bench_ask(&b, 5000), &b.err);
    assert_true(b.actions[0] == 7);
    for (int i = 1; i < ROOM; i++)
        assert_true(b.actions[i] == (double)(float)client_bench_values[i]);
    client_bench_end(&b);
}

// a ping while no call runs
static void one_ping(ws_server *s, int fd, int k)
{
    char *data;
    size_t size;
    (void)k;
    if (!ws_accept(fd, NULL) || !client_bench_metadata(fd)) return;
    ws_send(fd, WS_PING, true, "are you there", 13);
    const int opcode = ws_read(fd, &data, &size);
    *(int *)s->user = opcode == WS_PONG && size == 13 && !strcmp(data, "are you there");
    free(data);
    client_bench_drain(fd);
}

static void pings_between_calls(void **state)
{
    client_bench b;
    int answered = 0;
    (void)state;
    client_bench_begin(&b, one_ping, &answered);
    client_bench_pause(300);
    client_bench_end(&b);
    assert_true(answered);
}

/* ---- what is sent ---- */

static void keep_request(ws_server *s, int fd, int k)
{
    char *data;
    size_t size;
    (void)k;
    if (!ws_accept(fd, NULL) || !client_bench_metadata(fd)) return;
    while (ws_read(fd, &data, &size) == WS_BINARY) {
        msgpack_sbuffer *kept = s->user;
        kept->size = 0;
        msgpack_sbuffer_write(kept, data, size);
        free(data);
        client_bench_reply(fd, 1);
    }
    free(data);
}

// an array of the request: type, shape, bytes
static void expect_array(const msgpack_object *map, const char *key, const char *type,
                         const char *shape, const void *data, size_t size)
{
    numpy_array a;
    char text[200];
    pi0_error err;
    const msgpack_object *o = pi0_msgpack_get(map, key);
    if (!o) fail_msg("no key %s", key);
    expect_ok(pi0_numpy_parse(&a, o, &(place){ "request", key, &err }), &err);
    assert_string_equal(a.type, type);
    assert_string_equal(pi0_numpy_shape(text, &a), shape);
    assert_int_equal(a.count * a.item, size);
    assert_memory_equal(a.data, data, size);
}

// 2 x 3 pixels as planes and as pixels, bytes and floats, with and without a gap behind rows
static const uint8_t pixels[18] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17 };
static const uint8_t planes[18] = { 0, 3, 6, 9, 12, 15, 1, 4, 7, 10, 13, 16, 2, 5, 8, 11, 14, 17 };
static const uint8_t gaps[24] = { 0, 1,  2,  3,  4,  5,  6,  7,  8,  99, 99, 99,
                                  9, 10, 11, 12, 13, 14, 15, 16, 17, 99, 99, 99 };

static void check_request(const msgpack_object *m)
{
    static const double joints[2] = { 0.5, -1e-9 }, whole[1] = { 3 };
    static const float noise[2] = { 1, 2 };
    float f32[18];
    for (int i = 0; i < 18; i++) f32[i] = planes[i];
    const msgpack_object *images = pi0_msgpack_get(m, "images");
    assert_non_null(images);
    assert_int_equal(images->via.map.size, 2);
    expect_array(images, "cam_high", "|u1", "[3,2,3]", planes, 18);
    expect_array(images, "cam_low", "<f4", "[3,2,3]", f32, sizeof f32);
    expect_array(m, "observation/image", "|u1", "[2,3,3]", pixels, 18);
    expect_array(m, "observation/planes", "|u1", "[3,2,3]", planes, 18);
    expect_array(m, "observation.images.gap", "|u1", "[2,3,3]", pixels, 18);
    expect_array(m, "joints", "<f8", "[2]", joints, sizeof joints);
    expect_array(m, "state", "<f8", "[1]", whole, sizeof whole);
    expect_array(m, "noise", "<f4", "[1,2]", noise, sizeof noise);
    assert_true(pi0_msgpack_is(pi0_msgpack_get(m, "prompt"), "fold the towel"));
    assert_true(pi0_msgpack_get(m, "seed")->via.u64 == UINT64_MAX);
    assert_true(pi0_msgpack_get(m, "num_steps")->via.u64 == 5);
    assert_int_equal(m->via.map.size, 10);
}

static void unpack(msgpack_unpacked *u, const msgpack_sbuffer *b)
{
    size_t at = 0;
    pi0_error err;
    expect_ok(pi0_msgpack_check(b->data, b->size, "request", &err), &err);
    msgpack_unpacked_init(u);
    assert_int_equal(msgpack_unpack_next(u, b->data, b->size, &at), MSGPACK_UNPACK_SUCCESS);
}

static void requests(void **state)
{
    static const double joints[2] = { 0.5, -1e-9 }, whole[1] = { 3 };
    static const float noise[2] = { 1, 2 };
    float f32[18];
    (void)state;
    for (int i = 0; i < 18; i++) f32[i] = pixels[i];
    const pi0_image images[] = {
        { .camera = "cam_high", .rgb = pixels, .width = 3, .height = 2 },
        { .camera = "observation/image", .rgb = pixels, .width = 3, .height = 2 },
        { .camera = "cam_low", .rgb = f32, .width = 3, .height = 2, .format = PI0_RGBF32_HWC },
        { .camera = "observation/planes", planes, 3, 2, 0, PI0_RGB8_CHW },
        { .camera = "observation.images.gap", gaps, 3, 2, 12, PI0_RGB8_HWC },
    };
    const pi0_state states[] = { { "joints", joints, 2 }, { NULL, whole, 1 } };
    const pi0_observation obs = { images, 5, states, 2, "fold the towel" };
    const pi0_client_request ask = { .timeout_ms = 5000,
                                     .noise = noise,
                                     .noise_rows = 1,
                                     .noise_cols = 2,
                                     .has_seed = 1,
                                     .seed = UINT64_MAX,
                                     .num_steps = 5 };
    client_bench b;
    msgpack_sbuffer kept;
    msgpack_unpacked u;
    msgpack_sbuffer_init(&kept);
    client_bench_begin(&b, keep_request, &kept);
    expect_ok(pi0_client_infer(b.client, &obs, &ask, b.actions, ROOM, NULL, &b.err), &b.err);
    unpack(&u, &kept);
    check_request(&u.data);
    msgpack_unpacked_destroy(&u);

    // a packed one goes as it is, or with more keys
    const pi0_client_request seed = { .timeout_ms = 5000, .has_seed = 1, .seed = 3 };
    expect_ok(
        pi0_client_infer_packed(b.client, "\x81\xa1s\x01", 4, NULL, b.actions, ROOM, NULL, &b.err),
        &b.err);
    assert_int_equal(kept.size, 4);
    assert_memory_equal(kept.data, "\x81\xa1s\x01", 4);
    expect_ok(
        pi0_client_infer_packed(b.client, "\x81\xa1s\x01", 4, &seed, b.actions, ROOM, NULL, &b.err),
        &b.err);
    assert_int_equal(kept.size, 10);
    assert_memory_equal(kept.data, "\x82\xa1s\x01\xa4seed\x03", 10);
    expect_error(pi0_client_infer_packed(b.client, "\x93", 1, &seed, b.actions, ROOM, NULL, &b.err),
                 PI0_EFORMAT, &b.err, "no msgpack map: its first byte is 0x93");
    client_bench_end(&b);
    msgpack_sbuffer_destroy(&kept);
}

// what no server should get
static void wrong_observations(void **state)
{
    client_bench b;
    (void)state;
    client_bench_begin(&b, client_bench_answer, NULL);
    const struct {
        pi0_image image;
        const char *text;
    } wrong[] = {
        { { .rgb = pixels, .width = 3, .height = 2 }, "picture 0 has no camera's name" },
        { { .camera = "c", .width = 3, .height = 2 }, "image c: 3 x 2 pixels" },
        { { .camera = "c", .rgb = pixels, .width = 0, .height = 2 }, "image c: 0 x 2 pixels" },
        { { .camera = "c", .rgb = pixels, .width = 1 << 20, .height = 2 }, "1048576 x 2" },
        { { "c", pixels, 3, 2, 8, PI0_RGB8_HWC }, "a stride of 8 bytes, a row has 9" },
        { { "c", pixels, 3, 2, 0, 9 }, "image c: format 9" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        const pi0_observation obs = { .images = &wrong[i].image, .n_images = 1 };
        expect_error(pi0_client_infer(b.client, &obs, NULL, b.actions, ROOM, NULL, &b.err),
                     PI0_EINVAL, &b.err, wrong[i].text);
    }
    const pi0_client_request steps = { .num_steps = 1025 }, late = { .timeout_ms = -1 };
    expect_error(pi0_client_infer(b.client, &nothing, &steps, b.actions, ROOM, NULL, &b.err),
                 PI0_EINVAL, &b.err, "1025 steps");
    expect_error(pi0_client_infer(b.client, &nothing, &late, b.actions, ROOM, NULL, &b.err),
                 PI0_EINVAL, &b.err, "a timeout of -1 ms");
    expect_ok(client_bench_ask(&b, 5000), &b.err);
    client_bench_end(&b);
}

/* ---- arguments ---- */

static void addresses(void **state)
{
    static const char *const wrong[] = { "",          "ws://",        "http://a:1", "ws://a:",
                                         "ws://a:0",  "ws://a:65536", "ws://a:1x",  "ws://a:-1",
                                         "ws://[::1", "ws://[]:1",    "ws://a?x",   "ws://:80",
                                         "ws://a:+1", "ws://[::1]x" };
    pi0_client *client = NULL;
    pi0_error err;
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++)
        expect_error(pi0_client_connect(&client, wrong[i], NULL, &err), PI0_EINVAL, &err,
                     "is no address of a server");
    expect_error(pi0_client_connect(&client, "wss://a", NULL, &err), PI0_EUNSUPPORTED, &err,
                 "encrypted");
    expect_error(pi0_client_connect(&client, NULL, NULL, &err), PI0_EINVAL, &err, "no url");
    assert_null(client);
    pi0_client_close(NULL);
}

static void options(void **state)
{
    pi0_client_options good;
    pi0_client *client = NULL;
    pi0_error err;
    char key[1026];
    (void)state;
    pi0_client_default_options(&good);
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    pi0_client_options wrong[8] = { good, good, good, good, good, good, good, good };
    wrong[0].connect_timeout_ms = -1;
    wrong[1].retry_min_ms = 0;
    wrong[2].retry_max_ms = 50;
    wrong[3].max_sends = 0;
    wrong[4].image_axes = "WHC";
    wrong[5].api_key = "a\nb";
    wrong[6].api_key = "";
    wrong[7].api_key = key;
    for (size_t i = 0; i < COUNT(wrong); i++)
        expect_error(pi0_client_connect(&client, "ws://127.0.0.1:1", &wrong[i], &err), PI0_EINVAL,
                     &err, "");
    assert_string_equal(pi0_client_status_name(PI0_ETIMEOUT), "PI0_ETIMEOUT");
    assert_string_equal(pi0_client_status_name(PI0_ECONNECT), "PI0_ECONNECT");
    assert_string_equal(pi0_client_status_name(PI0_EAUTH), "PI0_EAUTH");
    assert_string_equal(pi0_client_status_name(PI0_EREMOTE), "PI0_EREMOTE");
    assert_string_equal(pi0_client_status_name(PI0_EIO), "PI0_EIO");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),
        cmocka_unit_test(fragments),
        cmocka_unit_test(pings_between_calls),
        cmocka_unit_test(requests),
        cmocka_unit_test(wrong_observations),
        cmocka_unit_test(addresses),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
