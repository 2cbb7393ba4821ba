/* SPDX-License-Identifier: Apache-2.0 */
/* net.h - a small server for HTTP GET and WebSocket, on libwebsockets. It knows nothing of
 * policies: pi0 serve speaks openpi's protocol over it, a live page its own.
 *
 *     static void page(void *user, const net_request *q, net_reply *r) { r->body = html; … }
 *     static void message(void *user, net_id id, net_message *m) { … }
 *
 *     const net_route routes[] = { { "/", page } };
 *     net_options o = NET_OPTIONS_DEFAULT;
 *     o.routes = routes; o.n_routes = 1; o.message = message; o.user = &mine;
 *     pi0_net_start(&server, &o, &err);            from here the server's own thread runs
 *     printf("%s\n", pi0_net_url(server));         "http://127.0.0.1:8000"
 *     …
 *     pi0_net_send(server, id, false, text, n);    from any thread, at any time
 *     …
 *     pi0_net_stop(server, 1001, "going away", 5); lets what is queued go out, then closes
 *     pi0_net_free(server);
 *
 * Threads: every function of net_options runs on the server's thread, one at a time, and must be
 * quick: while it runs nobody is served. Long work belongs to a thread of the caller's, which takes
 * messages from a queue and answers with pi0_net_send(). All functions below may be called from any
 * thread, from inside the callbacks too, except pi0_net_stop() and pi0_net_free().
 *
 * The protocol's own duties are done here and never wait for the caller: pings are answered, silent
 * peers are asked for a sign of life, fragments joined, text checked to be UTF-8, close codes
 * exchanged, messages and connections bounded, slow readers and writers cut off. */
#ifndef PI0_TOOLS_SERVE_NET_H
#define PI0_TOOLS_SERVE_NET_H
#include "pi0.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct net_server net_server;

// a WebSocket connection; never used a second time, 0 is none
typedef uint64_t net_id;

#define NET_PATH_MAX 256
#define NET_MAX_CONNECTIONS 4096

// what was asked for; lives for the call
typedef struct net_request {
    bool websocket;            // an upgrade to WebSocket, not a GET or HEAD
    const char *path;          // decoded, without what follows a "?"
    const char *peer;          // "127.0.0.1:40312"
    const char *authorization; // header, "" where there is none
} net_request;

// an answer to GET; it comes as { 200, "text/plain; charset=utf-8" } without a body
typedef struct net_reply {
    int status;
    const char *type;
    const void *body; // [size] that outlives the server, or
    char *owned;      // [size] from malloc, which the server frees
    size_t size;
} net_reply;

typedef struct net_route {
    const char *path; // "/healthz"
    void (*get)(void *user, const net_request *request, net_reply *reply);
} net_route;

// a whole message, fragments joined
typedef struct net_message {
    bool binary; // else text, which is UTF-8
    char *data;  // [size], and a 0 behind; from malloc. Who wants to keep it takes it and sets it
                 // to NULL, else it is freed after the call
    size_t size;
    double begun, ended; // pi0_seconds() of its first and its last byte
} net_message;

// a WebSocket connection has ended
typedef struct net_end {
    int code;        // of the close frame that the peer sent; 0: it sent none
    const char *why; // "closed by the client", "the connection was lost", "reads too slowly" …
    bool failed;     // cut off for a fault of the peer or of the network, or lost without a close
} net_end;

