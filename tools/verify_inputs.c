/* SPDX-License-Identifier: Apache-2.0 */
/* verify_inputs.c - observations made up from a number. */
#include "verify_inputs.h"
#include "verify.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_TOKENS 16 // of a sentence
static const char sentence[] = "put the red block in the bowl";

// numbers in [0, 1), the same on every machine
static double next(uint32_t *x)
{
    *x = *x * 1664525u + 1013904223u;
    return (double)(*x >> 8) * 0x1p-24;
}

/* ---- pictures ---- */

static uint8_t level(double x)
{
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}

// a gradient, a bar of another colour, grain; planes: [3][side][side], else [side][side][3]
static void paint(uint8_t *to, int side, bool planes, uint32_t *x)
{
    double base[3], slope[3], bar[3];
    for (int c = 0; c < 3; c++) {
        base[c] = 40 + 100 * next(x);
        slope[c] = 120 * next(x) - 60;
        bar[c] = 255 * next(x);
    }
    const int left = (int)(side * 0.6 * next(x)), top = (int)(side * 0.6 * next(x));
    const int width = side / 8 + (int)(side * 0.25 * next(x));
    for (int r = 0; r < side; r++)
        for (int p = 0; p < side; p++)
            for (int c = 0; c < 3; c++) {
                const bool inside = p >= left && p < left + width && r >= top && r < top + width;
                const double v = inside ? bar[c] : base[c] + slope[c] * (r + p) / side;
                const int at = planes ? (c * side + r) * side + p : (r * side + p) * 3 + c;
                to[at] = level(v + 24 * next(x) - 12);
            }
}

static int make_pictures(synthetic *x, int n, int side, bool planes, uint32_t *seed, pi0_error *err)
{
    const size_t bytes = (size_t)side * (size_t)side * 3;
    x->images = calloc((size_t)n, sizeof *x->images);
    x->pixels = malloc((size_t)n * bytes);
    if (!x->images || !x->pixels) return pi0_fail(err, PI0_ENOMEM, "no memory for %d pictures", n);
    for (int i = 0; i < n; i++) {
        paint(x->pixels + (size_t)i * bytes, side, planes, seed);
        x->images[i] = (pi0_image){ .rgb = x->pixels + (size_t)i * bytes,
                                    .width = side,
                                    .height = side,
                                    .format = planes ? PI0_RGB8_CHW : PI0_RGB8_HWC };
    }
    return PI0_OK;
}

/* ---- a robot's ---- */

// a value that the statistics hold likely
static double likely(const pi0_policy_norm *n, int i, uint32_t *seed)
{
    double centre;
    const double u = 1.6 * next(seed) - 0.8, scale = pi0_norm_scale(n, i, &centre);
    return centre + u * scale;
}

static int make_states(synthetic *x, const pi0_policy_info *p, uint32_t *seed, pi0_error *err)
{
    int at = 0;
    x->states = calloc((size_t)p->n_states + 1, sizeof *x->states);
    x->values = calloc((size_t)p->state_dim + 1, sizeof *x->values);
    if (!x->states || !x->values) return pi0_fail(err, PI0_ENOMEM, "no memory for a state");
    for (int i = 0; i < p->state_dim; i++) x->values[i] = likely(&p->state_norm, i, seed);
    for (int i = 0; i < p->n_states; at += p->states[i++].size)
        x->states[i] = (pi0_state){ p->states[i].name, x->values + at, p->states[i].size };
    return PI0_OK;
}

static int make_observation(synthetic *x, const pi0_policy_info *p, int side, int views,
                            uint32_t *seed, pi0_error *err)
{
    int n = 0;
    for (int i = 0; i < p->n_cameras; i++) n += p->cameras[i].slot != NULL;
    int status = make_pictures(x, n ? n : 1, side, !strcmp(p->image_axes, "CHW"), seed, err);
    if (!status) status = make_states(x, p, seed, err);
    if (status) return status;

    // required cameras first
    n = 0;
    for (int required = 1; required >= 0; required--)
        for (int i = 0; i < p->n_cameras; i++)
            if (p->cameras[i].slot && !p->cameras[i].required == !required &&
                (required || n < views))
                x->images[n++].camera = p->cameras[i].name;
    x->obs = (pi0_observation){ x->images, n, x->states, p->n_states,
                                p->default_prompt ? p->default_prompt : sentence };
    return PI0_OK;
}

/* ---- the network's ---- */

static int make_inputs(synthetic *x, const pi0_info *info, int views, uint32_t *seed,
                       pi0_error *err)
{
    const int n = views < info->n_cameras || !info->n_cameras ? views : info->n_cameras;
    const int n_tokens = info->max_tokens < N_TOKENS ? info->max_tokens : N_TOKENS;
    int status = make_pictures(x, n, info->image_size, false, seed, err);
    if (status) return status;
    x->tokens = malloc((size_t)n_tokens * sizeof *x->tokens);
    x->values = calloc((size_t)info->state_dim + 1, sizeof *x->values);
    if (!x->tokens || !x->values) return pi0_fail(err, PI0_ENOMEM, "no memory for inputs");
    for (int i = 0; i < n_tokens; i++) x->tokens[i] = (int32_t)(next(seed) * info->vocabulary);
    for (int i = 0; i < info->state_dim; i++) x->values[i] = 2 * next(seed) - 1;
    x->in = (pi0_inputs){ .images = x->images,
                          .n_images = n,
                          .tokens = x->tokens,
                          .n_tokens = n_tokens,
                          .state = info->pi05 ? NULL : x->values,
                          .n_state = info->pi05 ? 0 : info->state_dim };
    return PI0_OK;
}

int pi0_synthetic_make(synthetic *x, const pi0_info *info, const pi0_policy_info *policy, int views,
                       int k, pi0_error *err)
{
    uint32_t seed = 2654435761u * (uint32_t)(k + 1);
    *x = (synthetic){ .images = NULL };
    const int status = policy ? make_observation(x, policy, info->image_size, views, &seed, err)
                              : make_inputs(x, info, views, &seed, err);
    if (status) pi0_synthetic_free(x);
    return status;
}

void pi0_synthetic_free(synthetic *x)
{
    free(x->images);
    free(x->states);
    free(x->pixels);
    free(x->values);
    free(x->tokens);
    *x = (synthetic){ .images = NULL };
}
