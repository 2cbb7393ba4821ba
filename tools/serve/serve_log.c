/* SPDX-License-Identifier: Apache-2.0 */
/* serve_log.c - see serve_log.h. */
#include "serve_log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void time_text(char text[40])
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    const size_t n = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + n, 40 - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static void log_json(const char *when, const char *event, const char *client, json_t *fields,
                     const char *message)
{
    json_t *o = json_object();
    json_object_set_new(o, "time", json_string(when));
    json_object_set_new(o, "event", json_string(event));
    if (client) json_object_set_new(o, "client", json_string(client));
    if (message[0]) json_object_set_new(o, "message", json_string(message));
    if (fields) json_object_update(o, fields);
    char *text = json_dumps(o, JSON_COMPACT);
    // in one call, so that lines of threads do not mix
    if (text) fprintf(stderr, "%s\n", text);
    free(text);
    json_decref(o);
}

void pi0_serve_log(bool json, const char *event, const char *client, json_t *fields,
                   const char *format, ...)
{
    char message[1400], when[40];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    time_text(when);
    if (json)
        log_json(when, event, client, fields, message);
    else
        fprintf(stderr, "%s %s%s%s\n", when, client ? client : "", client ? " " : "", message);
    json_decref(fields);
}
