/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_inspect.c - pi0 inspect: what a checkpoint is, and what running it takes. */
#include "commands.h"
#include "coverage.h"
#include "json_out.h"
#include "policy_text.h"
#include "runner.h"
#include "tokenizer_search.h"
#include <stdio.h>
#include <string.h>

typedef struct inspect_args {
    run_options run;
    int views, tokens;
    bool json;
} inspect_args;

#define FIELD(name) offsetof(inspect_args, name)
static const option options[] = {
    { "views", "N", OPTION_INT, FIELD(views),
      "cameras of the chunk whose work is counted. Default: all", 1, 64, NULL },
    { "tokens", "N", OPTION_INT, FIELD(tokens),
      "prompt tokens of that chunk. Default: as many as the model takes", 1, 65536, NULL },
    { "json", NULL, OPTION_FLAG, FIELD(json), "one JSON object on stdout", 0, 0, NULL },
};

// what is shown
typedef struct inspection {
    runner r;
    notices w;
    int views, tokens; // of the plan
    pi0_plan plan;
    coverage kernels;
    bool planned; // else `reason` says why not
    pi0_error reason;
    pi0_policy_info policy;
    bool has_policy; // else `no_policy` says why not
    pi0_error no_policy;
    tokenizer_search words;
} inspection;

/* ---- for people ---- */

static void print_stack(const char *name, const pi0_stack_info *s)
{
    printf("  %-13s %d layers, width %d, mlp %d, %d heads of %d\n", name, s->layers, s->width,
           s->mlp, s->heads, s->head_dim);
}

static void print_bytes(const char *name, double bytes)
{
    if (bytes < 1e6)
        printf("  %-13s %.1f kB\n", name, bytes * 1e-3);
    else if (bytes < 1e9)
        printf("  %-13s %.1f MB\n", name, bytes * 1e-6);
    else
        printf("  %-13s %.2f GB\n", name, bytes * 1e-9);
}

static void print_model(const char *dir, const inspection *x)
{
    const pi0_info *i = &x->r.info;
    printf("%s: %s, %s layout%s\n", dir, i->pi05 ? "pi0.5" : "pi0", i->layout,
           strcmp(i->format, "orbax") ? "" : ", JAX (Orbax)");
    printf("  %-13s %d:", "tensors", i->n_tensors);
    if (i->n_f32) printf(" %d F32", i->n_f32);
    if (i->n_bf16) printf(" %d BF16", i->n_bf16);
    if (i->n_f16) printf(" %d F16", i->n_f16);
    printf("\n  %-13s %.3f million, used by the network\n", "parameters",
           (double)i->parameters * 1e-6);
    print_stack("vision", &i->vision);
    print_stack("language", &i->language);
    print_stack("expert", &i->expert);
    printf("  %-13s %d tokens at most, of a vocabulary of %d\n", "prompt", i->max_tokens,
           i->vocabulary);
    if (i->state_dim)
        printf("  %-13s up to %d values\n", "state", i->state_dim);
    else
        printf("  %-13s in the prompt\n", "state");
    if (i->horizon)
        printf("  %-13s %d rows x %d", "action chunk", i->horizon, i->action_dim);
    else
        printf("  %-13s rows not known (--horizon N), %d columns", "action chunk", i->action_dim);
    printf(", %d steps, time grid of %s\n", i->num_steps, i->time_grid);
    for (int c = 0; c < i->n_cameras; c++)
        printf("  %-13s %s\n", c ? "" : "cameras", pi0_model_camera(x->r.model, c));
    printf("  %-13s %dx%d pixels, %d tokens\n", "a picture", i->image_size, i->image_size,
           i->image_tokens);
}

