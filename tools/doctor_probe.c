/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_probe.c - an observation made up for pi0 doctor's questions to the library. */
#include "doctor_probe.h"
#include "fail.h"
#include <string.h>

#define SIDE 224

int pi0_probe(doctor *d, probe *p, const double *state, const char *prompt)
{
    static const uint8_t black[SIDE * SIDE * 3];
    const double zeros[PROBE_STATE] = { 0 };
    const pi0_policy_info *info = &d->policy;
    pi0_image images[CONFIG_MAX_CAMERAS];
    pi0_observation obs = { .images = images, .n_states = 1, .prompt = prompt };
    if (!d->session || info->state_dim > PROBE_STATE) return PI0_EINVAL;
    for (int i = 0; i < info->n_cameras && i < CONFIG_MAX_CAMERAS; i++)
        images[obs.n_images++] = (pi0_image){
            .camera = info->cameras[i].name, .rgb = black, .width = SIDE, .height = SIDE
        };
    const pi0_state whole = { NULL, state ? state : zeros, info->state_dim };
    obs.states = &whole;
    const int status = pi0_prepare(d->session, &obs, &p->made, NULL);
    if (status) return status;
    p->n_z = p->made.n_state < PROBE_STATE ? p->made.n_state : PROBE_STATE;
    memcpy(p->z, p->made.state, (size_t)p->n_z * sizeof *p->z);
    return PI0_OK;
}
