/* SPDX-License-Identifier: Apache-2.0 */
/* demo_dump.c - the file of pi0 demo --dump-scenes: all that another program needs to run the same
 * episodes, and the first plan of each to compare with. Tensors of n episodes:
 *   colours I64 [n,3]  of block 0, 1, 2: 0 red, 1 green, 2 blue
 *   blocks F64 [n,3,2], bowl F64 [n,2], hand F64 [n,2]  where they are at the start
 *   goal I64 [n]  block that the sentence names; success I64 [n]
 *   kicks F64 [n,steps,2]  added to x and y of each command
 *   state F64 [n,3], image U8 [n,224,224,3]  the first observation
 *   noise F32 [n,plans,horizon,32], plan F64 [n,horizon,3]  the first plan's commands
 * and in __metadata__ task, and prompts: a line for each episode. */
#include "demo.h"
#include "fail.h"
#include "output_file.h"
#include "st_write.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct dump {
    const demo_run *d;
    FILE *file;
    double *kicks;
} dump;

// one episode's part of a tensor
typedef void (*write_fn)(const dump *u, const demo_episode *e);

static void put(const dump *u, const void *data, size_t size)
{
    fwrite(data, 1, size, u->file);
}

static void put_int(const dump *u, int64_t value)
{
    put(u, &value, sizeof value);
}

static void put_point(const dump *u, sim_point p)
{
    put(u, &p.x, sizeof p.x);
    put(u, &p.y, sizeof p.y);
}

static void put_colours(const dump *u, const demo_episode *e)
{
    for (int i = 0; i < SIM_BLOCKS; i++) put_int(u, e->scenes[0].colour[i]);
}

static void put_blocks(const dump *u, const demo_episode *e)
{
    for (int i = 0; i < SIM_BLOCKS; i++) put_point(u, e->scenes[0].block[i]);
}

static void put_bowl(const dump *u, const demo_episode *e)
{
    put_point(u, e->scenes[0].bowl);
}

static void put_hand(const dump *u, const demo_episode *e)
{
    put_point(u, e->scenes[0].hand);
}

static void put_goal(const dump *u, const demo_episode *e)
{
    put_int(u, sim_block_of(&e->scenes[0], e->goal));
}

static void put_success(const dump *u, const demo_episode *e)
{
    put_int(u, e->success);
}

static void put_kicks(const dump *u, const demo_episode *e)
{
    pi0_demo_kicks(u->kicks, u->d->a, e->index);
    put(u, u->kicks, 2 * (size_t)e->n_steps * sizeof *u->kicks);
}

static void put_state(const dump *u, const demo_episode *e)
{
    double state[SIM_COMMAND];
    sim_state(&e->scenes[0], state);
    put(u, state, sizeof state);
}

static void put_noise(const dump *u, const demo_episode *e)
{
    const demo_policy *p = &u->d->policy;
    for (int k = 0; k < e->n_plans; k++) {
        pi0_demo_noise(p, u->d->a->run.seed.value, e->index, k);
        put(u, p->noise, (size_t)p->horizon * (size_t)p->noise_columns * sizeof *p->noise);
    }
}

static void put_plan(const dump *u, const demo_episode *e)
{
    const size_t n = (size_t)u->d->policy.horizon * SIM_COMMAND;
    put(u, e->plans[0].commands, n * sizeof *e->plans[0].commands);
}

static void put_image(const dump *u, const demo_episode *e)
{
    uint8_t *const picture = u->d->policy.picture;
    sim_render(&e->scenes[0], picture);
    put(u, picture, (size_t)SIM_SIZE * SIM_SIZE * 3);
}

enum { TENSORS = 11 };

typedef struct entry {
    const char *name;
    dtype type;
    int dims[3]; // behind the number of episodes, 0: none
    write_fn write;
} entry;

static st_tensor tensor_of(const entry *x, int n)
{
    st_tensor t = { .name = x->name, .type = x->type, .n_dims = 1, .dims = { n } };
    t.bytes = (size_t)n * dtype_size(x->type);
    for (int k = 0; k < 3 && x->dims[k]; k++) {
        t.dims[t.n_dims++] = x->dims[k];
        t.bytes *= (size_t)x->dims[k];
    }
    return t;
}

// the sentences, a line each
static json_t *prompts(const demo_run *d)
{
    char *text = malloc((size_t)d->n * (DEMO_SENTENCE + 1) + 1);
    if (!text) return NULL;
    size_t at = 0;
    for (int i = 0; i < d->n; i++) at += (size_t)sprintf(text + at, "%s\n", d->episodes[i].prompt);
    text[at] = 0;
    json_t *o = json_string(text);
    free(text);
    return o;
}

static int write_header(const dump *u, const entry entries[TENSORS], pi0_error *err)
{
    st_tensor list[TENSORS];
    size_t size = 0;
    for (int i = 0; i < TENSORS; i++) list[i] = tensor_of(&entries[i], u->d->n);
    json_t *metadata =
        json_pack("{s:s, s:o}", "task", u->d->a->task_name, "prompts", prompts(u->d));
    char *header = metadata ? pi0_st_header(metadata, list, TENSORS, &size) : NULL;
    if (!header) return pi0_fail(err, PI0_ENOMEM, "no memory for a header");
    put(u, header, size);
    free(header);
    return PI0_OK;
}

static int write_all(const dump *u, pi0_error *err)
{
    const demo_policy *p = &u->d->policy;
    const int steps = pi0_demo_step_count(u->d->a), plans = pi0_demo_plan_count(u->d->a);
    // the widest types first: each tensor is aligned
    const entry entries[TENSORS] = {
        { "colours", DTYPE_I64, { SIM_BLOCKS }, put_colours },
        { "blocks", DTYPE_F64, { SIM_BLOCKS, 2 }, put_blocks },
        { "bowl", DTYPE_F64, { 2 }, put_bowl },
        { "hand", DTYPE_F64, { 2 }, put_hand },
        { "goal", DTYPE_I64, { 0 }, put_goal },
        { "success", DTYPE_I64, { 0 }, put_success },
        { "kicks", DTYPE_F64, { steps, 2 }, put_kicks },
        { "state", DTYPE_F64, { SIM_COMMAND }, put_state },
        { "plan", DTYPE_F64, { p->horizon, SIM_COMMAND }, put_plan },
        { "noise", DTYPE_F32, { plans, p->horizon, p->noise_columns }, put_noise },
        { "image", DTYPE_U8, { SIM_SIZE, SIM_SIZE, 3 }, put_image },
    };
    const int status = write_header(u, entries, err);
    for (int i = 0; i < TENSORS && !status; i++)
        for (int k = 0; k < u->d->n; k++) entries[i].write(u, &u->d->episodes[k]);
    return status;
}

int pi0_demo_write_dump(const demo_run *d, const char *path, pi0_error *err)
{
    dump u = { d, NULL, malloc(2 * (size_t)pi0_demo_step_count(d->a) * sizeof(double)) };
    char part[OUTPUT_PATH];
    if (!u.kicks) return pi0_fail(err, PI0_ENOMEM, "%s: no memory", path);
    int status = pi0_output_open(&u.file, part, path, err);
    if (!status) {
        status = write_all(&u, err);
        status = pi0_output_close(u.file, part, path, status, err);
    }
    free(u.kicks);
    return status;
}
