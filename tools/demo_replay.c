/* SPDX-License-Identifier: Apache-2.0 */
/* demo_replay.c - the page of pi0 demo --out: tools/web/replay.html with the episodes in it. */
#include "demo.h"
#include "pages.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

#define SHOWN 40      // episodes, the first ones …
#define SHOWN_ALL 100 // … and with those that failed at most so many

// four decimals are a fiftieth of a pixel
static json_t *rounded(double x)
{
    return json_real(round(x * 1e4) / 1e4);
}

static void add(json_t *row, double x)
{
    json_array_append_new(row, rounded(x));
}

// x, y, gripper, three blocks, bowl, held
static json_t *state_json(const sim_scene *s)
{
    json_t *row = json_array();
    add(row, s->hand.x);
    add(row, s->hand.y);
    add(row, s->grip);
    for (int i = 0; i < SIM_BLOCKS; i++) {
        add(row, s->block[i].x);
        add(row, s->block[i].y);
    }
    add(row, s->bowl.x);
    add(row, s->bowl.y);
    json_array_append_new(row, json_integer(s->held));
    return row;
}

static json_t *plan_json(const demo_plan *p, int horizon)
{
    json_t *commands = json_array();
    for (int i = 0; i < horizon; i++) {
        json_t *row = json_array();
        for (int k = 0; k < SIM_COMMAND; k++) add(row, p->commands[i * SIM_COMMAND + k]);
        json_array_append_new(commands, row);
    }
    return json_pack("{s:i, s:o, s:o}", "step", p->step, "ms", rounded(p->ms), "commands",
                     commands);
}

static json_t *episode_json(const demo_episode *e, int horizon)
{
    json_t *states = json_array(), *plans = json_array(), *colours = json_array();
    for (int t = 0; t <= e->n_steps; t++) json_array_append_new(states, state_json(&e->scenes[t]));
    for (int k = 0; k < e->n_plans; k++)
        json_array_append_new(plans, plan_json(&e->plans[k], horizon));
    for (int i = 0; i < SIM_BLOCKS; i++)
        json_array_append_new(colours, json_integer(e->scenes[0].colour[i]));
    return json_pack("{s:i, s:s, s:i, s:b, s:i, s:o, s:o, s:o}", "index", e->index, "prompt",
                     e->prompt, "goal", e->goal, "ok", e->success, "first", e->first, "colours",
                     colours, "states", states, "plans", plans);
}

static json_t *run_json(const demo_run *d)
{
    const demo_args *a = d->a;
    json_t *episodes = json_array();
    for (int i = 0; i < d->n; i++) {
        const demo_episode *e = &d->episodes[i];
        if ((i < SHOWN || !e->success) && json_array_size(episodes) < SHOWN_ALL)
            json_array_append_new(episodes, episode_json(e, d->policy.horizon));
    }
    // the model by its name alone: a page may be shown to others
    const char *slash = strrchr(a->run.model, '/');
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:b, s:i, s:i, s:[f,f], s:f, s:f, s:f, s:f, "
                     "s:o}",
                     "task", a->task_name, "model", slash && slash[1] ? slash + 1 : a->run.model,
                     "backend", d->r.info.backend, "precision", d->r.info.precision, "execute",
                     a->execute, "noise_std", a->noise_std, "disturb", a->disturb, "n", d->n,
                     "success", d->all.success, "interval", d->low, d->high, "steps_mean",
                     d->steps_mean, "expert_steps_mean", d->expert_steps_mean, "ms_p50", d->ms_p50,
                     "ms_p99", d->ms_p99, "episodes", episodes);
}

int pi0_demo_write_replay(const demo_run *d, const char *path, pi0_error *err)
{
    return pi0_page_write(path, pi0_page_replay, run_json(d), 6, err);
}
