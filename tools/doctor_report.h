/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_report.h - what pi0 doctor found, for people and for programs. */
#ifndef PI0_TOOLS_DOCTOR_REPORT_H
#define PI0_TOOLS_DOCTOR_REPORT_H
#include "doctor.h"

// grouped by severity, with the counts in the last line
void pi0_doctor_print(const doctor *d);
// one JSON object; PI0_EIO
int pi0_doctor_print_json(const doctor *d, pi0_error *err);
#endif
