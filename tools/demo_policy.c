/* SPDX-License-Identifier: Apache-2.0 */
/* demo_policy.c - the robot's side of one plan: picture, state and sentence in, commands out. */
#include "demo.h"
#include "fail.h"
#include <stdlib.h>

int pi0_demo_policy_of(demo_policy *p, const runner *r, int execute, pi0_error *err)
{
    pi0_policy_info info;
    const int status = pi0_model_policy(r->model, &info, err);
    if (status) return status;
    if (info.n_cameras != 1 || info.state_dim != SIM_COMMAND || info.n_actions != SIM_COMMAND)
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "the tabletop has one camera, a state of 3 values and 3 commands (x, y, "
                        "gripper); this policy has %d cameras, %d state values and %d commands",
                        info.n_cameras, info.state_dim, info.n_actions);
    if (execute > r->made.horizon)
        return pi0_fail(err, PI0_EINVAL, "--execute %d: this policy plans %d commands at once",
                        execute, r->made.horizon);
    *p = (demo_policy){ info.cameras[0].name, r->made.horizon, r->made.action_dim, NULL, NULL };
    p->noise = malloc((size_t)p->horizon * (size_t)p->noise_columns * sizeof *p->noise);
    p->picture = malloc((size_t)SIM_SIZE * SIM_SIZE * 3);
    if (!p->noise || !p->picture) return pi0_fail(err, PI0_ENOMEM, "no memory for a picture");
    return PI0_OK;
}

void pi0_demo_policy_free(demo_policy *p)
{
    free(p->noise);
    free(p->picture);
    p->noise = NULL;
    p->picture = NULL;
}

void pi0_demo_noise(const demo_policy *p, uint64_t seed, int episode, int plan)
{
    // streams of one episode lie together; after as many plans, on a live table, they come again
    const uint64_t stream = (uint64_t)episode << 16 | (uint64_t)(plan & 0xffff);
    pi0_noise(seed, stream, p->noise, (size_t)p->horizon * (size_t)p->noise_columns);
}

int pi0_demo_look_and_plan(const demo_policy *p, pi0_session *session, const sim_scene *scene,
                           const char *prompt, double *commands, double *ms, pi0_error *err)
{
    double values[SIM_COMMAND];
    sim_state(scene, values);
    sim_render(scene, p->picture);
    const pi0_image image = {
        .camera = p->camera, .rgb = p->picture, .width = SIM_SIZE, .height = SIM_SIZE
    };
    const pi0_state state = { .values = values, .n = SIM_COMMAND };
    const pi0_observation seen = {
        .images = &image, .n_images = 1, .states = &state, .n_states = 1, .prompt = prompt
    };
    const double start = pi0_seconds();
    const int status =
        pi0_act(session, &seen, p->noise, commands, (size_t)p->horizon * SIM_COMMAND, err);
    *ms = 1e3 * (pi0_seconds() - start);
    return status;
}
