/* SPDX-License-Identifier: Apache-2.0 */
/* error.h - how every fallible function reports: what, where, expected, found, what to do. */
#ifndef PI0_ERROR_H
#define PI0_ERROR_H
#include "pi0.h"

// fill err (where there is one) and return code; a message below is never overwritten by a caller
__attribute__((format(printf, 3, 4))) int pi0_fail(pi0_error *err, int code, const char *format,
                                                   ...);

// the same for a system call that failed: "<message>: <text of errno>"
__attribute__((format(printf, 3, 4))) int pi0_fail_errno(pi0_error *err, int code,
                                                         const char *format, ...);
#endif
