/* SPDX-License-Identifier: Apache-2.0 */
/* ws_server.h - a WebSocket server of a few lines for tests of clients: it does what the test's own
 * function says, one connection after the other, with faults where the test wants them. */
#ifndef TEST_WS_SERVER_H
#define TEST_WS_SERVER_H
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10, WS_GONE = -1 };

typedef struct ws_server {
    // one connection from its first byte; k counts from 0
    void (*connection)(struct ws_server *s, int fd, int k);
    void *user;
    int port;
    // its own
    int listen_fd;
    pthread_t thread;
    bool stop;
} ws_server;

// false: the port could not be had. port 0: any
bool ws_server_start(ws_server *s, int port);
void ws_server_stop(ws_server *s);
// "ws://127.0.0.1:PORT"; text has room for it
const char *ws_server_url(const ws_server *s, char text[64]);

// read the request's headers and upgrade; false: that did not work. authorization may be NULL
bool ws_accept(int fd, char authorization[256]);
bool ws_send_raw(int fd, const void *data, size_t size);
bool ws_send(int fd, int opcode, bool final, const void *data, size_t size);
// a close frame with this code
bool ws_send_close(int fd, int code, const char *reason);
// the next frame, unmasked, into *data from malloc (a 0 behind); its opcode, or WS_GONE
int ws_read(int fd, char **data, size_t *size);
#endif
