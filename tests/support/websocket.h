/* SPDX-License-Identifier: Apache-2.0 */
/* websocket.h - a WebSocket client of few words for tests, on a blocking socket to 127.0.0.1: it
 * can do what no proper client does. Every wait ends after a minute. */
#ifndef TEST_WEBSOCKET_H
#define TEST_WEBSOCKET_H
#include <stdbool.h>
#include <stddef.h>

enum { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

// a TCP connection, -1: refused
int ws_dial(int port);
// all bytes; false: the connection is gone
bool ws_put(int fd, const void *data, size_t size);
// what comes until the peer closes, from malloc with a 0 behind
char *ws_drain(int fd, size_t *size);

// a request without a body and its whole answer, from malloc; headers: lines that end with \r\n
char *ws_http(int port, const char *method, const char *path, const char *headers);

// the upgrade; the status of the answer, 101 when it is a WebSocket now
int ws_upgrade(int fd, const char *path, const char *headers);
// dial and upgrade; -1 where it is not a WebSocket
int ws_open(int port, const char *path, const char *headers);

// one masked frame
bool ws_frame(int fd, bool final, int opcode, const void *data, size_t size);
/* The next frame that the server sends: its opcode, -1 where the connection has ended. data: from
 * malloc, with a 0 behind; a close frame's code is read by ws_code(). */
int ws_next(int fd, char **data, size_t *size);
int ws_code(const char *data, size_t size);
// the next frame is this text, or bytes
bool ws_expect(int fd, int opcode, const void *data, size_t size);
// the next frame is a close with this code; it is answered and the rest of the connection read
bool ws_expect_close(int fd, int code);
#endif
