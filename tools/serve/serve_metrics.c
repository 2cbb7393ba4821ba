/* SPDX-License-Identifier: Apache-2.0 */
/* serve_metrics.c - see serve_metrics.h. The text's format: Prometheus' text exposition, 0.0.4. */
#include "serve_metrics.h"
#include "terminal.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define N_STATUSES 9 // of the library: 0 to -8

// upper bounds in seconds
static const double bounds[METRICS_BUCKETS] = { 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005,
                                                0.01,   0.02,   0.05,   0.1,   0.2,   0.5,
                                                1,      2,      5,      10,    20,    60 };
static const char *const results[N_RESULTS] = { "ok", "error", "skipped", "refused", "dropped" };
static const char *const stages[N_STAGES] = { "receive", "queue",  "decode",  "infer",
                                              "vision",  "prefix", "denoise", "overhead" };

struct serve_metrics {
    pthread_mutex_t lock;
    time_t started;
    uint64_t results[N_RESULTS], errors[N_STATUSES], unrecorded;
    serve_histogram stage[N_STAGES];
};

serve_metrics *pi0_serve_metrics_new(void)
{
    serve_metrics *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    pthread_mutex_init(&m->lock, NULL);
    m->started = time(NULL);
    return m;
}

void pi0_serve_metrics_free(serve_metrics *m)
{
    if (!m) return;
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- counting ---- */

void pi0_serve_metrics_result(serve_metrics *m, enum serve_result result)
{
    pthread_mutex_lock(&m->lock);
    m->results[result]++;
    pthread_mutex_unlock(&m->lock);
}

void pi0_serve_metrics_error(serve_metrics *m, int status)
{
    pthread_mutex_lock(&m->lock);
    if (status < 0 && -status < N_STATUSES) m->errors[-status]++;
    pthread_mutex_unlock(&m->lock);
}

void pi0_serve_metrics_time(serve_metrics *m, enum serve_stage stage, double seconds)
{
    int b = 0;
    if (seconds < 0) seconds = 0;
    while (b < METRICS_BUCKETS && seconds > bounds[b]) b++;
    pthread_mutex_lock(&m->lock);
    m->stage[stage].count[b]++;
    m->stage[stage].sum += seconds;
    pthread_mutex_unlock(&m->lock);
}

void pi0_serve_metrics_unrecorded(serve_metrics *m)
{
    pthread_mutex_lock(&m->lock);
    m->unrecorded++;
    pthread_mutex_unlock(&m->lock);
}

/* ---- the text ---- */

static void head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP pi0_%s %s\n# TYPE pi0_%s %s\n", name, help, name, type);
}

static void gauge(FILE *to, const char *name, const char *help, double value)
{
    head(to, name, "gauge", help);
    fprintf(to, "pi0_%s %.17g\n", name, value);
}

static void counter(FILE *to, const char *name, const char *help, uint64_t value)
{
    head(to, name, "counter", help);
    fprintf(to, "pi0_%s %" PRIu64 "\n", name, value);
}

// a value of a label: quotes, backslashes and line ends are escaped
static void label(FILE *to, const char *name, const char *value)
{
    fprintf(to, "%s=\"", name);
    for (const char *c = value ? value : ""; *c; c++) {
        if (*c == '\n')
            fputs("\\n", to);
        else
            fprintf(to, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    }
    fputc('"', to);
}

static void histogram(FILE *to, const char *stage, const serve_histogram *h)
{
    uint64_t n = 0;
    for (int b = 0; b <= METRICS_BUCKETS; b++) {
        n += h->count[b];
        fprintf(to, "pi0_stage_seconds_bucket{stage=\"%s\",le=\"", stage);
        if (b < METRICS_BUCKETS)
            fprintf(to, "%g\"} %" PRIu64 "\n", bounds[b], n);
        else
            fprintf(to, "+Inf\"} %" PRIu64 "\n", n);
    }
    fprintf(to, "pi0_stage_seconds_sum{stage=\"%s\"} %.9g\n", stage, h->sum);
    fprintf(to, "pi0_stage_seconds_count{stage=\"%s\"} %" PRIu64 "\n", stage, n);
}

// bytes of this process in memory
static double resident(void)
{
    long total, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%ld %ld", &total, &pages) != 2) pages = 0;
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void write_requests(FILE *to, const serve_metrics *m, const serve_now *now)
{
    head(to, "requests_total", "counter", "Requests by what became of them.");
    for (int i = 0; i < N_RESULTS; i++)
        fprintf(to, "pi0_requests_total{result=\"%s\"} %" PRIu64 "\n", results[i], m->results[i]);
    head(to, "errors_total", "counter", "Requests that failed, by kind.");
    for (int i = 1; i < N_STATUSES; i++)
        fprintf(to, "pi0_errors_total{kind=\"%s\"} %" PRIu64 "\n", pi0_status_name(-i),
                m->errors[i]);
    counter(to, "records_failed_total", "Records of --record that could not be written.",
            m->unrecorded);
    gauge(to, "queue_depth", "Requests that wait.", now->waiting);
    head(to, "stage_seconds", "histogram",
         "Where the time of a request goes. overhead: from its last byte to the reply sent, less "
         "queue and infer.");
    for (int i = 0; i < N_STAGES; i++) histogram(to, stages[i], &m->stage[i]);
}

static void write_network(FILE *to, const net_stats *n)
{
    gauge(to, "clients", "WebSocket connections.", n->websockets);
    gauge(to, "connections", "Connections, HTTP too.", n->connections);
    counter(to, "connections_total", "Connections that were accepted.", n->accepted);
    counter(to, "connections_refused_total", "Connections turned away: too many.", n->refused);
    counter(to, "http_requests_total", "Requests to this and other pages.", n->http);
    counter(to, "unauthorized_total", "Answers 401 and 403.", n->unauthorized);
    counter(to, "received_bytes_total", "Payload of messages from clients.", n->bytes_in);
    counter(to, "sent_bytes_total", "Payload of messages to clients.", n->bytes_out);
    counter(to, "received_messages_total", "Messages from clients.", n->messages_in);
    counter(to, "sent_messages_total", "Messages to clients.", n->messages_out);
    counter(to, "too_large_total", "Connections closed for too large a message.", n->too_large);
    counter(to, "timeouts_total", "Connections closed for being too slow or silent.", n->timeouts);
}

char *pi0_serve_metrics_text(serve_metrics *m, const serve_now *now, size_t *size)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, size);
    if (!to) return NULL;
    pthread_mutex_lock(&m->lock);
    const serve_metrics copy = *m;
    pthread_mutex_unlock(&m->lock);
    head(to, "info", "gauge", "What is served.");
    fputs("pi0_info{", to);
    label(to, "version", pi0_version());
    const char *const about[][2] = { { "model", now->model },
                                     { "config", now->config },
                                     { "backend", now->backend },
                                     { "isa", now->isa },
                                     { "precision", now->precision } };
    for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
        fputc(',', to);
        label(to, about[i][0], about[i][1]);
    }
    fputs("} 1\n", to);
    gauge(to, "ready", "1: requests are taken.", now->ready);
    gauge(to, "start_time_seconds", "When the server began, since the epoch.",
          (double)copy.started);
    gauge(to, "resident_bytes", "Memory that the process has in use.", resident());
    write_requests(to, &copy, now);
    write_network(to, &now->net);
    if (!fclose(to)) return text;
    free(text);
    return NULL;
}
