/* SPDX-License-Identifier: Apache-2.0 */
/* test_serve_queue.c - whose turn it is, what is dropped, skipped and refused, how it ends. */
#include "serve/serve_queue.h"
#include "support/expect.h"
#include "terminal.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static int n_abandoned;

static void on_abandoned(void *user)
{
    (void)user;
    n_abandoned++;
}

static serve_queue *make(bool latest, int depth, size_t max_bytes)
{
    const serve_queue_options o = { latest, depth, max_bytes, on_abandoned, NULL };
    serve_queue *q = pi0_serve_queue_new(&o);
    assert_non_null(q);
    n_abandoned = 0;
    return q;
}

// a request of so many bytes that begins with a letter
static enum serve_put put(serve_queue *q, net_id client, char letter, size_t size)
{
    net_message m = { .binary = true, .data = calloc(1, size + 1), .size = size };
    m.data[0] = letter;
    const enum serve_put result = pi0_serve_queue_put(q, client, &m);
    free(m.data);
    return result;
}

// the next one has this client, verdict and letter, and is answered
static void expect_next(serve_queue *q, net_id client, enum serve_verdict verdict, char letter)
{
    serve_request *r = pi0_serve_queue_next(q);
    assert_non_null(r);
    assert_int_equal(r->client, client);
    assert_int_equal(r->verdict, verdict);
    if (verdict == SERVE_RUN)
        assert_int_equal(r->data[0], letter);
    else
        assert_null(r->data);
    assert_true(pi0_serve_queue_wanted(q, r));
    assert_true(pi0_serve_queue_done(q, r, pi0_seconds()));
}

// one that asks much does not hold up another
static void test_fair(void **state)
{
    (void)state;
    serve_queue *q = make(false, 10, 1000);
    for (net_id c = 1; c <= 3; c++) assert_true(pi0_serve_queue_join(q, c));
    for (int i = 0; i < 4; i++) put(q, 1, (char)('a' + i), 1);
    put(q, 2, 'x', 1);
    put(q, 3, 'y', 1);
    put(q, 3, 'z', 1);
    assert_int_equal(pi0_serve_queue_waiting(q), 7);
    expect_next(q, 1, SERVE_RUN, 'a');
    expect_next(q, 2, SERVE_RUN, 'x');
    expect_next(q, 3, SERVE_RUN, 'y');
    expect_next(q, 1, SERVE_RUN, 'b');
    expect_next(q, 3, SERVE_RUN, 'z');
    expect_next(q, 1, SERVE_RUN, 'c');
    expect_next(q, 1, SERVE_RUN, 'd');
    assert_true(pi0_serve_queue_idle(q, 0));
    pi0_serve_queue_free(q);
}

static void test_numbers_and_times(void **state)
{
    (void)state;
    serve_queue *q = make(false, 10, 1000);
    pi0_serve_queue_join(q, 7);
    for (int i = 0; i < 3; i++) {
        put(q, 7, 'a', 1);
        serve_request *r = pi0_serve_queue_next(q);
        assert_int_equal(r->number, i);
        assert_true(r->taken > 0);
        // the first has no reply before it; the second's took from the connection to the answer
        if (!i)
            assert_true(r->previous < 0);
        else
            assert_true(r->previous >= 0 && r->previous < 100);
        pi0_serve_queue_done(q, r, pi0_seconds());
    }
    pi0_serve_queue_free(q);
}

static void test_depth(void **state)
{
    (void)state;
    serve_queue *q = make(false, 2, 1000);
    pi0_serve_queue_join(q, 1);
    for (int i = 0; i < 4; i++) assert_int_equal(put(q, 1, (char)('a' + i), 1), SERVE_PUT);
    assert_int_equal(pi0_serve_queue_waiting(q), 2);
    // answers come in the order of the requests
    expect_next(q, 1, SERVE_RUN, 'a');
    assert_int_equal(put(q, 1, 'e', 1), SERVE_PUT);
    expect_next(q, 1, SERVE_RUN, 'b');
    expect_next(q, 1, SERVE_REFUSED, 0);
    expect_next(q, 1, SERVE_REFUSED, 0);
    expect_next(q, 1, SERVE_RUN, 'e');

    // bytes of all together
    pi0_serve_queue_join(q, 2);
    put(q, 1, 'a', 600);
    put(q, 2, 'b', 600);
    put(q, 2, 'c', 400);
    expect_next(q, 1, SERVE_RUN, 'a');
    expect_next(q, 2, SERVE_REFUSED, 0);
    expect_next(q, 2, SERVE_RUN, 'c');
    put(q, 1, 'd', 1000);
    expect_next(q, 1, SERVE_RUN, 'd');

    // a flood
    int n = 0;
    while (n < 5000 && put(q, 1, 'x', 1) == SERVE_PUT) n++;
    assert_int_equal(n, 1000);
    assert_int_equal(put(q, 1, 'x', 1), SERVE_TOO_MANY);
    assert_int_equal(put(q, 99, 'x', 1), SERVE_PUT_NOTHING);
    pi0_serve_queue_free(q);
}

