/* SPDX-License-Identifier: Apache-2.0 */
/* api_trace.c - the public functions of a trace: what a session did when. */
#include "api.h"
#include <stdlib.h>

int pi0_session_trace_start(pi0_session *session, pi0_trace_event *events, size_t capacity,
                            pi0_error *err)
{
    if (!session || (!events && capacity))
        return pi0_fail(err, PI0_EINVAL, "pi0_session_trace_start: session or events is NULL");
    backend *b = &session->b;
    if (b->profile)
        return pi0_fail(err, PI0_EINVAL, "a trace of this session runs already: stop it first");
    const size_t n = (size_t)pi0_pool_threads(b->threads);
    pool_stamp *stamps = calloc(n, sizeof *stamps);
    if (!stamps) return pi0_fail(err, PI0_ENOMEM, "no memory for the times of %zu threads", n);
    pi0_profile_start(&session->profile, b, events, capacity, stamps);
    return PI0_OK;
}

size_t pi0_session_trace_stop(pi0_session *session, size_t *lost)
{
    profiler *p = session ? session->b.profile : NULL;
    if (lost) *lost = p ? p->lost : 0;
    if (!p) return 0;
    pi0_profile_stop(p, &session->b);
    free(p->stamps);
    p->stamps = NULL;
    return p->n;
}
