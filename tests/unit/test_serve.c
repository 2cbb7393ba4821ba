/* SPDX-License-Identifier: Apache-2.0 */
/* test_serve.c - pi0 serve as a whole, in a process of its own: replies, several clients, errors,
 * clients that go, keys, records, signals. A robot's golden case is what it serves. */
#include "fail.h"
#include "serve/serve.h"
#include "support/expect.h"
#include "support/tmpdir.h"
#include "support/websocket.h"
#include "wire/numpy.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE PI0_TEST_DATA "/openpi/pi05_libero"
#define LONG 256 // steps of a request that takes long: a quarter of a second with the reference

/* ---- a server in a process ---- */

typedef struct process {
    pid_t id;
    int log; // its stderr
    int port;
    char text[16384];
    size_t n;
} process;

static serve_args usual(void)
{
    return (serve_args){ .run = { .model = CASE,
                                  .config = "pi05_libero",
                                  .tokenizer = PI0_TEST_DATA "/openpi/tokenizer.model",
                                  .backend = "auto",
                                  .precision = "auto",
                                  .threads = 1 },
                         .host = "127.0.0.1",
                         .policy = "fifo",
                         .queue_depth = 4,
                         .max_message_mb = 4,
                         .max_clients = 64 };
}

// one whose long requests are under way long enough for others to come, on a fast machine and on a
// busy one
static serve_args slow(void)
{
    serve_args a = usual();
    a.run.backend = "reference";
    return a;
}

// read its log until this text is there; false: it ended before
static bool wait_text(process *p, const char *text)
{
    while (!strstr(p->text, text)) {
        if (p->n + 1 >= sizeof p->text) p->n = 0;
        const ssize_t n = read(p->log, p->text + p->n, sizeof p->text - 1 - p->n);
        if (n <= 0) return false;
        p->n += (size_t)n;
        p->text[p->n] = 0;
    }
    return true;
}

static void start(process *p, const serve_args *a, bool little_disk)
{
    int ends[2];
    *p = (process){ .port = 0 };
    assert_int_equal(pipe(ends), 0);
    p->id = fork();
    assert_true(p->id >= 0);
    if (!p->id) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that fails leaves nothing behind
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (little_disk) {
            // writing more fails, as on a full disk
            const struct rlimit none = { 1000, 1000 };
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &none);
        }
        exit(pi0_serve_run(a));
    }
    close(ends[1]);
    p->log = ends[0];
    if (!wait_text(p, "serving ws://127.0.0.1:")) fail_msg("it did not start: %s", p->text);
    while (!strstr(strstr(p->text, "serving ws://"), "/metrics")) wait_text(p, "/metrics");
    p->port = atoi(strstr(p->text, "ws://127.0.0.1:") + strlen("ws://127.0.0.1:"));
}

