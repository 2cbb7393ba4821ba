/* SPDX-License-Identifier: Apache-2.0 */
/* serve_queue.h - requests that wait for the one thread that computes: a row for each connection,
 * served in turn, so that one that asks much does not hold up another that asks little. Answers of
 * a connection are given in the order of its requests, those that are errors too.
 *
 * Connections come and go and requests arrive on the network's thread; next() and done() belong to
 * the thread that computes. Every function takes the queue's own lock. */
#ifndef PI0_TOOLS_SERVE_QUEUE_H
#define PI0_TOOLS_SERVE_QUEUE_H
#include "net.h"

// what is to be done with a request
enum serve_verdict {
    SERVE_RUN,     // compute it
    SERVE_SKIPPED, // a newer one of the same connection has come (--policy latest)
    SERVE_REFUSED  // too many waited when it came
};

typedef struct serve_request {
    struct serve_request *next;
    net_id client;
    enum serve_verdict verdict;
    char *data; // [size], NULL where it is not to be computed
    size_t size;
    uint64_t number;     // how many of this connection were computed before it
    double ended, taken; // last byte, taken from the queue
    double previous;     // seconds that the answer before it took, waiting included; < 0: none
} serve_request;

typedef struct serve_queue serve_queue;

typedef struct serve_queue_options {
    bool latest;      // of several waiting requests of a connection only the newest is computed
    int depth;        // waiting requests of one connection; more are refused
    size_t max_bytes; // of all that wait; more are refused
    void (*abandoned)(void *user); // the request that is being computed has lost its client; called
    void *user;                    // under the queue's lock, while that request is still running
} serve_queue_options;

// NULL: no memory
serve_queue *pi0_serve_queue_new(const serve_queue_options *o);
void pi0_serve_queue_free(serve_queue *q);

// a connection; false: no memory
bool pi0_serve_queue_join(serve_queue *q, net_id client);
// it is gone: what waits is dropped. How many that were, the one being computed included
int pi0_serve_queue_leave(serve_queue *q, net_id client);

/* A request has come; its data are taken. More than 1000 unanswered ones: SERVE_TOO_MANY, the
 * connection is to be closed. */
enum serve_put { SERVE_PUT, SERVE_PUT_NOTHING, SERVE_TOO_MANY, SERVE_PUT_NO_MEMORY };
enum serve_put pi0_serve_queue_put(serve_queue *q, net_id client, net_message *m);

/* Wait for the next request, whose turn it is. NULL: the queue was stopped, or it is empty and was
 * told to end. The caller owns it and ends it with done(). */
serve_request *pi0_serve_queue_next(serve_queue *q);
/* It was answered at this time (0: it was not). Returns whether its client is still there. */
bool pi0_serve_queue_done(serve_queue *q, serve_request *r, double answered);
// whether the client of a request that is being computed is still there
bool pi0_serve_queue_wanted(serve_queue *q, const serve_request *r);

int pi0_serve_queue_waiting(serve_queue *q);
// what has come is computed, then next() returns NULL; what comes from now on is not taken
void pi0_serve_queue_drain(serve_queue *q);
// next() returns NULL from now on; the request that is being computed counts as abandoned
void pi0_serve_queue_stop(serve_queue *q);
// until the queue is empty and nothing is being computed, or so many seconds; whether it is
bool pi0_serve_queue_idle(serve_queue *q, double seconds);
#endif
