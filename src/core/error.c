/* SPDX-License-Identifier: Apache-2.0 */
/* error.c - error messages and the names of status codes. */
#include "core/error.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(pi0_error *err, int code, const char *format, va_list args)
{
    if (!err) return;
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, args);
    // one line, whatever a file name or a key had in it
    for (char *c = err->message; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
}

int pi0_fail(pi0_error *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, code, format, args);
    va_end(args);
    return code;
}

int pi0_fail_errno(pi0_error *err, int code, const char *format, ...)
{
    const int saved = errno;
    char text[128];
    va_list args;
    va_start(args, format);
    fill(err, code, format, args);
    va_end(args);
    if (!err) return code;
    // strerror is not thread-safe everywhere; the XSI strerror_r is
    if (strerror_r(saved, text, sizeof text)) snprintf(text, sizeof text, "error %d", saved);
    const size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", text);
    return code;
}

const char *pi0_status_name(int status)
{
    static const char *const name[] = { "PI0_OK",      "PI0_EINVAL",    "PI0_ENOMEM",
                                        "PI0_EIO",     "PI0_EFORMAT",   "PI0_EUNSUPPORTED",
                                        "PI0_EDEVICE", "PI0_ECANCELED", "PI0_ENUMERIC" };
    const int i = -status;
    return i >= 0 && i < (int)(sizeof name / sizeof *name) ? name[i] : "unknown status";
}
