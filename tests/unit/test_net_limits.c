/* SPDX-License-Identifier: Apache-2.0 */
/* test_net_limits.c - the server for HTTP and WebSocket under peers that ask too much: large
 * messages, many connections, slow and vanished ones; and its end. */
#include "serve/net.h"
#include "support/echo_server.h"

/* ---- limits ---- */

static void test_size_limits(void **state)
{
    seen t;
    (void)state;
    net_options o = NET_OPTIONS_DEFAULT;
    o.max_message = 1000;
    o.max_queued = 1500;
    start(&t, o);
    const int port = pi0_net_port(t.server);
    static char data[2000];
    memset(data, 'x', sizeof data);
    int fd = ws_open(port, "/", "");
    assert_true(ws_frame(fd, true, WS_TEXT, data, 1000));
    assert_true(ws_expect(fd, WS_TEXT, data, 1000));
    assert_true(ws_frame(fd, true, WS_TEXT, data, 1001));
    assert_true(ws_expect_close(fd, 1009));

    // in fragments
    fd = ws_open(port, "/", "");
    assert_true(ws_frame(fd, false, WS_TEXT, data, 600));
    assert_true(ws_frame(fd, true, WS_CONTINUATION, data, 600));
    assert_true(ws_expect_close(fd, 1009));

    // a promise alone: 2^62 bytes
    fd = ws_open(port, "/", "");
    assert_true(ws_put(fd, "\x82\xff\x40\0\0\0\0\0\0\0mask!", 15));
    assert_true(ws_expect_close(fd, 1009));
    wait_for(&t, &t.closed, 3);

    fd = ws_open(port, "/", "");
    wait_for(&t, &t.opened, 4);
    assert_int_equal(pi0_net_send(t.server, t.last, false, data, 1501), NET_FULL);
    net_stats stats;
    pi0_net_stats(t.server, &stats);
    assert_int_equal(stats.too_large, 3);
    assert_int_equal(t.failed, 3);
    close(fd);
    finish(&t);
}

static void test_connection_limit(void **state)
{
    seen t;
    int fd[3];
    (void)state;
    net_options o = NET_OPTIONS_DEFAULT;
    o.max_connections = 3;
    start(&t, o);
    const int port = pi0_net_port(t.server);
    for (int i = 0; i < 3; i++) {
        fd[i] = ws_open(port, "/", "");
        assert_true(fd[i] >= 0);
    }
    expect_answer(ws_http(port, "GET", "/healthz", ""), "503 ", "");
    net_stats stats;
    pi0_net_stats(t.server, &stats);
    assert_int_equal(stats.refused, 1);
    // its place is free a little after it has closed
    close(fd[0]);
    wait_for(&t, &t.closed, 1);
    fd[0] = -1;
    for (int i = 0; i < 1000 && fd[0] < 0; i++) {
        usleep(10000);
        fd[0] = ws_open(port, "/", "");
    }
    assert_true(fd[0] >= 0);
    for (int i = 0; i < 3; i++) close(fd[i]);
    finish(&t);
}

static void test_memory_limit(void **state)
{
    seen t;
    (void)state;
    net_options o = NET_OPTIONS_DEFAULT;
    o.max_receiving = 200000;
    start(&t, o);
    const int port = pi0_net_port(t.server);
    char *data = calloc(1, 150000);
    const int a = ws_open(port, "/", ""), b = ws_open(port, "/", "");
    assert_true(ws_frame(a, false, WS_BINARY, data, 100000));
    assert_true(ws_frame(a, true, WS_PING, "", 0));
    assert_true(ws_expect(a, WS_PONG, "", 0)); // it has been received
    ws_frame(b, false, WS_BINARY, data, 150000);
    assert_true(ws_expect_close(b, 1013));
    assert_true(ws_frame(a, true, WS_CONTINUATION, "", 0));
    assert_true(ws_expect(a, WS_BINARY, data, 100000));
    free(data);
    close(a);
    finish(&t);
}

/* ---- peers that are slow, silent or gone ---- */

static net_options impatient(void)
{
    net_options o = NET_OPTIONS_DEFAULT;
    o.handshake_timeout = o.message_timeout = o.write_timeout = 1;
    return o;
}

static void test_slow_requests(void **state)
{
    seen t;
    char *data;
    size_t size;
    (void)state;
    start(&t, impatient());
    const int port = pi0_net_port(t.server);
    // a request that never ends, and one that never begins
    const int half = ws_dial(port), silent = ws_dial(port);
    assert_true(ws_put(half, "GET / HTTP/1.1\r\nHost:", 21));
    free(ws_drain(half, &size));
    free(ws_drain(silent, &size));
    close(half);
    close(silent);

    // a message that never ends, beside a client that is served
    const int slow = ws_open(port, "/", ""), quick = ws_open(port, "/", "");
    assert_true(ws_put(slow, "\x82\xfe\x01\0mask123", 11));
    assert_true(ws_frame(quick, true, WS_TEXT, "x", 1));
    assert_true(ws_expect(quick, WS_TEXT, "x", 1));
    assert_int_equal(ws_next(slow, &data, &size), WS_CLOSE);
    assert_int_equal(ws_code(data, size), 1008);
    free(data);
    close(slow);
    wait_for(&t, &t.closed, 1);
    assert_string_equal(t.why, "sends too slowly");
    assert_true(ws_frame(quick, true, WS_TEXT, "x", 1));
    assert_true(ws_expect(quick, WS_TEXT, "x", 1));
    close(quick);
    finish(&t);
}

