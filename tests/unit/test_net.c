/* SPDX-License-Identifier: Apache-2.0 */
/* test_net.c - the server for HTTP and WebSocket: routes and refusals, addresses, messages whole
 * and in fragments, pings, closing, several threads that send. */
#include "serve/net.h"
#include "support/echo_server.h"

/* ---- HTTP ---- */

static void test_http(void **state)
{
    seen t;
    (void)state;
    start(&t, (net_options)NET_OPTIONS_DEFAULT);
    const int port = pi0_net_port(t.server);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    assert_string_equal(pi0_net_url(t.server), url);
    assert_true(pi0_net_is_loopback(t.server));
    expect_answer(ws_http(port, "GET", "/healthz", ""), "200 ", "OK\n");
    expect_answer(ws_http(port, "GET", "/healthz?x=1", ""), "200 ", "OK\n");
    expect_answer(ws_http(port, "HEAD", "/healthz", ""), "200 ", "");
    expect_answer(ws_http(port, "GET", "/nothing", ""), "503 ", "");
    expect_answer(ws_http(port, "GET", "/other", ""), "404 ",
                  "Not found. There is /healthz, /large, /nothing, and a WebSocket at /\n");
    expect_answer(ws_http(port, "PUT", "/healthz", ""), "405 ", NULL);

    // a body of many pieces
    char *answer = ws_http(port, "GET", "/large", "");
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    assert_non_null(strstr(answer, "content-length: 300000"));
    assert_non_null(strstr(answer, "application/octet-stream"));
    for (int i = 0; i < LARGE; i++)
        if (body[i] != (char)(i * 7 % 251)) fail_msg("byte %d", i);
    free(answer);

    // not HTTP
    const int fd = ws_dial(port);
    assert_true(ws_put(fd, "\x16\x03\x01\x02\n\n\r\n\r\n", 10));
    free(ws_drain(fd, NULL));
    close(fd);
    expect_answer(ws_http(port, "GET", "/healthz", "Upgrade: h2c\r\n"), "400 ", NULL);
    expect_answer(ws_http(port, "GET", "/healthz", ""), "200 ", "OK\n");
    finish(&t);
}

static void test_refusals(void **state)
{
    seen t;
    (void)state;
    net_options o = NET_OPTIONS_DEFAULT;
    o.authorize = authorize;
    o.websocket_path = "/ws";
    start(&t, o);
    const int port = pi0_net_port(t.server);
    const char *key = "Authorization: Api-Key right\r\n";
    expect_answer(ws_http(port, "GET", "/healthz", ""), "200 ", "OK\n");
    expect_answer(ws_http(port, "GET", "/large", ""), "401 ", NULL);
    expect_answer(ws_http(port, "GET", "/large", key), "200 ", NULL);
    int fd = ws_dial(port);
    assert_int_equal(ws_upgrade(fd, "/ws", "Authorization: Api-Key wrong\r\n"), 401);
    close(fd);
    fd = ws_dial(port);
    assert_int_equal(ws_upgrade(fd, "/elsewhere", key), 404);
    close(fd);

    // a page of another site in a browser on this machine
    fd = ws_dial(port);
    assert_int_equal(ws_upgrade(fd, "/ws",
                                "Authorization: Api-Key right\r\n"
                                "Origin: http://elsewhere.example\r\n"),
                     403);
    close(fd);
    char own[160];
    snprintf(own, sizeof own, "%sOrigin: http://127.0.0.1:%d\r\n", key, port);
    fd = ws_open(port, "/ws", own);
    assert_true(fd >= 0);
    close(fd);

    // a header that is too long to be judged
    char *many = malloc(1200);
    snprintf(many, 1200, "Authorization: Api-Key %01000d\r\n", 0);
    expect_answer(ws_http(port, "GET", "/large", many), "431 ", NULL);
    free(many);
    net_stats stats;
    pi0_net_stats(t.server, &stats);
    assert_int_equal(stats.unauthorized, 3);
    finish(&t);
}

