/* SPDX-License-Identifier: Apache-2.0 */
/* client_result.c - the result of `pi0 client`, for people and for programs. */
#include "client_result.h"
#include "fail.h"
#include "infer_result.h"
#include "json_out.h"
#include "times.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// with so many digits a float64 is told
#define DIGITS 17

static const pi0_client_reply *last(const client_run *u, const client_args *a)
{
    return &u->replies[a->repeat - 1];
}

/* ---- for people ---- */

static void print_part(const char *name, double ms)
{
    if (!isnan(ms)) printf(", %s %.1f", name, ms);
}

static int print_times(const client_run *u, const client_args *a, pi0_error *err)
{
    const pi0_client_reply *r = last(u, a);
    const size_t n = (size_t)a->repeat;
    printf("%.1f ms", r->round_trip_ms);
    print_part("server", r->infer_ms);
    if (!isnan(r->policy_ms)) printf(" (policy %.1f)", r->policy_ms);
    print_part("queue", r->queue_ms);
    print_part("connection",
               r->round_trip_ms - r->infer_ms - (isnan(r->queue_ms) ? 0 : r->queue_ms));
    printf("\n");
    if (n < 2) return PI0_OK;
    double *ms = malloc(n * sizeof *ms);
    if (!ms) return pi0_fail(err, PI0_ENOMEM, "no memory for times");
    for (size_t i = 0; i < n; i++) ms[i] = u->replies[i].round_trip_ms;
    pi0_times_sort(ms, n);
    printf("%zu replies: fastest %.1f ms, median %.1f, 99 of 100 within %.1f, slowest %.1f\n", n,
           ms[0], pi0_times_percentile(ms, n, 50), pi0_times_percentile(ms, n, 99), ms[n - 1]);
    free(ms);
    return PI0_OK;
}

static int print_all(const client_run *u, const client_args *a, pi0_error *err)
{
    const pi0_client_reply *r = last(u, a);
    printf("server %s, metadata %s\n", a->url, pi0_client_metadata(u->client));
    if (a->out)
        printf("wrote %s: float64 [%d,%d], in the robot's units\n", a->out, r->rows, r->cols);
    else
        pi0_result_table(&(infer_result){ .from = a->url,
                                          .actions = u->actions,
                                          .count = 1,
                                          .rows = r->rows,
                                          .cols = r->cols },
                         a->columns);
    return print_times(u, a, err);
}

/* ---- for programs ---- */

// NAN is not JSON
static json_t *ms_json(double ms)
{
    return isnan(ms) ? json_null() : json_real(ms);
}

static json_t *replies_json(const client_run *u, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const pi0_client_reply *r = &u->replies[i];
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:i}", "round_trip_ms",
                            ms_json(r->round_trip_ms), "policy_ms", ms_json(r->policy_ms),
                            "infer_ms", ms_json(r->infer_ms), "queue_ms", ms_json(r->queue_ms),
                            "prev_total_ms", ms_json(r->prev_total_ms), "sends", r->sends));
    }
    return list;
}

static int print_json(const client_run *u, const client_args *a, pi0_error *err)
{
    const pi0_client_reply *r = last(u, a);
    json_t *metadata = json_loads(pi0_client_metadata(u->client), 0, NULL);
    json_t *root = json_pack("{s:s, s:o, s:o, s:[i, i], s:s, s:o}", "url", a->url, "metadata",
                             metadata ? metadata : json_object(), "actions",
                             pi0_rows_json(u->actions, r->rows, r->cols), "shape", r->rows, r->cols,
                             "dtype", "float64", "replies", replies_json(u, a->repeat));
    return pi0_json_print(root, DIGITS, err);
}

int pi0_client_show(const client_run *u, const client_args *a, pi0_error *err)
{
    const pi0_client_reply *r = last(u, a);
    const int64_t dims[2] = { r->rows, r->cols };
    int status = PI0_OK;
    // an interrupt must not leave half of a file behind
    pi0_interrupt_hold(true);
    if (a->out) status = pi0_npy_write_f64(a->out, u->actions, 2, dims, err);
    pi0_interrupt_hold(false);
    if (status) return status;
    return a->json ? print_json(u, a, err) : print_all(u, a, err);
}
