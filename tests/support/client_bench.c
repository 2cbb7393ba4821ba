/* SPDX-License-Identifier: Apache-2.0 */
/* client_bench.c - a client and a server of a test's own. */
#include "support/client_bench.h"
#include <stdlib.h>
#include <time.h>

const double client_bench_values[ROOM] = { 0.1, -2.5, 1e-300, 3, -0.0, 12345.678 };
static const pi0_observation nothing;

void client_bench_pause(int ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

/* ---- what servers say ---- */

bool client_bench_metadata(int fd)
{
    // {"reset_pose": [0, -1.5], "name": "a\"b"}
    static const char text[] = "\x82\xaareset_pose\x92\0\xcb\xbf\xf8\0\0\0\0\0\0\xa4name\xa3"
                               "a\"b";
    return ws_send(fd, WS_BINARY, true, text, sizeof text - 1);
}

// a reply whose first action is `first`
void client_bench_pack(msgpack_sbuffer *to, double first, const char *type, int n_dims)
{
    double d[ROOM];
    float f[ROOM];
    msgpack_packer pack;
    memcpy(d, client_bench_values, sizeof d);
    d[0] = first;
    for (int i = 0; i < ROOM; i++) f[i] = (float)d[i];
    const int64_t two[2] = { ROWS, COLS }, one = ROOM;
    const numpy_array a =
        pi0_numpy_array(type, n_dims, n_dims == 2 ? two : &one, type[2] == '8' ? (void *)d : f);
    msgpack_sbuffer_init(to);
    msgpack_packer_init(&pack, to, msgpack_sbuffer_write);
    msgpack_pack_map(&pack, 3);
    pi0_pack_text(&pack, "actions");
    pi0_numpy_pack(&pack, &a);
    pi0_pack_text(&pack, "policy_timing");
    msgpack_pack_map(&pack, 1);
    pi0_pack_number(&pack, "infer_ms", 1.5);
    pi0_pack_text(&pack, "server_timing");
    msgpack_pack_map(&pack, 2);
    pi0_pack_number(&pack, "infer_ms", 2.5);
    pi0_pack_number(&pack, "queue_ms", 0.25);
}

bool client_bench_reply(int fd, double first)
{
    msgpack_sbuffer to;
    client_bench_pack(&to, first, "<f8", 2);
    const bool sent = ws_send(fd, WS_BINARY, true, to.data, to.size);
    msgpack_sbuffer_destroy(&to);
    return sent;
}

// a request comes; what came is thrown away
bool client_bench_request(int fd)
{
    char *data;
    size_t size;
    int opcode;
    while ((opcode = ws_read(fd, &data, &size)) == WS_PONG) free(data);
    free(data);
    return opcode == WS_BINARY;
}

// until the peer is gone
void client_bench_drain(int fd)
{
    char *data;
    size_t size;
    while (ws_read(fd, &data, &size) != WS_GONE) free(data);
}

void client_bench_answer(ws_server *s, int fd, int k)
{
    (void)s;
    if (!ws_accept(fd, NULL) || !client_bench_metadata(fd)) return;
    for (int n = 0; client_bench_request(fd); n++) client_bench_reply(fd, 100.0 * k + n);
}

/* ---- a client and its server ---- */

void client_bench_begin(client_bench *b, void (*connection)(ws_server *, int, int), void *user)
{
    char url[64];
    *b = (client_bench){ .server = { .connection = connection, .user = user } };
    assert_true(ws_server_start(&b->server, 0));
    expect_ok(pi0_client_connect(&b->client, ws_server_url(&b->server, url), NULL, &b->err),
              &b->err);
}

int client_bench_ask(client_bench *b, int timeout_ms)
{
    const pi0_client_request ask = { .timeout_ms = timeout_ms };
    return pi0_client_infer(b->client, &nothing, &ask, b->actions, ROOM, &b->reply, &b->err);
}

void client_bench_end(client_bench *b)
{
    pi0_client_close(b->client);
    ws_server_stop(&b->server);
}
