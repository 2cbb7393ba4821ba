/* SPDX-License-Identifier: Apache-2.0 */
/* numpy_image.c - a picture of numpy's array, as a robot gives pictures. */
#include "observation_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum order { ORDER_HWC, ORDER_CHW };

/* Which way the colours lie: planes or pixels, as the robot has them; where it may be either,
 * openpi takes what begins with a 3 for planes (droid_policy.py and libero_policy.py _parse_image).
 */
static int find_order(enum order *order, const numpy_array *a, const pi0_policy_info *policy,
                      const place *p)
{
    char shape[200];
    const char *axes = policy ? policy->image_axes : "HWC or CHW";
    const bool planes = a->n_dims == 3 && a->dims[0] == 3;
    const bool pixels = a->n_dims == 3 && a->dims[2] == 3;
    const bool only_planes = !strcmp(axes, "CHW"), only_pixels = !strcmp(axes, "HWC");
    *order = only_planes || (planes && !only_pixels) ? ORDER_CHW : ORDER_HWC;
    if (*order == ORDER_CHW ? planes : pixels) return PI0_OK;
    return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: a picture of shape %s, expected %s%s%s%s",
                    p->file, p->key, pi0_numpy_shape(shape, a),
                    only_planes   ? "[3,height,width], as "
                    : only_pixels ? "[height,width,3], as "
                                  : "[height,width,3] or [3,height,width]",
                    only_planes || only_pixels ? policy->robot : "",
                    only_planes || only_pixels ? " has it" : "",
                    planes || pixels ? ": transpose it" : "");
}

// 255*x as numpy computes it in the array's own type, cut to 8 bits (x in [0,1])
static int cut_to_8_bits(double x, size_t item)
{
    double y = item == 4 ? (double)(255 * (float)x) : 255 * x;
    if (item == 2) {
        // float16 has 11 bits
        int exponent;
        frexp(y, &exponent);
        const double unit = ldexp(1, exponent - 11 > -24 ? exponent - 11 : -24);
        y = rint(y / unit) * unit;
    }
    return (int)y;
}

/* One value of a picture as f32. openpi cuts 255*x in the array's own type, the library in f32:
 * the middle of the step that the former found is what the latter finds, too. LeRobot's torch
 * rounds to f32. */
static float picture_value(double x, size_t item, bool cut)
{
    if (!cut || item == 4 || !(x >= 0 && x <= 1)) return (float)x;
    const int step = cut_to_8_bits(x, item);
    return step >= 255 ? 1.0f : ((float)step + 0.5f) / 255.0f;
}

static int float_picture(observation_file *o, const numpy_array *a, bool cut, pi0_image *image,
                         const place *p)
{
    float *values = pi0_observation_alloc(o, a->count * sizeof *values);
    if (!values) return pi0_fail(p->err, PI0_ENOMEM, "%s: no memory for %s", p->file, p->key);
    if (a->item == 4)
        memcpy(values, a->data, a->count * sizeof *values);
    else
        for (size_t i = 0; i < a->count; i++)
            values[i] =
                picture_value(pi0_numpy_float(a->data + i * a->item, a->item), a->item, cut);
    image->rgb = values;
    return PI0_OK;
}

int pi0_numpy_image(observation_file *o, const numpy_array *a, const pi0_policy_info *policy,
                    pi0_image *image, const place *p)
{
    char shape[200];
    enum order order;
    const bool bytes = a->kind == 'u' && a->item == 1;
    if (!bytes && a->kind != 'f')
        return pi0_fail(p->err, PI0_EFORMAT,
                        "%s: %s: a picture of type \"%s\", expected \"|u1\" (0 to 255) or floats "
                        "(0 to 1)",
                        p->file, p->key, a->type);
    const int status = find_order(&order, a, policy, p);
    if (status) return status;
    const int64_t h = a->dims[order == ORDER_CHW ? 1 : 0], w = a->dims[order == ORDER_CHW ? 2 : 1];
    if (h < 1 || w < 1 || h > IMAGE_MAX_SIDE || w > IMAGE_MAX_SIDE)
        return pi0_fail(p->err, PI0_EFORMAT,
                        "%s: %s: a picture of shape %s, expected 1 to %d pixels a side", p->file,
                        p->key, pi0_numpy_shape(shape, a), IMAGE_MAX_SIDE);
    image->width = (int)w;
    image->height = (int)h;
    if (bytes) {
        image->format = order == ORDER_CHW ? PI0_RGB8_CHW : PI0_RGB8_HWC;
        image->rgb = a->data;
        return PI0_OK;
    }
    image->format = order == ORDER_CHW ? PI0_RGBF32_CHW : PI0_RGBF32_HWC;
    const bool cut = policy && !strcmp(policy->resize, "pillow");
    return float_picture(o, a, cut, image, p);
}
