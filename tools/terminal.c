/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c - warnings, errors, Ctrl-C, threads. The progress line: progress.c. */
#include "terminal.h"
#include "fail.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* ---- warnings ---- */

void pi0_notice(notices *w, const char *format, ...)
{
    char text[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (int i = 0; i < w->n; i++)
        if (!strcmp(w->text[i], text)) return;
    fprintf(stderr, "pi0: warning: %s\n", text);

    // without memory it was at least printed
    char *copy = strdup(text), **grown = realloc(w->text, (size_t)(w->n + 1) * sizeof *grown);
    if (grown) w->text = grown;
    if (copy && grown)
        w->text[w->n++] = copy;
    else
        free(copy);
}

void pi0_notices_free(notices *w)
{
    for (int i = 0; i < w->n; i++) free(w->text[i]);
    free(w->text);
    *w = (notices){ NULL, 0 };
}

void pi0_notice_log(void *user, int level, const char *message)
{
    if (level == PI0_LOG_WARNING) pi0_notice(user, "%s", message);
}

int pi0_report(int status, const pi0_error *err)
{
    if (status == PI0_ECANCELED && pi0_interrupted()) {
        fprintf(stderr, "pi0: interrupted\n");
        return STATUS_INTERRUPTED;
    }
    fprintf(stderr, "pi0: error: %s\n", err->message);
    return STATUS_FAILED;
}

/* ---- Ctrl-C ---- */

static pi0_session *volatile running;
static volatile sig_atomic_t held, caught;

static void on_interrupt(int signal)
{
    (void)signal;
    pi0_session *s = running;
    caught = 1;
    if (s)
        pi0_cancel(s);
    else if (!held)
        _exit(STATUS_INTERRUPTED);
}

void pi0_interrupt_catch(void)
{
    // the second Ctrl-C has the system's meaning again
    struct sigaction before, action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    // a background job of a script has it ignored: that stays
    if (!sigaction(SIGINT, NULL, &before) && before.sa_handler != SIG_IGN)
        sigaction(SIGINT, &action, NULL);
}

void pi0_interrupt_session(pi0_session *session)
{
    running = session;
}

void pi0_interrupt_hold(bool hold)
{
    held = hold;
}

bool pi0_interrupted(void)
{
    return caught;
}

int pi0_thread_start(pthread_t *thread, void *(*run)(void *), void *arg, pi0_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(thread, NULL, run, arg);
    const int status = errno ? pi0_fail_errno(err, PI0_ENOMEM, "cannot start a thread") : PI0_OK;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

/* ---- the terminal ---- */

int pi0_terminal_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size)) return 0;
    return size.ws_col;
}

double pi0_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
