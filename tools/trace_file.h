/* SPDX-License-Identifier: Apache-2.0 */
/* trace_file.h - traces of sessions: room for them, and the file that trace viewers open. */
#ifndef PI0_TOOLS_TRACE_FILE_H
#define PI0_TOOLS_TRACE_FILE_H
#include "runner.h"

typedef struct trace {
    pi0_trace_event *event; // [capacity], n of them written
    size_t n, capacity, lost;
} trace;

// room for so many chunks of r's session, whatever its inputs
int pi0_trace_new(trace *t, const runner *r, int chunks, pi0_error *err);
void pi0_trace_free(trace *t);
// trace r's session from now on, over what was there; end it
int pi0_trace_begin(trace *t, runner *r, pi0_error *err);
void pi0_trace_end(trace *t, runner *r);

// "linear qkv": an operation and its weight, into text, which it returns
const char *pi0_trace_label(char text[64], const pi0_trace_event *e);

/* Write Chrome's trace event format (JSON object), which Perfetto and chrome://tracing open:
 * stages, steps, layers and operations within each other on the calling thread, other threads'
 * shares on theirs. What found no room is told in otherData. */
int pi0_trace_write(const trace *t, const runner *r, const char *path, pi0_error *err);
#endif
