/* SPDX-License-Identifier: Apache-2.0 */
/* demo_policy.c - the robot's side of one plan: picture, state and sentence in, commands out. */
#include "demo.h"
#include "fail.h"

int pi0_demo_policy_of(demo_policy *p, const runner *r, pi0_error *err)
{
    pi0_policy_info info;
    const int status = pi0_model_policy(r->model, &info, err);
    if (status) return status;
    if (info.n_cameras != 1 || info.state_dim != SIM_COMMAND || info.n_actions != SIM_COMMAND)
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "the tabletop has one camera, a state of 3 values and 3 commands (x, y, "
                        "gripper); this policy has %d cameras, %d state values and %d commands",
                        info.n_cameras, info.state_dim, info.n_actions);
    *p = (demo_policy){ info.cameras[0].name, r->made.horizon, r->made.action_dim };
    return PI0_OK;
}

int pi0_demo_look_and_plan(const demo_policy *p, pi0_session *session, const sim_scene *scene,
                           const char *prompt, const float *noise, uint8_t *picture,
                           double *commands, double *ms, pi0_error *err)
{
    double values[SIM_COMMAND];
    sim_state(scene, values);
    sim_render(scene, picture);
    const pi0_image image = {
        .camera = p->camera, .rgb = picture, .width = SIM_SIZE, .height = SIM_SIZE
    };
    const pi0_state state = { .values = values, .n = SIM_COMMAND };
    const pi0_observation seen = {
        .images = &image, .n_images = 1, .states = &state, .n_states = 1, .prompt = prompt
    };
    const double start = pi0_seconds();
    const int status =
        pi0_act(session, &seen, noise, commands, (size_t)p->horizon * SIM_COMMAND, err);
    *ms = 1e3 * (pi0_seconds() - start);
    return status;
}