typedef struct net_options {
    const char *host; // name or address to listen at; "0.0.0.0": all, "::": all, IPv6 too
    int port;         // 0: any that is free, pi0_net_port() tells which

    const net_route *routes; // [n_routes] outlive the server; another path is 404
    int n_routes;
    const char *websocket_path; // the only path for WebSocket; NULL: every path
    const char *subprotocol;    // one that a client may ask for; who asks for none is served too

    void *user; // first argument of all that follow; each may be NULL
    /* Before each GET and each upgrade: 0 to go on, or the HTTP status to refuse with (401, 403).
     */
    int (*authorize)(void *user, const net_request *request);
    void (*open)(void *user, net_id id, const net_request *request);
    void (*message)(void *user, net_id id, net_message *m);
    // a message was handed to the kernel; tag: its sender's, freed after the call, NULL for none
    void (*sent)(void *user, net_id id, const void *tag);
    // the last call for this id; also for those that are still there when the server stops
    void (*close)(void *user, net_id id, const net_end *end);

    size_t max_message;   // bytes of one message; more: closed with 1009
    size_t max_receiving; // bytes of all messages that are half received; more: closed with 1013
    size_t max_queued;    // bytes that wait to be sent to one connection; more: NET_FULL
    int max_connections;  // HTTP and WebSocket; more are answered with 503 and closed

    // seconds; 0: for ever
    double handshake_timeout; // from the connection to the end of the request's headers
    double message_timeout;   // from a message's first byte to its last
    double write_timeout;     // for a peer that takes nothing of what waits for it
    double ping_after;        // silence after which a sign of life is asked for …
    double lost_after;        // … and after which the connection counts as lost
} net_options;

#define NET_OPTIONS_DEFAULT                                                                       \
    {                                                                                             \
        .host = "127.0.0.1", .max_message = (size_t)64 << 20, .max_receiving = (size_t)512 << 20, \
        .max_queued = (size_t)64 << 20, .max_connections = 256, .handshake_timeout = 10,          \
        .message_timeout = 30, .write_timeout = 30, .ping_after = 20, .lost_after = 60            \
    }

/* Whether it could listen there, found out without doing so: before long work. Errors as below. */
int pi0_net_check(const net_options *options, pi0_error *err);
/* Listen and start the server's thread, for whose callbacks *server is set already. Strings and
 * routes are borrowed until pi0_net_free(), `host` is not. Errors: PI0_EIO (the address is in use,
 * not this machine's, not known), PI0_EINVAL, PI0_ENOMEM. */
int pi0_net_start(net_server **server, const net_options *options, pi0_error *err);

/* No new connections from now on: the port is closed. Those that are there go on. */
void pi0_net_refuse(net_server *s);
/* Send what is queued, close all WebSockets with this code and reason, give the peers so many
 * seconds to take it, then end the server's thread. A second call does nothing. */
void pi0_net_stop(net_server *s, int code, const char *reason, double seconds);
// stop at once, unless it was stopped, and free all; NULL is allowed
void pi0_net_free(net_server *s);

int pi0_net_port(const net_server *s);
// "http://127.0.0.1:8000"; the server's
const char *pi0_net_url(const net_server *s);
// whether only this machine can reach it
bool pi0_net_is_loopback(const net_server *s);

/* ---- one connection, from any thread ---- */

enum net_result {
    NET_QUEUED, // will be sent in its turn
    NET_GONE,   // the connection is closed, or closing
    NET_FULL,   // too much waits already: nothing was queued
    NET_NO_MEMORY
};

// queue a message; data is copied
enum net_result pi0_net_send(net_server *s, net_id id, bool binary, const void *data, size_t size);
// the same; `sent` gets tag, from malloc, which is the server's from here on, whatever comes back
enum net_result pi0_net_send_tagged(net_server *s, net_id id, bool binary, const void *data,
                                    size_t size, void *tag);
/* Bytes that wait to be sent: a stream of pictures leaves one out while this is not 0. */
size_t pi0_net_queued(net_server *s, net_id id);
/* Close after what is queued: code 1000, 1001, 1002, 1003, 1007 to 1011 or 3000 to 4999; the
 * reason is cut at 123 bytes. */
void pi0_net_close(net_server *s, net_id id, int code, const char *reason);

/* ---- what happened so far, for metrics ---- */

typedef struct net_stats {
    int connections, websockets; // now
    uint64_t accepted, refused;  // connections; refused: 503, too many
    uint64_t http, unauthorized; // replies to GET; 401 and 403 among replies and upgrades
    uint64_t messages_in, messages_out, bytes_in, bytes_out; // of WebSocket payload
    uint64_t too_large;                                      // 1009 and 1013
    uint64_t timeouts;                                       // of all kinds
} net_stats;
void pi0_net_stats(net_server *s, net_stats *stats);
#endif
