/* SPDX-License-Identifier: Apache-2.0 */
/* api_infer.c - the public functions of an inference: check what came in, hand it to the run. */
#include "api.h"
#include "core/clock.h"
#include <math.h>
#include <stdio.h>

/* ---- pictures ---- */

static int unknown_camera(const pi0_model *m, const char *name, pi0_error *err)
{
    char list[512];
    size_t at = 0;
    list[0] = 0;
    for (int i = 0; i < m->config.n_cameras && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "",
                               m->config.camera[i]);
    return pi0_fail(err, PI0_EINVAL, "camera \"%s\" is not one of this model's: %s", name, list);
}

// which camera of the model picture i is: by its name, or the next one after the picture before
static int camera_index(const pi0_model *m, const pi0_image *image, int previous, int *index,
                        pi0_error *err)
{
    if (!image->camera) {
        *index = previous + 1;
        if (*index < m->config.n_cameras || !m->config.n_cameras) return PI0_OK;
        return pi0_fail(err, PI0_EINVAL, "more pictures than the model's %d cameras",
                        m->config.n_cameras);
    }
    for (*index = 0; *index < m->config.n_cameras; ++*index)
        if (!strcmp(m->config.camera[*index], image->camera)) return PI0_OK;
    return unknown_camera(m, image->camera, err);
}

// the pictures in the network's order of cameras: order[k] is the k-th present one
static int sort_cameras(const pi0_model *m, const pi0_inputs *in, int order[CONFIG_MAX_CAMERAS],
                        pi0_error *err)
{
    int index[CONFIG_MAX_CAMERAS];
    for (int i = 0; i < in->n_images; i++) {
        int at = i;
        const int status = camera_index(m, &in->images[i], i ? index[i - 1] : -1, &index[i], err);
        if (status) return status;
        for (; at > 0 && index[order[at - 1]] > index[i]; at--) order[at] = order[at - 1];
        order[at] = i;
        if (at > 0 && index[order[at - 1]] == index[i])
            return pi0_fail(err, PI0_EINVAL, "camera \"%s\" is given twice",
                            m->config.camera[index[i]]);
    }
    return PI0_OK;
}

static int resize_images(pi0_session *s, const pi0_inputs *in, pi0_error *err)
{
    const int size = s->r.image_size;
    const size_t values = (size_t)size * (size_t)size * 3;
    int order[CONFIG_MAX_CAMERAS];
    int status = sort_cameras(s->model, in, order, err);
    for (int k = 0; k < in->n_images && !status; k++) {
        pi0_image image;
        if (s->model->config.layout == LAYOUT_LEROBOT) {
            float *to = s->pixels + (size_t)k * values;
            status = pi0_image_interleave(&in->images[order[k]], &image, &s->converted, err);
            if (!status) status = pi0_image_resize_torch(&image, size, to, &s->scratch, err);
            s->images[k] = (tensor_view){ to, 3 * size, size, size, 1, DTYPE_F32 };
        } else {
            uint8_t *to = s->rgb + (size_t)k * values;
            status = pi0_image_to_rgb8(&in->images[order[k]], &image, &s->converted, err);
            if (!status) status = pi0_image_resize_pillow(&image, size, to, &s->scratch, err);
            s->images[k] = (tensor_view){ to, size, 3 * size, 3 * size, 1, DTYPE_U8 };
        }
    }
    return status;
}

// pixels as the caller scaled them: only looked at for what no picture has
static int take_pixels(pi0_session *s, const pi0_inputs *in, pi0_error *err)
{
    const int size = s->r.image_size;
    const size_t values = (size_t)size * (size_t)size * 3;
    for (size_t i = 0; i < values * (size_t)in->n_images; i++)
        if (!isfinite(in->pixels[i]))
            return pi0_fail(err, PI0_EINVAL, "pixel value %zu of picture %zu is not finite",
                            i % values, i / values);
    for (int k = 0; k < in->n_images; k++)
        s->images[k] =
            (tensor_view){ in->pixels + (size_t)k * values, 3 * size, size, size, 1, DTYPE_F32 };
    return PI0_OK;
}

