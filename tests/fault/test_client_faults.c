/* SPDX-License-Identifier: Apache-2.0 */
/* test_client_faults.c - libpi0_client and a server that is late, gone, wrong or another one. */
#include "core/clock.h"
#include "support/client_bench.h"
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static const pi0_observation nothing;

/* ---- late ---- */

// the first reply comes late, on the connection that was given up
static void late_once(ws_server *s, int fd, int k)
{
    (void)s;
    if (!ws_accept(fd, NULL) || !client_bench_metadata(fd)) return;
    while (client_bench_request(fd)) {
        if (!k) client_bench_pause(400);
        client_bench_reply(fd, 1 + k);
    }
}

static void deadline(void **state)
{
    client_bench b;
    (void)state;
    client_bench_begin(&b, late_once, NULL);
    b.actions[0] = 99;
    const double start = clock_ms();
    expect_error(client_bench_ask(&b, 100), PI0_ETIMEOUT, &b.err, "no reply within 100 ms");
    const double took = clock_ms() - start;
    // (never too early; how late depends on the machine's other work)
    assert_true(took >= 100 && took < 5000);
    assert_true(b.actions[0] == 99);
    expect_ok(client_bench_ask(&b, 5000), &b.err);
    assert_true(b.actions[0] == 2);
    client_bench_end(&b);
}

/* ---- gone ---- */

// each connection breaks with a request in its hands: the first one with its first, others with
// their second. (One that broke after a reply might be noticed before or after the next request.)
static void break_each(ws_server *s, int fd, int k)
{
    (void)s;
    if (!ws_accept(fd, NULL) || !client_bench_metadata(fd) || !client_bench_request(fd)) return;
    if (k > 0 && client_bench_reply(fd, k)) client_bench_request(fd);
}

static void lost_connections(void **state)
{
    client_bench b;
    (void)state;
    client_bench_begin(&b, break_each, NULL);
    for (int i = 0; i < 5; i++) {
        expect_ok(client_bench_ask(&b, 10000), &b.err);
        assert_true(b.actions[0] == i + 1);
        assert_int_equal(b.reply.sends, 2);
    }
    client_bench_end(&b);
}

static void break_all(ws_server *s, int fd, int k)
{
    (void)s;
    (void)k;
    if (ws_accept(fd, NULL) && client_bench_metadata(fd)) client_bench_request(fd);
}

static void never_more_often(void **state)
{
    client_bench b;
    (void)state;
    client_bench_begin(&b, break_all, NULL);
    expect_error(client_bench_ask(&b, 10000), PI0_ECONNECT, &b.err, "the connection was lost");
    client_bench_end(&b);
}

// a server that comes later, goes, comes again
static void restart(void **state)
{
    char url[64];
    client_bench b = { .server = { .connection = client_bench_answer } };
    pi0_client_options opt;
    (void)state;
    assert_true(ws_server_start(&b.server, 0));
    const int port = b.server.port;
    ws_server_url(&b.server, url);
    ws_server_stop(&b.server);
    pi0_client_default_options(&opt);
    opt.connect_timeout_ms = 200;
    expect_error(pi0_client_connect(&b.client, url, &opt, &b.err), PI0_ETIMEOUT, &b.err,
                 "within 200 ms");
    assert_null(b.client);

    assert_true(ws_server_start(&b.server, port));
    expect_ok(pi0_client_connect(&b.client, url, NULL, &b.err), &b.err);
    expect_ok(client_bench_ask(&b, 5000), &b.err);
    client_bench_end(&b);
}

/* ---- wrong ---- */

typedef struct saying {
    int opcode;
    const char *data;
    size_t size;
    int code; // a close frame behind it
} saying;

// what the test wants, then good replies
static void say(ws_server *s, int fd, int k)
{
    const saying *what = s->user;
    if (!ws_accept(fd, NULL) || !client_bench_metadata(fd)) return;
    while (client_bench_request(fd)) {
        if (k == 0) {
            if (what->opcode) ws_send(fd, what->opcode, true, what->data, what->size);
            if (what->code) ws_send_close(fd, what->code, "because");
            k = -1;
            if (what->code) return;
        } else {
            client_bench_reply(fd, 5);
        }
    }
}

