/* SPDX-License-Identifier: Apache-2.0 */
/* test_demo_live.c - pi0 demo --serve from a client that is no browser: what the server says, what
 * it makes of messages right and wrong, that Ctrl-C ends it. The page itself: command/browser.py.
 */
#include "demo_live.h"
#include "support/expect.h"
#include "support/websocket.h"
#include <jansson.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES 2000 // that are waited for, at most: minutes of the table

static char model[600];
static int port;

// one that was free a moment ago
static int free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t size = sizeof a;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void *serve(void *code)
{
    demo_args a = { .run = RUN_OPTIONS_DEFAULT, .task_name = "place", .execute = 8, .port = port };
    a.task = SIM_TASK_PLACE;
    a.run.model = model;
    a.run.threads = 1;
    *(int *)code = pi0_demo_live(&a);
    return NULL;
}

static void say(int fd, const char *text)
{
    assert_true(ws_frame(fd, true, WS_TEXT, text, strlen(text)));
}

// the next message that has this key: its value, borrowed from *whole
static json_t *next(int fd, json_t **whole, const char *key)
{
    for (int i = 0; i < FRAMES; i++) {
        char *data;
        size_t size;
        if (ws_next(fd, &data, &size) != WS_TEXT) fail_msg("waiting for %s: no text", key);
        *whole = json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
        free(data);
        assert_non_null(*whole);
        json_t *found = json_object_get(*whole, key);
        if (found) return found;
        json_decref(*whole);
    }
    fail_msg("%s does not come", key);
    return NULL;
}

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    assert_true(json_is_number(v) || json_is_boolean(v));
    return json_is_number(v) ? json_number_value(v) : json_is_true(v);
}

// a state comes in which this is so
static void wait_state(int fd, const char *what, bool (*so)(const json_t *state))
{
    for (int i = 0; i < FRAMES; i++) {
        json_t *whole;
        const bool found = so(next(fd, &whole, "state"));
        json_decref(whole);
        if (found) return;
    }
    fail_msg("%s does not happen", what);
}

static bool steps(const json_t *s)
{
    return number(s, "step") > 3;
}

// moved beyond the table's edge: at the edge
static bool at_edge(const json_t *s)
{
    const json_t *b = json_array_get(json_object_get(s, "blocks"), 1);
    return fabs(json_number_value(json_array_get(b, 0)) - 202. / 224) < 1e-5 &&
           fabs(json_number_value(json_array_get(b, 1)) - 22. / 224) < 1e-5;
}

static bool by_reference(const json_t *s)
{
    return number(s, "flow") == 2;
}

static bool paused(const json_t *s)
{
    return !number(s, "running");
}

static bool second_scene(const json_t *s)
{
    return number(s, "scene") == 1;
}

static bool done(const json_t *s)
{
    return number(s, "done") == 1;
}

static void words(int fd)
{
    json_t *whole;
    char text[DEMO_SENTENCE];
    say(fd, "{\"say\": \" \"}");
    assert_non_null(strstr(json_string_value(next(fd, &whole, "error")), "empty"));
    json_decref(whole);
    snprintf(text, sizeof text, "{\"say\": \"%0*d\"}", DEMO_SENTENCE - 20, 0);
    say(fd, text);
    assert_non_null(strstr(json_string_value(next(fd, &whole, "error")), "too long"));
    json_decref(whole);
    say(fd, "{\"say\": \"make some tea\"}");
    assert_non_null(strstr(json_string_value(next(fd, &whole, "notice")), "taught"));
    json_decref(whole);
}

static void deeds(int fd)
{
    // what is not there, or not of its type, changes nothing
    say(fd, "{\"move\": 7, \"x\": 0.5, \"y\": 0.5}");
    say(fd, "{\"move\": 1, \"x\": \"left\"}");
    say(fd, "{\"flow\": 77, \"say\": 5, \"run\": 0, \"tea\": null}");
    say(fd, "{\"move\": 1, \"x\": 1e9, \"y\": -3}");
    wait_state(fd, "a move to the edge", at_edge);
    say(fd, "{\"flow\": 2}");
    wait_state(fd, "the reference flow", by_reference);
    say(fd, "{\"flow\": 0, \"run\": false}");
    wait_state(fd, "a pause", paused);
    say(fd, "{\"run\": true, \"scene\": true, \"say\": \"put the green block in the bowl\"}");
    wait_state(fd, "a new scene", second_scene);
    wait_state(fd, "the green block in the bowl", done);
}

static void test_live(void **state)
{
    (void)state;
    pthread_t server;
    json_t *whole;
    int code = -1, fd = -1;
    snprintf(model, sizeof model, "%s/../../demo/place", PI0_TEST_DATA);
    port = free_port();
    assert_int_equal(pthread_create(&server, NULL, serve, &code), 0);
    for (int i = 0; i < 600 && fd < 0; i++) {
        usleep(100000);
        fd = ws_open(port, "/live", "");
    }
    assert_true(fd >= 0);

    // who comes is greeted, and sees it work
    const json_t *hello = next(fd, &whole, "hello");
    assert_int_equal(json_array_size(json_object_get(hello, "sentences")), 3);
    assert_int_equal(json_array_size(json_object_get(hello, "flows")), 3);
    json_decref(whole);
    assert_int_equal(json_array_size(json_object_get(next(fd, &whole, "plan"), "commands")), 16);
    json_decref(whole);
    assert_int_equal((int)number(next(fd, &whole, "other"), "flow"), 2);
    json_decref(whole);
    wait_state(fd, "work", steps);
    words(fd);
    deeds(fd);

    // another guest, who speaks no JSON; pages are HTML
    const int rude = ws_open(port, "/live", "");
    say(rude, "hello");
    int opcode;
    char *data;
    size_t size;
    while ((opcode = ws_next(rude, &data, &size)) == WS_TEXT) free(data);
    assert_int_equal(opcode, WS_CLOSE);
    assert_int_equal(ws_code(data, size), 1003);
    free(data);
    close(rude);
    char *page = ws_http(port, "GET", "/", "");
    assert_non_null(strstr(page, "text/html"));
    assert_null(strstr(page, "src=\"")); // nothing is fetched from elsewhere
    free(page);

    // Ctrl-C, to the thread that would be the command's own
    pthread_kill(server, SIGINT);
    pthread_join(server, NULL);
    assert_int_equal(code, STATUS_OK);
    close(fd);
}

int main(void)
{
    pi0_interrupt_catch();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_live) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
