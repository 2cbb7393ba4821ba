/* SPDX-License-Identifier: Apache-2.0 */
/* demo_episode.c - one episode: a scene from the seed, a sentence, plans and steps to the end. */
#include "demo.h"
#include "fail.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pi0_demo_step_count(const demo_args *a)
{
    return a->disturb ? DEMO_STEPS_DISTURBED : DEMO_STEPS;
}

int pi0_demo_plan_count(const demo_args *a)
{
    return (pi0_demo_step_count(a) + a->execute - 1) / a->execute;
}

void pi0_demo_kicks(double *kicks, const demo_args *a, int episode)
{
    sim_chance c = sim_chance_of(a->run.seed.value, (uint64_t)episode, SIM_FOR_KICKS);
    for (int i = 0; i < 2 * pi0_demo_step_count(a); i++) kicks[i] = a->noise_std * sim_normal(&c);
}

/* ---- what is asked ---- */

// "{colour}" and "{other}" in a sentence: the colour asked for, and the one after it
static void fill_in(char *to, const char *from, sim_colour asked)
{
    const char *const own = sim_colour_name(asked);
    const char *const other = sim_colour_name((sim_colour)((asked + 1) % SIM_BLOCKS));
    size_t n = 0;
    while (*from && n + 16 < DEMO_SENTENCE) {
        const char *word = NULL;
        if (!strncmp(from, "{colour}", 8))
            word = own, from += 8;
        else if (!strncmp(from, "{other}", 7))
            word = other, from += 7;
        else
            to[n++] = *from++;
        if (word) n += (size_t)snprintf(to + n, 16, "%s", word);
    }
    to[n] = 0;
}

static void ask(demo_episode *e, const demo_args *a)
{
    e->asked = (sim_colour)(e->index % SIM_BLOCKS);
    if (a->prompt)
        fill_in(e->prompt, a->prompt, e->asked);
    else
        sim_prompt(e->prompt, sizeof e->prompt, a->task, e->asked);
    e->goal = e->asked;
    sim_colour named;
    if (sim_named_colour(e->prompt, &named)) e->goal = named;
}

static bool reached(const demo_episode *e, const sim_scene *s)
{
    return sim_done(s, sim_block_of(s, e->goal));
}

// steps that the expert needs on the episode's first scene
static int expert_steps(const demo_episode *e)
{
    sim_scene s = e->scenes[0];
    double c[SIM_COMMAND];
    for (int t = 0; t <= DEMO_STEPS; t++) {
        if (reached(e, &s)) return t;
        sim_expert(&s, sim_block_of(&s, e->goal), c);
        sim_step(&s, c);
    }
    return -1;
}

/* ---- the loop ---- */

// kicks: [steps][2], for the caller to free
static int make_room(demo_episode *e, double **kicks, const demo_args *a, const demo_policy *p,
                     pi0_error *err)
{
    const size_t rows = (size_t)p->horizon, plans = (size_t)pi0_demo_plan_count(a);
    e->n_steps = pi0_demo_step_count(a);
    e->scenes = calloc((size_t)e->n_steps + 1, sizeof *e->scenes);
    e->plans = calloc(plans, sizeof *e->plans);
    e->commands = calloc(plans * rows * SIM_COMMAND, sizeof *e->commands);
    *kicks = calloc(2 * (size_t)e->n_steps, sizeof **kicks);
    if (!e->scenes || !e->plans || !e->commands || !*kicks)
        return pi0_fail(err, PI0_ENOMEM, "no memory for an episode");
    return PI0_OK;
}

// the commands of a plan, each a step, as many as are executed
static void execute(demo_episode *e, const demo_args *a, const demo_plan *plan, const double *kicks,
                    sim_scene *s)
{
    for (int j = 0, t = plan->step; j < a->execute && t < e->n_steps; j++) {
        double c[SIM_COMMAND];
        memcpy(c, plan->commands + (size_t)j * SIM_COMMAND, sizeof c);
        c[0] += kicks[2 * t];
        c[1] += kicks[2 * t + 1];
        sim_step(s, c);
        e->scenes[++t] = *s;
        if (e->first < 0 && reached(e, s)) e->first = t;
    }
}

static int loop(demo_episode *e, const double *kicks, const demo_args *a, const demo_policy *p,
                pi0_session *session, pi0_error *err)
{
    sim_scene s = e->scenes[0];
    sim_chance moves = sim_chance_of(a->run.seed.value, (uint64_t)e->index, SIM_FOR_MOVES);
    bool disturbed = !a->disturb;
    for (int t = 0; t < e->n_steps; t += a->execute) {
        if (!disturbed && t >= DEMO_DISTURBED_AT) {
            sim_disturb(&s, &moves);
            disturbed = true;
            e->scenes[t] = s;
            // what was done before no longer counts
            e->first = -1;
        }
        demo_plan *plan = &e->plans[e->n_plans];
        plan->step = t;
        plan->commands = e->commands + (size_t)e->n_plans * (size_t)p->horizon * SIM_COMMAND;
        pi0_demo_noise(p, a->run.seed.value, e->index, e->n_plans);
        const int status =
            pi0_demo_look_and_plan(p, session, &s, e->prompt, plan->commands, &plan->ms, err);
        if (status) return status;
        e->n_plans++;
        execute(e, a, plan, kicks, &s);
    }
    return PI0_OK;
}

int pi0_demo_episode_run(demo_episode *e, const demo_args *a, const demo_policy *p,
                         pi0_session *session, int index, pi0_error *err)
{
    double *kicks = NULL;
    *e = (demo_episode){ .index = index, .first = -1 };
    ask(e, a);
    int status = make_room(e, &kicks, a, p, err);
    if (!status) {
        pi0_demo_kicks(kicks, a, index);
        e->scenes[0] = sim_scene_of(a->task, a->run.seed.value, (uint64_t)index);
        e->expert = expert_steps(e);
        status = loop(e, kicks, a, p, session, err);
    }
    if (!status) {
        const sim_scene *last = &e->scenes[e->n_steps];
        const int goal = sim_block_of(last, e->goal);
        e->success = sim_done(last, goal);
        for (int i = 0; i < SIM_BLOCKS; i++)
            e->other = e->other || (i != goal && sim_done(last, i));
    }
    free(kicks);
    return status;
}

void pi0_demo_episode_free(demo_episode *e)
{
    free(e->scenes);
    free(e->plans);
    free(e->commands);
    *e = (demo_episode){ .first = -1 };
}
