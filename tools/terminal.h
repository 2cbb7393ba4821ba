/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.h - what the command says beside its result, all on stderr: warnings, a line that shows
 * that long work goes on, errors; and what Ctrl-C does. */
#ifndef PI0_TOOLS_TERMINAL_H
#define PI0_TOOLS_TERMINAL_H
#include "options.h"
#include "pi0.h"
#include <pthread.h>

/* ---- warnings: each once, printed as "pi0: warning: …" and kept for --json ---- */

typedef struct notices {
    char **text;
    int n;
} notices;

__attribute__((format(printf, 2, 3))) void pi0_notice(notices *w, const char *format, ...);
void pi0_notices_free(notices *w);
// a pi0_log_fn; user: warnings
void pi0_notice_log(void *user, int level, const char *message);

// "pi0: error: …"; the exit status: STATUS_INTERRUPTED or STATUS_FAILED
int pi0_report(int status, const pi0_error *err);

/* ---- progress: a line that comes after a second, if stderr is a terminal ---- */

typedef struct progress progress;
// NULL where there is nothing to show on, or no memory; `what` must outlive it
progress *pi0_progress_start(const char *what);
// part of the work that is done, in [0,1]; without it the line shows only the time
void pi0_progress_set(progress *p, double part);
void pi0_progress_stop(progress *p); // NULL is allowed

/* ---- Ctrl-C ---- */

// from now on SIGINT ends the process with STATUS_INTERRUPTED
void pi0_interrupt_catch(void);
// while a session is named, SIGINT cancels its call instead; NULL: no longer
void pi0_interrupt_session(pi0_session *session);
// while held, SIGINT is only noted: files are being written
void pi0_interrupt_hold(bool hold);
bool pi0_interrupted(void);
// start a thread that leaves all signals to the others; PI0_ENOMEM
int pi0_thread_start(pthread_t *thread, void *(*run)(void *), void *arg, pi0_error *err);

// columns of stdout if it is a terminal, else 0
int pi0_terminal_width(void);
// seconds of a clock that only goes forward
double pi0_seconds(void);
#endif
