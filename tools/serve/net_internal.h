/* SPDX-License-Identifier: Apache-2.0 */
/* net_internal.h - what the files of the server share. A link is a connection from accept() to its
 * end: an HTTP request, which may become a WebSocket. Its slot is used again, its id never. All of
 * it belongs to the server's thread; what other threads may touch says so and is under the lock. */
#ifndef PI0_TOOLS_SERVE_NET_INTERNAL_H
#define PI0_TOOLS_SERVE_NET_INTERNAL_H
#include "net.h"
#include <libwebsockets.h>
#include <pthread.h>

// a message on its way out
typedef struct net_item {
    struct net_item *next;
    void *tag; // for `sent`
    bool binary;
    size_t size;
    unsigned char data[]; // [LWS_PRE + size], the head that libwebsockets fills in comes first
} net_item;

enum net_stage {
    NET_FREE,
    NET_ASKING,   // the request is on its way
    NET_REPLYING, // the answer is
    NET_OPEN,     // a WebSocket
    NET_CLOSING   // the close frame was sent
};

typedef struct net_link {
    net_server *server;
    struct lws *wsi;
    char peer[72], path[NET_PATH_MAX];
    double since; // of the stage

    // HTTP
    net_reply reply;
    size_t replied; // bytes of its body that were sent

    // the message that is being received
    char *in; // [in_room]
    size_t in_size, in_room;
    bool receiving, in_binary;
    double in_begun;

    double heard; // last sign of life
    double stuck; // since when the peer takes nothing; 0: it does
    bool ping;    // one is to be sent
    int peer_code;
    const char *fault; // why it was cut off; NULL: it was not

    // under the lock
    net_id id; // 0: the slot is free
    enum net_stage stage;
    net_item *first, **last;
    size_t queued;
    int close_code; // 0: not to be closed
    char close_reason[124];
} net_link;

struct net_server {
    net_options o;
    struct lws_context *context; // NULL before its making and after its end; the pointer: the lock
    struct lws_vhost *vhost;
    struct lws_protocols protocols[3];
    lws_sorted_usec_list_t sweep; // once a second
    struct lws *listener;
    int listen_fd, spare_fd, port;
    bool loopback;
    char url[128];
    net_link *links;  // [max_connections]
    size_t receiving; // bytes of messages that are half received

    pthread_t thread;
    pthread_mutex_t lock;
    // under the lock
    uint64_t generation;
    bool started, refuse, stop;
    double stop_at; // when the thread ends at the latest
    net_stats stats;
};

void pi0_net_lock(net_server *s);
void pi0_net_unlock(net_server *s);
// let the server's thread look at what changed; under the lock
void pi0_net_wake(net_server *s);
// add to a counter of s->stats
void pi0_net_count(net_server *s, uint64_t *counter, uint64_t n);

/* ---- net_listen.c ---- */

// bind and listen: listen_fd, port, url, loopback
int pi0_net_listen(net_server *s, pi0_error *err);
// the listening socket's callback of libwebsockets
int pi0_net_on_listener(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t size);

/* ---- net_link.c ---- */

// a slot for a new connection; NULL: all are taken
net_link *pi0_net_link_new(net_server *s, const char *peer);
void pi0_net_link_free(net_link *l);
void pi0_net_item_free(net_item *item);
void pi0_net_link_stage(net_link *l, enum net_stage stage);
// cut off without a word
void pi0_net_link_kill(net_link *l, const char *fault);
// ask an open one to close after what is queued; under the lock
void pi0_net_ask(net_link *l, int code, const char *reason);
// that, from the server's thread, without it
void pi0_net_link_close(net_link *l, int code, const char *reason);
// look for what takes too long, in all links
void pi0_net_links_sweep(net_server *s);

/* ---- net_http.c, net_websocket.c: callbacks for a connection ---- */

int pi0_net_on_request(net_link *l, const char *path);
int pi0_net_on_upgrade(net_link *l, const char *kind);
int pi0_net_on_reply_writable(net_link *l);

int pi0_net_on_open(net_link *l);
int pi0_net_on_receive(net_link *l, const void *data, size_t size);
int pi0_net_on_writable(net_link *l);
int pi0_net_on_peer_close(net_link *l, const unsigned char *payload, size_t size);
void pi0_net_on_closed(net_link *l);
#endif
