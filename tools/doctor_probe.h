/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_probe.h - what the library's input steps make of one part of an observation, the other
 * parts being harmless: so that a broken picture does not hide a wrong state. */
#ifndef PI0_TOOLS_DOCTOR_PROBE_H
#define PI0_TOOLS_DOCTOR_PROBE_H
#include "doctor.h"

#define PROBE_STATE 256

typedef struct probe {
    pi0_policy_inputs made; // until the session is used again
    double z[PROBE_STATE];  // the state, normalised
    int n_z;
} probe;

/* pi0_prepare() with black pictures, this state (NULL: zeros) and this prompt (NULL: the default
 * one). Status of the library; PI0_EINVAL without a session. */
int pi0_probe(doctor *d, probe *p, const double *state, const char *prompt);
#endif
