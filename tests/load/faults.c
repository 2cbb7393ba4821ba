/* SPDX-License-Identifier: Apache-2.0 */
/* faults.c - what the world does to a server: URL PID OBSERVATION [FRAMES [SECONDS]]
 *
 * Clients that are killed in the middle of a frame, half-open connections, slow readers and
 * writers, FRAMES random and mutated frames, oversized messages, 200 connections, garbage for a
 * handshake; while honest clients go on asking. Status 0: the server is alive, honest clients had
 * every reply and each as expected, and who was slow was cut off within SECONDS (0: not waited
 * for). OBSERVATION: a msgpack file that the server understands. */
#include "traffic.h"
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define HONEST 4
#define MANY 200
#define BATCH 64
#define MIB ((size_t)1 << 20)

static int port;
static uint32_t random_state = 12345;

static uint32_t rnd(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % n;
}

/* ---- connections ---- */

static int dial(void)
{
    const struct sockaddr_in at = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct timeval patience = { .tv_sec = 5 };
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!connect(fd, (const struct sockaddr *)&at, sizeof at)) return fd;
    close(fd);
    return -1;
}

static bool put(int fd, const void *data, size_t size)
{
    for (const char *at = data; size;) {
        const ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static const char handshake[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

// what is there within ms goes away; false: the peer has closed
static bool swallow(int fd, int ms)
{
    char text[4096];
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (poll(&p, 1, ms) < 1) return true;
    return recv(fd, text, sizeof text, 0) > 0;
}

// a WebSocket whose metadata has come; -1: no
static int upgrade(void)
{
    char text[2048];
    size_t n = 0;
    const int fd = dial();
    if (fd < 0) return -1;
    if (put(fd, handshake, strlen(handshake)))
        while (n + 1 < sizeof text) {
            const ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
            if (got <= 0) break;
            n += (size_t)got;
            text[n] = 0;
            const char *end = strstr(text, "\r\n\r\n");
            // the frame behind the headers
            if (end && text + n > end + 4) return fd;
        }
    close(fd);
    return -1;
}

// the head of a masked frame; the mask is 0, so that the payload is itself
static bool put_head(int fd, int first, uint64_t size)
{
    unsigned char head[14] = { (unsigned char)first, 0x80 | 127 };
    for (int i = 0; i < 8; i++) head[2 + i] = (unsigned char)(size >> 8 * (7 - i));
    return put(fd, head, sizeof head);
}

static bool put_message(int fd, const void *data, size_t size)
{
    return put_head(fd, 0x82, size) && put(fd, data, size);
}

// without a goodbye
static void cut(int fd)
{
    const struct linger at_once = { .l_onoff = 1 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

/* ---- faults; each returns false where the server did not even take the connection ---- */

static bool killed_in_a_frame(const char *data, size_t size)
{
    for (int i = 0; i < 100; i++) {
        const int fd = upgrade();
        if (fd < 0) return false;
        put_head(fd, 0x82, size);
        put(fd, data, rnd((uint32_t)(size < MIB ? size : MIB)));
        if (i % 2)
            cut(fd);
        else
            close(fd);
    }
    return true;
}

// and clients that are gone before their reply comes
static bool killed_after_the_request(const char *data, size_t size)
{
    for (int i = 0; i < 30; i++) {
        const int fd = upgrade();
        if (fd < 0) return false;
        put_message(fd, data, size);
        cut(fd);
    }
    return true;
}

static bool garbage(void)
{
    char text[sizeof handshake];
    for (int i = 0; i < 300; i++) {
        const int fd = dial();
        if (fd < 0) return false;
        memcpy(text, handshake, sizeof handshake);
        if (i % 3 == 0)
            for (size_t k = 0; k < sizeof text; k++) text[k] = (char)rnd(256);
        else
            for (uint32_t k = 1 + rnd(6); k; k--) text[rnd(sizeof text)] = (char)rnd(256);
        put(fd, text, sizeof text - 1 - (i % 5 ? 0 : rnd(100)));
        swallow(fd, 5);
        close(fd);
    }
    return true;
}

// a request that is nearly one, then bytes changed here and there
static size_t mutate(char *to)
{
    static const char model[] = "\x83\xa6"
                                "images\x81\xa8"
                                "cam_high\x84\xc4\x0b__ndarray__\xc3\xc4\x04"
                                "data\xc4\x03\x01\x02\x03\xc4\x05"
                                "dtype\xa3|u1\xc4\x05shape\x93\x03\x01\x01\xa5state\x92\xcb\0\0\0"
                                "\0\0\0\0\0\xca\0\0\0\0\xa6prompt\xa4wave";
    size_t n = sizeof model - 1;
    memcpy(to, model, n);
    for (uint32_t k = 1 + rnd(8); k; k--) to[rnd((uint32_t)n)] = (char)rnd(256);
    if (!rnd(4)) n = rnd((uint32_t)n);
    return n;
}

// random bytes where a frame should be
static bool random_frames(int count)
{
    char data[256];
    int fd = -1, connections = 0;
    for (int i = 0; i < count; i++) {
        if (fd < 0 && (fd = upgrade()) < 0) return false;
        const size_t n = 2 + rnd(200);
        for (size_t k = 0; k < n; k++) data[k] = (char)rnd(256);
        // half of them begin as a client's frames do
        if (rnd(2)) data[1] = (char)(0x80 | rnd(126));
        const bool open = put(fd, data, n) && swallow(fd, 0);
        if (open && rnd(20)) continue;
        close(fd);
        fd = -1;
        connections++;
    }
    if (fd >= 0) close(fd);
    printf("%d random frames on %d connections\n", count, connections);
    return true;
}

// mutated requests, many clients at once, each of which waits for what the server says
static bool mutated_frames(int count)
{
    char data[512];
    int fd[BATCH], answered = 0;
    for (int i = 0; i < BATCH; i++) fd[i] = -1;
    for (int i = 0; i < count; i += BATCH) {
        for (int k = 0; k < BATCH; k++) {
            if (fd[k] < 0 && (fd[k] = upgrade()) < 0) return false;
            const size_t n = mutate(data);
            if (put_message(fd[k], data, n)) continue;
            close(fd[k]);
            fd[k] = -1;
        }
        for (int k = 0; k < BATCH; k++) {
            char text[4096];
            if (fd[k] < 0) continue;
            // an error and a close frame, or actions
            const ssize_t got = recv(fd[k], text, sizeof text, 0);
            answered += got > 0;
            if (got > 0 && (text[0] & 15) == 2) continue;
            close(fd[k]);
            fd[k] = -1;
        }
    }
    for (int i = 0; i < BATCH; i++)
        if (fd[i] >= 0) close(fd[i]);
    printf("%d mutated requests, %d of them answered\n", count, answered);
    return answered > count / 2;
}

static bool oversized(void)
{
    static const uint64_t sizes[] = { 64 * MIB + 1, (uint64_t)1 << 40, INT64_MAX, UINT64_MAX };
    char *piece = calloc(1, MIB);
    if (!piece) return false;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int fd = upgrade();
        if (fd < 0) return false;
        put_head(fd, 0x82, sizes[i]);
        for (int k = 0; k < 80 && put(fd, piece, MIB); k++) continue;
        swallow(fd, 1000);
        close(fd);
    }
    // in pieces of which none is too large
    const int fd = upgrade();
    if (fd < 0) return false;
    bool open = true;
    for (int k = 0; k < 80 && open; k++) {
        open = put_head(fd, k ? 0x00 : 0x02, MIB) && put(fd, piece, MIB);
    }
    swallow(fd, 1000);
    close(fd);
    free(piece);
    return true;
}

// 200 at once, all of them served with metadata
static bool many(void)
{
    int fd[MANY], n = 0;
    for (; n < MANY; n++)
        if ((fd[n] = upgrade()) < 0) break;
    printf("%d connections at once\n", n);
    for (int i = 0; i < n; i++) close(fd[i]);
    return n == MANY;
}

/* ---- slow ones, which the server has to get rid of ---- */

#define SLOW 4
typedef struct slow {
    const char *what;
    int fd;
} slow;

static void begin_slow(slow s[SLOW], const char *data, size_t size)
{
    s[0] = (slow){ "a connection that says nothing", dial() };
    s[1] = (slow){ "half of a handshake", dial() };
    put(s[1].fd, handshake, 60);
    s[2] = (slow){ "a slow writer", upgrade() };
    put_head(s[2].fd, 0x82, size);
    put(s[2].fd, data, size / 2);
    // more replies than anybody reads: pings are answered, too
    s[3] = (slow){ "a slow reader", upgrade() };
    const int little = 2048;
    setsockopt(s[3].fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    put_message(s[3].fd, data, size);
}

static bool end_slow(slow s[SLOW], double until)
{
    bool good = true;
    for (int i = 0; i < SLOW - 1; i++) {
        bool open = true;
        while (open && traffic_now() < until) open = swallow(s[i].fd, 200);
        printf("%s: %s\n", s[i].what, open ? "STILL THERE" : "cut off");
        good &= !open;
    }
    for (int i = 0; i < SLOW; i++) close(s[i].fd);
    return good;
}

/* ---- all of it ---- */

static char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(16 * MIB);
    if (!f || !data) return NULL;
    *size = fread(data, 1, 16 * MIB, f);
    fclose(f);
    return data;
}

static bool healthy(void)
{
    static const char get[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char text[1024] = "";
    const int fd = dial();
    if (fd < 0 || !put(fd, get, strlen(get))) return false;
    size_t n = 0;
    ssize_t got;
    while (n + 1 < sizeof text && (got = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0)
        n += (size_t)got;
    close(fd);
    return strstr(text, " 200 ") && strstr(text, "OK");
}

static bool tell(const char *what, bool good, traffic *t)
{
    printf("%s%s; honest replies so far: %d\n", what, good ? "" : ": NOT TAKEN", traffic_done(t));
    fflush(stdout);
    return good;
}

static bool attack(traffic *t, const char *data, size_t size, int n_frames, double seconds)
{
    slow s[SLOW];
    const double begin = traffic_now();
    begin_slow(s, data, size);
    bool good = tell("killed in a frame", killed_in_a_frame(data, size), t);
    good &= tell("killed after the request", killed_after_the_request(data, size), t);
    good &= tell("garbage for a handshake", garbage(), t);
    good &= tell("random frames", random_frames(n_frames / 2), t);
    good &= tell("mutated requests", mutated_frames(n_frames / 2), t);
    good &= tell("oversized messages", oversized(), t);
    good &= tell("many connections", many(), t);
    if (seconds > 0)
        good &= end_slow(s, fmax(begin + seconds, traffic_now() + 5));
    else
        for (int i = 0; i < SLOW; i++) close(s[i].fd);
    return good;
}

int main(int argc, char **argv)
{
    if (argc < 4 || sscanf(argv[1], "ws://127.0.0.1:%d", &port) != 1) {
        fprintf(stderr, "usage: %s ws://127.0.0.1:PORT PID OBSERVATION [FRAMES [SECONDS]]\n",
                argv[0]);
        return 2;
    }
    traffic t = { .url = argv[1], .clients = HONEST, .steps = 1, .cameras = 1 };
    size_t size;
    char *data = read_file(argv[3], &size);
    if (!data || !traffic_prepare(&t) || !traffic_start(&t)) return 1;
    const long before = traffic_memory(atoi(argv[2]));
    bool good =
        attack(&t, data, size, argc > 4 ? atoi(argv[4]) : 10000, argc > 5 ? atof(argv[5]) : 60);
    traffic_stop(&t);
    traffic_wait(&t);
    good &= traffic_report(&t);
    printf("resident memory of the server: %.1f MiB before, %.1f after\n",
           (double)before / (double)MIB, (double)traffic_memory(atoi(argv[2])) / (double)MIB);
    if (!healthy()) {
        printf("the server does not answer GET /healthz\n");
        good = false;
    }
    traffic_free(&t);
    free(data);
    return good ? 0 : 1;
}
