/* SPDX-License-Identifier: Apache-2.0 */
/* net_listen.c - the listening socket: names and addresses, errors that say what is wrong with
 * them, accepting. It is ours rather than libwebsockets', which tells its log alone why it could
 * not listen, cannot stop listening while connections go on, and does not refuse politely. */
#include "fail.h"
#include "net_internal.h"
#include "terminal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128
#define ACCEPTS_AT_ONCE 16

/* ---- where ---- */

static bool loopback_address(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

// "127.0.0.1:8000", "[::1]:8000"
static void address_text(char *text, size_t room, const struct sockaddr *a, socklen_t size)
{
    char host[64] = "?", port[8] = "?";
    getnameinfo(a, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(text, room, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static int cannot_listen(const net_options *o, int reason, pi0_error *err)
{
    const char *advice = reason == EADDRINUSE
                             ? ": another program listens there; give another --port"
                         : reason == EACCES        ? ": ports below 1024 need a privilege"
                         : reason == EADDRNOTAVAIL ? ": this machine does not have that address"
                                                   : "";
    return pi0_fail(err, PI0_EIO, "cannot listen at %s port %d: %s%s", o->host, o->port,
                    strerror(reason), advice);
}

// a socket that listens at this address, or is bound to it; -1 and errno
static int open_at(const struct addrinfo *a, bool listening)
{
    const int yes = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!bind(fd, a->ai_addr, a->ai_addrlen) && (!listening || !listen(fd, BACKLOG))) return fd;
    const int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

// a socket at the first of the host's addresses that works
static int find_socket(int *fd, const net_options *o, bool listening, pi0_error *err)
{
    char port[16];
    struct addrinfo *found, want = { .ai_family = AF_UNSPEC,
                                     .ai_socktype = SOCK_STREAM,
                                     .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    snprintf(port, sizeof port, "%d", o->port);
    const int unknown = getaddrinfo(o->host, port, &want, &found);
    if (unknown)
        return pi0_fail(err, PI0_EIO,
                        "cannot listen at \"%s\": %s; expected this machine's name or one of its "
                        "addresses",
                        o->host, gai_strerror(unknown));
    int reason = 0;
    *fd = -1;
    for (const struct addrinfo *a = found; a && *fd < 0; a = a->ai_next) {
        *fd = open_at(a, listening);
        if (*fd < 0 && !reason) reason = errno;
    }
    freeaddrinfo(found);
    return *fd < 0 ? cannot_listen(o, reason, err) : PI0_OK;
}

int pi0_net_check(const net_options *options, pi0_error *err)
{
    int fd;
    const int status = find_socket(&fd, options, false, err);
    if (!status) close(fd);
    return status;
}

int pi0_net_listen(net_server *s, pi0_error *err)
{
    const int status = find_socket(&s->listen_fd, &s->o, true, err);
    if (status) return status;

    // which port it became
    char text[96];
    struct sockaddr_storage bound;
    struct sockaddr *a = (struct sockaddr *)&bound;
    socklen_t size = sizeof bound;
    if (getsockname(s->listen_fd, a, &size)) return cannot_listen(&s->o, errno, err);
    s->port = ntohs(a->sa_family == AF_INET ? ((struct sockaddr_in *)&bound)->sin_port
                                            : ((struct sockaddr_in6 *)&bound)->sin6_port);
    s->loopback = loopback_address(a);
    address_text(text, sizeof text, a, size);
    snprintf(s->url, sizeof s->url, "http://%s", text);
    return PI0_OK;
}

/* ---- accepting ---- */

// what a peer that has vanished, or takes nothing, costs at most
static void tune(const net_server *s, int fd)
{
    const int yes = 1, idle = 30, interval = 10, probes = 3;
    // the kernel's own, later than ours, which tells why
    const unsigned timeout =
        s->o.write_timeout > 0 ? (unsigned)(1e3 * s->o.write_timeout) + 5000 : 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    if (timeout) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}

// too many: say so, where a proxy can see it, and close
static void turn_away(net_server *s, int fd)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n"
                               "retry-after: 5\r\ncontent-length: 0\r\n\r\n";
    pi0_net_count(s, &s->stats.refused, 1); // before its peer knows, who may ask for the count
    const ssize_t sent = send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; // who does not get it sees the connection close
    close(fd);
}

// hand a connection to libwebsockets
static void adopt(net_server *s, int fd, const char *peer)
{
    net_link *l = pi0_net_link_new(s, peer);
    if (!l) {
        turn_away(s, fd);
        return;
    }
    tune(s, fd);
    const net_id id = l->id;
    lws_adopt_desc_t how = { .vh = s->vhost,
                             .type = LWS_ADOPT_HTTP | LWS_ADOPT_SOCKET,
                             .fd = { .sockfd = fd },
                             .opaque = l };
    struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&how);
    if (wsi)
        l->wsi = wsi;
    else if (l->id == id) // it may have told us that it is gone already
        pi0_net_link_free(l);
}

/* No descriptor is left: take the connection with the spare one, and close it, so that it neither
 * waits for ever nor keeps poll() busy. */
static void shed(net_server *s)
{
    if (s->spare_fd < 0) return;
    close(s->spare_fd);
    const int fd = accept(s->listen_fd, NULL, NULL);
    if (fd >= 0) turn_away(s, fd);
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int pi0_net_on_listener(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t size)
{
    (void)user, (void)in, (void)size;
    net_server *s = lws_context_user(lws_get_context(wsi));
    if (reason != LWS_CALLBACK_RAW_RX_FILE) return 0;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        struct sockaddr_storage from;
        char peer[72];
        socklen_t length = sizeof from;
        const int fd = accept(s->listen_fd, (struct sockaddr *)&from, &length);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) shed(s);
            break;
        }
        pi0_net_count(s, &s->stats.accepted, 1);
        address_text(peer, sizeof peer, (struct sockaddr *)&from, length);
        adopt(s, fd, peer);
    }
    return 0;
}
