/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_verify.c - pi0 verify: both flows on the same inputs, a table with a verdict for each
 * module. */
#include "commands.h"
#include "json_out.h"
#include "verify_job.h"
#include "verify_print.h"
#include "verify_report.h"
#include <stdio.h>
#include <string.h>

#define FIELD(name) offsetof(verify_args, name)
static const option options[] = {
    { "observation", "FILE", OPTION_LIST, FIELD(observations),
      "what a robot saw and measured, as for pi0 infer; more than once, or a\n"
      "folder: of each module the worst result is shown",
      0, 0, NULL },
    { "synthetic", "N", OPTION_INT, FIELD(synthetic), "instead: N made-up observations. Default: 1",
      1, 1000, NULL },
    { "views", "N", OPTION_INT, FIELD(views),
      "cameras of a synthetic observation; those that a robot must have are\n"
      "always there. Default: 2, or all if there are fewer",
      1, 64, NULL },
    { "against", "FILE", OPTION_TEXT, FIELD(against),
      "instead: inputs and tensors of another runtime in one safetensors\n"
      "file (docs/VERIFY.md); both flows are compared with it, too",
      0, 0, NULL },
    { "modules", "LIST", OPTION_TEXT, FIELD(modules),
      "only these, as vision,prefix.k: what lies behind the last of them is\n"
      "not run. A wrong name lists them. Default: all",
      0, 0, NULL },
    { "all", NULL, OPTION_FLAG, FIELD(all), "a line for each layer and step", 0, 0, NULL },
    { "json", NULL, OPTION_FLAG, FIELD(json),
      "instead of tables a list of {module, shape, mode, pcc, max_error,\n"
      "rms_error, rel_l2, bound, pass}, a row for each layer and step",
      0, 0, NULL },
    { "report", "FILE.html", OPTION_TEXT, FIELD(report),
      "also write the results as one page: errors by module, over layers and\n"
      "steps, both flows' actions, time, roofline",
      0, 0, NULL },
};

static int check_sources(const command *c, const verify_args *a)
{
    if (!!a->observations.n + !!a->synthetic + !!a->against > 1)
        return pi0_usage_error(c, "--observation, --synthetic and --against contradict each other");
    if (a->views && (a->observations.n || a->against))
        return pi0_usage_error(c, "--views belongs to --synthetic");
    if (a->against && a->run.config)
        return pi0_usage_error(c, "--against holds the network's own inputs, which need no robot; "
                                  "--config contradicts it");
    if (!strcmp(a->run.backend, "reference"))
        return pi0_usage_error(c, "--backend reference: it is what the other one is compared with");
    return STATUS_OK;
}

static void print_what(const verify_job *j)
{
    const pi0_info *i = &j->fast.info;
    printf("%s: %s, %s layout, %d steps, chunk of %d; %s\n", j->a->run.model,
           i->pi05 ? "pi0.5" : "pi0", i->layout, j->fast.made.num_steps, j->fast.made.horizon,
           j->what);
    printf("reference    plain C, f32, sums in double");
    if (j->v.reference_ms > 0) printf(": %.1f s a chunk", j->v.reference_ms * 1e-3);
    printf("\naccelerated  %s, %s, %s, %d thread%s", i->backend, i->isa, i->precision,
           j->fast.made.n_threads, j->fast.made.n_threads == 1 ? "" : "s");
    if (j->n_ms) printf(": %.1f ms a chunk", j->ms[0]);
    if (j->n_ms && j->v.reference_ms > 0)
        printf(", %.0f times as fast", j->v.reference_ms / j->ms[0]);
    printf("\n");
}

static int verify_model(const verify_args *a)
{
    verify_job j;
    pi0_error err;
    int status = pi0_verify_job_run(&j, a, &err);
    if (!status && a->report) status = pi0_verify_report(&j, a->report, &err);
    if (!status && a->json) {
        status = pi0_json_print(pi0_verify_json(&j.v), 0, &err);
    } else if (!status) {
        print_what(&j);
        pi0_verify_print(&j.v, a->all);
        if (j.share.n) printf("\n");
        if (j.share.n) pi0_coverage_print(&j.share);
        pi0_verify_print_failures(&j.v);
        if (a->report) printf("wrote %s\n", a->report);
    }
    int code = status ? pi0_report(status, &err) : STATUS_OK;
    if (!status && pi0_verify_failures(&j.v)) code = STATUS_FAILED;
    pi0_verify_job_free(&j);
    return code;
}

static int run(const command *self, int argc, char **argv)
{
    verify_args a = { .run = RUN_OPTIONS_DEFAULT };
    const option_group groups[] = { OPTION_GROUP("What is compared", options, &a),
                                    pi0_run_options_group(&a.run) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 2, 1, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    int status = check_sources(self, &a);
    if (!status) status = pi0_run_options_check(self, &a.run, &rest);
    if (!a.observations.n && !a.synthetic && !a.against) a.synthetic = 1;
    return status ? status : verify_model(&a);
}

const command pi0_command_verify = {
    "verify",
    "the accelerated flow against the reference flow, module by module",
    "--model DIR [--config NAME] [--observation FILE ... | --synthetic N | --against FILE]\n"
    "       [options]",
    "Runs the accelerated flow and the reference flow on the same inputs and noise, and compares\n"
    "every module's output twice: alone, on the reference's input, and accumulated, on what the\n"
    "accelerated flow itself made before it. Each comparison has a bound (docs/NUMERICS.md). Exit\n"
    "status 0: all are within, 1: one is not. The reference flow is slow: a true-size checkpoint\n"
    "takes minutes. Both models are in memory, the reference in place in the mapped file.",
    "pi0 verify --model demo/place\n"
    "pi0 verify --model checkpoints/pi05_droid --config pi05_droid --observation obs.msgpack\n"
    "pi0 verify --model checkpoints/pi0_base --modules vision --all\n",
    run,
};