// the exit status; what it says to the end is in p->text
static int finish(process *p, int sign)
{
    int status;
    kill(p->id, sign);
    wait_text(p, "\1"); // never
    assert_int_equal(waitpid(p->id, &status, 0), p->id);
    close(p->log);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- requests ---- */

static char *observation; // as openpi-client packs it
static size_t observation_size;

static int read_observation(void **state)
{
    (void)state;
    pi0_error err;
    return pi0_file_read(&observation, &observation_size, CASE "/observation.msgpack", 1 << 24,
                         &err);
}

static int free_observation(void **state)
{
    (void)state;
    free(observation);
    return 0;
}

// the observation with one key more, a number; from malloc
static char *with(const char *key, unsigned value, size_t *size)
{
    msgpack_sbuffer more;
    msgpack_packer p;
    assert_int_equal(observation[0] & 0xf0, 0x80); // a map of a few keys
    msgpack_sbuffer_init(&more);
    msgpack_packer_init(&p, &more, msgpack_sbuffer_write);
    pi0_pack_text(&p, key);
    msgpack_pack_uint32(&p, value);
    char *request = malloc(observation_size + more.size);
    memcpy(request, observation, observation_size);
    memcpy(request + observation_size, more.data, more.size);
    request[0]++;
    *size = observation_size + more.size;
    msgpack_sbuffer_destroy(&more);
    return request;
}

static void ask(int fd, const char *key, unsigned value)
{
    size_t size = observation_size;
    char *request = key ? with(key, value, &size) : NULL;
    assert_true(ws_frame(fd, true, WS_BINARY, request ? request : observation, size));
    free(request);
}

static int join(const process *p)
{
    const int fd = ws_open(p->port, "/", "");
    assert_true(fd >= 0);
    assert_true(ws_expect(fd, WS_BINARY, "\x80", 1)); // LIBERO's metadata: {}
    return fd;
}

typedef struct reply {
    msgpack_unpacked unpacked;
    char *data;
    numpy_array actions;
    double server_ms, policy_ms, previous_ms; // -1: not there
} reply;

static double number_at(const msgpack_object *map, const char *name)
{
    double x = -1;
    const msgpack_object *o = map ? pi0_msgpack_get(map, name) : NULL;
    return o && pi0_msgpack_number(o, &x) ? x : -1;
}

// the next message; a machine that is busy gets pings in between
static int next_message(int fd, char **data, size_t *size)
{
    for (;;) {
        const int opcode = ws_next(fd, data, size);
        if (opcode != WS_PING) return opcode;
        assert_true(ws_frame(fd, true, WS_PONG, *data, *size));
        free(*data);
    }
}

static void get_reply(int fd, reply *r)
{
    size_t size, at = 0;
    pi0_error err;
    const place here = { "reply", "actions", &err };
    const int opcode = next_message(fd, &r->data, &size);
    if (opcode != WS_BINARY) fail_msg("opcode %d: %s", opcode, r->data ? r->data : "");
    msgpack_unpacked_init(&r->unpacked);
    assert_int_equal(msgpack_unpack_next(&r->unpacked, r->data, size, &at), MSGPACK_UNPACK_SUCCESS);
    const msgpack_object *root = &r->unpacked.data;
    assert_int_equal(root->via.map.size, 3);
    expect_ok(pi0_numpy_parse(&r->actions, pi0_msgpack_get(root, "actions"), &here), &err);
    assert_string_equal(r->actions.type, "<f8");
    r->policy_ms = number_at(pi0_msgpack_get(root, "policy_timing"), "infer_ms");
    r->server_ms = number_at(pi0_msgpack_get(root, "server_timing"), "infer_ms");
    r->previous_ms = number_at(pi0_msgpack_get(root, "server_timing"), "prev_total_ms");
}

static void free_reply(reply *r)
{
    msgpack_unpacked_destroy(&r->unpacked);
    free(r->data);
}

static void expect_reply(int fd)
{
    reply r;
    get_reply(fd, &r);
    free_reply(&r);
}

static void expect_text(int fd, const char *text)
{
    char *data;
    size_t size;
    const int opcode = next_message(fd, &data, &size);
    if (opcode != WS_TEXT || !strstr(data, text)) fail_msg("%d: %s", opcode, data ? data : "");
    free(data);
}

static char *metrics(const process *p)
{
    char *text = ws_http(p->port, "GET", "/metrics", "");
    assert_non_null(text);
    return text;
}

// a metric reaches this value within a minute
static void wait_metric(const process *p, const char *name, int value)
{
    char line[128];
    snprintf(line, sizeof line, "%s %d\n", name, value);
    for (int i = 0;; i++) {
        char *text = metrics(p);
        const bool there = strstr(text, line);
        if (!there && i == 3000) fail_msg("no '%s' in %s", line, text);
        free(text);
        if (there) return;
        usleep(20000);
    }
}

// so many messages have come, and none of them waits
static void wait_running(const process *p, int received)
{
    wait_metric(p, "pi0_received_messages_total", received);
    wait_metric(p, "pi0_queue_depth", 0);
}

/* ---- tests ---- */

// the same model, without a server
typedef struct local {
    runner r;
    notices w;
    serve_input in;
    pi0_policy_info policy;
    double *actions;
    float *noise;
    size_t n, n_noise;
} local;

static void local_open(local *l, const serve_args *a)
{
    pi0_error err;
    l->w = (notices){ NULL, 0 };
    expect_ok(pi0_runner_load(&l->r, &a->run, NULL, &l->w, &err), &err);
    expect_ok(pi0_runner_session(&l->r, 0, &err), &err);
    expect_ok(pi0_model_policy(l->r.model, &l->policy, &err), &err);
    l->n = (size_t)l->r.made.horizon * (size_t)l->policy.n_actions;
    l->n_noise = (size_t)l->r.made.horizon * (size_t)l->r.made.action_dim;
    l->actions = malloc(l->n * sizeof *l->actions);
    l->noise = malloc(l->n_noise * sizeof *l->noise);
    expect_ok(pi0_serve_decode(&l->in, observation, observation_size, &l->policy, l->r.made.horizon,
                               l->r.made.action_dim, &err),
              &err);
}

static void local_close(local *l)
{
    pi0_serve_input_free(&l->in);
    free(l->actions);
    free(l->noise);
    pi0_runner_free(&l->r);
    pi0_notices_free(&l->w);
}

// the next reply is, to the bit, what pi0_act() makes of this noise; in the protocol's form
static void expect_chunk(int fd, local *l, uint64_t seed, uint64_t stream, bool first)
{
    reply got;
    pi0_error err;
    get_reply(fd, &got);
    pi0_noise(seed, stream, l->noise, l->n_noise);
    expect_ok(pi0_act(l->r.session, &l->in.o.in, l->noise, l->actions, l->n, &err), &err);
    assert_int_equal(got.actions.dims[0], l->r.made.horizon);
    assert_int_equal(got.actions.dims[1], l->policy.n_actions);
    assert_memory_equal(got.actions.data, l->actions, l->n * sizeof *l->actions);
    assert_true(got.policy_ms > 0 && got.server_ms >= got.policy_ms);
    assert_int_equal(got.previous_ms >= 0, !first);
    free_reply(&got);
}

// two clients that ask at the same time each get their own chunks
static void test_replies(void **state)
{
    (void)state;
    process p;
    local l;
    serve_args a = usual();
    start(&p, &a, false);
    local_open(&l, &a);
    const int fd = join(&p), other = join(&p);
    for (unsigned k = 0; k < 3; k++) {
        ask(fd, k == 2 ? "seed" : NULL, 9);
        ask(other, "seed", 100 + k);
        expect_chunk(other, &l, 100 + k, 0, k == 0);
        expect_chunk(fd, &l, k == 2 ? 9 : 0, k == 2 ? 0 : k, k == 0);
    }
    close(fd);
    close(other);
    assert_int_equal(finish(&p, SIGTERM), 0);
    assert_non_null(strstr(p.text, "stopped"));
    local_close(&l);
}

static void test_busy(void **state)
{
    (void)state;
    process p;
    const serve_args a = slow();
    start(&p, &a, false);
    const int one = join(&p), two = join(&p);

    // a ping is answered while the policy computes
    ask(one, "num_steps", LONG);
    wait_running(&p, 1);
    assert_true(ws_frame(one, true, WS_PING, "hey", 3));
    assert_true(ws_expect(one, WS_PONG, "hey", 3));
    char *ready = ws_http(p.port, "GET", "/readyz", "");
    assert_non_null(strstr(ready, "200 OK"));
    free(ready);
    expect_reply(one);

    // a request in fragments
    assert_true(ws_frame(two, false, WS_BINARY, observation, 1000));
    assert_true(ws_frame(two, true, WS_CONTINUATION, observation + 1000, observation_size - 1000));
    expect_reply(two);

    // in turn: one's second request comes after two's first
    ask(one, "num_steps", LONG);
    ask(one, "num_steps", LONG);
    ask(one, "num_steps", LONG);
    wait_metric(&p, "pi0_queue_depth", 2);
    ask(two, NULL, 0);
    expect_reply(two);
    char *text = metrics(&p);
    assert_null(strstr(text, "pi0_queue_depth 0\n"));
    free(text);
    for (int i = 0; i < 3; i++) expect_reply(one);
    close(one);
    close(two);
    assert_int_equal(finish(&p, SIGINT), 0);
}

// what is computed for a client that has gone is given up; what it left waiting is not begun
static void test_gone(void **state)
{
    (void)state;
    process p;
    const serve_args a = slow();
    start(&p, &a, false);
    const int gone = join(&p), stays = join(&p);
    for (int i = 0; i < 3; i++) ask(gone, "num_steps", LONG);
    wait_metric(&p, "pi0_queue_depth", 2);
    close(gone);
    wait_metric(&p, "pi0_requests_total{result=\"dropped\"}", 3);
    ask(stays, NULL, 0);
    expect_reply(stays);
    wait_metric(&p, "pi0_requests_total{result=\"ok\"}", 1);
    close(stays);
    assert_int_equal(finish(&p, SIGTERM), 0);
}

// whether the next message says that a request was skipped; else it is a reply
static bool next_is_skipped(int fd)
{
    char *data;
    size_t size;
    const int opcode = next_message(fd, &data, &size);
    const bool skipped = opcode == WS_TEXT;
    if (skipped) assert_non_null(strstr(data, "request skipped: a newer one"));
    if (!skipped) assert_int_equal(opcode, WS_BINARY);
    free(data);
    return skipped;
}

// of three requests that come while one is computed, the newest alone is computed. On a machine
// that is busy with something else the first may be over before they have come: then once more
static void test_latest(void **state)
{
    (void)state;
    process p;
    serve_args a = slow();
    a.policy = "latest";
    start(&p, &a, false);
    const int fd = join(&p);
    bool all_came = false;
    for (int round = 0; round < 10 && !all_came; round++) {
        bool skipped[4];
        ask(fd, "num_steps", LONG);
        wait_running(&p, 4 * round + 1);
        for (int i = 0; i < 3; i++) ask(fd, NULL, 0);
        for (int i = 0; i < 4; i++) skipped[i] = next_is_skipped(fd);
        // the first was under way, the last is the newest: whatever the machine does, they are done
        assert_false(skipped[0]);
        assert_false(skipped[3]);
        all_came = skipped[1] && skipped[2];
    }
    assert_true(all_came);
    close(fd);
    assert_int_equal(finish(&p, SIGTERM), 0);
}

static void test_errors(void **state)
{
    (void)state;
    process p;
    serve_args a = slow();
    a.queue_depth = 1;
    start(&p, &a, false);
    const int good = join(&p);
    static const struct {
        int opcode;
        const char *data;
        size_t size;
        const char *text;
    } wrong[] = { { WS_TEXT, "hello", 5, "a text, expected a binary message" },
                  { WS_BINARY, "", 0, "empty" },
                  { WS_BINARY, "\xc1", 1, "damaged msgpack" },
                  { WS_BINARY, "\x80", 1, "observation/image" },
                  { WS_BINARY, "\x93\x01\x02\x03", 4, "expected a map" } };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        const int fd = join(&p);
        assert_true(ws_frame(fd, true, wrong[i].opcode, wrong[i].data, wrong[i].size));
        expect_text(fd, wrong[i].text);
        assert_true(ws_expect_close(fd, 1011));
    }
    // larger than allowed
    const int fd = join(&p);
    static char large[5 << 20];
    ws_frame(fd, true, WS_BINARY, large, sizeof large);
    assert_true(ws_expect_close(fd, 1009));

    // too many wait: an error, and the connection goes on; other connections notice nothing
    ask(good, "num_steps", LONG);
    wait_running(&p, COUNT(wrong) + 1);
    ask(good, NULL, 0);
    ask(good, NULL, 0);
    expect_reply(good);
    expect_reply(good);
    expect_text(good, "request refused: too many wait");
    ask(good, NULL, 0);
    expect_reply(good);
    wait_metric(&p, "pi0_requests_total{result=\"error\"}", COUNT(wrong));
    wait_metric(&p, "pi0_requests_total{result=\"refused\"}", 1);
    close(good);
    assert_int_equal(finish(&p, SIGTERM), 0);
}

