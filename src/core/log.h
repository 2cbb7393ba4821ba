/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - the caller's log callback. */
#ifndef PI0_LOG_H
#define PI0_LOG_H
#include "pi0.h"

typedef struct logger {
    pi0_log_fn fn; // NULL: silence
    void *user;
} logger;

__attribute__((format(printf, 3, 4))) void pi0_log(const logger *log, int level, const char *format,
                                                   ...);
#endif