static void wrong_replies(void **state)
{
    static const char empty[] = "\x80", list[] = "\x90",
                      no_array[] = "\x81\xa7"
                                   "actions\x01",
                      cut[] = "\x81\xa7"
                              "actio";
    static const struct {
        saying what;
        int code;
        const char *text;
    } wrong[] = {
        { { WS_BINARY, empty, 1, 0 }, PI0_EFORMAT, "a reply without actions" },
        { { WS_BINARY, list, 1, 0 }, PI0_EFORMAT, "the server sent no map" },
        { { WS_BINARY, no_array, 10, 0 }, PI0_EFORMAT, "a reply without actions" },
        { { WS_BINARY, cut, 7, 0 }, PI0_EFORMAT, "damaged msgpack" },
        { { WS_BINARY, "", 0, 0 }, PI0_EFORMAT, "empty" },
        { { WS_TEXT, "no such camera\nabc", 18, 0 }, PI0_EREMOTE, "says: no such camera abc" },
        { { WS_TEXT, "no such camera", 14, 1011 }, PI0_EREMOTE, "says: no such camera" },
        { { 0, "", 0, 1011 }, PI0_EREMOTE, "closed the connection (1011: because)" },
        { { 0, "", 0, 1009 }, PI0_EREMOTE, "closed the connection (1009: because)" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        client_bench b;
        client_bench_begin(&b, say, (void *)(uintptr_t)&wrong[i].what);
        b.actions[0] = 99;
        expect_error(client_bench_ask(&b, 5000), wrong[i].code, &b.err, wrong[i].text);
        assert_true(b.actions[0] == 99);
        // it works on
        expect_ok(client_bench_ask(&b, 5000), &b.err);
        assert_true(b.actions[0] == 5);
        client_bench_end(&b);
    }
}

// an error, and behind it, when the next request has come, the close that openpi's server sends
static void close_late(ws_server *s, int fd, int k)
{
    (void)s;
    if (!ws_accept(fd, NULL) || !client_bench_metadata(fd) || !client_bench_request(fd)) return;
    if (k > 0) {
        client_bench_reply(fd, 5);
        client_bench_drain(fd);
    } else if (ws_send(fd, WS_TEXT, true, "no such camera", 14) && client_bench_request(fd)) {
        ws_send_close(fd, 1011, "because");
    }
}

static void close_behind_an_error(void **state)
{
    client_bench b;
    (void)state;
    client_bench_begin(&b, close_late, NULL);
    expect_error(client_bench_ask(&b, 5000), PI0_EREMOTE, &b.err, "says: no such camera");
    expect_ok(client_bench_ask(&b, 5000), &b.err);
    assert_true(b.actions[0] == 5);
    assert_int_equal(b.reply.sends, 2);
    client_bench_end(&b);
}

// "going away" means: ask another one
static void going_away(void **state)
{
    static const saying away = { 0, "", 0, 1001 };
    client_bench b;
    (void)state;
    client_bench_begin(&b, say, (void *)(uintptr_t)&away);
    expect_ok(client_bench_ask(&b, 5000), &b.err);
    assert_int_equal(b.reply.sends, 2);
    client_bench_end(&b);
}

static void wrong_actions(void **state)
{
    static const struct {
        double first;
        const char *type;
        int n_dims, code;
        const char *text;
    } wrong[] = {
        { NAN, "<f8", 2, PI0_ENUMERIC, "action [0,0] is not finite" },
        { INFINITY, "<f4", 2, PI0_ENUMERIC, "action [0,0] is not finite" },
        { 1, "<f8", 1, PI0_EFORMAT, "actions [6] of type \"<f8\", expected numbers" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        client_bench b;
        msgpack_sbuffer to;
        client_bench_pack(&to, wrong[i].first, wrong[i].type, wrong[i].n_dims);
        const saying what = { WS_BINARY, to.data, to.size, 0 };
        client_bench_begin(&b, say, (void *)(uintptr_t)&what);
        expect_error(client_bench_ask(&b, 5000), wrong[i].code, &b.err, wrong[i].text);
        client_bench_end(&b);
        msgpack_sbuffer_destroy(&to);
    }
    client_bench b;
    client_bench_begin(&b, client_bench_answer, NULL);
    expect_error(pi0_client_infer(b.client, &nothing, NULL, b.actions, ROOM - 1, NULL, &b.err),
                 PI0_EINVAL, &b.err, "actions [3,2], and room for 5 numbers");
    client_bench_end(&b);
}

static void too_large(void **state)
{
    static char large[5000];
    static const saying what = { WS_BINARY, large, sizeof large, 0 };
    ws_server s = { .connection = say, .user = (void *)(uintptr_t)&what };
    char url[64];
    pi0_client_options opt;
    client_bench b = { .client = NULL };
    (void)state;
    pi0_client_default_options(&opt);
    opt.max_message = sizeof large - 1;
    assert_true(ws_server_start(&s, 0));
    expect_ok(pi0_client_connect(&b.client, ws_server_url(&s, url), &opt, &b.err), &b.err);
    expect_error(client_bench_ask(&b, 5000), PI0_EFORMAT, &b.err,
                 "a message of more than 4999 bytes");
    expect_error(
        pi0_client_infer_packed(b.client, large, sizeof large, NULL, b.actions, ROOM, NULL, &b.err),
        PI0_EINVAL, &b.err, "a request of 5000 bytes");
    pi0_client_close(b.client);
    ws_server_stop(&s);
}

/* ---- another server ---- */

static void raw_reply(ws_server *s, int fd, int k)
{
    (void)k;
    char headers[4096] = "";
    for (size_t n = 0; n + 1 < sizeof headers && !strstr(headers, "\r\n\r\n"); n++)
        if (read(fd, headers + n, 1) != 1) return;
    const char *text = s->user;
    ws_send_raw(fd, text, strlen(text));
    client_bench_drain(fd);
}

static void other_servers(void **state)
{
    static const struct {
        const char *says;
        int code;
        const char *text;
    } other[] = {
        { "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", PI0_EAUTH,
          "HTTP 401: the server refuses a client without an API key" },
        { "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", PI0_EAUTH, "HTTP 403" },
        { "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", PI0_ECONNECT,
          "HTTP 404: no policy server there" },
        { "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", PI0_ETIMEOUT, "HTTP 503" },
        { "SSH-2.0-x\r\n\r\n", PI0_ETIMEOUT, "within 400 ms" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(other); i++) {
        ws_server s = { .connection = raw_reply, .user = (void *)(uintptr_t)other[i].says };
        char url[64];
        pi0_client_options opt;
        pi0_client *client = NULL;
        pi0_error err;
        pi0_client_default_options(&opt);
        opt.connect_timeout_ms = other[i].code == PI0_ETIMEOUT ? 400 : 10000;
        assert_true(ws_server_start(&s, 0));
        expect_error(pi0_client_connect(&client, ws_server_url(&s, url), &opt, &err), other[i].code,
                     &err, other[i].text);
        assert_null(client);
        ws_server_stop(&s);
    }
}

static void take_key(ws_server *s, int fd, int k)
{
    (void)k;
    if (!ws_accept(fd, s->user) || !client_bench_metadata(fd)) return;
    client_bench_drain(fd);
}

static void api_key(void **state)
{
    char key[256] = "", url[64];
    ws_server s = { .connection = take_key, .user = key };
    pi0_client_options opt;
    pi0_client *client;
    pi0_error err;
    (void)state;
    pi0_client_default_options(&opt);
    opt.api_key = "open sesame";
    assert_true(ws_server_start(&s, 0));
    expect_ok(pi0_client_connect(&client, ws_server_url(&s, url), &opt, &err), &err);
    pi0_client_close(client);
    ws_server_stop(&s);
    assert_string_equal(key, "Api-Key open sesame");
}

static void wrong_metadata(ws_server *s, int fd, int k)
{
    (void)k;
    const saying *what = s->user;
    if (!ws_accept(fd, NULL)) return;
    ws_send(fd, what->opcode, true, what->data, what->size);
    client_bench_drain(fd);
}

static void metadata_errors(void **state)
{
    static const saying text = { WS_TEXT, "go away", 7, 0 }, list = { WS_BINARY, "\x90", 1, 0 };
    const saying *const both[] = { &text, &list };
    static const int codes[] = { PI0_EREMOTE, PI0_EFORMAT };
    static const char *const texts[] = { "says: go away", "sent no map" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        ws_server s = { .connection = wrong_metadata, .user = (void *)(uintptr_t)both[i] };
        char url[64];
        pi0_client *client = NULL;
        pi0_error err;
        assert_true(ws_server_start(&s, 0));
        expect_error(pi0_client_connect(&client, ws_server_url(&s, url), NULL, &err), codes[i],
                     &err, texts[i]);
        ws_server_stop(&s);
    }
}

/* ---- threads ---- */

static void *ask_slowly(void *user)
{
    client_bench *b = user;
    static double actions[ROOM];
    const pi0_client_request ask = { .timeout_ms = 5000 };
    static pi0_error err;
    return pi0_client_infer(b->client, &nothing, &ask, actions, ROOM, NULL, &err) ? user : NULL;
}

static void second_thread(void **state)
{
    client_bench b;
    pthread_t thread;
    void *failed;
    (void)state;
    client_bench_begin(&b, late_once, NULL);
    assert_int_equal(pthread_create(&thread, NULL, ask_slowly, &b), 0);
    client_bench_pause(150);
    expect_error(client_bench_ask(&b, 1000), PI0_EINVAL, &b.err, "another thread's call");
    pthread_join(thread, &failed);
    assert_null(failed);
    client_bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadline),         cmocka_unit_test(lost_connections),
        cmocka_unit_test(never_more_often), cmocka_unit_test(restart),
        cmocka_unit_test(wrong_replies),    cmocka_unit_test(close_behind_an_error),
        cmocka_unit_test(going_away),       cmocka_unit_test(wrong_actions),
        cmocka_unit_test(too_large),        cmocka_unit_test(other_servers),
        cmocka_unit_test(api_key),          cmocka_unit_test(metadata_errors),
        cmocka_unit_test(second_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
