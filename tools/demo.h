/* SPDX-License-Identifier: Apache-2.0 */
/* demo.h - a policy in closed loop on the tabletop, through the public API as a robot would run it:
 * look, plan a chunk, do the first commands of it, look again. */
#ifndef PI0_TOOLS_DEMO_H
#define PI0_TOOLS_DEMO_H
#include "runner.h"
#include "sim/sim.h"
#include <stdio.h>

enum {
    DEMO_STEPS = 48,           // of an episode
    DEMO_STEPS_DISTURBED = 72, // when someone interferes
    DEMO_DISTURBED_AT = 8,     // the first plan from this step on finds the table changed
    DEMO_SENTENCE = 512        // bytes of a sentence at most
};

/* ---- the command line: cmd_demo.c, demo_args.c ---- */

typedef struct demo_args {
    run_options run;
    const char *task_name, *prompt, *noise_text, *out, *dump, *host;
    int episodes, execute, port;
    bool disturb, json;

    // what these mean
    sim_task task;
    double noise_std;
    char *model; // owner of run.model, where that was found
} demo_args;

// STATUS_OK, or a message was printed and the status to exit with
int pi0_demo_args_finish(const command *self, demo_args *a);
// the folder of the policy of a task that comes with pi0, malloc'd: beside the command where it is
// installed, in the source tree where it was built, below this folder. PI0_EIO, PI0_ENOMEM
int pi0_demo_find_model(char **path, const char *task, pi0_error *err);

/* ---- a policy that can do this: demo_policy.c ---- */

// what the demo knows of a policy
typedef struct demo_policy {
    const char *camera;
    int horizon, noise_columns;
    // room for what a plan is made from
    float *noise;     // [horizon][noise_columns]
    uint8_t *picture; // [SIM_SIZE][SIM_SIZE][3]
} demo_policy;

/* The policy of r: one camera, a state and actions of three values, or PI0_EUNSUPPORTED; plans of
 * at least `execute` commands, or PI0_EINVAL. To be freed whatever the status is. */
int pi0_demo_policy_of(demo_policy *p, const runner *r, int execute, pi0_error *err);
void pi0_demo_policy_free(demo_policy *p);
// into p->noise: that of a plan of an episode
void pi0_demo_noise(const demo_policy *p, uint64_t seed, int episode, int plan);
/* One look at the scene, one plan from p->noise: commands [horizon][SIM_COMMAND]; *ms: what it
 * took, the picture not counted. */
int pi0_demo_look_and_plan(const demo_policy *p, pi0_session *session, const sim_scene *scene,
                           const char *prompt, double *commands, double *ms, pi0_error *err);

/* ---- one episode: demo_episode.c ---- */

typedef struct demo_plan {
    int step;         // at which it was made
    double ms;        // that it took
    double *commands; // [horizon][SIM_COMMAND]
} demo_plan;

typedef struct demo_episode {
    int index;
    char prompt[DEMO_SENTENCE];
    sim_colour asked; // by the scene's number: index % 3
    sim_colour goal;  // named by the sentence, or else asked for
    int n_steps;
    sim_scene *scenes; // [n_steps + 1]
    int n_plans;
    demo_plan *plans; // [n_plans]
    double *commands; // of all plans: [n_plans][horizon][SIM_COMMAND]
    int first;        // steps after which the goal was reached first; -1: never
    int expert;       // the same of the expert on the same scene, undisturbed; -1
    bool success;     // the goal's block is done at the end
    bool other;       // another block is
} demo_episode;

int pi0_demo_plan_count(const demo_args *a);
int pi0_demo_step_count(const demo_args *a);
// what the hand's command is off by in each step, [steps][2]
void pi0_demo_kicks(double *kicks, const demo_args *a, int episode);
int pi0_demo_episode_run(demo_episode *e, const demo_args *a, const demo_policy *p,
                         pi0_session *session, int index, pi0_error *err);
void pi0_demo_episode_free(demo_episode *e);

/* ---- all of them, and what came of it: demo_run.c ---- */

typedef struct demo_score {
    int episodes, success;
} demo_score;

typedef struct demo_run {
    const demo_args *a;
    runner r;
    notices w;
    demo_policy policy;
    demo_episode *episodes; // [n]
    int n;
    demo_score all, by_colour[SIM_BLOCKS];
    double low, high;                     // 95 % interval of the rate
    int reached;                          // episodes in which the goal was reached at some time
    int other;                            // episodes that ended with another block done
    double steps_mean, expert_steps_mean; // of those that succeeded; -1: none
    int n_plans;
    double ms_p50, ms_p99;
} demo_run;

int pi0_demo_run(demo_run *d, const demo_args *a, pi0_error *err);
void pi0_demo_run_free(demo_run *d);
// Wilson's 95 % interval of a rate of which k of n were seen
void pi0_demo_wilson(int k, int n, double *low, double *high);

/* ---- results: demo_report.c, demo_replay.c, demo_dump.c ---- */

void pi0_demo_print(const demo_run *d);
int pi0_demo_print_json(const demo_run *d, pi0_error *err);
// a web page on its own, written whole or not at all
int pi0_demo_write_replay(const demo_run *d, const char *path, pi0_error *err);
// scenes, first observations, noises and first plans of all episodes
int pi0_demo_write_dump(const demo_run *d, const char *path, pi0_error *err);
#endif
