/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - format a message and hand it to the caller's log callback. */
#include "core/log.h"
#include <stdarg.h>
#include <stdio.h>

void pi0_log(const logger *log, int level, const char *format, ...)
{
    if (!log || !log->fn) return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log->fn(log->user, level, text);
}
