/* SPDX-License-Identifier: Apache-2.0 */
/* policy_inputs.c - which of an observation's pictures and vectors is what: by the robot's names,
 * each once, nothing missing, nothing that looks like something else. */
#include "policy/nearest.h"
#include "policy/policy.h"
#include <math.h>
#include <string.h>

// LeRobot renames what its rename step lists and keeps other names
static const char *resolve(const policy *p, const char *name)
{
    for (int i = 0; i < p->n_renames; i++)
        if (!strcmp(p->renames[i].from, name)) return p->renames[i].to;
    return name;
}

// the robot's names of its cameras or states, for a message
static const char *camera_list(const policy *p, char text[512])
{
    const char *name[POLICY_MAX_CAMERAS];
    for (int i = 0; i < p->info.n_cameras; i++) name[i] = p->cameras[i].name;
    return pi0_name_list(text, 512, name, p->info.n_cameras);
}

static const char *state_list(const policy *p, char text[512])
{
    const char *name[POLICY_MAX_STATES];
    for (int i = 0; i < p->info.n_states; i++) name[i] = p->states[i].name;
    return pi0_name_list(text, 512, name, p->info.n_states);
}

/* ---- cameras ---- */

static int find_camera(const policy *p, const char *name)
{
    const char *wanted = p->lerobot ? resolve(p, name) : name;
    for (int i = 0; i < p->info.n_cameras; i++)
        if (!strcmp(p->lerobot ? p->cameras[i].slot : p->cameras[i].name, wanted)) return i;
    return -1;
}

// openpi's DROID and LIBERO take a first axis of 3 for colours; pictures have no side of 3 pixels
static int check_axes(const pi0_image *image, const char *name, pi0_error *err)
{
    const bool planes = image->format == PI0_RGB8_CHW || image->format == PI0_RGBF32_CHW;
    if (image->width != 3 && image->height != 3) return PI0_OK;
    return pi0_fail(err, PI0_EINVAL,
                    "image %s: %d x %d pixels in %s order: a side of 3 is the axis of colours. "
                    "Give format %s, and width and height without that axis",
                    name, image->width, image->height, planes ? "CHW" : "HWC",
                    planes ? "PI0_RGB8_HWC" : "PI0_RGB8_CHW");
}

static int unknown_camera(const policy *p, const char *name, pi0_error *err)
{
    char list[512];
    return pi0_fail(err, PI0_EINVAL, "camera \"%.*s\" is not one of this robot's: %s",
                    pi0_json_clip(name, strlen(name)), name, camera_list(p, list));
}

// which picture shows each camera, -1 for none
static int assign(const policy *p, const pi0_observation *obs, int image_of[POLICY_MAX_CAMERAS],
                  pi0_error *err)
{
    int previous = -1, status;
    for (int i = 0; i < POLICY_MAX_CAMERAS; i++) image_of[i] = -1;
    for (int i = 0; i < obs->n_images; i++) {
        const char *name = obs->images[i].camera;
        const int camera = name ? find_camera(p, name) : previous + 1;
        if (!name && camera >= p->info.n_cameras)
            return pi0_fail(err, PI0_EINVAL, "more pictures than the robot's %d cameras",
                            p->info.n_cameras);
        if (camera < 0 && p->info.extra_allowed) continue;
        if (camera < 0) return unknown_camera(p, name, err);
        if (image_of[camera] >= 0)
            return pi0_fail(err, PI0_EINVAL, "camera \"%s\" is given twice",
                            p->cameras[camera].name);
        image_of[camera] = i;
        previous = camera;
        if ((status = check_axes(&obs->images[i], p->cameras[camera].name, err))) return status;
    }
    return PI0_OK;
}

static int check_present(const policy *p, const int image_of[POLICY_MAX_CAMERAS], int n,
                         pi0_error *err)
{
    char list[512];
    for (int i = 0; i < p->info.n_cameras; i++)
        if (p->cameras[i].required && image_of[i] < 0)
            return pi0_fail(err, PI0_EINVAL,
                            "no picture of camera \"%s\", which this policy needs; its cameras: %s",
                            p->cameras[i].name, camera_list(p, list));
    if (n) return PI0_OK;
    return pi0_fail(err, PI0_EINVAL, "no picture of any camera; at least one is needed of: %s",
                    camera_list(p, list));
}

