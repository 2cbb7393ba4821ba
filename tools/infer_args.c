/* SPDX-License-Identifier: Apache-2.0 */
/* infer_args.c - the inputs of `pi0 infer`: observations, pictures, state and sentence, or a raw
 * file. */
#include "infer_args.h"
#include "data/npy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- arguments that contradict each other ---- */

static int check_images(const command *c, const infer_args *a)
{
    for (int i = 0; i < a->images.n; i++) {
        const char *item = a->images.item[i], *equals = strchr(item, '=');
        if (!equals || equals == item || !equals[1])
            return pi0_usage_error(c, "--image %s: expected CAMERA=FILE", item);
        const size_t length = (size_t)(equals - item) + 1;
        for (int k = 0; k < i; k++)
            if (!strncmp(a->images.item[k], item, length))
                return pi0_usage_error(c, "--image: the camera %.*s is given twice",
                                       (int)length - 1, item);
    }
    return STATUS_OK;
}

// of --observation, --raw and --image … only one
static int check_sources(const command *c, const infer_args *a)
{
    const bool parts = a->images.n || a->state || a->prompt;
    const char *part = a->images.n ? "--image" : a->state ? "--state" : "--prompt";
    if (a->raw && a->observations.n)
        return pi0_usage_error(c, "--raw and --observation contradict each other");
    if (a->raw && parts)
        return pi0_usage_error(c, "--raw holds all inputs; %s contradicts it", part);
    if (a->observations.n && parts)
        return pi0_usage_error(c, "--observation holds all inputs; %s contradicts it", part);
    if (a->raw && a->run.config)
        return pi0_usage_error(c, "--raw holds the network's own inputs, which need no robot; "
                                  "--config contradicts it");
    if (a->normalized && (a->observations.n || a->run.config))
        return pi0_usage_error(c, "--normalized: %s holds or means a robot's own values",
                               a->observations.n ? "--observation" : "--config");
    return STATUS_OK;
}

int pi0_infer_args_check(const command *c, const infer_args *a)
{
    const int status = check_sources(c, a);
    if (status) return status;
    const bool whole = a->raw || a->observations.n;
    if (!whole && !a->images.n)
        return pi0_usage_error(c, "what should it see? Give --observation FILE, --image "
                                  "CAMERA=FILE or --raw FILE");
    // a config may have a default prompt
    if (!whole && !a->prompt && !a->run.config)
        return pi0_usage_error(c, "what should it do? Give --prompt TEXT");
    if (a->noise && a->run.seed.given)
        return pi0_usage_error(c, "--noise and --seed contradict each other; give one of them");
    if (a->observations.n > 1 && (a->plot || a->compare))
        return pi0_usage_error(c, "%s takes one observation", a->plot ? "--plot" : "--compare");
    return check_images(c, a);
}

/* ---- pictures, state, sentence ---- */

static int parse_state(infer_inputs *x, const char *text, pi0_error *err)
{
    const char *at = text;
    for (int n = 0; n < RAW_MAX_STATE; n++) {
        char number[64];
        const size_t length = strcspn(at, ",");
        snprintf(number, sizeof number, "%.*s", length < 60 ? (int)length : 60, at);
        if (length >= 60 || !pi0_parse_double(number, &x->state[n]))
            return pi0_fail(err, PI0_EINVAL, "--state: value %d is \"%s\", expected a number", n,
                            number);
        at += length;
        if (!*at) {
            x->in.state = x->state;
            x->in.n_state = n + 1;
            x->whole = (pi0_state){ .values = x->state, .n = n + 1 };
            x->obs.states = &x->whole;
            x->obs.n_states = 1;
            return PI0_OK;
        }
        at++;
    }
    return pi0_fail(err, PI0_EINVAL, "--state: more than %d values", RAW_MAX_STATE);
}

static int read_pictures(infer_inputs *x, const option_list *list, pi0_error *err)
{
    const size_t n = (size_t)list->n;
    x->images = calloc(n, sizeof *x->images);
    x->pictures = calloc(n, sizeof *x->pictures);
    x->cameras = calloc(n, sizeof *x->cameras);
    if (!x->images || !x->pictures || !x->cameras)
        return pi0_fail(err, PI0_ENOMEM, "no memory for %d pictures", list->n);
    x->n_pictures = list->n;
    for (int i = 0; i < list->n; i++) {
        const char *equals = strchr(list->item[i], '=');
        x->cameras[i] = strndup(list->item[i], (size_t)(equals - list->item[i]));
        if (!x->cameras[i]) return pi0_fail(err, PI0_ENOMEM, "no memory for a name");
        const int status = pi0_image_read(&x->pictures[i], equals + 1, err);
        if (status) return status;
        x->images[i] = (pi0_image){ .camera = x->cameras[i],
                                    .rgb = x->pictures[i].rgb,
                                    .width = x->pictures[i].width,
                                    .height = x->pictures[i].height };
    }
    x->in.images = x->obs.images = x->images;
    x->in.n_images = x->obs.n_images = list->n;
    return PI0_OK;
}

/* ---- raw file ---- */

