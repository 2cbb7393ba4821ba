/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc_client.c - every function of pi0_client.h with each of its allocations failing once,
 * on the caller's thread and on the client's: PI0_ENOMEM, outputs as they were, nothing leaked, and
 * the next call gets its reply. */
#include "support/alloc_watch.h"
#include "support/api_list.h"
#include "support/client_bench.h"
#include <errno.h>
#include <libwebsockets.h>

// more than the first room of the client's buffers
#define NOISE_ROWS 50
#define NOISE_COLS 32

static ws_server server;
static char url[64];
static uint8_t pixels[64 * 48 * 3];
static float noise[NOISE_ROWS * NOISE_COLS];
static const double joints[2] = { 0.5, -1 };
static const pi0_image image = { .camera = "cam_high", .rgb = pixels, .width = 64, .height = 48 };
static const pi0_state arm = { "state", joints, 2 };
static const pi0_observation seen = { &image, 1, &arm, 1, "pick it up" };

// its own memory is nobody's business
static void answer(ws_server *s, int fd, int k)
{
    (void)s, (void)k;
    alloc_watch_not_here();
    if (!ws_accept(fd, NULL) || !client_bench_metadata(fd)) return;
    while (client_bench_request(fd)) client_bench_reply(fd, 1);
}

static pi0_client *connected(const pi0_client_options *opt)
{
    pi0_client *c = NULL;
    pi0_error e;
    expect_ok(pi0_client_connect(&c, url, opt, &e), &e);
    return c;
}

// a client that works has all of the metadata, and gets replies
static void works(pi0_client *c)
{
    double actions[ROOM] = { 0 };
    pi0_error e;
    assert_string_equal(pi0_client_metadata(c), "{\"reset_pose\":[0,-1.5],\"name\":\"a\\\"b\"}");
    expect_ok(pi0_client_infer(c, &seen, NULL, actions, ROOM, NULL, &e), &e);
    assert_true(actions[0] == 1 && actions[5] == client_bench_values[5]);
}

/* ---- what the client stands on, failing once when told to ---- */

static int no_context, no_thread, no_attempt;

struct lws_context *__real_lws_create_context(const struct lws_context_creation_info *info);
struct lws_context *__wrap_lws_create_context(const struct lws_context_creation_info *info);
int __real_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *arg);
struct lws *__real_lws_client_connect_via_info(const struct lws_client_connect_info *info);
struct lws *__wrap_lws_client_connect_via_info(const struct lws_client_connect_info *info);

struct lws_context *__wrap_lws_create_context(const struct lws_context_creation_info *info)
{
    return no_context-- > 0 ? NULL : __real_lws_create_context(info);
}

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *arg)
{
    return no_thread-- > 0 ? EAGAIN : __real_pthread_create(id, attributes, fn, arg);
}

struct lws *__wrap_lws_client_connect_via_info(const struct lws_client_connect_info *info)
{
    return no_attempt-- > 0 ? NULL : __real_lws_client_connect_via_info(info);
}

/* ---- the functions that allocate ---- */

static int try_connect(void *user, pi0_error *err)
{
    pi0_client *const before = (void *)pixels, *c = before;
    pi0_client_options opt;
    (void)user;
    pi0_client_default_options(&opt);
    opt.api_key = "secret";
    const int status = pi0_client_connect(&c, url, &opt, err);
    assert_true(!status == (c != before));
    alloc_watch_hold(1);
    if (!status) works(c);
    if (!status) pi0_client_close(c);
    alloc_watch_hold(0);
    return status;
}

// data NULL: an observation that is not packed
static int ask(const void *data, size_t size, const pi0_client_request *request, pi0_error *err)
{
    double actions[ROOM] = { -7 };
    pi0_client_reply reply = { .rows = -7 };
    alloc_watch_hold(1);
    pi0_client *c = connected(NULL);
    alloc_watch_hold(0);
    const int status =
        data ? pi0_client_infer_packed(c, data, size, request, actions, ROOM, &reply, err)
             : pi0_client_infer(c, &seen, request, actions, ROOM, &reply, err);
    assert_true(status ? actions[0] == -7 && reply.rows == -7 : actions[0] == 1);
    alloc_watch_hold(1);
    works(c);
    pi0_client_close(c);
    alloc_watch_hold(0);
    return status;
}

