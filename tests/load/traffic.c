/* SPDX-License-Identifier: Apache-2.0 */
/* traffic.c - honest clients of a policy server. */
#include "traffic.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define N_STATE 14
#define MAX_VALUES 4096
#define TIMEOUT_MS 600000 // a machine may be busy with other things
#define PICTURE ((size_t)3 * TRAFFIC_SIDE * TRAFFIC_SIDE)

static int values(const traffic *t)
{
    return t->rows * t->cols;
}

/* ---- one request ---- */

static int ask(const traffic_client *c, pi0_client *client, int seed, double *actions,
               pi0_client_reply *reply, pi0_error *err)
{
    static const char *const names[TRAFFIC_CAMERAS] = { "cam_high", "cam_left_wrist",
                                                        "cam_right_wrist" };
    pi0_image images[TRAFFIC_CAMERAS];
    double state[N_STATE];
    for (int i = 0; i < TRAFFIC_CAMERAS; i++)
        images[i] = (pi0_image){ .camera = names[i],
                                 .rgb = c->pictures + (size_t)i * PICTURE,
                                 .width = TRAFFIC_SIDE,
                                 .height = TRAFFIC_SIDE,
                                 .format = PI0_RGB8_CHW };
    for (int i = 0; i < N_STATE; i++) state[i] = 0.01 * i + 0.001 * c->number;
    const pi0_state whole = { "state", state, N_STATE };
    const pi0_observation obs = { images, c->t->cameras, &whole, 1, "fold the towel" };
    const pi0_client_request request = { .timeout_ms = TIMEOUT_MS,
                                         .has_seed = 1,
                                         .seed = (uint64_t)(1000 * c->number + seed),
                                         .num_steps = c->t->steps };
    return pi0_client_infer(client, &obs, &request, actions, MAX_VALUES, reply, err);
}

/* ---- what is expected ---- */

static bool make_client(traffic *t, int number)
{
    traffic_client *c = &t->client[number];
    const size_t n = t->requests ? (size_t)t->requests : 1;
    *c = (traffic_client){ .t = t,
                           .number = number,
                           .pictures = malloc(TRAFFIC_CAMERAS * PICTURE),
                           .expected = calloc(TRAFFIC_SEEDS * MAX_VALUES, sizeof(double)),
                           .overhead = calloc(n, sizeof(double)),
                           .round_trip = calloc(n, sizeof(double)) };
    if (!c->pictures || !c->expected || !c->overhead || !c->round_trip) return false;
    uint32_t x = (uint32_t)number * 2654435761u + 1;
    for (size_t i = 0; i < TRAFFIC_CAMERAS * PICTURE; i++) {
        x = x * 1664525u + 1013904223u;
        c->pictures[i] = (uint8_t)(x >> 24);
    }
    return true;
}

static bool expect_all(traffic *t, pi0_client *client)
{
    double actions[MAX_VALUES];
    pi0_client_reply reply;
    pi0_error err;
    for (int k = 0; k < t->clients; k++)
        for (int s = 0; s < TRAFFIC_SEEDS; s++) {
            if (ask(&t->client[k], client, s, actions, &reply, &err)) {
                fprintf(stderr, "traffic: %s\n", err.message);
                return false;
            }
            t->rows = reply.rows;
            t->cols = reply.cols;
            memcpy(t->client[k].expected + s * values(t), actions,
                   sizeof *actions * (size_t)values(t));
        }
    return true;
}

// else a mix-up could not be seen
static bool all_differ(const traffic *t)
{
    const int n = t->clients * TRAFFIC_SEEDS;
    const size_t size = sizeof(double) * (size_t)values(t);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++) {
            const double *a = t->client[i / TRAFFIC_SEEDS].expected;
            const double *b = t->client[k / TRAFFIC_SEEDS].expected;
            if (!memcmp(a + i % TRAFFIC_SEEDS * values(t), b + k % TRAFFIC_SEEDS * values(t),
                        size)) {
                fprintf(stderr, "traffic: two requests have the same reply\n");
                return false;
            }
        }
    return true;
}

bool traffic_prepare(traffic *t)
{
    pi0_client *client;
    pi0_error err;
    pthread_mutex_init(&t->lock, NULL);
    t->client = calloc((size_t)t->clients, sizeof *t->client);
    if (!t->client) return false;
    for (int k = 0; k < t->clients; k++)
        if (!make_client(t, k)) return false;
    if (pi0_client_connect(&client, t->url, NULL, &err)) {
        fprintf(stderr, "traffic: %s\n", err.message);
        return false;
    }
    const bool good = expect_all(t, client) && all_differ(t);
    pi0_client_close(client);
    return good;
}

