/* SPDX-License-Identifier: Apache-2.0 */
/* client_bench.h - a client and a server of a test's own, and what such servers say. */
#ifndef TEST_CLIENT_BENCH_H
#define TEST_CLIENT_BENCH_H
#include "pi0_client.h"
#include "support/expect.h"
#include "support/ws_server.h"
#include "wire/numpy.h"

#define ROWS 3
#define COLS 2
#define ROOM (ROWS * COLS)

// the actions of each reply, but the first
extern const double client_bench_values[ROOM];

/* ---- servers ---- */

// {"reset_pose": [0, -1.5], "name": "a\"b"}
bool client_bench_metadata(int fd);
// a reply whose first action is `first`, "<f8" or "<f4", of one dimension or two
void client_bench_pack(msgpack_sbuffer *to, double first, const char *type, int n_dims);
bool client_bench_reply(int fd, double first);
// a request comes; what came is thrown away
bool client_bench_request(int fd);
// until the peer is gone
void client_bench_drain(int fd);
// reply n of connection k: 100 k + n
void client_bench_answer(ws_server *s, int fd, int k);

/* ---- a client and its server ---- */

typedef struct client_bench {
    ws_server server;
    pi0_client *client;
    pi0_client_reply reply;
    double actions[ROOM];
    pi0_error err;
} client_bench;

void client_bench_begin(client_bench *b, void (*connection)(ws_server *, int, int), void *user);
// an observation of nothing
int client_bench_ask(client_bench *b, int timeout_ms);
void client_bench_end(client_bench *b);

void client_bench_pause(int ms);
#endif
