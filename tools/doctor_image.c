/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_image.c - what can be told of a picture from its numbers: axes, range, whether there is
 * anything on it. That it shows the right thing, nobody can tell from them. */
#include "doctor_image.h"
#include <math.h>
#include <string.h>

#define BLUE 25          // levels of 255 by which blue lies above red
#define ASPECT 0.02      // relative difference of width / height
#define SIGNED_MAX 1.001 // a picture of -1..1

typedef struct look {
    size_t n, not_finite;
    double low, high;                 // of all
    double least[3], most[3], sum[3]; // of each colour
} look;

static bool is_float(const pi0_image *image)
{
    return image->format == PI0_RGBF32_HWC || image->format == PI0_RGBF32_CHW;
}

static bool is_planes(const pi0_image *image)
{
    return image->format == PI0_RGB8_CHW || image->format == PI0_RGBF32_CHW;
}

// number i of a picture without gaps, as the readers of observations make them
static double number(const pi0_image *image, size_t i)
{
    float f;
    if (!is_float(image)) return ((const unsigned char *)image->rgb)[i];
    memcpy(&f, (const char *)image->rgb + i * sizeof f, sizeof f);
    return (double)f;
}

static look look_at(const pi0_image *image)
{
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    look l = { .n = 3 * pixels, .low = INFINITY, .high = -INFINITY };
    for (int c = 0; c < 3; c++) {
        l.least[c] = INFINITY;
        l.most[c] = -INFINITY;
    }
    for (size_t i = 0; i < l.n; i++) {
        const double x = number(image, i);
        const size_t c = is_planes(image) ? i / pixels : i % 3;
        l.not_finite += !isfinite(x);
        if (!isfinite(x)) continue;
        l.least[c] = x < l.least[c] ? x : l.least[c];
        l.most[c] = x > l.most[c] ? x : l.most[c];
        l.sum[c] += x;
    }
    for (int c = 0; c < 3; c++) {
        l.low = l.least[c] < l.low ? l.least[c] : l.low;
        l.high = l.most[c] > l.high ? l.most[c] : l.high;
    }
    return l;
}

static bool is_blank(const look *l)
{
    for (int c = 0; c < 3; c++)
        if (l->least[c] != l->most[c]) return false;
    return true;
}

// axes that this robot does not send
static void check_axes(doctor *d, const pi0_image *image, const char *name)
{
    const char *axes = d->policy.image_axes;
    if (axes && !strcmp(axes, is_planes(image) ? "HWC" : "CHW"))
        pi0_found(d, F_IMAGE_AXES, "%s is %s, %d x %d pixels; this robot sends %s", name,
                  is_planes(image) ? "CHW" : "HWC", image->width, image->height, axes);
}

// LeRobot's config.json says how large the pictures of the training were
static void check_aspect(doctor *d, const pi0_image *image, const pi0_policy_camera *c)
{
    const json_t *features = json_object_get(d->config_json.root, "input_features");
    const json_t *shape = json_object_get(json_object_get(features, c->slot), "shape");
    const double h = (double)json_integer_value(json_array_get(shape, 1)),
                 w = (double)json_integer_value(json_array_get(shape, 2));
    if (!d->lerobot || h <= 0 || w <= 0) return;
    if (fabs(image->width * h / (image->height * w) - 1) > ASPECT)
        pi0_found(d, F_IMAGE_ASPECT, "%s: %d x %d pixels; config.json: %.0f x %.0f", c->name,
                  image->width, image->height, w, h);
}

static void check_floats(doctor *d, const look *l, const char *name)
{
    const bool outside = l->low < 0 || l->high > 1;
    if (l->not_finite)
        pi0_found(d, F_IMAGE_RANGE, "%s: %zu of %zu values are no numbers", name, l->not_finite,
                  l->n);
    else if (outside && l->low < 0 && l->low >= -SIGNED_MAX && l->high <= SIGNED_MAX)
        pi0_found(d, F_IMAGE_SIGNED, "%s: floats from %.3g to %.3g, expected 0 to 1", name, l->low,
                  l->high);
    else if (outside)
        pi0_found(d, F_IMAGE_RANGE, "%s: floats from %.3g to %.3g, expected 0 to 1", name, l->low,
                  l->high);
    else if (!d->lerobot)
        pi0_found(d, F_IMAGE_FLOAT, "%s: floats from %.3g to %.3g", name, l->low, l->high);
}

static void check_colours(doctor *d, const look *l, bool floats, const char *name)
{
    const double scale = (floats ? 255.0 : 1.0) * 3 / (double)l->n;
    const double r = l->sum[0] * scale, g = l->sum[1] * scale, b = l->sum[2] * scale;
    if (b > r + BLUE && b > g)
        pi0_found(d, F_IMAGE_BLUE, "%s: mean of red %.0f, green %.0f, blue %.0f", name, r, g, b);
}

void pi0_doctor_image(doctor *d, const pi0_image *image, const pi0_policy_camera *c)
{
    const look l = look_at(image);
    const bool floats = is_float(image);
    check_axes(d, image, c->name);
    check_aspect(d, image, c);
    if (floats) check_floats(d, &l, c->name);
    if (l.not_finite) return;
    if (is_blank(&l))
        pi0_found(d, F_IMAGE_BLANK, "%s: every pixel is (%g, %g, %g)", c->name, l.least[0],
                  l.least[1], l.least[2]);
    else if (l.low >= 0 && l.high <= (floats ? 1.0 / 255 : 1))
        pi0_found(d, F_IMAGE_DARK, "%s: nothing above %.3g, expected up to %d", c->name, l.high,
                  floats ? 1 : 255);
    else if (!floats || (l.low >= 0 && l.high <= 1))
        check_colours(d, &l, floats, c->name);
}