/* ---- traffic ---- */

static bool next(traffic_client *c, int done)
{
    traffic *t = (traffic *)(uintptr_t)c->t;
    pthread_mutex_lock(&t->lock);
    t->done += done > 0;
    const bool stop = t->stop;
    pthread_mutex_unlock(&t->lock);
    return t->requests ? done < t->requests : !stop;
}

static void note(traffic_client *c, const pi0_client_reply *r, const double *actions, int seed)
{
    const int i = c->replies++;
    const int n = values(c->t);
    if (c->t->requests) {
        c->overhead[i] = r->round_trip_ms - r->infer_ms - r->queue_ms;
        c->round_trip[i] = r->round_trip_ms;
    }
    c->again += r->sends > 1;
    if (r->rows * r->cols != n ||
        memcmp(actions, c->expected + seed * n, sizeof *actions * (size_t)n))
        c->wrong++;
}

static void *run(void *user)
{
    traffic_client *c = user;
    double actions[MAX_VALUES];
    pi0_client *client;
    pi0_client_reply reply;
    pi0_error err;
    if (pi0_client_connect(&client, c->t->url, NULL, &err)) {
        c->failed++;
        for (int i = 1; i <= c->t->requests; i++) next(c, i);
        memcpy(c->first_failure, err.message, sizeof c->first_failure);
        return NULL;
    }
    for (int i = 0; next(c, i); i++) {
        const int seed = (i * 5 + c->number) % TRAFFIC_SEEDS;
        if (!ask(c, client, seed, actions, &reply, &err))
            note(c, &reply, actions, seed);
        else if (!c->failed++)
            memcpy(c->first_failure, err.message, sizeof c->first_failure);
    }
    pi0_client_close(client);
    return NULL;
}

bool traffic_start(traffic *t)
{
    for (int k = 0; k < t->clients; k++)
        if (pthread_create(&t->client[k].thread, NULL, run, &t->client[k])) return false;
    return true;
}

void traffic_wait(traffic *t)
{
    for (int k = 0; k < t->clients; k++) pthread_join(t->client[k].thread, NULL);
}

void traffic_stop(traffic *t)
{
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_mutex_unlock(&t->lock);
}

int traffic_done(traffic *t)
{
    pthread_mutex_lock(&t->lock);
    const int done = t->done;
    pthread_mutex_unlock(&t->lock);
    return done;
}

/* ---- what became of it ---- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_part(const char *name, const traffic *t, size_t field)
{
    size_t n = 0;
    double *all = calloc((size_t)t->clients * (size_t)t->requests, sizeof *all);
    if (!all) return;
    for (int k = 0; k < t->clients; k++) {
        const double *from = *(double **)(void *)((char *)&t->client[k] + field);
        for (int i = 0; i < t->client[k].replies; i++) all[n++] = from[i];
    }
    qsort(all, n, sizeof *all, ascending);
    if (n)
        printf("%s: p50 %.2f ms, p99 %.2f ms, largest %.2f ms\n", name, all[n / 2],
               all[(size_t)ceil(0.99 * (double)n) - 1], all[n - 1]);
    free(all);
}

bool traffic_report(const traffic *t)
{
    int replies = 0, failed = 0, wrong = 0, again = 0;
    for (int k = 0; k < t->clients; k++) {
        const traffic_client *c = &t->client[k];
        replies += c->replies;
        failed += c->failed;
        wrong += c->wrong;
        again += c->again;
        if (c->failed) printf("client %d: %s\n", k, c->first_failure);
    }
    if (t->requests) {
        print_part("round trip", t, offsetof(traffic_client, round_trip));
        print_part("round trip less inference less queue", t, offsetof(traffic_client, overhead));
    }
    printf("%d clients, %d replies, %d failed, %d not as expected, %d sent again\n", t->clients,
           replies, failed, wrong, again);
    return !failed && !wrong && replies > 0 &&
           (!t->requests || replies == t->clients * t->requests);
}

void traffic_free(traffic *t)
{
    for (int k = 0; k < t->clients && t->client; k++) {
        free(t->client[k].pictures);
        free(t->client[k].expected);
        free(t->client[k].overhead);
        free(t->client[k].round_trip);
    }
    free(t->client);
    pthread_mutex_destroy(&t->lock);
}

double traffic_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

long traffic_memory(int pid)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    if (fscanf(f, "%*s %ld", &pages) != 1) pages = 0;
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}