static void test_latest(void **state)
{
    (void)state;
    serve_queue *q = make(true, 4, 1000);
    pi0_serve_queue_join(q, 1);
    pi0_serve_queue_join(q, 2);
    put(q, 1, 'a', 1);
    put(q, 2, 'x', 1);
    put(q, 1, 'b', 1);
    put(q, 1, 'c', 1);
    assert_int_equal(pi0_serve_queue_waiting(q), 2);
    // those that were skipped cost no turn
    expect_next(q, 1, SERVE_SKIPPED, 0);
    expect_next(q, 1, SERVE_SKIPPED, 0);
    expect_next(q, 1, SERVE_RUN, 'c');
    expect_next(q, 2, SERVE_RUN, 'x');

    // the one that is being computed is not given up for a newer one
    put(q, 1, 'd', 1);
    serve_request *r = pi0_serve_queue_next(q);
    put(q, 1, 'e', 1);
    assert_true(pi0_serve_queue_wanted(q, r));
    assert_true(pi0_serve_queue_done(q, r, 0));
    expect_next(q, 1, SERVE_RUN, 'e');
    assert_int_equal(n_abandoned, 0);
    pi0_serve_queue_free(q);
}

static void test_gone(void **state)
{
    (void)state;
    serve_queue *q = make(false, 4, 1000);
    for (net_id c = 1; c <= 3; c++) pi0_serve_queue_join(q, c);
    put(q, 1, 'a', 1);
    put(q, 1, 'b', 1);
    put(q, 2, 'x', 1);
    serve_request *r = pi0_serve_queue_next(q);
    assert_int_equal(r->data[0], 'a');
    // the one that waits and the one that runs
    assert_int_equal(pi0_serve_queue_leave(q, 1), 2);
    assert_int_equal(n_abandoned, 1);
    assert_false(pi0_serve_queue_wanted(q, r));
    assert_int_equal(pi0_serve_queue_leave(q, 1), 0);
    assert_false(pi0_serve_queue_done(q, r, pi0_seconds()));
    expect_next(q, 2, SERVE_RUN, 'x');
    assert_int_equal(pi0_serve_queue_leave(q, 3), 0);
    assert_int_equal(n_abandoned, 1);
    assert_true(pi0_serve_queue_idle(q, 0));
    pi0_serve_queue_free(q);
}

static void test_drain(void **state)
{
    (void)state;
    serve_queue *q = make(false, 4, 1000);
    pi0_serve_queue_join(q, 1);
    put(q, 1, 'a', 1);
    pi0_serve_queue_drain(q);
    assert_int_equal(put(q, 1, 'b', 1), SERVE_PUT_NOTHING);
    assert_false(pi0_serve_queue_idle(q, 0.01));
    expect_next(q, 1, SERVE_RUN, 'a');
    assert_true(pi0_serve_queue_idle(q, 0.01));
    assert_null(pi0_serve_queue_next(q));
    pi0_serve_queue_free(q);

    // at once: what waits stays, what runs is given up
    q = make(false, 4, 1000);
    pi0_serve_queue_join(q, 1);
    put(q, 1, 'a', 1);
    put(q, 1, 'b', 1);
    serve_request *r = pi0_serve_queue_next(q);
    pi0_serve_queue_stop(q);
    assert_int_equal(n_abandoned, 1);
    assert_false(pi0_serve_queue_done(q, r, 0));
    assert_null(pi0_serve_queue_next(q));
    pi0_serve_queue_free(q);
    pi0_serve_queue_free(NULL);
}

/* ---- threads: what was put comes out, each client's in order, none twice ---- */

#define CLIENTS 8
#define EACH 400

typedef struct feeder {
    serve_queue *q;
    net_id id;
} feeder;

static void *feed(void *argument)
{
    const feeder *f = argument;
    for (uint32_t i = 0; i < EACH; i++) {
        net_message m = { .binary = true, .data = malloc(sizeof i + 1), .size = sizeof i };
        memcpy(m.data, &i, sizeof i);
        if (pi0_serve_queue_put(f->q, f->id, &m) != SERVE_PUT) abort();
        free(m.data);
        if (i % 32 == 0) usleep(100);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t id[CLIENTS];
    feeder f[CLIENTS];
    uint32_t next[CLIENTS] = { 0 };
    serve_queue *q = make(false, EACH, 1000000);
    for (int i = 0; i < CLIENTS; i++) {
        f[i] = (feeder){ q, (net_id)i + 1 };
        pi0_serve_queue_join(q, f[i].id);
        assert_int_equal(pthread_create(&id[i], NULL, feed, &f[i]), 0);
    }
    for (int i = 0; i < CLIENTS * EACH; i++) {
        uint32_t n;
        serve_request *r = pi0_serve_queue_next(q);
        assert_non_null(r);
        assert_int_equal(r->verdict, SERVE_RUN);
        memcpy(&n, r->data, sizeof n);
        assert_int_equal(n, next[r->client - 1]++);
        pi0_serve_queue_done(q, r, pi0_seconds());
    }
    for (int i = 0; i < CLIENTS; i++) pthread_join(id[i], NULL);
    assert_int_equal(pi0_serve_queue_waiting(q), 0);
    pi0_serve_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fair),    cmocka_unit_test(test_numbers_and_times),
        cmocka_unit_test(test_depth),   cmocka_unit_test(test_latest),
        cmocka_unit_test(test_gone),    cmocka_unit_test(test_drain),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
