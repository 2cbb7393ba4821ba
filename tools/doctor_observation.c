/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_observation.c - checks of pi0 doctor: one observation of the robot. It is read twice: as
 * it lies in the file, to see what each key holds, and as the robot's policy reads it. */
#include "doctor_image.h"
#include "doctor_probe.h"
#include "observation_file.h"
#include "options.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

// LeRobot takes both the robot's name and the one that it is renamed to
static bool is_camera(const doctor *d, const pi0_policy_camera *c, const char *name)
{
    return !strcmp(c->name, name) || (d->lerobot && c->slot && !strcmp(c->slot, name));
}

static const pi0_policy_camera *find_camera(const doctor *d, const char *name)
{
    for (int i = 0; i < d->policy.n_cameras; i++)
        if (is_camera(d, &d->policy.cameras[i], name)) return &d->policy.cameras[i];
    return NULL;
}

static bool has_image(const doctor *d, const pi0_observation *obs, const pi0_policy_camera *c)
{
    for (int i = 0; i < obs->n_images; i++)
        if (obs->images[i].camera && is_camera(d, c, obs->images[i].camera)) return true;
    return false;
}

static const char *nearest_camera(const doctor *d, const char *name)
{
    const char *names[CONFIG_MAX_CAMERAS];
    for (int i = 0; i < d->policy.n_cameras; i++) names[i] = d->policy.cameras[i].name;
    return pi0_nearest_option(name, names, d->policy.n_cameras);
}

/* ---- cameras ---- */

static void check_missing(doctor *d, const pi0_observation *obs)
{
    text_list missing = { .n = 0 }, absent = { .n = 0 };
    bool any = false;
    for (int i = 0; i < d->policy.n_cameras; i++) {
        const pi0_policy_camera *c = &d->policy.cameras[i];
        if (!c->slot) continue;
        if (has_image(d, obs, c))
            any = true;
        else
            pi0_list_add(c->required ? &missing : &absent, "%s", c->name);
    }
    if (missing.n)
        pi0_found(d, F_CAMERA_MISSING, "no picture of %s", pi0_list_text(&missing));
    else if (!any)
        pi0_found(d, F_CAMERA_MISSING, "no picture of any camera; at least one of %s",
                  pi0_list_text(&absent));
    else if (absent.n)
        pi0_found(d, F_CAMERA_ABSENT, "no picture of %s", pi0_list_text(&absent));
}

static void check_images(doctor *d, const pi0_observation *obs)
{
    for (int i = 0; i < obs->n_images; i++) {
        const char *name = obs->images[i].camera ? obs->images[i].camera : "(unnamed)";
        const pi0_policy_camera *c = find_camera(d, name);
        if (c && c->slot)
            pi0_doctor_image(d, &obs->images[i], c);
        else if (!c && !d->policy.extra_allowed) {
            const char *near = nearest_camera(d, name);
            pi0_found(d, F_CAMERA_UNKNOWN, "%s%s%s%s", name, near ? "; did you mean " : "",
                      near ? near : "", near ? "?" : "");
        }
    }
    check_missing(d, obs);
}

/* ---- state ---- */

static const pi0_state *find_state(const doctor *d, const pi0_observation *obs,
                                   const pi0_policy_state *wanted)
{
    for (int i = 0; i < obs->n_states; i++) {
        const char *name = obs->states[i].name;
        // without a name it is the whole state
        if (!name && d->policy.n_states == 1) return &obs->states[i];
        if (name && !strcmp(name, wanted->name)) return &obs->states[i];
        if (name && d->lerobot && !strcmp(name, "observation.state")) return &obs->states[i];
    }
    return NULL;
}

// one vector into the whole; false: it is not there, or not as it should be
static bool take_state(doctor *d, const pi0_state *s, const pi0_policy_state *wanted, double *out)
{
    text_list bad = { .n = 0 };
    if (!s) {
        pi0_found(d, F_STATE_MISSING, "no %s, which has %d values", wanted->name, wanted->size);
        return false;
    }
    for (int i = 0; i < s->n; i++)
        if (!isfinite(s->values[i])) pi0_list_add(&bad, "%s[%d]", wanted->name, i);
    if (bad.n) pi0_found(d, F_STATE_NOT_FINITE, "no number at %s", pi0_list_text(&bad));
    if (s->n != wanted->size)
        pi0_found(d, F_STATE_SIZE, "%s has %d values, the robot has %d", wanted->name, s->n,
                  wanted->size);
    if (bad.n || s->n != wanted->size) return false;
    memcpy(out, s->values, (size_t)s->n * sizeof *out);
    return true;
}

