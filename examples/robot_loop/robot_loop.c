/* SPDX-License-Identifier: Apache-2.0 */
/* robot_loop.c - the shape of a robot's driver: a loop at 50 Hz that executes chunks of actions,
 * and the network in a second thread. Build and run it, from the top of the source tree:
 *
 *     cc -std=gnu11 -O2 -Idemo examples/robot_loop/?*.c demo/sim/table.c demo/sim/render.c \
 *         $(pkg-config --cflags --libs pi0) -pthread -lm -o robot_loop
 *     ./robot_loop -t 4 demo/place
 *
 * Yours: robot.h, written for your robot instead of robot_sim.c.
 *
 * What is worth taking from it:
 *   - the loop wakes at absolute times, so that no lateness adds up, and never waits for the
 *     network, a lock or the allocator;
 *   - a chunk's rows belong to ticks counted from its observation (splice.h): one that comes late
 *     begins in its middle, and the old one is executed until it comes;
 *   - when no row is left the robot stands still under the last command, and that is counted;
 *   - a tick that takes longer than its period is a missed deadline; the ticks that it has eaten
 *     are left out, not caught up with;
 *   - Ctrl-C stops the network in the middle of an inference, then the robot.
 *
 * Prints what was counted: ticks, deadlines, how late the loop woke, the network's time and its
 * deviation, how old chunks were when they came; and what the simulated robot has done. */
#include "planner.h"
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PERIOD_NS 20000000LL // 50 Hz

typedef struct options {
    const char *checkpoint;
    double seconds;
    int blend, every, steps, threads;
    bool realtime;
} options;

typedef struct counts {
    long ticks, missed, skipped, held, chunks, late;
    tally wake_ms, age; // how late the loop woke; ticks between observation and chunk
} counts;

static atomic_bool stopped;

static void on_signal(int signal_number)
{
    (void)signal_number;
    atomic_store(&stopped, true);
}

/* ---- the loop ---- */

static void sleep_until(long long ns)
{
    const struct timespec t = { ns / 1000000000LL, ns % 1000000000LL };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR && !stopped) continue;
}

// a newer plan, if there is one; false: there will be none
static bool take_plan(planner *p, plan *current, long tick, int blend, counts *c)
{
    const enum planner_phase phase = planner_look(p);
    if (phase == PLANNER_DONE) {
        tally_add(&c->age, (double)(tick - p->fresh.begin));
        c->chunks++;
        c->late += !plan_row(&p->fresh, tick);
        plan_splice(current, &p->fresh, tick, blend);
        planner_taken(p);
    }
    return phase != PLANNER_FAILED;
}

// what the robot sees and feels now goes to the planner
static void ask(planner *p, long tick)
{
    robot_read(p->state);
    robot_look(p->picture);
    planner_ask(p, tick);
}

// what happens in a tick: nothing in here waits or allocates
static bool run_tick(planner *p, plan *current, long tick, const options *o, double *command,
                     counts *c)
{
    if (!take_plan(p, current, tick, o->blend, c)) return false;
    // look again when so many ticks of the plan are over
    if (tick >= current->begin + o->every && planner_look(p) == PLANNER_IDLE) ask(p, tick);
    const double *const row = plan_row(current, tick);
    if (row)
        memcpy(command, row, ROBOT_COMMANDS * sizeof *command);
    else
        c->held++;
    robot_move(command);
    c->ticks++;
    return true;
}

// until the time is over, somebody stops it, or the planner has failed
static void run(planner *p, plan *current, const options *o, counts *c)
{
    const long last = (long)(o->seconds * 1e9 / PERIOD_NS);
    double command[ROBOT_COMMANDS];
    robot_read(command); // where it is: the command until there is a plan
    const long long start = now_ns();
    for (long tick = 0; tick < last && !stopped; tick++) {
        sleep_until(start + tick * PERIOD_NS);
        if (stopped) break;
        tally_add(&c->wake_ms, (double)(now_ns() - start - tick * PERIOD_NS) * 1e-6);
        if (!run_tick(p, current, tick, o, command, c)) return;
        // which period it is now
        long at = (long)((now_ns() - start) / PERIOD_NS);
        if (at > tick) {
            if (at > last) at = last;
            c->missed++;
            c->skipped += at - tick - 1;
            tick = at - 1;
        }
    }
}

/* ---- before and after ---- */

// a thread that is woken before others, and memory that is never fetched from disk
static int be_realtime(void)
{
    const struct sched_param priority = { .sched_priority = 60 };
    int status = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority);
    if (!status && mlockall(MCL_CURRENT | MCL_FUTURE)) status = errno;
    if (status)
        fprintf(stderr, "robot_loop: -r: %s (it needs root, or limits for rtprio and memlock)\n",
                strerror(status));
    return status;
}