static void print_policy(const inspection *x)
{
    if (x->has_policy)
        pi0_policy_print(&x->policy);
    else
        printf(
            "robot policy: none\n  %-13s %s\n", "",
            strcmp(x->r.info.layout, "openpi")
                ? x->no_policy.message
                : "an openpi checkpoint does not say for which robot it was trained: give\n"
                  "                --config NAME (pi0 configs lists them) or --config FILE.json");
    printf("  %-13s %s\n", "tokenizer",
           x->words.found[0] ? x->words.found : "not found: a sentence needs --tokenizer FILE");
}

static void print_cost(const char *name, const pi0_cost *c)
{
    printf("  %-13s %10d %14.3f %14.1f\n", name, c->calls, c->flop * 1e-9, c->weight_bytes * 1e-6);
}

static void print_work(const inspection *x)
{
    const pi0_info *i = &x->r.info;
    const pi0_plan *p = &x->plan;
    printf("on this machine: backend %s, instruction set %s, precision %s\n", i->backend, i->isa,
           i->precision);
    if (i->mapped_bytes) print_bytes("file, mapped", (double)i->mapped_bytes);
    if (i->decoded_bytes) print_bytes("decoded", (double)i->decoded_bytes);
    print_bytes("packed copy", (double)i->packed_bytes);
    if (!x->planned) {
        printf("  %-13s not known: %s\n", "session", x->reason.message);
        return;
    }
    print_bytes("session", (double)p->session_bytes);
    printf("work of a chunk with %d camera%s and %d prompt tokens:\n", x->views,
           x->views == 1 ? "" : "s", x->tokens);
    printf("  %-13s %10s %14s %14s\n", "", "operations", "GFLOP", "weights, MB");
    print_cost("vision", &p->vision);
    print_cost("prefix", &p->prefix);
    print_cost("one step", &p->step);
    print_cost("all", &p->total);
    pi0_coverage_print(&x->kernels);
}

/* ---- for programs ---- */

static json_t *stack_json(const pi0_stack_info *s)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i}", "layers", s->layers, "width", s->width, "mlp",
                     s->mlp, "heads", s->heads, "head_dim", s->head_dim);
}

static json_t *cost_json(const pi0_cost *c)
{
    return json_pack("{s:i, s:f, s:f}", "operations", c->calls, "flop", c->flop, "weight_bytes",
                     c->weight_bytes);
}

static json_t *plan_json(const inspection *x)
{
    const pi0_plan *p = &x->plan;
    if (!x->planned) return json_null();
    return json_pack("{s:i, s:i, s:o, s:o, s:o, s:o, s:I, s:i, s:i, s:o}", "views", x->views,
                     "tokens", x->tokens, "vision", cost_json(&p->vision), "prefix",
                     cost_json(&p->prefix), "step", cost_json(&p->step), "total",
                     cost_json(&p->total), "session_bytes", (json_int_t)p->session_bytes, "puts",
                     p->puts, "gets", p->gets, "coverage", pi0_coverage_json(&x->kernels));
}

static json_t *model_json(const char *dir, const inspection *x)
{
    const pi0_info *i = &x->r.info;
    json_t *cameras = json_array();
    for (int c = 0; c < i->n_cameras; c++)
        json_array_append_new(cameras, pi0_text_json(pi0_model_camera(x->r.model, c)));
    json_t *root = json_pack(
        "{s:o, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o}",
        "checkpoint", pi0_text_json(dir), "model", i->pi05 ? "pi0.5" : "pi0", "layout", i->layout,
        "time_grid", i->time_grid, "horizon", i->horizon, "action_dim", i->action_dim, "state_dim",
        i->state_dim, "steps", i->num_steps, "image_size", i->image_size, "image_tokens",
        i->image_tokens, "max_tokens", i->max_tokens, "vocabulary", i->vocabulary, "cameras",
        cameras, "vision", stack_json(&i->vision), "language", stack_json(&i->language), "expert",
        stack_json(&i->expert));
    if (!root) return NULL;
    json_t *tensors = json_pack("{s:i, s:i, s:i, s:i}", "all", i->n_tensors, "F32", i->n_f32,
                                "BF16", i->n_bf16, "F16", i->n_f16);
    json_object_set_new(root, "tensors", tensors);
    json_t *machine = json_pack(
        "{s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:o}", "parameters",
        (json_int_t)i->parameters, "mapped_bytes", (json_int_t)i->mapped_bytes, "decoded_bytes",
        (json_int_t)i->decoded_bytes, "packed_bytes", (json_int_t)i->packed_bytes, "format",
        i->format, "backend", i->backend, "isa", i->isa, "precision", i->precision, "work",
        plan_json(x), "warnings", pi0_notices_json(&x->w));
    json_object_update(root, machine);
    json_decref(machine);
    json_object_set_new(root, "policy", x->has_policy ? pi0_policy_json(&x->policy) : json_null());
    if (!x->has_policy) json_object_set_new(root, "no_policy", pi0_text_json(x->no_policy.message));
    json_object_set_new(root, "tokenizer",
                        x->words.found[0] ? pi0_text_json(x->words.found) : json_null());
    return root;
}