static void test_key(void **state)
{
    (void)state;
    process p;
    char path[TMPDIR_PATH];
    tmpdir dir = tmpdir_make();
    tmpdir_write_text(&dir, "key", "s3cret\n");
    serve_args a = usual();
    a.api_key_file = tmpdir_path(path, &dir, "key");
    a.log_json = true;
    a.host = "127.0.0.1";
    start(&p, &a, false);
    static const struct {
        const char *path, *header, *status;
    } pages[] = { { "/healthz", "", "200" },
                  { "/readyz", "", "200" },
                  { "/metrics", "", "401" },
                  { "/metrics", "Authorization: Api-Key wrong\r\n", "401" },
                  { "/metrics", "Authorization: Api-Key s3cret\r\n", "200" } };
    for (size_t i = 0; i < COUNT(pages); i++) {
        char *text = ws_http(p.port, "GET", pages[i].path, pages[i].header);
        assert_int_equal(strncmp(text + 9, pages[i].status, 3), 0);
        free(text);
    }
    int fd = ws_dial(p.port);
    assert_int_equal(ws_upgrade(fd, "/", ""), 401);
    close(fd);
    fd = ws_open(p.port, "/", "Authorization: Api-Key s3cret\r\n");
    assert_true(ws_expect(fd, WS_BINARY, "\x80", 1));
    ask(fd, NULL, 0);
    expect_reply(fd);
    close(fd);
    assert_int_equal(finish(&p, SIGTERM), 0);
    assert_non_null(strstr(p.text, "\"event\":\"request\""));
    assert_non_null(strstr(p.text, "\"overhead_ms\":"));
    assert_null(strstr(p.text, "s3cret"));
    tmpdir_remove(&dir);
}