int pi0_policy_take_cameras(const policy *p, const pi0_observation *obs,
                            int image[POLICY_MAX_CAMERAS], int camera[POLICY_MAX_CAMERAS], int *n,
                            pi0_error *err)
{
    int image_of[POLICY_MAX_CAMERAS], found = 0;
    if (obs->n_images < 0 || (obs->n_images > 0 && !obs->images))
        return pi0_fail(err, PI0_EINVAL, "%d pictures at no address", obs->n_images);
    int status = assign(p, obs, image_of, err);
    if (status) return status;
    // in the network's order
    for (int slot = 0; slot < POLICY_MAX_CAMERAS; slot++)
        for (int i = 0; i < p->info.n_cameras; i++)
            if (p->slot[i] == slot && image_of[i] >= 0) {
                image[found] = image_of[i];
                camera[found++] = i;
            }
    if ((status = check_present(p, image_of, found, err))) return status;
    *n = found;
    return PI0_OK;
}

/* ---- state ---- */

static int find_state(const policy *p, const char *name)
{
    const char *wanted = p->lerobot ? resolve(p, name) : name;
    for (int i = 0; i < p->info.n_states; i++)
        if (!strcmp(p->lerobot ? "observation.state" : p->states[i].name, wanted)) return i;
    return -1;
}

// values of one vector to their place
static int take(const pi0_state *s, const char *name, int size, double *out, pi0_error *err)
{
    if (s->n != size || !s->values)
        return pi0_fail(err, PI0_EINVAL, "state \"%s\" has %d values, expected %d", name,
                        s->values ? s->n : 0, size);
    for (int i = 0; i < size; i++)
        if (!isfinite(s->values[i]))
            return pi0_fail(err, PI0_EINVAL, "value %d of state \"%s\" is %s, expected a number", i,
                            name, isnan(s->values[i]) ? "NaN" : "infinite");
    memcpy(out, s->values, (size_t)size * sizeof *out);
    return PI0_OK;
}

static int take_named(const policy *p, const pi0_state *s, bool have[POLICY_MAX_STATES],
                      double *out, pi0_error *err)
{
    char list[512];
    const int at = find_state(p, s->name);
    if (at < 0 && p->info.extra_allowed) return PI0_OK;
    if (at < 0)
        return pi0_fail(err, PI0_EINVAL, "state \"%.*s\" is not one of this robot's: %s",
                        pi0_json_clip(s->name, strlen(s->name)), s->name, state_list(p, list));
    if (have[at])
        return pi0_fail(err, PI0_EINVAL, "state \"%s\" is given twice", p->states[at].name);
    have[at] = true;
    for (int i = 0; i < at; i++) out += p->states[i].size;
    return take(s, p->states[at].name, p->states[at].size, out, err);
}

int pi0_policy_take_state(const policy *p, const pi0_observation *obs, double *out, pi0_error *err)
{
    bool have[POLICY_MAX_STATES] = { false };
    char list[512];
    if (obs->n_states < 0 || (obs->n_states > 0 && !obs->states))
        return pi0_fail(err, PI0_EINVAL, "%d states at no address", obs->n_states);
    // the whole state in one
    if (obs->n_states == 1 && !obs->states[0].name)
        return take(&obs->states[0], state_list(p, list), p->info.state_dim, out, err);
    for (int i = 0; i < obs->n_states; i++) {
        if (!obs->states[i].name)
            return pi0_fail(err, PI0_EINVAL,
                            "state %d of %d has no name: only the whole state goes without", i,
                            obs->n_states);
        const int status = take_named(p, &obs->states[i], have, out, err);
        if (status) return status;
    }
    for (int i = 0; i < p->info.n_states; i++)
        if (!have[i])
            return pi0_fail(err, PI0_EINVAL, "no state \"%s\", which has %d values; expected: %s",
                            p->states[i].name, p->states[i].size, state_list(p, list));
    return PI0_OK;
}

const char *pi0_policy_extra(const policy *p, const pi0_observation *obs)
{
    if (!p->info.extra_allowed) return NULL;
    for (int i = 0; i < obs->n_images; i++)
        if (obs->images[i].camera && find_camera(p, obs->images[i].camera) < 0)
            return obs->images[i].camera;
    for (int i = 0; i < obs->n_states; i++)
        if (obs->states[i].name && find_state(p, obs->states[i].name) < 0)
            return obs->states[i].name;
    return NULL;
}