/* ---- run ---- */

static int load_and_plan(inspection *x, const inspect_args *a, pi0_error *err)
{
    const int status = pi0_runner_load(&x->r, &a->run, NULL, &x->w, err);
    if (status) return status;
    x->has_policy = !pi0_model_policy(x->r.model, &x->policy, &x->no_policy);
    if (a->run.tokenizer)
        snprintf(x->words.found, sizeof x->words.found, "%s", a->run.tokenizer);
    else
        pi0_tokenizer_search(&x->words, a->run.model);
    const pi0_info *i = &x->r.info;
    x->views = a->views ? a->views : i->n_cameras;
    x->tokens = a->tokens ? a->tokens : i->max_tokens;
    // a plan is for the session that these options would make
    int planned = pi0_model_plan(x->r.model, &x->r.opt, x->views, x->tokens, &x->plan, &x->reason);
    if (!planned) planned = pi0_coverage_count(&x->kernels, &x->r, x->views, x->tokens, &x->reason);
    x->planned = !planned;
    // without a horizon there is still something to show; wrong numbers are an error
    if (planned && (i->horizon || a->views || a->tokens)) {
        *err = x->reason;
        return planned;
    }
    return PI0_OK;
}

static int inspect(const inspect_args *a)
{
    inspection x = { .planned = false };
    pi0_error err;
    int status = load_and_plan(&x, a, &err);
    if (!status && a->json) {
        status = pi0_json_print(model_json(a->run.model, &x), 17, &err);
    } else if (!status) {
        print_model(a->run.model, &x);
        print_policy(&x);
        print_work(&x);
    }
    const int code = status ? pi0_report(status, &err) : STATUS_OK;
    pi0_runner_free(&x.r);
    pi0_notices_free(&x.w);
    return code;
}

static int run(const command *self, int argc, char **argv)
{
    inspect_args a = { .run = RUN_OPTIONS_DEFAULT };
    const option_group groups[] = { OPTION_GROUP("Options", options, &a),
                                    pi0_run_options_group(&a.run) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 2, 1, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    const int status = pi0_run_options_check(self, &a.run, &rest);
    return status ? status : inspect(&a);
}

const command pi0_command_inspect = {
    "inspect",
    "what a checkpoint is, and what running it takes",
    "[options] DIR",
    "Loads the checkpoint and tells: which model and layout, sizes of its three stacks, cameras,\n"
    "tensors and their types; the robot (--config NAME, or a LeRobot folder's processors): its\n"
    "cameras, state, actions and their units, prompt, steps; memory, what was chosen for this\n"
    "machine, and the work of one action chunk, counted by running the model on a backend that\n"
    "computes nothing, and how much of it accelerated kernels compute.",
    "pi0 inspect demo/place\n"
    "pi0 inspect --views 2 --tokens 16 --json checkpoints/pi0_base\n",
    run,
};