static void test_record(void **state)
{
    (void)state;
    for (int full = 0; full <= 1; full++) {
        process p;
        char path[TMPDIR_PATH], file[TMPDIR_PATH];
        tmpdir dir = tmpdir_make();
        serve_args a = usual();
        a.record = dir.path;
        start(&p, &a, full);
        const int fd = join(&p);
        for (int i = 0; i < 3; i++) {
            ask(fd, NULL, 0);
            expect_reply(fd);
        }
        // written behind the reply: the end waits for it
        close(fd);
        assert_int_equal(finish(&p, SIGTERM), 0);
        char *kept = NULL;
        size_t size = 0;
        pi0_error err;
        tmpdir_path(path, &dir, "request_000003.msgpack");
        if (full) {
            // told once, half files are not left
            assert_true(access(path, F_OK));
            assert_non_null(strstr(p.text, "not recorded"));
            assert_null(strstr(strstr(p.text, "not recorded") + 1, "not recorded"));
        } else {
            expect_ok(pi0_file_read(&kept, &size, path, 1 << 24, &err), &err);
            assert_int_equal(size, observation_size);
            assert_memory_equal(kept, observation, size);
            free(kept);
            assert_false(access(tmpdir_path(file, &dir, "request_000003.npy"), F_OK));
        }
        tmpdir_remove(&dir);
    }
}

