/* SPDX-License-Identifier: Apache-2.0 */
/* websocket.c - see websocket.h. */
#include "support/websocket.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SECONDS 60 // sanitizers and busy machines are slow

int ws_dial(int port)
{
    const int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct timeval limit = { .tv_sec = SECONDS };
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (!connect(fd, (struct sockaddr *)&a, sizeof a)) return fd;
    close(fd);
    return -1;
}

bool ws_put(int fd, const void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        const ssize_t n = send(fd, (const char *)data + at, size - at, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

char *ws_drain(int fd, size_t *size)
{
    size_t at = 0, room = 4096;
    char *text = malloc(room + 1);
    for (ssize_t n; text && (n = recv(fd, text + at, room - at, 0)) > 0;) {
        at += (size_t)n;
        if (at == room) text = realloc(text, (room *= 2) + 1);
    }
    if (text) text[at] = 0;
    if (size) *size = at;
    return text;
}

char *ws_http(int port, const char *method, const char *path, const char *headers)
{
    char request[4096];
    const int fd = ws_dial(port);
    if (fd < 0) return NULL;
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", method,
             path, port, headers);
    char *answer = ws_put(fd, request, strlen(request)) ? ws_drain(fd, NULL) : NULL;
    close(fd);
    return answer;
}

// one byte at a time: what follows the head is left for others
static bool read_head(int fd, char head[4096])
{
    size_t at = 0;
    while (at < 4095 && recv(fd, head + at, 1, 0) == 1) {
        head[++at] = 0;
        if (at >= 4 && !memcmp(head + at - 4, "\r\n\r\n", 4)) return true;
    }
    return false;
}

int ws_upgrade(int fd, const char *path, const char *headers)
{
    char text[4096];
    struct sockaddr_in a;
    socklen_t length = sizeof a;
    int status = 0;
    if (getpeername(fd, (struct sockaddr *)&a, &length)) return -1;
    snprintf(text, sizeof text,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
             path, ntohs(a.sin_port), headers);
    if (!ws_put(fd, text, strlen(text)) || !read_head(fd, text)) return -1;
    return sscanf(text, "HTTP/1.1 %d", &status) == 1 ? status : -1;
}

int ws_open(int port, const char *path, const char *headers)
{
    const int fd = ws_dial(port);
    if (fd >= 0 && ws_upgrade(fd, path, headers) == 101) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

bool ws_frame(int fd, bool final, int opcode, const void *data, size_t size)
{
    static const unsigned char mask[4] = { 0x12, 0xa5, 0x5a, 0xf0 };
    unsigned char *frame = malloc(size + 14);
    size_t at = 0;
    if (!frame) return false;
    frame[at++] = (unsigned char)((final ? 0x80 : 0) | opcode);
    const int bytes = size < 126 ? 0 : size < 65536 ? 2 : 8; // of the length
    frame[at++] = (unsigned char)(0x80 | (bytes == 0 ? (int)size : bytes == 2 ? 126 : 127));
    for (int i = bytes; i-- > 0;) frame[at++] = (unsigned char)((uint64_t)size >> 8 * i);
    memcpy(frame + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++)
        frame[at++] = (unsigned char)(((const unsigned char *)data)[i] ^ mask[i & 3]);
    const bool ok = ws_put(fd, frame, at);
    free(frame);
    return ok;
}

static bool get(int fd, void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        const ssize_t n = recv(fd, (char *)data + at, size - at, 0);
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

int ws_next(int fd, char **data, size_t *size)
{
    unsigned char head[2], more[8];
    *data = NULL;
    *size = 0;
    if (!get(fd, head, 2)) return -1;
    const int bytes = (head[1] & 127) == 126 ? 2 : (head[1] & 127) == 127 ? 8 : 0;
    uint64_t n = head[1] & 127;
    if (bytes) {
        if (!get(fd, more, (size_t)bytes)) return -1;
        n = 0;
        for (int i = 0; i < bytes; i++) n = n << 8 | more[i];
    }
    char *text = n < (uint64_t)1 << 31 ? malloc((size_t)n + 1) : NULL;
    if (!text || !get(fd, text, (size_t)n)) {
        free(text);
        return -1;
    }
    text[n] = 0;
    *data = text;
    *size = (size_t)n;
    return head[0] & 15;
}

int ws_code(const char *data, size_t size)
{
    return size < 2 ? 1005 : (unsigned char)data[0] << 8 | (unsigned char)data[1];
}

bool ws_expect(int fd, int opcode, const void *data, size_t size)
{
    char *got;
    size_t n;
    const bool same = ws_next(fd, &got, &n) == opcode && n == size && !memcmp(got, data, size);
    free(got);
    return same;
}

bool ws_expect_close(int fd, int code)
{
    char *got;
    size_t n;
    const bool same = ws_next(fd, &got, &n) == WS_CLOSE && ws_code(got, n) == code;
    // (a server that is not answered waits for seconds)
    ws_frame(fd, true, WS_CLOSE, got, same ? 2 : 0);
    free(got);
    free(ws_drain(fd, NULL));
    close(fd);
    return same;
}
