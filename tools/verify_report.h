/* SPDX-License-Identifier: Apache-2.0 */
/* verify_report.h - pi0 verify --report: one page with all results. */
#ifndef PI0_TOOLS_VERIFY_REPORT_H
#define PI0_TOOLS_VERIFY_REPORT_H
#include "verify_job.h"

/* Write the page, whole or not at all. PI0_EIO, PI0_ENOMEM. */
int pi0_verify_report(const verify_job *j, const char *path, pi0_error *err);
#endif
