/* SPDX-License-Identifier: Apache-2.0 */
/* test_wrapper.cc CHECKPOINT - examples/cpp/pi0.hpp: who owns what, the same bits as pi0.h, errors.
 */
#include "cpp/pi0.hpp"
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>

static int wrong;

static void check(bool good, const char *what)
{
    std::printf("%s %s\n", good ? "ok" : "FAILED", what);
    wrong += !good;
}

// moved, never copied; a model is shared
static_assert(!std::is_copy_constructible_v<pi0::session> &&
              !std::is_copy_assignable_v<pi0::session>);
static_assert(std::is_nothrow_move_constructible_v<pi0::session> &&
              std::is_nothrow_move_assignable_v<pi0::session>);
static_assert(std::is_copy_constructible_v<pi0::model>);
// a view of what is gone when the line ends, or that gives up const, does not compile
static_assert(!std::is_convertible_v<std::vector<double>, pi0::view<const double>>);
static_assert(std::is_convertible_v<std::vector<double> &, pi0::view<const double>>);
static_assert(!std::is_convertible_v<const std::vector<double> &, pi0::view<double>>);
static_assert(!std::is_convertible_v<std::vector<float> &, pi0::view<const double>>);

static const std::vector<std::uint8_t> picture(224 * 224 * 3, 100);
static const std::array<double, 3> hand = { 0.4, 0.6, 0 };

static pi0::observation observation()
{
    pi0::observation o;
    o.image("observation.images.top", picture, 224, 224).state("observation.state", hand);
    o.prompt("put the green block in the bowl");
    return o;
}

// the code of what is thrown; 0: nothing
template <class F> static int thrown(F f)
{
    try {
        f();
    } catch (const pi0::error &e) {
        std::printf("   %s: %s\n", e.name(), e.what());
        return *e.what() ? e.code() : 1;
    }
    return 0;
}

static void same_bits(const pi0::model &model)
{
    pi0::options opt;
    opt.seed = 3;
    pi0::session s(model, opt);
    const pi0::chunk made = s.act(observation());

    pi0_session *plain = nullptr;
    std::vector<double> expected(made.all().size());
    const pi0::observation o = observation();
    const pi0_observation seen = o.get();
    const bool ran = !pi0_session_create(&plain, model.get(), &opt, nullptr) &&
                     !pi0_act(plain, &seen, nullptr, expected.data(), expected.size(), nullptr);
    pi0_session_free(plain);
    check(ran && !std::memcmp(expected.data(), made.all().data(), expected.size() * sizeof(double)),
          "act() has pi0_act()'s bits");

    double row[3] = {};
    check(s.next(row) && !std::memcmp(row, made[0].data(), sizeof row), "next() gives row 0");
    check(s.next(row) && !std::memcmp(row, made[1].data(), sizeof row), "then row 1");
    s.reset();
    check(!s.next(row), "no row after reset()");
    s.seed(3);
    check(s.act(observation())[5][1] == made[5][1], "seed() begins again");
}

static void ownership(const char *checkpoint)
{
    // the session keeps the model
    auto made = [&] { return pi0::session(pi0::model(checkpoint)); };
    pi0::session a = made();
    pi0::session b = std::move(a);
    check(!a.get() && b.get(), "a moved session is somewhere else");
    check(b.act(observation()).rows() == 16, "its model lives");
    b = made();
    check(b.act(observation()).cols() == 3, "assigned, it frees what it had");
}

static void errors(const pi0::model &model)
{
    pi0::session s(model);
    std::vector<double> room(5);
    const std::vector<float> noise(7);
    check(thrown([] { pi0::model("no such folder"); }) == PI0_EIO, "a folder that is not there");
    check(thrown([&] { observation().image("wrist", picture, 100, 100); }) == PI0_EINVAL,
          "a picture of another size than it says");
    check(thrown([&] { s.act(observation(), room); }) == PI0_EINVAL, "too little room");
    check(thrown([&] { s.act(observation(), noise); }) == PI0_EINVAL, "noise of another size");
    pi0::observation other = observation();
    other.state("joints", hand);
    check(thrown([&] { s.act(other); }) == PI0_EINVAL, "a state that the policy does not know");
    check(thrown([&] { s.act(observation()); }) == 0, "the session works on");
}

static void cancelled(const pi0::model &model)
{
    pi0::options opt;
    opt.num_steps = 1024;
    pi0::session s(model, opt);
    std::atomic<bool> over = false;
    std::thread other([&] {
        while (!over) s.cancel();
    });
    const int code = thrown([&] { s.act(observation()); });
    over = true;
    other.join();
    check(code == PI0_ECANCELED, "cancel() from another thread");
}

int main(int argc, char **argv)
{
    const char *checkpoint = argc > 1 ? argv[1] : "demo/place";
    const pi0::model model(checkpoint);
    same_bits(model);
    ownership(checkpoint);
    errors(model);
    cancelled(model);
    return wrong != 0;
}