static void test_stop(void **state)
{
    (void)state;
    process p;
    const serve_args a = slow();
    // what waits is computed, then everybody is sent away
    start(&p, &a, false);
    int one = join(&p), two = join(&p);
    ask(one, "num_steps", LONG);
    ask(one, NULL, 0);
    ask(two, NULL, 0);
    wait_metric(&p, "pi0_received_messages_total", 3);
    kill(p.id, SIGTERM);
    expect_reply(one);
    expect_reply(two);
    expect_reply(one);
    assert_true(ws_expect_close(one, 1001));
    assert_true(ws_expect_close(two, 1001));
    assert_int_equal(finish(&p, 0), 0);

    // the second signal does not wait
    start(&p, &a, false);
    one = join(&p);
    for (int i = 0; i < 4; i++) ask(one, "num_steps", LONG);
    wait_metric(&p, "pi0_received_messages_total", 4);
    const double begin = pi0_seconds();
    kill(p.id, SIGTERM);
    assert_true(wait_text(&p, "stopping"));
    assert_int_equal(finish(&p, SIGTERM), 0);
    assert_true(pi0_seconds() - begin < 60);
    free(ws_drain(one, NULL));
    close(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies), cmocka_unit_test(test_busy),   cmocka_unit_test(test_gone),
        cmocka_unit_test(test_latest),  cmocka_unit_test(test_errors), cmocka_unit_test(test_key),
        cmocka_unit_test(test_record),  cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, read_observation, free_observation);
}