static const pi0_client_request more = { .noise = noise,
                                         .noise_rows = NOISE_ROWS,
                                         .noise_cols = NOISE_COLS,
                                         .has_seed = 1,
                                         .seed = 3,
                                         .num_steps = 5 };

static int try_infer(void *user, pi0_error *err)
{
    (void)user;
    return ask(NULL, 0, &more, err);
}

static int try_packed(void *user, pi0_error *err)
{
    (void)user;
    return ask("\x81\xa6prompt\xa2up", 11, &more, err);
}

/* ---- those that do not ---- */

static int try_status_name(void *user, pi0_error *err)
{
    (void)user, (void)err;
    assert_string_equal(pi0_client_status_name(PI0_EAUTH), "PI0_EAUTH");
    return PI0_OK;
}

static int try_defaults(void *user, pi0_error *err)
{
    pi0_client_options opt;
    (void)user, (void)err;
    pi0_client_default_options(&opt);
    return PI0_OK;
}

static int try_metadata(void *user, pi0_error *err)
{
    (void)user, (void)err;
    alloc_watch_hold(1);
    pi0_client *c = connected(NULL);
    alloc_watch_hold(0);
    assert_non_null(pi0_client_metadata(c));
    alloc_watch_hold(1);
    pi0_client_close(c);
    alloc_watch_hold(0);
    return PI0_OK;
}

// of a client that has asked: it says goodbye
static int try_close(void *user, pi0_error *err)
{
    (void)user, (void)err;
    alloc_watch_hold(1);
    pi0_client *c = connected(NULL);
    works(c);
    alloc_watch_hold(0);
    pi0_client_close(c);
    return PI0_OK;
}

/* ---- the table ---- */

static const struct row {
    const char *name;
    alloc_watch_try try;
    bool allocates;
} rows[] = {
    { "pi0_client_connect", try_connect, true },
    { "pi0_client_infer", try_infer, true },
    { "pi0_client_infer_packed", try_packed, true },
    { "pi0_client_status_name", try_status_name, false },
    { "pi0_client_default_options", try_defaults, false },
    { "pi0_client_metadata", try_metadata, false },
    { "pi0_client_close", try_close, false },
};

static void every_function_has_a_row(void **state)
{
    const char *names[COUNT(rows)];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) names[i] = rows[i].name;
    api_list_check("pi0_client.h", names, (int)COUNT(rows));
}

static void each_one_failing(void **state)
{
    (void)state;
    server.connection = answer;
    assert_true(ws_server_start(&server, 0));
    ws_server_url(&server, url);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const int n = alloc_watch_fail_each(rows[i].try, NULL);
        if (n) printf("  %s: %d allocations, each failed once\n", rows[i].name, n);
        if (rows[i].allocates != (n > 0)) fail_msg("%s: %d allocations", rows[i].name, n);
    }
    ws_server_stop(&server);
}

static void what_it_stands_on_failing(void **state)
{
    pi0_client *const before = (void *)pixels, *c = before;
    pi0_error err;
    (void)state;
    const long live = alloc_watch_live();
    server.connection = answer;
    assert_true(ws_server_start(&server, 0));
    ws_server_url(&server, url);
    no_context = 1;
    expect_error(pi0_client_connect(&c, url, NULL, &err), PI0_ENOMEM, &err, "libwebsockets");
    no_thread = 1;
    expect_error(pi0_client_connect(&c, url, NULL, &err), PI0_ENOMEM, &err, "no thread");
    assert_true(c == before && alloc_watch_live() == live);
    // an attempt that cannot be made is one of those that are made again
    no_attempt = 1;
    c = connected(NULL);
    assert_int_equal(no_attempt, -1);
    works(c);
    pi0_client_close(c);
    ws_server_stop(&server);
}

int main(void)
{
    alloc_watch_jansson(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_has_a_row),
        cmocka_unit_test(each_one_failing),
        cmocka_unit_test(what_it_stands_on_failing),
    };
    return cmocka_run_group_tests_name("alloc_client", tests, NULL, NULL);
}
