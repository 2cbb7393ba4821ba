/* SPDX-License-Identifier: Apache-2.0 */
/* demo_report.c - what came of the episodes, as text and as JSON. */
#include "demo.h"
#include "json_out.h"
#include <stdio.h>
#include <stdlib.h>

static void print_conditions(const demo_run *d)
{
    const demo_args *a = d->a;
    const pi0_info *i = &d->r.info;
    printf("%s: backend %s, instruction set %s, precision %s, %d thread%s\n", a->run.model,
           i->backend, i->isa, i->precision, d->r.made.n_threads,
           d->r.made.n_threads == 1 ? "" : "s");
    printf("%d scenes of seed %llu, %d steps each; the first %d of %d planned commands are done, "
           "then it looks again\n",
           d->n, (unsigned long long)a->run.seed.value, pi0_demo_step_count(a), a->execute,
           d->policy.horizon);
    printf("told: \"%s\"%s\n", d->episodes[0].prompt,
           d->n > 1 && (!a->prompt || d->episodes[1].goal != d->episodes[0].goal)
               ? ", and the same with the other colours"
               : "");
    if (a->noise_std > 0)
        printf("each command is off by a random distance of deviation %g\n", a->noise_std);
    if (a->disturb)
        printf("after %d steps the blocks change places, or the bowl moves away\n",
               DEMO_DISTURBED_AT);
}

static void print_rate(const char *name, const demo_score *s)
{
    double low, high;
    if (!s->episodes) return;
    pi0_demo_wilson(s->success, s->episodes, &low, &high);
    printf("  %-8s %5d of %-5d %6.1f %%   (95 %% interval %.1f to %.1f)\n", name, s->success,
           s->episodes, 100.0 * s->success / s->episodes, 100 * low, 100 * high);
}

void pi0_demo_print(const demo_run *d)
{
    print_conditions(d);
    printf("\n");
    print_rate("success", &d->all);
    for (int c = 0; c < SIM_BLOCKS; c++)
        print_rate(sim_colour_name((sim_colour)c), &d->by_colour[c]);
    if (d->reached > d->all.success)
        printf("  in %d the goal was reached at some time, and in %d still so at the end\n",
               d->reached, d->all.success);
    if (d->other) printf("  in %d of them another block was done\n", d->other);
    if (d->steps_mean >= 0)
        printf("  steps to success: %.1f on average; the scripted expert: %.1f\n",
               d->steps_mean, d->expert_steps_mean);
    printf("  a plan: %.1f ms (median of %d), p99 %.1f ms\n", d->ms_p50, d->n_plans, d->ms_p99);
}

static json_t *rate_json(const demo_score *s)
{
    return json_pack("{s:i, s:i}", "episodes", s->episodes, "success", s->success);
}

int pi0_demo_print_json(const demo_run *d, pi0_error *err)
{
    const demo_args *a = d->a;
    json_t *colours = json_object();
    for (int c = 0; c < SIM_BLOCKS; c++)
        json_object_set_new(colours, sim_colour_name((sim_colour)c), rate_json(&d->by_colour[c]));
    json_t *o = json_pack(
        "{s:i, s:i, s:f, s:[f,f], s:o, s:i, s:i, s:o, s:o, s:f, s:f, s:s, s:s, s:s, s:i, s:s, "
        "s:I, s:i, s:f, s:b, s:o}",
        "episodes", d->n, "success", d->all.success, "rate", (double)d->all.success / d->n,
        "interval", d->low, d->high, "by_colour", colours, "reached", d->reached, "other_done",
        d->other, "steps_mean", d->steps_mean < 0 ? json_null() : json_real(d->steps_mean),
        "expert_steps_mean", d->steps_mean < 0 ? json_null() : json_real(d->expert_steps_mean),
        "infer_ms_p50", d->ms_p50, "infer_ms_p99", d->ms_p99, "backend", d->r.info.backend, "isa",
        d->r.info.isa, "precision", d->r.info.precision, "threads", d->r.made.n_threads, "task",
        a->task_name, "seed", (json_int_t)a->run.seed.value, "execute", a->execute, "noise_std",
        a->noise_std, "disturb", a->disturb, "warnings", pi0_notices_json(&d->w));
    // a sentence that is no UTF-8 was refused by the policy
    json_object_set_new(o, "prompt", a->prompt ? json_string(a->prompt) : json_null());
    return pi0_json_print(o, 0, err);
}