static int take_raw(infer_inputs *x, const infer_args *a, notices *w, pi0_error *err)
{
    raw_file *raw = &x->raw;
    const int status = pi0_raw_read(raw, a->raw, w, err);
    if (status) return status;
    x->in = (pi0_inputs){ .n_images = raw->n_images,
                          .pixels = raw->pixels,
                          .tokens = raw->tokens,
                          .n_tokens = raw->n_tokens };
    if (raw->n_state) {
        x->in.state = raw->state;
        x->in.n_state = raw->n_state;
    }
    if (!raw->images) return PI0_OK;

    // cameras without names: the network's order
    x->images = calloc((size_t)raw->n_images, sizeof *x->images);
    if (!x->images) return pi0_fail(err, PI0_ENOMEM, "no memory for pictures");
    const size_t bytes = (size_t)3 * RAW_IMAGE_SIZE * RAW_IMAGE_SIZE;
    for (int i = 0; i < raw->n_images; i++)
        x->images[i] = (pi0_image){ .rgb = raw->images + (size_t)i * bytes,
                                    .width = RAW_IMAGE_SIZE,
                                    .height = RAW_IMAGE_SIZE };
    x->in.images = x->images;
    return PI0_OK;
}

/* ---- noise ---- */

static int read_noise_file(infer_inputs *x, const char *path, pi0_error *err)
{
    npy_array array;
    char at[96];
    int status = pi0_npy_read(&array, path, err);
    if (status) return status;
    bool fits = array.n_dims == 2 || array.n_dims == 3;
    for (int d = 0; fits && d < array.n_dims; d++)
        fits = array.dims[d] >= 1 && array.dims[d] <= INT32_MAX;
    if (!fits)
        status = pi0_fail(err, PI0_EFORMAT,
                          "%s: an array of %d dimensions, expected [horizon,32], or one for each "
                          "observation: [n,horizon,32]",
                          path, array.n_dims);
    else if (pi0_raw_not_finite(at, array.data, array.n_dims, array.dims))
        status = pi0_fail(err, PI0_EFORMAT, "%s: noise%s is not a finite number", path, at);
    if (status) {
        pi0_npy_free(&array);
        return status;
    }
    const int64_t *last = array.dims + array.n_dims - 2;
    x->noise = array.data; // now ours
    x->noise_count = array.n_dims == 3 ? (int)array.dims[0] : 0;
    x->noise_rows = (int)last[0];
    x->noise_cols = (int)last[1];
    x->noise_name = path;
    return PI0_OK;
}

// --noise, or --seed if it was given, else the raw file's
static int take_noise(infer_inputs *x, const infer_args *a, notices *w, pi0_error *err)
{
    raw_file *raw = &x->raw;
    if (raw->noise && (a->noise || a->run.seed.given))
        pi0_notice(w, "%s: the key noise is not used: %s was given", a->raw,
                   a->noise ? "--noise" : "--seed");
    if (a->noise) return read_noise_file(x, a->noise, err);
    if (!raw->noise || a->run.seed.given) return PI0_OK;
    x->noise = raw->noise;
    x->noise_rows = raw->noise_rows;
    x->noise_cols = raw->noise_cols;
    x->noise_name = a->raw;
    raw->noise = NULL; // now x's
    return PI0_OK;
}

int pi0_infer_horizon(int *horizon, const infer_inputs *x, const pi0_info *info, int count,
                      pi0_error *err)
{
    *horizon = info->horizon ? info->horizon : x->noise_rows;
    if (!*horizon)
        return pi0_fail(err, PI0_EINVAL,
                        "the checkpoint's config.json does not say the horizon (rows of an action "
                        "chunk): give --horizon N");
    if (x->noise && (x->noise_rows != *horizon || x->noise_cols != info->action_dim))
        return pi0_fail(err, PI0_EINVAL, "%s: noise is [%d,%d], but the model needs [%d,%d]",
                        x->noise_name, x->noise_rows, x->noise_cols, *horizon, info->action_dim);
    if (x->noise_count && x->noise_count != count)
        return pi0_fail(err, PI0_EINVAL, "%s: noise for %d observations, but there %s %d",
                        x->noise_name, x->noise_count, count == 1 ? "is" : "are", count);
    return PI0_OK;
}

/* ---- all of it ---- */

int pi0_infer_inputs_read(infer_inputs *x, const infer_args *a, notices *w, pi0_error *err)
{
    int status;
    *x = (infer_inputs){ .noise = NULL };
    if (a->raw) {
        status = take_raw(x, a, w, err);
    } else if (a->observations.n) {
        status = pi0_observation_list_make(&x->files, &a->observations, err);
    } else {
        status = a->state ? parse_state(x, a->state, err) : PI0_OK;
        if (!status) status = read_pictures(x, &a->images, err);
        x->in.prompt = x->obs.prompt = a->prompt;
    }
    if (!status) status = take_noise(x, a, w, err);
    if (status) pi0_infer_inputs_free(x);
    return status;
}

void pi0_infer_inputs_free(infer_inputs *x)
{
    for (int i = 0; i < x->n_pictures; i++) {
        pi0_image_file_free(&x->pictures[i]);
        free(x->cameras[i]);
    }
    free(x->images);
    free(x->pictures);
    pi0_observation_list_free(&x->files);
    free(x->cameras);
    free(x->noise);
    pi0_raw_free(&x->raw);
    *x = (infer_inputs){ .noise = NULL };
}