static int take_images(pi0_session *s, const pi0_inputs *in, pi0_error *err)
{
    if (in->n_images < 1 || (!in->images && !in->pixels))
        return pi0_fail(err, PI0_EINVAL, "no picture: a policy needs at least one camera");
    if (in->images && in->pixels)
        return pi0_fail(err, PI0_EINVAL, "both images and pixels are given, expected one of them");
    if (in->n_images > s->r.limits.max_images)
        return pi0_fail(err, PI0_EINVAL, "%d pictures, but this session was made for %d",
                        in->n_images, s->r.limits.max_images);
    return in->images ? resize_images(s, in, err) : take_pixels(s, in, err);
}

/* ---- prompt and state ---- */

static int check_tokens(const pi0_session *s, const int32_t *tokens, int n, pi0_error *err)
{
    const int vocabulary = s->model->net.sizes.size[SIZE_VOCABULARY];
    for (int i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= vocabulary)
            return pi0_fail(err, PI0_EINVAL,
                            "token %d of the prompt is %d, but the embedding table has %d rows: "
                            "is this the checkpoint's own tokenizer?",
                            i, tokens[i], vocabulary);
    return PI0_OK;
}

static int take_prompt(pi0_session *s, const pi0_inputs *in, int *n, pi0_error *err)
{
    const int max = s->r.limits.max_tokens;
    int status = PI0_OK;
    if (in->tokens && in->prompt)
        return pi0_fail(err, PI0_EINVAL, "both prompt and tokens are given, expected one of them");
    if (!in->tokens && !in->prompt)
        return pi0_fail(err, PI0_EINVAL, "no prompt: give a sentence or its tokens");
    if (in->tokens && (in->n_tokens < 1 || in->n_tokens > max))
        return pi0_fail(err, PI0_EINVAL, "%d tokens, expected 1 to %d", in->n_tokens, max);
    if (in->tokens) {
        memcpy(s->tokens, in->tokens, (size_t)in->n_tokens * sizeof *in->tokens);
        *n = in->n_tokens;
    } else {
        status = pi0_network_tokens(s->model, in->prompt, in->state, in->n_state, max, s->tokens, n,
                                    err);
    }
    return status ? status : check_tokens(s, s->tokens, *n, err);
}

static int take_state(pi0_session *s, const pi0_inputs *in, pi0_error *err)
{
    const model_sizes *z = &s->model->net.sizes;
    const int dim = z->size[SIZE_STATE];
    if (!in->state && !z->pi05)
        return pi0_fail(err, PI0_EINVAL, "no state: pi0 needs up to %d normalised values", dim);
    if (!in->state) return PI0_OK;
    if (in->n_state < 1 || (!z->pi05 && in->n_state > dim))
        return z->pi05 ? pi0_fail(err, PI0_EINVAL, "the state has %d values, expected some or NULL",
                                  in->n_state)
                       : pi0_fail(err, PI0_EINVAL, "the state has %d values, expected 1 to %d",
                                  in->n_state, dim);
    for (int i = 0; i < in->n_state; i++)
        if (!isfinite(in->state[i]))
            return pi0_fail(err, PI0_EINVAL, "state value %d is not finite", i);
    // filled up with zeros as openpi's PadStatesAndActions does
    for (int i = 0; i < dim; i++) s->state[i] = i < in->n_state ? (float)in->state[i] : 0.0f;
    return PI0_OK;
}

/* ---- observe and denoise ---- */

static int observe(pi0_session *s, const pi0_inputs *in, pi0_error *err)
{
    int n_tokens = 0;
    const double start = clock_ms();
    s->observed = false;
    s->timing = (pi0_timing){ 0 };
    if (!in) return pi0_fail(err, PI0_EINVAL, "pi0_observe: inputs is NULL");
    int status = take_images(s, in, err);
    if (!status) status = take_state(s, in, err);
    if (!status) status = take_prompt(s, in, &n_tokens, err);
    if (status) return status;

    const run_inputs inputs = { s->images, in->n_images, s->tokens, n_tokens, s->state };
    const double ready = clock_ms();
    s->b.ops->begin(&s->b);
    status = pi0_run_vision(&s->r, &inputs);
    const double seen = clock_ms();
    if (!status) status = pi0_run_prefix(&s->r, &inputs);
    s->b.ops->end(&s->b);
    const double done = clock_ms();
    if (status) return pi0_fail(err, status, "canceled");
    pi0_profile_stage(&s->b, "inputs", start, ready);
    pi0_profile_stage(&s->b, "vision", ready, seen);
    pi0_profile_stage(&s->b, "prefix", seen, done);
    s->timing = (pi0_timing){ ready - start, seen - ready, done - seen, 0, done - start };
    s->observed = true;
    return PI0_OK;
}