static void test_addresses(void **state)
{
    seen t;
    pi0_error err;
    net_server *other = NULL;
    (void)state;
    start(&t, (net_options)NET_OPTIONS_DEFAULT);
    net_options o = NET_OPTIONS_DEFAULT;
    o.port = pi0_net_port(t.server);
    expect_error(pi0_net_start(&other, &o, &err), PI0_EIO, &err, "another program listens there");
    o.host = "192.0.2.1"; // of no machine
    expect_error(pi0_net_start(&other, &o, &err), PI0_EIO, &err, "does not have that address");
    o.host = "no such name";
    expect_error(pi0_net_start(&other, &o, &err), PI0_EIO, &err, "no such name");
    o.host = "0.0.0.0";
    o.port = 0;
    expect_ok(pi0_net_start(&other, &o, &err), &err);
    assert_false(pi0_net_is_loopback(other));
    expect_answer(ws_http(pi0_net_port(other), "GET", "/", ""), "404 ", NULL);
    pi0_net_free(other);
    o.max_connections = 0;
    expect_error(pi0_net_start(&other, &o, &err), PI0_EINVAL, &err, "connections");
    finish(&t);
}

/* ---- WebSocket ---- */

static void test_messages(void **state)
{
    seen t;
    (void)state;
    start(&t, (net_options)NET_OPTIONS_DEFAULT);
    t.greet = true;
    const int fd = ws_open(pi0_net_port(t.server), "/any/path", "");
    assert_true(fd >= 0);
    assert_true(ws_expect(fd, WS_BINARY, "hello", 5));
    wait_for(&t, &t.opened, 1);
    assert_string_equal(t.path, "/any/path");
    assert_non_null(strstr(t.peer, "127.0.0.1:"));

    // sizes around those of the frame's head, and one larger than any buffer
    static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 65537, 1000000, 5000001 };
    for (size_t k = 0; k < COUNT(sizes); k++) {
        char *data = malloc(sizes[k] + 1);
        for (size_t i = 0; i < sizes[k]; i++) data[i] = (char)(i * 31 + k);
        assert_true(ws_frame(fd, true, WS_BINARY, data, sizes[k]));
        assert_true(ws_expect(fd, WS_BINARY, data, sizes[k]));
        free(data);
    }

    // fragments, an empty one too, with a ping between them
    assert_true(ws_frame(fd, false, WS_TEXT, "one ", 4));
    assert_true(ws_frame(fd, true, WS_PING, "beat", 4));
    assert_true(ws_frame(fd, false, WS_CONTINUATION, "two ", 4));
    assert_true(ws_frame(fd, false, WS_CONTINUATION, "", 0));
    assert_true(ws_frame(fd, true, WS_CONTINUATION, "three", 5));
    assert_true(ws_expect(fd, WS_PONG, "beat", 4));
    assert_true(ws_expect(fd, WS_TEXT, "one two three", 13));

    // a polite end
    assert_true(ws_frame(fd, true, WS_CLOSE, "\x03\xe8", 2));
    assert_true(ws_expect_close(fd, 1000));
    wait_for(&t, &t.closed, 1);
    assert_int_equal(t.code, 1000);
    assert_int_equal(t.failed, 0);
    assert_string_equal(t.why, "closed by the client");
    assert_int_equal(pi0_net_send(t.server, t.last, false, "x", 1), NET_GONE);
    assert_int_equal(pi0_net_send(t.server, 0, false, "x", 1), NET_GONE);
    pi0_net_close(t.server, t.last, 1000, "");
    finish(&t);
}

static void test_text_is_utf8(void **state)
{
    seen t;
    (void)state;
    start(&t, (net_options)NET_OPTIONS_DEFAULT);
    const int fd = ws_open(pi0_net_port(t.server), "/", "");
    assert_true(ws_frame(fd, true, WS_TEXT, "caf\xc3\xa9", 5));
    assert_true(ws_expect(fd, WS_TEXT, "caf\xc3\xa9", 5));
    assert_true(ws_frame(fd, true, WS_TEXT, "caf\xe9", 4));
    assert_true(ws_expect_close(fd, 1007));
    wait_for(&t, &t.closed, 1);
    assert_int_equal(t.messages, 1);
    finish(&t);
}

