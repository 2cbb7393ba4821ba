/* SPDX-License-Identifier: Apache-2.0 */
/* traffic.h - honest clients of a policy server: each asks again and again with pictures of its own
 * and seeds that it knows, and compares each reply with what the server said when nobody else was
 * there. A reply that was lost, mixed up or damaged cannot pass. */
#ifndef TEST_TRAFFIC_H
#define TEST_TRAFFIC_H
#include "pi0_client.h"
#include <pthread.h>
#include <stdbool.h>

#define TRAFFIC_SEEDS 8   // of each client
#define TRAFFIC_CAMERAS 3 // at most
#define TRAFFIC_SIDE 224

typedef struct traffic_client {
    const struct traffic *t;
    int number;
    uint8_t *pictures; // [cameras][3][side][side]
    double *expected;  // [seeds][values]
    double *overhead;  // [requests] milliseconds: round trip less inference less queue
    double *round_trip;
    int replies, again, failed, wrong; // again: sent more than once
    char first_failure[1020];
    pthread_t thread;
} traffic_client;

typedef struct traffic {
    const char *url;
    int clients, requests; // requests of each; 0: until `stop`
    int steps, cameras;
    int rows, cols;
    traffic_client *client; // [clients]
    pthread_mutex_t lock;
    bool stop; // under the lock
    int done;  // replies of all, under the lock
} traffic;

// connect and ask for each client's expected actions; false: a message was printed
bool traffic_prepare(traffic *t);
// start all clients; wait for all
bool traffic_start(traffic *t);
void traffic_wait(traffic *t);
void traffic_stop(traffic *t);
int traffic_done(traffic *t);
// print what became of all requests; true: none was lost, none wrong
bool traffic_report(const traffic *t);
void traffic_free(traffic *t);

// seconds of a clock that only goes on
double traffic_now(void);
// resident memory of a process in bytes, 0: there is none
long traffic_memory(int pid);
#endif