// the caller's noise, or the next of the session's own
static int take_noise(pi0_session *s, const float *noise, size_t n, const float **use,
                      pi0_error *err)
{
    *use = s->noise;
    if (!noise) {
        pi0_noise(s->seed, s->chunk, s->noise, n);
        return PI0_OK;
    }
    for (size_t i = 0; i < n; i++)
        if (!isfinite(noise[i]))
            return pi0_fail(err, PI0_EINVAL, "noise value %zu is not finite", i);
    *use = noise;
    return PI0_OK;
}

static int check_actions(const float *actions, size_t n, int cols, pi0_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(actions[i]))
            return pi0_fail(err, PI0_ENUMERIC,
                            "action row %zu, column %zu is not finite: the checkpoint's weights or "
                            "its inputs are out of range",
                            i / (size_t)cols, i % (size_t)cols);
    return PI0_OK;
}

static int denoise(pi0_session *s, const float *noise, float *actions, size_t n_actions,
                   pi0_error *err)
{
    const run_limits *l = &s->r.limits;
    const int cols = s->r.actions.cols;
    const size_t n = (size_t)l->horizon * (size_t)cols;
    const double start = clock_ms();
    if (!s->observed)
        return pi0_fail(err, PI0_EINVAL, "pi0_denoise: no observation yet: call pi0_observe first");
    if (!actions || n_actions < n)
        return pi0_fail(err, PI0_EINVAL, "room for %zu actions, expected %d x %d = %zu",
                        actions ? n_actions : 0, l->horizon, cols, n);
    const bool own_noise = !noise;
    int status = take_noise(s, noise, n, &noise, err);
    if (status) return status;
    s->b.ops->begin(&s->b);
    pi0_run_noise(&s->r, noise);
    for (int k = 0; k < l->num_steps && !status; k++) status = pi0_run_step(&s->r, k);
    if (!status) pi0_run_actions(&s->r, s->actions);
    s->b.ops->end(&s->b);
    if (status) return pi0_fail(err, status, "canceled");
    if ((status = check_actions(s->actions, n, cols, err))) return status;
    memcpy(actions, s->actions, n * sizeof *actions);
    s->chunk += own_noise; // a chunk that failed has used none
    const double done = clock_ms();
    pi0_profile_stage(&s->b, "denoise", start, done);
    s->timing.denoise_ms = done - start;
    s->timing.total_ms =
        s->timing.inputs_ms + s->timing.vision_ms + s->timing.prefix_ms + s->timing.denoise_ms;
    return PI0_OK;
}

void pi0_session_start(pi0_session *s)
{
    atomic_store_explicit(&s->cancel, 0, memory_order_relaxed);
}

int pi0_observe(pi0_session *session, const pi0_inputs *in, pi0_error *err)
{
    if (!session) return pi0_fail(err, PI0_EINVAL, "pi0_observe: session is NULL");
    pi0_session_start(session);
    return observe(session, in, err);
}

int pi0_denoise(pi0_session *session, const float *noise, float *actions, size_t n_actions,
                pi0_error *err)
{
    if (!session) return pi0_fail(err, PI0_EINVAL, "pi0_denoise: session is NULL");
    pi0_session_start(session);
    return denoise(session, noise, actions, n_actions, err);
}

int pi0_infer(pi0_session *session, const pi0_inputs *in, const float *noise, float *actions,
              size_t n_actions, pi0_error *err)
{
    if (!session) return pi0_fail(err, PI0_EINVAL, "pi0_infer: session is NULL");
    pi0_session_start(session);
    return pi0_session_infer(session, in, noise, actions, n_actions, err);
}

int pi0_session_infer(pi0_session *s, const pi0_inputs *in, const float *noise, float *actions,
                      size_t n_actions, pi0_error *err)
{
    const int status = observe(s, in, err);
    return status ? status : denoise(s, noise, actions, n_actions, err);
}