static void test_close(void **state)
{
    seen t;
    (void)state;
    start(&t, (net_options)NET_OPTIONS_DEFAULT);
    t.echo = false;
    const int fd = ws_open(pi0_net_port(t.server), "/", "");
    wait_for(&t, &t.opened, 1);
    // what is queued goes out in front of the close; nothing behind it
    assert_int_equal(pi0_net_send(t.server, t.last, false, "a", 1), NET_QUEUED);
    assert_int_equal(pi0_net_send(t.server, t.last, false, "b", 1), NET_QUEUED);
    pi0_net_close(t.server, t.last, 1011, "that went wrong");
    assert_int_equal(pi0_net_send(t.server, t.last, false, "c", 1), NET_GONE);
    assert_true(ws_expect(fd, WS_TEXT, "a", 1));
    assert_true(ws_expect(fd, WS_TEXT, "b", 1));
    char *data;
    size_t size;
    assert_int_equal(ws_next(fd, &data, &size), WS_CLOSE);
    assert_int_equal(ws_code(data, size), 1011);
    assert_string_equal(data + 2, "that went wrong");
    free(data);
    assert_true(ws_frame(fd, true, WS_CLOSE, "\x03\xf3", 2));
    free(ws_drain(fd, NULL));
    close(fd);
    wait_for(&t, &t.closed, 1);
    assert_string_equal(t.why, "that went wrong");
    assert_int_equal(t.failed, 0);
    finish(&t);
}

static void test_subprotocol(void **state)
{
    seen t;
    (void)state;
    net_options o = NET_OPTIONS_DEFAULT;
    o.subprotocol = "pi0-demo";
    start(&t, o);
    const int port = pi0_net_port(t.server);
    int fd = ws_open(port, "/", "Sec-WebSocket-Protocol: pi0-demo\r\n");
    assert_true(fd >= 0);
    assert_true(ws_frame(fd, true, WS_TEXT, "x", 1));
    assert_true(ws_expect(fd, WS_TEXT, "x", 1));
    close(fd);
    fd = ws_open(port, "/", "");
    assert_true(fd >= 0);
    close(fd);
    fd = ws_open(port, "/", "Sec-WebSocket-Protocol: listener\r\n");
    assert_int_equal(fd, -1);
    finish(&t);
}

/* ---- threads ---- */

#define SENDERS 4
#define EACH 500

typedef struct sender {
    seen *t;
    int number;
} sender;

static void *send_many(void *argument)
{
    const sender *s = argument;
    for (uint32_t i = 0; i < EACH; i++) {
        const uint32_t text[2] = { (uint32_t)s->number, i };
        if (pi0_net_send(s->t->server, s->t->last, true, text, sizeof text) != NET_QUEUED) abort();
    }
    return NULL;
}

// messages of several threads arrive whole, each thread's in its order
static void test_threads(void **state)
{
    seen t;
    pthread_t id[SENDERS];
    sender senders[SENDERS];
    uint32_t next[SENDERS] = { 0 };
    (void)state;
    start(&t, (net_options)NET_OPTIONS_DEFAULT);
    const int fd = ws_open(pi0_net_port(t.server), "/", "");
    wait_for(&t, &t.opened, 1);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (sender){ &t, i };
        assert_int_equal(pthread_create(&id[i], NULL, send_many, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS * EACH; i++) {
        char *data;
        size_t size;
        uint32_t text[2];
        assert_int_equal(ws_next(fd, &data, &size), WS_BINARY);
        assert_int_equal(size, sizeof text);
        memcpy(text, data, size);
        free(data);
        assert_true(text[0] < SENDERS);
        assert_int_equal(text[1], next[text[0]]++);
    }
    for (int i = 0; i < SENDERS; i++) pthread_join(id[i], NULL);
    assert_int_equal(pi0_net_queued(t.server, t.last), 0);
    wait_for(&t, &t.sent, SENDERS * EACH);
    net_stats stats;
    pi0_net_stats(t.server, &stats);
    assert_int_equal(stats.messages_out, SENDERS * EACH);
    assert_int_equal(stats.bytes_out, SENDERS * EACH * 8);
    assert_int_equal(stats.websockets, 1);
    close(fd);
    finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http),         cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_addresses),    cmocka_unit_test(test_messages),
        cmocka_unit_test(test_text_is_utf8), cmocka_unit_test(test_close),
        cmocka_unit_test(test_subprotocol),  cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
