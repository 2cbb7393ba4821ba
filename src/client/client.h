/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - what the files of the client library share.
 *
 * Two threads: the caller's, inside a public function, and the client's own, which runs
 * libwebsockets (client_link.c). They meet in `link` and `call` under the lock. A call's way:
 *
 *     CALL_NONE -> CALL_READY (caller) -> CALL_SENT (link) -> CALL_DONE, CALL_FAILED or CALL_LOST
 *     (link) -> CALL_NONE (caller); a deadline that passes takes it from anywhere to CALL_NONE. */
#ifndef PI0_CLIENT_CLIENT_H
#define PI0_CLIENT_CLIENT_H
#include "pi0_client.h"
#include <libwebsockets.h>
#include <pthread.h>
#include <stdbool.h>

// bytes that grow and are used again
typedef struct bytes {
    unsigned char *data; // [room]
    size_t size, room;
} bytes;

bool pi0_bytes_reserve(bytes *b, size_t room); // false: no memory
bool pi0_bytes_append(bytes *b, const void *data, size_t size);

enum link_state { LINK_DOWN, LINK_OPENING, LINK_OPEN };
enum call_state { CALL_NONE, CALL_READY, CALL_SENT, CALL_DONE, CALL_FAILED, CALL_LOST };

struct pi0_client {
    // never changes
    pi0_client_options o;
    char *url, *host, *authority, *path, *authorization;
    int port;
    struct lws_context *context;
    struct lws_protocols protocols[2];
    lws_retry_bo_t keepalive;
#if LWS_LIBRARY_VERSION_NUMBER >= 4003000
    lws_log_cx_t silence;
#endif
    pthread_t thread;
    bool has_thread;

    // the client's thread
    struct lws *wsi; // NULL: no connection, nor an attempt
    lws_sorted_usec_list_t retry, patience, farewell;
    int wait_ms;       // before the next attempt
    bytes in, scratch; // the message that comes, the one that goes
    bool in_text;
    int close_code; // of the server's close frame; 0: none came
    char close_reason[124];
    pi0_error fault; // what this side found wrong; code 0: nothing
    bool useful;     // this connection has brought a reply
    bool told;       // and the last one was an error: a close frame behind it is about that one
    bool finished;

    // the caller's thread
    bytes request;

    // under the lock
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool busy;              // a call is running
    bool stop, drop, hurry; // close; give this connection up; try to connect now
    enum link_state link;
    bool hopeless;    // trying again will not help
    pi0_error reason; // why there is no connection
    char *metadata;
    enum call_state call;
    const void *going; // [n_going] READY: what is to be sent
    size_t n_going;
    bytes reply;       // DONE: the caller's until its next call
    pi0_error failure; // FAILED, LOST
};

/* ---- client_link.c ---- */

// the client's thread, and waking it
int pi0_link_start(pi0_client *c, pi0_error *err);
void pi0_link_stop(pi0_client *c);

/* ---- client_pack.c ---- */

// the observation as msgpack into c->request
int pi0_client_pack(pi0_client *c, const pi0_observation *obs, const pi0_client_request *ask,
                    pi0_error *err);

// the same of a packed one: what comes besides goes behind its keys
int pi0_client_pack_more(pi0_client *c, const void *data, size_t size,
                         const pi0_client_request *ask, pi0_error *err);

/* ---- client_reply.c ---- */

// a document's map as JSON text from malloc
int pi0_client_json(char **text, const void *data, size_t size, const char *name, pi0_error *err);
// actions and times of a reply; nothing is written on failure
int pi0_client_read(double *actions, size_t n_actions, pi0_client_reply *reply, const void *data,
                    size_t size, const char *name, pi0_error *err);
#endif