static bool check_state(doctor *d, const pi0_observation *obs, double state[PROBE_STATE])
{
    const pi0_policy_info *p = &d->policy;
    int at = 0;
    bool whole = p->state_dim <= PROBE_STATE;
    if (!whole) return false;
    // all vectors in one
    if (obs->n_states == 1 && !obs->states[0].name && p->n_states > 1) {
        const pi0_policy_state all = { "state", p->state_dim };
        whole = take_state(d, &obs->states[0], &all, state);
    } else
        for (int i = 0; i < p->n_states; at += p->states[i++].size)
            if (!take_state(d, find_state(d, obs, &p->states[i]), &p->states[i], state + at))
                whole = false;
    if (whole) pi0_doctor_state(d, state);
    return whole;
}

/* ---- prompt ---- */

static bool is_utf8(const char *text)
{
    json_t *s = json_string(text);
    json_decref(s);
    return s != NULL;
}

static void check_prompt(doctor *d, const pi0_observation *obs, const double *state)
{
    probe p;
    if (!obs->prompt) {
        if (!d->policy.default_prompt) pi0_found(d, F_PROMPT_MISSING, "no prompt");
    } else if (!is_utf8(obs->prompt))
        pi0_found(d, F_PROMPT_ENCODING, "the prompt is not UTF-8");
    else if (!obs->prompt[strspn(obs->prompt, " \t\r\n")])
        pi0_found(d, F_PROMPT_EMPTY, "the prompt is empty");
    else if (!pi0_probe(d, &p, state, obs->prompt) && p.made.prompt_cut)
        pi0_found(d, F_PROMPT_CUT, "the prompt of %zu bytes has more than %d tokens%s",
                  strlen(obs->prompt), d->policy.max_tokens,
                  d->policy.state_in_prompt ? " with the state" : "");
}

/* ---- all ---- */

// names that a robot with other keys passes over
static void check_unused(doctor *d, const observation_file *used)
{
    text_list list = { .n = 0 };
    for (int i = 0; i < used->n_unused; i++) pi0_list_add(&list, "%.100s", used->unused[i]);
    // pictures that the reader left to the library
    for (int i = 0; i < used->in.n_images && d->policy.extra_allowed; i++)
        if (used->in.images[i].camera && !find_camera(d, used->in.images[i].camera))
            pi0_list_add(&list, "%.100s", used->in.images[i].camera);
    if (list.n)
        pi0_found(d, F_OBSERVATION_UNUSED, "%s: %s", d->o->observation, pi0_list_text(&list));
}

// what the library says of all of it, where no check has found an error
static void ask_library(doctor *d, int errors_before)
{
    observation_file used;
    pi0_policy_inputs in;
    pi0_error err;
    int status = pi0_observation_file_read(&used, d->o->observation, &d->policy, &err);
    if (!status) {
        check_unused(d, &used);
        if (d->session) status = pi0_prepare(d->session, &used.in, &in, &err);
        pi0_observation_file_free(&used);
    }
    if (status && pi0_found_count(d, FOUND_ERROR, "") == errors_before && d->words)
        pi0_found(d, F_OBSERVATION_REFUSED, "%s", err.message);
}

void pi0_check_observation(doctor *d)
{
    observation_file lying;
    pi0_error err;
    double state[PROBE_STATE];
    if (!d->o->observation) return;
    const int before = pi0_found_count(d, FOUND_ERROR, "");
    if (pi0_observation_file_read(&lying, d->o->observation, NULL, &err)) {
        pi0_found(d, F_OBSERVATION_FILE, "%s", err.message);
        return;
    }
    pi0_looked(d, "%s: pictures: %d, states: %d", d->o->observation, lying.in.n_images,
               lying.in.n_states);
    if (d->known_robot) {
        check_images(d, &lying.in);
        const bool whole = check_state(d, &lying.in, state);
        check_prompt(d, &lying.in, whole ? state : NULL);
        ask_library(d, before);
    }
    pi0_observation_file_free(&lying);
}
