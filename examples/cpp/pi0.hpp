/* SPDX-License-Identifier: Apache-2.0 */
/* pi0.hpp - libpi0 in C++17, in one header: objects that free themselves, errors as exceptions,
 * views instead of pointers and sizes. Copy it into your project; it needs pi0.h and nothing else.
 *
 *     pi0::model   model("demo/place");
 *     pi0::session robot(model);
 *     pi0::chunk   plan = robot.act(observation);
 *     for (int row = 0; row < plan.rows(); row++) move(plan[row]);
 *
 * A model may be shared by threads; a session is used by one at a time, cancel() apart. Sessions
 * keep their model alive. Whoever wants no exceptions calls pi0.h with get(). */
#ifndef PI0_HPP
#define PI0_HPP
#include <cstddef>
#include <cstdint>
#include <memory>
#include <pi0.h>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace pi0
{

// What the library says when something cannot be done; what() is its line.
class error : public std::runtime_error
{
  public:
    explicit error(const pi0_error &e) : std::runtime_error(e.message), code_(e.code)
    {
    }
    error(int code, const std::string &what) : std::runtime_error(what), code_(code)
    {
    }
    int code() const noexcept // PI0_EINVAL ...
    {
        return code_;
    }
    const char *name() const noexcept // "PI0_EINVAL" ...
    {
        return pi0_status_name(code_);
    }

  private:
    int code_;
};

// Elements that lie somewhere else, side by side: std::span, which C++17 does not have.
template <class T> class view
{
  public:
    constexpr view() noexcept = default;
    constexpr view(T *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }
    template <std::size_t N> constexpr view(T (&array)[N]) noexcept : data_(array), size_(N)
    {
    }
    // std::vector, std::array, another view
    template <class C, class = std::enable_if_t<
                           std::is_convertible_v<decltype(std::declval<C &>().data()), T *>>>
    constexpr view(C &container) noexcept : data_(container.data()), size_(container.size())
    {
    }
    constexpr T *data() const noexcept
    {
        return data_;
    }
    constexpr std::size_t size() const noexcept
    {
        return size_;
    }
    constexpr bool empty() const noexcept
    {
        return !size_;
    }
    constexpr T *begin() const noexcept
    {
        return data_;
    }
    constexpr T *end() const noexcept
    {
        return data_ + size_;
    }
    constexpr T &operator[](std::size_t i) const noexcept
    {
        return data_[i];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

// pi0_options with the library's defaults: change what you need.
struct options : pi0_options {
    options() noexcept
    {
        pi0_default_options(this);
    }
};

// What the robot sees, feels and was told. Names are copied, pixels and numbers are not: they have
// to live until act() returns.
class observation
{
  public:
    // 8-bit RGB, [height][width][3], rows from the top
    observation &image(std::string camera, view<const std::uint8_t> rgb, int width, int height)
    {
        if (width < 0 || height < 0 || rgb.size() != std::size_t(3) * width * height)
            throw error(PI0_EINVAL, "image " + camera + ": " + std::to_string(rgb.size()) +
                                        " bytes, expected " + std::to_string(width) + " x " +
                                        std::to_string(height) + " x 3");
        pi0_image i{};
        i.rgb = rgb.data();
        i.width = width;
        i.height = height;
        return image(std::move(camera), i);
    }
    // any layout and type that pi0.h knows
    observation &image(std::string camera, const pi0_image &picture)
    {
        cameras_.push_back(std::move(camera));
        images_.push_back(picture);
        return *this;
    }
    // the robot's units
    observation &state(std::string name, view<const double> values)
    {
        names_.push_back(std::move(name));
        states_.push_back({ nullptr, values.data(), int(values.size()) });
        return *this;
    }
    observation &prompt(std::string text)
    {
        prompt_ = std::move(text);
        has_prompt_ = true;
        return *this;
    }
    // as pi0.h takes it: valid until this observation is changed or gone
    pi0_observation get() const
    {
        for (std::size_t i = 0; i < images_.size(); i++) images_[i].camera = cameras_[i].c_str();
        for (std::size_t i = 0; i < states_.size(); i++) states_[i].name = names_[i].c_str();
        return { images_.data(), int(images_.size()), states_.data(), int(states_.size()),
                 has_prompt_ ? prompt_.c_str() : nullptr };
    }

  private:
    std::vector<std::string> cameras_, names_;
    mutable std::vector<pi0_image> images_; // their names are set when they are asked for
    mutable std::vector<pi0_state> states_;
    std::string prompt_;
    bool has_prompt_ = false;
};

// Commands of the robot: [rows][cols].
class chunk
{
  public:
    chunk(int rows, int cols)
        : rows_(rows), cols_(cols), data_(std::size_t(rows) * std::size_t(cols))
    {
    }
    int rows() const noexcept
    {
        return rows_;
    }
    int cols() const noexcept
    {
        return cols_;
    }
    view<const double> operator[](int row) const noexcept
    {
        return { data_.data() + std::size_t(row) * std::size_t(cols_), std::size_t(cols_) };
    }
    view<double> all() noexcept
    {
        return data_;
    }
    view<const double> all() const noexcept
    {
        return data_;
    }

  private:
    int rows_, cols_;
    std::vector<double> data_;
};

// A checkpoint, loaded. Copies share it.
class model
{
  public:
    explicit model(const std::string &path, const pi0_options &opt = options())
    {
        pi0_model *m = nullptr;
        pi0_error e{};
        if (pi0_load(&m, path.c_str(), &opt, &e)) throw error(e);
        // (from here on shared_ptr frees it, whatever happens)
        model_ = std::shared_ptr<pi0_model>(m, pi0_free);
    }
    pi0_info info() const
    {
        pi0_info i;
        pi0_model_info(get(), &i);
        return i;
    }
    // the robot's side: cameras, states, actions, units
    pi0_policy_info policy() const
    {
        pi0_policy_info p;
        pi0_error e{};
        if (pi0_model_policy(get(), &p, &e)) throw error(e);
        return p;
    }
    const pi0_model *get() const noexcept
    {
        return model_.get();
    }

  private:
    std::shared_ptr<pi0_model> model_;
};

// One robot's timeline. It can be moved, not copied.
class session
{
  public:
    // `opt`: threads, steps, limits and seed; the rest is the model's
    explicit session(const model &of, const pi0_options &opt = options()) : model_(of)
    {
        pi0_session *s = nullptr;
        pi0_error e{};
        if (pi0_session_create(&s, of.get(), &opt, &e)) throw error(e);
        session_.reset(s);
    }
    // Observation in, robot commands out. noise: [horizon][action_dim]; empty: drawn.
    chunk act(const observation &seen, view<const float> noise = {})
    {
        chunk made(info().horizon, model_.policy().n_actions);
        act(seen, made.all(), noise);
        return made;
    }
    // the same into memory of yours, [horizon][commands]: for loops that allocate nothing
    void act(const observation &seen, view<double> actions, view<const float> noise = {})
    {
        const pi0_session_info made = info();
        const std::size_t expected = std::size_t(made.horizon) * std::size_t(made.action_dim);
        if (!noise.empty() && noise.size() != expected)
            throw error(PI0_EINVAL, "noise of " + std::to_string(noise.size()) +
                                        " values, expected " + std::to_string(expected));
        const pi0_observation o = seen.get();
        pi0_error e{};
        if (pi0_act(get(), &o, noise.data(), actions.data(), actions.size(), &e)) throw error(e);
    }
    // the next row of the last chunk; false: none is left, act() again
    bool next(view<double> action)
    {
        pi0_error e{};
        if (!pi0_actions_left(get())) return false;
        if (pi0_next_action(get(), action.data(), action.size(), &e)) throw error(e);
        return true;
    }
    // a new episode
    void reset() noexcept
    {
        pi0_session_reset(get());
    }
    void seed(std::uint64_t s) noexcept
    {
        pi0_session_seed(get(), s);
    }
    // stops act() in another thread, which then throws PI0_ECANCELED
    void cancel() noexcept
    {
        pi0_cancel(get());
    }
    pi0_session_info info() const noexcept
    {
        pi0_session_info i;
        pi0_session_get_info(get(), &i);
        return i;
    }
    pi0_timing timing() const noexcept
    {
        pi0_timing t;
        pi0_session_timing(get(), &t);
        return t;
    }
    pi0_session *get() const noexcept
    {
        return session_.get();
    }

  private:
    struct free_session {
        void operator()(pi0_session *s) const noexcept
        {
            pi0_session_free(s);
        }
    };
    model model_; // outlives the session: members go in the reverse order
    std::unique_ptr<pi0_session, free_session> session_;
};

} // namespace pi0
#endif
