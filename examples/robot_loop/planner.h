/* SPDX-License-Identifier: Apache-2.0 */
/* planner.h - inference in a thread of its own, one chunk after another.
 *
 * Loop and planner share one observation and one chunk, which belong to one of them at a time. Who
 * has them is told by `phase`; the loop never waits and never takes a lock:
 *
 *     idle     the loop's: it writes picture and state when it likes, then planner_ask()
 *     asked    the planner's: the network runs
 *     done     the loop's: planner_taken() once it has looked at `fresh`
 *     failed   the planner has ended; `error` says why
 */
#ifndef PLANNER_H
#define PLANNER_H
#include "robot.h"
#include "splice.h"
#include "tally.h"
#include <pi0.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum planner_phase { PLANNER_IDLE, PLANNER_ASKED, PLANNER_DONE, PLANNER_FAILED };

typedef struct planner {
    pi0_session *session;
    atomic_int phase;
    atomic_bool stop, ended;
    sem_t wake;
    pthread_t thread;

    // the observation
    uint8_t picture[ROBOT_HEIGHT * ROBOT_WIDTH * 3];
    double state[ROBOT_STATE];
    long tick; // when it was taken

    // what came of it
    plan fresh;
    tally ms; // the network's time, chunk by chunk
    pi0_error error;
} planner;

// Start the thread. fresh.data: [rows][ROBOT_COMMANDS], the caller's, where the session's chunks
// fit. 0: it runs.
int planner_start(planner *p, pi0_session *session, double *data, int rows);
// picture and state of this tick are written: make a plan of them
void planner_ask(planner *p, long tick);
enum planner_phase planner_look(planner *p);
// `fresh` was taken or changed for another: the next plan may be written there
void planner_taken(planner *p);
// Stop the inference that runs, wait for the thread's end.
void planner_stop(planner *p);
#endif
