/* SPDX-License-Identifier: Apache-2.0 */
/* robot_case.c - reading a golden case as the robot sees it. */
#include "support/robot_case.h"
#include "support/expect.h"
#include "support/observation.h"
#include <stdlib.h>

static char *copy_text(const void *text, size_t size)
{
    char *copy = calloc(1, size + 1);
    assert_non_null(copy);
    if (size) memcpy(copy, text, size);
    return copy;
}

static void add_image(robot_case *c, const char *camera, uint8_t *rgb, int width, int height)
{
    assert_true(c->obs.n_images < ROBOT_MAX_IMAGES);
    c->pixels[c->obs.n_images] = rgb;
    c->images[c->obs.n_images++] =
        (pi0_image){ .camera = camera, .rgb = rgb, .width = width, .height = height };
}

static void add_state(robot_case *c, const char *name, double *values, int n)
{
    assert_true(c->obs.n_states < ROBOT_MAX_STATES);
    c->values[c->obs.n_states] = values;
    c->states[c->obs.n_states++] = (pi0_state){ name, values, n };
}

// what openpi-client packed; ALOHA's pictures lie in a map of their own
static void read_observation(robot_case *c)
{
    static const char *const cameras[][2] = {
        { "cam_high", "images/cam_high" },
        { "cam_left_wrist", "images/cam_left_wrist" },
        { "cam_right_wrist", "images/cam_right_wrist" },
        { "cam_low", "images/cam_low" },
        { "observation/exterior_image_1_left", "observation/exterior_image_1_left" },
        { "observation/wrist_image_left", "observation/wrist_image_left" },
        { "observation/image", "observation/image" },
        { "observation/wrist_image", "observation/wrist_image" },
    };
    static const char *const states[] = { "state", "observation/joint_position",
                                          "observation/gripper_position", "observation/state" };
    char path[700];
    observation o;
    int width, height, n;
    snprintf(path, sizeof path, "%s/observation.msgpack", c->g.dir);
    observation_open(&o, path);
    for (size_t i = 0; i < COUNT(cameras); i++) {
        uint8_t *rgb = observation_image(&o, cameras[i][1], &width, &height);
        if (rgb) add_image(c, cameras[i][0], rgb, width, height);
    }
    for (size_t i = 0; i < COUNT(states); i++) {
        double *values = observation_numbers(&o, states[i], &n);
        if (values) add_state(c, states[i], values, n);
    }
    c->prompt = observation_text(&o, "prompt");
    observation_close(&o);
}

static void read_raw(robot_case *c)
{
    static const char *const cameras[] = { "observation.images.top", "observation.images.wrist" };
    char name[128];
    for (size_t i = 0; i < COUNT(cameras); i++) {
        snprintf(name, sizeof name, "raw.%s", cameras[i]);
        const st_tensor *t = golden_find(&c->g, name);
        add_image(c, cameras[i], (uint8_t *)copy_text(t->data, t->bytes), (int)t->dims[1],
                  (int)t->dims[0]);
    }
    const st_tensor *state = golden_find(&c->g, "state"), *task = golden_find(&c->g, "task");
    const int n = (int)golden_count(state);
    double *values = calloc((size_t)n, sizeof *values);
    assert_non_null(values);
    for (int i = 0; i < n; i++) values[i] = golden_at(state, i);
    add_state(c, "observation.state", values, n);
    c->prompt = copy_text(task->data, task->bytes);
}

static void read_expected(robot_case *c)
{
    const st_tensor *a = golden_find(&c->g, c->lerobot ? "actions" : "actions_f32");
    const st_tensor *noise = golden_find(&c->g, "noise");
    c->cols = (int)a->dims[a->n_dims - 1];
    c->rows = (int)(golden_count(a) / c->cols);
    const size_t n = (size_t)golden_count(a), n_noise = (size_t)golden_count(noise);
    c->actions = calloc(n, sizeof *c->actions);
    c->noise = calloc(n_noise, sizeof *c->noise);
    assert_true(c->actions && c->noise);
    for (size_t i = 0; i < n; i++) c->actions[i] = golden_at(a, (int64_t)i);
    for (size_t i = 0; i < n_noise; i++) c->noise[i] = (float)golden_at(noise, (int64_t)i);
}

void robot_case_open(robot_case *c, const char *name)
{
    *c = (robot_case){ .name = name, .lerobot = !strncmp(name, "lerobot/", 8) };
    golden_open(&c->g, name);
    if (c->lerobot)
        read_raw(c);
    else
        read_observation(c);
    read_expected(c);
    c->obs.images = c->images;
    c->obs.states = c->states;
    c->obs.prompt = c->prompt;
    snprintf(c->words, sizeof c->words, "%s/openpi/tokenizer.model", PI0_TEST_DATA);
    pi0_default_options(&c->opt);
    c->opt.tokenizer = c->words;
    c->opt.backend = "reference";
    c->opt.n_threads = 1;
    if (!c->lerobot) c->opt.config = strchr(name, '/') + 1;
}

void robot_case_close(robot_case *c)
{
    golden_close(&c->g);
    free(c->actions);
    free(c->noise);
    free(c->prompt);
    for (int i = 0; i < ROBOT_MAX_IMAGES; i++) free(c->pixels[i]);
    for (int i = 0; i < ROBOT_MAX_STATES; i++) free(c->values[i]);
}

void robot_case_start(const robot_case *c, const pi0_options *opt, pi0_model **m, pi0_session **s)
{
    pi0_error e;
    expect_ok(pi0_load(m, c->g.dir, opt ? opt : &c->opt, &e), &e);
    expect_ok(pi0_session_create(s, *m, opt ? opt : &c->opt, &e), &e);
}