static void test_slow_reader(void **state)
{
    seen t;
    (void)state;
    start(&t, impatient());
    const int fd = ws_open(pi0_net_port(t.server), "/", "");
    wait_for(&t, &t.opened, 1);
    const size_t size = (size_t)20 << 20;
    char *data = calloc(1, size);
    assert_int_equal(pi0_net_send(t.server, t.last, true, data, size), NET_QUEUED);
    pi0_net_send(t.server, t.last, true, data, size);
    free(data);
    wait_for(&t, &t.closed, 1);
    assert_string_equal(t.why, "reads too slowly");
    assert_int_equal(t.failed, 1);
    close(fd);
    finish(&t);
}

static void test_signs_of_life(void **state)
{
    seen t;
    char *data;
    size_t size;
    (void)state;
    net_options o = NET_OPTIONS_DEFAULT;
    o.ping_after = 1;
    o.lost_after = 3;
    start(&t, o);
    const int fd = ws_open(pi0_net_port(t.server), "/", "");
    // who answers pings stays
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ws_next(fd, &data, &size), WS_PING);
        assert_true(ws_frame(fd, true, WS_PONG, data, size));
        free(data);
    }
    assert_int_equal(t.closed, 0);
    // who does not is cut off
    wait_for(&t, &t.closed, 1);
    assert_string_equal(t.why, "no sign of life");
    close(fd);
    finish(&t);
}

static void test_vanished(void **state)
{
    seen t;
    (void)state;
    start(&t, (net_options)NET_OPTIONS_DEFAULT);
    const int port = pi0_net_port(t.server);
    const int fd = ws_open(port, "/", "");
    // gone in the middle of a frame
    assert_true(ws_put(fd, "\x82\xfe\x01\0mask123", 11));
    close(fd);
    wait_for(&t, &t.closed, 1);
    assert_string_equal(t.why, "the connection was lost");
    assert_int_equal(t.failed, 1);
    // frames that are none: a reserved opcode, reserved bits
    static const char *const wrong[] = { "\x83\x80mask", "\xf2\x80mask" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        const int w = ws_open(port, "/", "");
        assert_true(ws_put(w, wrong[i], 6));
        assert_true(ws_expect_close(w, 1002));
    }
    wait_for(&t, &t.closed, 3);
    assert_int_equal(t.messages, 0);
    expect_answer(ws_http(port, "GET", "/healthz", ""), "200 ", "OK\n");
    finish(&t);
}

/* ---- the end ---- */

typedef struct stopper {
    seen *t;
    double seconds;
} stopper;

static void *stop(void *argument)
{
    const stopper *s = argument;
    pi0_net_stop(s->t->server, 1001, "going away", s->seconds);
    return NULL;
}

static void test_stop(void **state)
{
    seen t;
    pthread_t id;
    (void)state;
    start(&t, (net_options)NET_OPTIONS_DEFAULT);
    const int port = pi0_net_port(t.server);
    const int polite = ws_open(port, "/", ""), rude = ws_open(port, "/", "");
    const int silent = ws_dial(port);
    wait_for(&t, &t.opened, 2);

    // nobody new, and those that are there go on
    pi0_net_refuse(t.server);
    for (int i = 0; i < 200; i++) {
        const int late = ws_dial(port);
        if (late < 0) break;
        close(late);
        usleep(10000);
    }
    assert_int_equal(ws_dial(port), -1);
    assert_true(ws_frame(polite, true, WS_TEXT, "x", 1));
    assert_true(ws_expect(polite, WS_TEXT, "x", 1));

    // what is queued comes first; one that does not answer the close does not hold it up for ever
    pi0_net_send(t.server, t.last, false, "last", 4);
    stopper s = { &t, 2 };
    const double begin = pi0_seconds();
    assert_int_equal(pthread_create(&id, NULL, stop, &s), 0);
    assert_true(ws_expect_close(polite, 1001));
    assert_true(ws_expect(rude, WS_TEXT, "last", 4));
    pthread_join(id, NULL);
    assert_true(pi0_seconds() - begin < 8);
    assert_int_equal(t.closed, 2);
    assert_int_equal(pi0_net_send(t.server, t.last, false, "x", 1), NET_GONE);
    close(rude);
    close(silent);
    finish(&t);
}

// with connections in all states
static void test_end(void **state)
{
    seen t;
    (void)state;
    start(&t, (net_options)NET_OPTIONS_DEFAULT);
    const int port = pi0_net_port(t.server);
    const int a = ws_open(port, "/", ""), b = ws_dial(port), c = ws_open(port, "/", "");
    assert_true(ws_put(c, "\x82\xfe\x01\0mask123", 11));
    assert_true(ws_put(b, "GET / HT", 8));
    wait_for(&t, &t.opened, 2);
    pi0_net_send(t.server, t.last, false, "x", 1);
    finish(&t);
    assert_int_equal(t.closed, 2);
    close(a);
    close(b);
    close(c);
    pi0_net_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_limits),  cmocka_unit_test(test_connection_limit),
        cmocka_unit_test(test_memory_limit), cmocka_unit_test(test_slow_requests),
        cmocka_unit_test(test_slow_reader),  cmocka_unit_test(test_signs_of_life),
        cmocka_unit_test(test_vanished),     cmocka_unit_test(test_stop),
        cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
