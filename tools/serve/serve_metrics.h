/* SPDX-License-Identifier: Apache-2.0 */
/* serve_metrics.h - what the server counts, and the text that Prometheus reads. All functions may
 * be called from any thread. */
#ifndef PI0_TOOLS_SERVE_METRICS_H
#define PI0_TOOLS_SERVE_METRICS_H
#include "net.h"

// what became of a request
enum serve_result {
    RESULT_OK,
    RESULT_ERROR,   // it could not be read or computed
    RESULT_SKIPPED, // a newer one came
    RESULT_REFUSED, // too many waited
    RESULT_DROPPED, // its client had gone
    N_RESULTS
};

// where the time of a request goes
enum serve_stage {
    STAGE_RECEIVE,  // first byte to last
    STAGE_QUEUE,    // last byte until its turn
    STAGE_DECODE,   // msgpack to an observation
    STAGE_INFER,    // the policy, all of it: of this …
    STAGE_VISION,   // … the pictures
    STAGE_PREFIX,   // … pictures and prompt
    STAGE_DENOISE,  // … the steps
    STAGE_OVERHEAD, // last byte to reply sent, less queue and infer
    N_STAGES
};

#define METRICS_BUCKETS 18

typedef struct serve_histogram {
    uint64_t count[METRICS_BUCKETS + 1];
    double sum;
} serve_histogram;

typedef struct serve_metrics serve_metrics;

// NULL: no memory
serve_metrics *pi0_serve_metrics_new(void);
void pi0_serve_metrics_free(serve_metrics *m);

void pi0_serve_metrics_result(serve_metrics *m, enum serve_result result);
// an error of this status of the library
void pi0_serve_metrics_error(serve_metrics *m, int status);
void pi0_serve_metrics_time(serve_metrics *m, enum serve_stage stage, double seconds);
// a record that could not be written
void pi0_serve_metrics_unrecorded(serve_metrics *m);

// what the text says besides
typedef struct serve_now {
    int waiting;
    net_stats net;
    const char *model, *config, *backend, *isa, *precision;
    bool ready;
} serve_now;

// the whole text, from malloc; NULL: no memory
char *pi0_serve_metrics_text(serve_metrics *m, const serve_now *now, size_t *size);
#endif
