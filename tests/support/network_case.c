/* SPDX-License-Identifier: Apache-2.0 */
/* network_case.c - read a golden case. */
#include "support/network_case.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const case_names[N_CASES] = {
    "openpi/pi0_aloha_sim",
    "openpi/pi0_droid",
    "openpi/pi0_libero",
    "openpi/pi05_aloha",
    "openpi/pi05_droid",
    "openpi/pi05_full_droid_finetune",
    "openpi/pi05_libero",
    "lerobot/lerobot_pi0",
    "lerobot/lerobot_pi0_relative",
    "lerobot/lerobot_pi05",
    "lerobot/lerobot_pi05_meanstd",
};

void must(int status, const pi0_error *err)
{
    if (!status) return;
    fprintf(stderr, "%s: %s\n", pi0_status_name(status), err->message);
    abort();
}

static const st_tensor *tensor(const network_case *c, const char *name)
{
    const st_tensor *t = pi0_safetensors_find(&c->expected, name);
    if (!t) {
        fprintf(stderr, "%s: no tensor %s\n", c->name, name);
        abort();
    }
    return t;
}

static void *copy_of(const void *data, size_t bytes)
{
    void *p = malloc(bytes);
    if (!p) abort();
    return memcpy(p, data, bytes);
}

float *network_case_floats(const network_case *c, const char *name, int *rows, int *cols)
{
    const st_tensor *t = pi0_safetensors_find(&c->expected, name);
    if (!t) return NULL;
    if (t->type != DTYPE_F32) abort();
    *cols = t->n_dims ? (int)t->dims[t->n_dims - 1] : 1;
    *rows = (int)(t->bytes / sizeof(float)) / *cols;
    return copy_of(t->data, t->bytes);
}

static void read_tokens(network_case *c, const char *ids, const char *mask)
{
    const st_tensor *t = tensor(c, ids), *m = tensor(c, mask);
    c->in.n_tokens = 0;
    for (size_t i = 0; i < m->bytes; i++) {
        int64_t id;
        memcpy(&id, (const char *)t->data + i * sizeof id, sizeof id);
        if (((const uint8_t *)m->data)[i]) c->tokens[c->in.n_tokens++] = (int32_t)id;
    }
    c->in.tokens = c->tokens;
}

static void read_openpi(network_case *c)
{
    static const char *const camera[] = { "base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb" };
    char name[128];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "taps.in.image_mask.%s", camera[i]);
        if (!*(const uint8_t *)tensor(c, name)->data) continue;
        snprintf(name, sizeof name, "taps.in.image.%s", camera[i]);
        c->camera[c->in.n_images] = i;
        c->images[c->in.n_images++] = (pi0_image){
            .camera = camera[i], .rgb = tensor(c, name)->data, .width = 224, .height = 224
        };
    }
    c->in.images = c->images;
    read_tokens(c, "taps.in.tokenized_prompt", "taps.in.tokenized_prompt_mask");
    memcpy(c->state, tensor(c, "taps.in.state")->data, sizeof c->state);
    c->in.n_state = 32;
}

static void read_lerobot(network_case *c)
{
    const size_t values = 3 * 224 * 224;
    char name[128];
    float state[32];
    if (!(c->pixels = malloc(3 * values * sizeof *c->pixels))) abort();
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "image_mask%d", i);
        const st_tensor *mask = pi0_safetensors_find(&c->expected, name);
        if (!mask || !*(const uint8_t *)mask->data) continue;
        snprintf(name, sizeof name, "image%d", i);
        c->camera[c->in.n_images] = i;
        memcpy(c->pixels + (size_t)c->in.n_images++ * values, tensor(c, name)->data,
               values * sizeof *c->pixels);
    }
    c->in.pixels = c->pixels;
    read_tokens(c, "tokens", "token_mask");
    const st_tensor *t = tensor(c, "state_normalized");
    memcpy(state, t->data, t->bytes);
    c->in.n_state = (int)(t->bytes / sizeof *state);
    for (int i = 0; i < c->in.n_state; i++) c->state[i] = state[i];
}

void network_case_open(network_case *c, const char *name)
{
    char path[600];
    pi0_error err;
    int rows, cols;
    *c = (network_case){ .name = name, .lerobot = !strncmp(name, "lerobot", 7) };
    snprintf(c->dir, sizeof c->dir, "%s/%s", PI0_TEST_DATA, name);
    snprintf(path, sizeof path, "%s/expected.safetensors", c->dir);
    must(pi0_safetensors_open(&c->expected, path, &err), &err);
    if (c->lerobot)
        read_lerobot(c);
    else
        read_openpi(c);
    c->in.state = c->state;
    c->noise = network_case_floats(c, "noise", &rows, &cols);
    c->actions = network_case_floats(c, c->lerobot ? "model_actions" : "model_actions_f32",
                                     &c->horizon, &c->cols);
    c->actions_bf16 = network_case_floats(c, "model_actions_bf16", &rows, &cols);
    if (!c->noise || !c->actions) abort();
}

void network_case_close(network_case *c)
{
    pi0_safetensors_close(&c->expected);
    free(c->pixels);
    free(c->noise);
    free(c->actions);
    free(c->actions_bf16);
}

pi0_session *network_session(const pi0_model *m, int threads, int steps)
{
    pi0_error err;
    pi0_options opt;
    pi0_session *s = NULL;
    pi0_default_options(&opt);
    opt.n_threads = threads;
    opt.num_steps = steps;
    must(pi0_session_create(&s, m, &opt, &err), &err);
    return s;
}

difference compare(const float *got, int stride, const float *expected, int rows, int cols)
{
    difference d = { 0 };
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    const double n = (double)rows * cols;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < cols; i++) {
            const double x = got[(size_t)r * (size_t)stride + (size_t)i];
            const double y = expected[(size_t)r * (size_t)cols + (size_t)i];
            // a NaN must not hide behind a comparison that is false
            d.max = fabs(x - y) <= d.max ? d.max : fabs(x - y);
            d.largest = fmax(d.largest, fabs(y));
            d.rms += (x - y) * (x - y);
            sx += x, sy += y, sxx += x * x, syy += y * y, sxy += x * y;
        }
    d.rms = sqrt(d.rms / n);
    d.pcc = (n * sxy - sx * sy) / sqrt((n * sxx - sx * sx) * (n * syy - sy * sy));
    return d;
}
