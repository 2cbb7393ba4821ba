/* SPDX-License-Identifier: Apache-2.0 */
/* act.cc - a policy from C++17 by pi0.hpp: a model, a session, observations, errors. Build and run
 * it, from the top of the source tree:
 *
 *     c++ -std=c++17 -O2 examples/cpp/act.cc $(pkg-config --cflags --libs pi0) -o act
 *     ./act demo/place
 *
 * Prints what the policy asks of a robot, the first commands of a plan for a grey picture, the
 * network's time, and what an error looks like. */
#include "pi0.hpp"
#include <array>
#include <cstdio>
#include <vector>

static void describe(const pi0::model &model)
{
    const pi0_policy_info p = model.policy();
    for (int i = 0; i < p.n_cameras; i++) std::printf("camera %s\n", p.cameras[i].name);
    for (int i = 0; i < p.n_states; i++)
        std::printf("state %s, %d values\n", p.states[i].name, p.states[i].size);
    std::printf("%d commands\n", p.n_actions);
}

static void run(const char *checkpoint)
{
    pi0::options opt;
    opt.seed = 7;
    const pi0::model model(checkpoint, opt);
    describe(model);

    // what the robot sees, feels and was told; pixels and numbers stay where they are
    const std::vector<std::uint8_t> picture(224 * 224 * 3, 128);
    const std::array<double, 3> hand = { 0.5, 0.8, 0 };
    pi0::observation seen;
    seen.image("observation.images.top", picture, 224, 224)
        .state("observation.state", hand)
        .prompt("put the red block in the bowl");

    pi0::session robot(model, opt);
    const pi0::chunk plan = robot.act(seen);
    for (int row = 0; row < 3; row++) {
        std::printf("row %d:", row);
        for (const double command : plan[row]) std::printf(" %.3f", command);
        std::puts("");
    }
    std::printf("%d rows in %.1f ms\n", plan.rows(), robot.timing().total_ms);

    // an observation that does not fit says what is wrong with it
    try {
        robot.act(pi0::observation().state("observation.state", hand).prompt("reach"));
    } catch (const pi0::error &e) {
        std::printf("%s: %s\n", e.name(), e.what());
    }
}

int main(int argc, char **argv)
{
    try {
        run(argc > 1 ? argv[1] : "demo/place");
    } catch (const pi0::error &e) {
        std::fprintf(stderr, "%s: %s\n", e.name(), e.what());
        return 1;
    }
    return 0;
}
