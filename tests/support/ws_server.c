/* SPDX-License-Identifier: Apache-2.0 */
/* ws_server.c - RFC 6455 from the server's side, as little as tests need. */
#include "support/ws_server.h"
#include <arpa/inet.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HEADERS 8192

static void *run(void *user)
{
    ws_server *s = user;
    const int yes = 1;
    for (int k = 0;; k++) {
        const int fd = accept(s->listen_fd, NULL, NULL);
        if (fd < 0) return NULL;
        // (an answer in several pieces would else wait for the client's acknowledgement)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        s->connection(s, fd, k);
        close(fd);
    }
}

bool ws_server_start(ws_server *s, int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    const int yes = 1;
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listen_fd < 0) return false;
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(s->listen_fd, (struct sockaddr *)&at, sizeof at) || listen(s->listen_fd, 16) ||
        getsockname(s->listen_fd, (struct sockaddr *)&at, &size) ||
        pthread_create(&s->thread, NULL, run, s)) {
        close(s->listen_fd);
        return false;
    }
    s->port = ntohs(at.sin_port);
    return true;
}

void ws_server_stop(ws_server *s)
{
    // accept() returns
    shutdown(s->listen_fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listen_fd);
}

const char *ws_server_url(const ws_server *s, char text[64])
{
    snprintf(text, 64, "ws://127.0.0.1:%d", s->port);
    return text;
}

bool ws_send_raw(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size) {
        const ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static bool read_all(int fd, void *data, size_t size)
{
    char *at = data;
    while (size) {
        const ssize_t n = recv(fd, at, size, 0);
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

// the value of a header into text, "" where there is none
static void header(const char *headers, const char *name, char *text, size_t room)
{
    const size_t n = strlen(name);
    *text = 0;
    for (const char *line = headers; (line = strstr(line, "\r\n")) && line[2]; line += 2) {
        if (strncasecmp(line + 2, name, n) || line[2 + n] != ':') continue;
        const char *value = line + 3 + n;
        while (*value == ' ') value++;
        snprintf(text, room, "%.*s", (int)strcspn(value, "\r"), value);
        return;
    }
}

bool ws_accept(int fd, char authorization[256])
{
    char headers[MAX_HEADERS] = "", key[128], reply[256];
    unsigned char digest[20];
    size_t n = 0;
    while (!strstr(headers, "\r\n\r\n")) {
        if (n + 1 == sizeof headers || recv(fd, headers + n, 1, 0) != 1) return false;
        headers[++n] = 0;
    }
    if (authorization) header(headers, "authorization", authorization, 256);
    header(headers, "sec-websocket-key", key, 64);
    if (!*key) return false;
    strcat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    lws_SHA1((unsigned char *)key, strlen(key), digest);
    char accepted[64];
    lws_b64_encode_string((char *)digest, sizeof digest, accepted, sizeof accepted);
    snprintf(reply, sizeof reply,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n",
             accepted);
    return ws_send_raw(fd, reply, strlen(reply));
}

bool ws_send(int fd, int opcode, bool final, const void *data, size_t size)
{
    unsigned char head[10] = { (unsigned char)(opcode | (final ? 0x80 : 0)) };
    size_t n = 2;
    const int length = size < 126 ? 0 : size < 65536 ? 2 : 8;
    head[1] = (unsigned char)(length == 0 ? size : length == 2 ? 126 : 127);
    for (int i = length; i-- > 0;) head[n++] = (unsigned char)(size >> 8 * i);
    return ws_send_raw(fd, head, n) && ws_send_raw(fd, data, size);
}

bool ws_send_close(int fd, int code, const char *reason)
{
    char payload[126];
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    snprintf(payload + 2, sizeof payload - 2, "%s", reason);
    return ws_send(fd, WS_CLOSE, true, payload, 2 + strlen(payload + 2));
}

int ws_read(int fd, char **data, size_t *size)
{
    unsigned char head[2], length[8], mask[4];
    *data = NULL;
    if (!read_all(fd, head, 2) || !(head[1] & 0x80)) return WS_GONE;
    *size = head[1] & 127;
    const size_t more = *size == 126 ? 2 : *size == 127 ? 8 : 0;
    if (!read_all(fd, length, more)) return WS_GONE;
    if (more) *size = 0;
    for (size_t i = 0; i < more; i++) *size = *size << 8 | length[i];
    *data = *size < (size_t)1 << 30 && read_all(fd, mask, 4) ? malloc(*size + 1) : NULL;
    if (!*data || !read_all(fd, *data, *size)) {
        free(*data);
        *data = NULL;
        return WS_GONE;
    }
    for (size_t i = 0; i < *size; i++) (*data)[i] = (char)((*data)[i] ^ mask[i % 4]);
    (*data)[*size] = 0;
    return head[0] & 15;
}
