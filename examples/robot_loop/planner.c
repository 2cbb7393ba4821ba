/* SPDX-License-Identifier: Apache-2.0 */
/* planner.c - the thread that runs the network: see planner.h. */
#include "planner.h"
#include <errno.h>

static int make_plan(planner *p)
{
    const pi0_image image = {
        .camera = ROBOT_CAMERA, .rgb = p->picture, .width = ROBOT_WIDTH, .height = ROBOT_HEIGHT
    };
    const pi0_state state = { ROBOT_STATE_NAME, p->state, ROBOT_STATE };
    const pi0_observation seen = { &image, 1, &state, 1, ROBOT_SENTENCE };
    const long long start = now_ns();
    const int status = pi0_act(p->session, &seen, NULL, p->fresh.data,
                               (size_t)p->fresh.rows * ROBOT_COMMANDS, &p->error);
    if (!status) tally_add(&p->ms, (double)(now_ns() - start) * 1e-6);
    p->fresh.begin = p->tick;
    return status;
}

static void *work(void *arg)
{
    planner *const p = arg;
    for (;;) {
        while (sem_wait(&p->wake) && errno == EINTR) continue;
        if (atomic_load(&p->stop)) break;
        const int status = make_plan(p);
        atomic_store(&p->phase, status ? PLANNER_FAILED : PLANNER_DONE);
        if (status) break;
    }
    atomic_store(&p->ended, true);
    return NULL;
}

int planner_start(planner *p, pi0_session *session, double *data, int rows)
{
    p->session = session;
    p->fresh = (plan){ .rows = rows, .cols = ROBOT_COMMANDS, .data = data };
    if (sem_init(&p->wake, 0, 0)) return -1;
    return pthread_create(&p->thread, NULL, work, p);
}

void planner_ask(planner *p, long tick)
{
    p->tick = tick;
    atomic_store(&p->phase, PLANNER_ASKED);
    sem_post(&p->wake);
}

enum planner_phase planner_look(planner *p)
{
    return (enum planner_phase)atomic_load(&p->phase);
}

void planner_taken(planner *p)
{
    atomic_store(&p->phase, PLANNER_IDLE);
}

void planner_stop(planner *p)
{
    atomic_store(&p->stop, true);
    sem_post(&p->wake);
    // a call that has not begun yet cannot be cancelled: say it until the thread has ended
    while (!atomic_load(&p->ended)) {
        pi0_cancel(p->session);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    pthread_join(p->thread, NULL);
    sem_destroy(&p->wake);
}
