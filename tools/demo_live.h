/* SPDX-License-Identifier: Apache-2.0 */
/* demo_live.h - pi0 demo --serve: one table that everybody who opens the page shares.
 *
 * Three threads: the command's own runs the world, step by step; the server's takes messages and
 * changes the world under its lock; a third computes what the other flow would have planned. */
#ifndef PI0_TOOLS_DEMO_LIVE_H
#define PI0_TOOLS_DEMO_LIVE_H
#include "demo.h"
#include "serve/net.h"
#include <pthread.h>

enum { LIVE_FLOWS = 3, LIVE_CLIENTS = 64, LIVE_STEPS_A_SECOND = 8 };

// the same policy, computed in another way
typedef struct live_flow {
    runner r;
    demo_policy policy;
    bool there;           // it could be loaded
    pthread_mutex_t busy; // held while it plans: two threads may want it
} live_flow;

// a plan that was made, and what it was made from
typedef struct live_plan {
    int number, flow;
    sim_scene scene;
    char prompt[DEMO_SENTENCE];
    int scene_number, turn; // whose noise it has
    double *commands;       // [horizon][SIM_COMMAND]
    double ms;
} live_plan;

typedef struct live {
    const demo_args *a;
    notices w;
    live_flow flow[LIVE_FLOWS]; // accelerated bf16, accelerated f32, reference f32
    net_server *net;
    int horizon;
    int threads; // of a session; 0: not known, or one core

    pthread_mutex_t lock; // of all below
    net_id client[LIVE_CLIENTS];
    int n_clients;
    sim_scene scene;
    int scene_number, step, chosen, plans_made;
    char prompt[DEMO_SENTENCE];
    bool running, overlay;
    bool look; // what it planned for has changed
    live_plan plan;
    int row; // of the plan, the next one that is done

    // the other flow's thread
    pthread_cond_t wake;
    pthread_t other_thread;
    bool other_started, stop;
    live_plan wish; // the newest one that nobody has begun; number 0: none
} live;

// run until Ctrl-C; the exit status of the command
int pi0_demo_live(const demo_args *a);

// one plan of one flow, without the live's lock
int pi0_live_think(live_flow *f, const live *l, live_plan *p, pi0_error *err);

/* ---- the world: demo_live_world.c; all with the lock held ---- */

void pi0_live_new_scene(live *l, int number);
void pi0_live_say(live *l, const char *prompt);
// put a block (0 to 2) or the bowl (SIM_BLOCKS) somewhere on the table
void pi0_live_move(live *l, int thing, double x, double y);
// one step; plans before it where that is needed, without the lock meanwhile
int pi0_live_tick(live *l, pi0_error *err);

/* ---- the other flow: demo_live_other.c ---- */

int pi0_live_other_start(live *l, pi0_error *err);
void pi0_live_other_stop(live *l);
// index of the flow that a plan of flow i is compared with
int pi0_live_other_of(const live *l, int i);

/* ---- messages: demo_live_talk.c ---- */

void pi0_live_listen(net_options *o, live *l); // the server's callbacks
// to everybody; with the lock held
void pi0_live_send_state(live *l);
void pi0_live_send_plan(live *l, const char *kind, const live_plan *p);
void pi0_live_send_words(live *l, const char *kind, const char *words);
#endif