static void report(const counts *c, const planner *p)
{
    printf("%ld ticks of %lld ms: %ld deadlines missed, %ld ticks left out, %ld without a row\n",
           c->ticks, PERIOD_NS / 1000000, c->missed, c->skipped, c->held);
    printf("woken late by %.3f ms on average, deviation %.3f, at most %.3f\n", c->wake_ms.mean,
           tally_deviation(&c->wake_ms), c->wake_ms.largest);
    printf("%ld inferences of %.2f ms on average, deviation %.2f, at most %.2f\n", p->ms.n,
           p->ms.mean, tally_deviation(&p->ms), p->ms.largest);
    printf("%ld chunks spliced in, %.1f ticks old on average, %.0f at most; %ld came too late\n",
           c->chunks, c->age.mean, c->age.largest, c->late);
    puts(stopped ? "stopped" : "the time is over");
}

// the first plan is waited for: before it the robot does not move
static bool first_plan(planner *p, plan *current)
{
    ask(p, 0);
    while (planner_look(p) == PLANNER_ASKED && !stopped)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    if (planner_look(p) != PLANNER_DONE) return false;
    plan_splice(current, &p->fresh, 0, 0);
    planner_taken(p);
    return true;
}

static int drive(pi0_session *session, const options *o)
{
    static planner p;
    pi0_session_info made;
    counts c = { 0 };
    pi0_session_get_info(session, &made);
    // all memory of the loop: the plan that is executed, the plan that is being made
    const size_t n = (size_t)made.horizon * ROBOT_COMMANDS;
    double *data = calloc(2 * n, sizeof *data);
    plan current = { LONG_MIN / 2, made.horizon, ROBOT_COMMANDS, data }; // over for long
    if (!data || planner_start(&p, session, data + n, made.horizon)) {
        free(data);
        return fprintf(stderr, "robot_loop: no memory, or no thread\n"), 1;
    }
    const bool planned = first_plan(&p, &current);
    const bool refused = planned && o->realtime && be_realtime();
    if (planned && !refused) run(&p, &current, o, &c);
    const bool failed = planner_look(&p) == PLANNER_FAILED;
    planner_stop(&p);
    if (failed) fprintf(stderr, "robot_loop: %s\n", p.error.message);
    if (!failed && !refused) report(&c, &p);
    free(data);
    return failed || refused;
}

static int fail(const pi0_error *e)
{
    fprintf(stderr, "robot_loop: %s\n", e->message);
    return 1;
}

static int load_and_drive(const options *o)
{
    pi0_model *model;
    pi0_session *session;
    pi0_policy_info policy;
    pi0_options opt;
    pi0_error e;
    pi0_default_options(&opt);
    opt.n_threads = o->threads; // leave a core to the loop
    opt.num_steps = o->steps;
    if (pi0_load(&model, o->checkpoint, &opt, &e)) return fail(&e);
    int status = pi0_model_policy(model, &policy, &e);
    if (!status && (policy.n_actions != ROBOT_COMMANDS || policy.state_dim != ROBOT_STATE)) {
        snprintf(e.message, sizeof e.message, "%s: a policy of %d commands and %d state values",
                 o->checkpoint, policy.n_actions, policy.state_dim);
        status = PI0_EINVAL;
    }
    if (!status) status = pi0_session_create(&session, model, &opt, &e);
    if (status) {
        pi0_free(model);
        return fail(&e);
    }
    status = robot_open() ? drive(session, o) : 1;
    robot_close();
    pi0_session_free(session);
    pi0_free(model);
    return status;
}

int main(int argc, char **argv)
{
    options o = { .checkpoint = "demo/place", .seconds = 4, .every = 8, .threads = 1 };
    for (int c; (c = getopt(argc, argv, "t:b:e:s:n:r")) != -1;) switch (c) {
        case 't': o.seconds = atof(optarg); break;
        case 'b': o.blend = atoi(optarg); break;
        case 'e': o.every = atoi(optarg); break;
        case 's': o.steps = atoi(optarg); break;
        case 'n': o.threads = atoi(optarg); break;
        case 'r': o.realtime = true; break;
        default:
            fprintf(
                stderr,
                "usage: robot_loop [-t SECONDS] [-b TICKS TO BLEND] [-e TICKS BETWEEN "
                "OBSERVATIONS] [-s DENOISING STEPS] [-n THREADS] [-r (real time)] [CHECKPOINT]\n");
            return 2;
        }
    if (optind < argc) o.checkpoint = argv[optind];
    const struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return load_and_drive(&o);
}
