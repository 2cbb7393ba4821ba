/* SPDX-License-Identifier: Apache-2.0 */
/* demo_run.c - a policy loaded, all episodes run, and their statistics. */
#include "demo.h"
#include "fail.h"
#include "times.h"
#include <math.h>
#include <stdlib.h>

void pi0_demo_wilson(int k, int n, double *low, double *high)
{
    // of the normal distribution 95 % lie within this many deviations
    const double z = 1.959963984540054, p = (double)k / n, z2 = z * z / n;
    const double centre = (p + z2 / 2) / (1 + z2);
    const double half = z / (1 + z2) * sqrt(p * (1 - p) / n + z2 / n / 4);
    // at the ends the two are equal, but for rounding
    *low = k == 0 ? 0 : centre - half;
    *high = k == n ? 1 : centre + half;
}

// median and 99th percentile of the plans' times, by nearest rank; the first plan, which warms up
// caches, counts too
static int time_plans(demo_run *d, pi0_error *err)
{
    int n = 0;
    for (int i = 0; i < d->n; i++) n += d->episodes[i].n_plans;
    double *ms = malloc((size_t)n * sizeof *ms);
    if (!ms) return pi0_fail(err, PI0_ENOMEM, "no memory for %d times", n);
    d->n_plans = 0;
    for (int i = 0; i < d->n; i++)
        for (int k = 0; k < d->episodes[i].n_plans; k++)
            ms[d->n_plans++] = d->episodes[i].plans[k].ms;
    pi0_times_sort(ms, (size_t)n);
    d->ms_p50 = pi0_times_percentile(ms, (size_t)n, 50);
    d->ms_p99 = pi0_times_percentile(ms, (size_t)n, 99);
    free(ms);
    return PI0_OK;
}

static int count(demo_run *d, pi0_error *err)
{
    double steps = 0, expert = 0;
    for (int i = 0; i < d->n; i++) {
        const demo_episode *e = &d->episodes[i];
        demo_score *colour = &d->by_colour[e->goal];
        d->all.episodes++;
        colour->episodes++;
        d->other += e->other;
        d->reached += e->first >= 0;
        if (!e->success) continue;
        d->all.success++;
        colour->success++;
        steps += e->first;
        expert += e->expert;
    }
    const int k = d->all.success;
    d->steps_mean = k ? steps / k : -1;
    d->expert_steps_mean = k ? expert / k : -1;
    pi0_demo_wilson(k, d->n, &d->low, &d->high);
    return time_plans(d, err);
}

static int run_episodes(demo_run *d, pi0_error *err)
{
    int status = PI0_OK;
    progress *line = pi0_progress_start("episodes");
    pi0_interrupt_session(d->r.session);
    for (int i = 0; i < d->a->episodes && !status; i++) {
        demo_episode *e = &d->episodes[d->n++];
        status = pi0_demo_episode_run(e, d->a, &d->policy, d->r.session, i, err);
        // an interrupt between two plans
        if (!status && pi0_interrupted()) status = PI0_ECANCELED;
        pi0_progress_set(line, (i + 1.0) / d->a->episodes);
    }
    pi0_interrupt_session(NULL);
    pi0_progress_stop(line);
    return status;
}

int pi0_demo_run(demo_run *d, const demo_args *a, pi0_error *err)
{
    *d = (demo_run){ .a = a };
    int status = pi0_runner_load(&d->r, &a->run, NULL, &d->w, err);
    if (!status) status = pi0_runner_session(&d->r, 0, err);
    if (!status) status = pi0_demo_policy_of(&d->policy, &d->r, a->execute, err);
    if (status) return status;
    d->episodes = calloc((size_t)a->episodes, sizeof *d->episodes);
    if (!d->episodes) return pi0_fail(err, PI0_ENOMEM, "no memory for %d episodes", a->episodes);
    status = run_episodes(d, err);
    return status ? status : count(d, err);
}

void pi0_demo_run_free(demo_run *d)
{
    for (int i = 0; i < d->n; i++) pi0_demo_episode_free(&d->episodes[i]);
    free(d->episodes);
    pi0_demo_policy_free(&d->policy);
    pi0_runner_free(&d->r);
    pi0_notices_free(&d->w);
}
