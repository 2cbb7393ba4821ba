/* SPDX-License-Identifier: Apache-2.0 */
/* test_session_together.c - 8 sessions on one model from 8 threads, each with a noise, a seed and a
 * picture of its own, while they also tokenize and plan: the same bits as one after the other. */
#include "support/expect.h"
#include "support/robot_case.h"
#include <pthread.h>
#include <stdlib.h>

enum { N_SESSIONS = 8, ROUNDS = 2, ROWS = 50, DIM = 32, N_ACTIONS = 8 };

// what one thread gives its session, and what it gets
typedef struct job {
    const pi0_model *m;
    const robot_case *r;
    pthread_barrier_t *gate; // NULL: alone
    pi0_options opt;
    int number, status;
    int rounds;                             // the reference has time for one
    double acted[ROUNDS][ROWS * N_ACTIONS]; // of the session's own noise
    float net[ROUNDS][ROWS * DIM];
    int32_t ids[256];
    int n_ids;
    pi0_plan plan;
} job;

static pi0_model *model;

// what is not touched by two: the observation is the job's, but for the pictures' bytes
static int one_round(job *j, pi0_session *s, int round)
{
    float noise[ROWS * DIM];
    pi0_observation obs = j->r->obs;
    pi0_image images[ROBOT_MAX_IMAGES];
    pi0_policy_inputs in;
    memcpy(images, j->r->images, sizeof images);
    // another picture for each, fewer rows of it, and another state
    double values[16];
    pi0_state states[ROBOT_MAX_STATES];
    memcpy(states, j->r->states, sizeof states);
    assert_true(states[0].n <= 16);
    for (int i = 0; i < states[0].n; i++) values[i] = states[0].values[i] + 0.01 * j->number;
    states[0].values = values;
    images[0].height -= 8 * j->number;
    obs.images = images;
    obs.states = states;
    int status = pi0_act(s, &obs, NULL, j->acted[round], ROWS * N_ACTIONS, NULL);
    if (!status) status = pi0_prepare(s, &obs, &in, NULL);
    pi0_noise((uint64_t)j->number, (uint64_t)round, noise, ROWS * DIM);
    if (!status) status = pi0_infer(s, &in.network, noise, j->net[round], ROWS * DIM, NULL);
    return status;
}

static void *run(void *arg)
{
    job *j = arg;
    pi0_session *s = NULL;
    if (j->gate) pthread_barrier_wait(j->gate);
    j->status = pi0_session_create(&s, j->m, &j->opt, NULL);
    for (int round = 0; round < j->rounds && !j->status; round++)
        j->status = one_round(j, s, round);
    if (!j->status)
        j->status = pi0_tokenize(j->m, j->number % 2 ? "pick it up" : "put_it down", NULL, 0,
                                 j->ids, 256, &j->n_ids, NULL);
    if (!j->status) j->status = pi0_model_plan(j->m, &j->opt, 1 + j->number % 2, 9, &j->plan, NULL);
    pi0_session_free(s);
    return NULL;
}

// sessions of one thread and of two
static void fill(job jobs[N_SESSIONS], const robot_case *r, pthread_barrier_t *gate)
{
    memset(jobs, 0, N_SESSIONS * sizeof *jobs);
    for (int i = 0; i < N_SESSIONS; i++) {
        jobs[i] = (job){ .m = model, .r = r, .gate = gate, .opt = r->opt, .number = i };
        jobs[i].opt.seed = (uint64_t)i;
        jobs[i].rounds = strcmp(r->opt.backend, "reference") ? ROUNDS : 1;
        jobs[i].opt.n_threads = 1 + (i == 3);
    }
}

static void expect_same(const job *a, const job *b)
{
    assert_int_equal(a->status, PI0_OK);
    assert_int_equal(b->status, PI0_OK);
    assert_memory_equal(a->acted, b->acted, sizeof a->acted);
    assert_memory_equal(a->net, b->net, sizeof a->net);
    assert_int_equal(a->n_ids, b->n_ids);
    assert_memory_equal(a->ids, b->ids, sizeof a->ids);
    assert_true(a->plan.total.flop == b->plan.total.flop &&
                a->plan.session_bytes == b->plan.session_bytes);
}

static void on(const char *backend)
{
    static job alone[N_SESSIONS], together[N_SESSIONS];
    pthread_t threads[N_SESSIONS];
    pthread_barrier_t gate;
    robot_case r;
    pi0_error err;
    robot_case_open(&r, "openpi/pi0_droid");
    r.opt.backend = backend;
    r.opt.num_steps = 1;
    expect_ok(pi0_load(&model, r.g.dir, &r.opt, &err), &err);
    fill(alone, &r, NULL);
    for (int i = 0; i < N_SESSIONS; i++) run(&alone[i]);
    // no two of them are the same: one that got another's result would be seen
    for (int i = 1; i < N_SESSIONS; i++) {
        assert_memory_not_equal(alone[i].acted, alone[0].acted, sizeof alone[0].acted);
        assert_memory_not_equal(alone[i].net, alone[i - 1].net, sizeof alone[0].net);
    }

    assert_int_equal(pthread_barrier_init(&gate, NULL, N_SESSIONS), 0);
    fill(together, &r, &gate);
    for (int i = 0; i < N_SESSIONS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &together[i]), 0);
    for (int i = 0; i < N_SESSIONS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < N_SESSIONS; i++) expect_same(&alone[i], &together[i]);
    pthread_barrier_destroy(&gate);
    pi0_free(model);
    robot_case_close(&r);
}

static void on_the_reference(void **state)
{
    (void)state;
    on("reference");
}

static void on_the_processor(void **state)
{
    (void)state;
    on("cpu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_processor),
        cmocka_unit_test(on_the_reference),
    };
    return cmocka_run_group_tests_name("session_together", tests, NULL, NULL);
}
