/* SPDX-License-Identifier: Apache-2.0 */
/* image_format.c - pictures of any of the four formats to the one that the resizing reads. */
#include "core/pixels.h"
#include "policy/image.h"
#include <stdint.h>
#include <string.h>

#define MAX_SIDE 65535

static const char *name_of(const pi0_image *image)
{
    return image->camera ? image->camera : "(unnamed)";
}

static int find_layout(pixel_layout *l, const pi0_image *image, pi0_error *err)
{
    const int w = image->width, h = image->height;
    if (image->format < PI0_RGB8_HWC || image->format > PI0_RGBF32_CHW)
        return pi0_fail(err, PI0_EINVAL,
                        "image %s: format %d, expected PI0_RGB8_HWC (0) to "
                        "PI0_RGBF32_CHW (3)",
                        name_of(image), image->format);
    if (w < 1 || w > MAX_SIDE || h < 1 || h > MAX_SIDE)
        return pi0_fail(err, PI0_EINVAL, "image %s: %d x %d pixels, expected 1 to %d a side",
                        name_of(image), w, h, MAX_SIDE);
    if (!image->rgb) return pi0_fail(err, PI0_EINVAL, "image %s: no pixels (NULL)", name_of(image));
    *l = pixels_of(image);
    if (l->stride >= l->least) return PI0_OK;
    return pi0_fail(err, PI0_EINVAL,
                    "image %s: rows %zu bytes apart, expected %zu or more for %d pixels",
                    name_of(image), l->stride, l->least, w);
}

static const uint8_t *address(const pixel_layout *l, const pi0_image *image, int y, int x, int c)
{
    return (const uint8_t *)image->rgb + (size_t)y * l->stride + (size_t)x * l->pixel +
           (size_t)c * l->plane;
}

static float load(const pixel_layout *l, const pi0_image *image, int y, int x, int c)
{
    float f;
    memcpy(&f, address(l, image, y, x, c), sizeof f);
    return f;
}

// what a picture of floats must be; one of 0 to 255 is the usual mistake
static int check_unit(const pixel_layout *l, const pi0_image *image, pi0_error *err)
{
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            for (int c = 0; c < 3; c++) {
                const float f = load(l, image, y, x, c);
                if (f >= 0 && f <= 1) continue;
                return pi0_fail(err, PI0_EINVAL,
                                "image %s: colour %d of row %d, column %d is %g; f32 pictures are "
                                "from 0 to 1, those from 0 to 255 are given as 8-bit ones",
                                name_of(image), c, y, x, (double)f);
            }
    return PI0_OK;
}

// pixels of one number each into rows of three together
static void rearrange(const pixel_layout *l, const pi0_image *image, uint8_t *out)
{
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            for (int c = 0; c < 3; c++, out += l->item)
                memcpy(out, address(l, image, y, x, c), l->item);
}

// the rest of a picture whose pixels now lie in the scratch
static void describe(pi0_image *out, const pi0_image *image, const image_scratch *s, int format)
{
    *out = (pi0_image){ .camera = image->camera,
                        .rgb = s->p,
                        .width = image->width,
                        .height = image->height,
                        .format = format };
}

static size_t numbers(const pi0_image *image)
{
    return 3 * (size_t)image->width * (size_t)image->height;
}

int pi0_image_interleave(const pi0_image *image, pi0_image *out, image_scratch *s, pi0_error *err)
{
    pixel_layout l;
    int status = find_layout(&l, image, err);
    if (!status && l.f32) status = check_unit(&l, image, err);
    if (status) return status;
    if (!l.planes) {
        *out = *image;
        return PI0_OK;
    }
    status = pi0_image_scratch_grow(s, numbers(image) * l.item, image, err);
    if (status) return status;
    rearrange(&l, image, s->p);
    describe(out, image, s, l.f32 ? PI0_RGBF32_HWC : PI0_RGB8_HWC);
    return PI0_OK;
}

int pi0_image_to_rgb8(const pi0_image *image, pi0_image *out, image_scratch *s, pi0_error *err)
{
    pixel_layout l;
    int status = find_layout(&l, image, err);
    if (!status && !l.f32) return pi0_image_interleave(image, out, s, err);
    if (!status) status = check_unit(&l, image, err);
    if (!status) status = pi0_image_scratch_grow(s, numbers(image), image, err);
    if (status) return status;
    uint8_t *to = s->p;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            for (int c = 0; c < 3; c++) *to++ = (uint8_t)(255 * load(&l, image, y, x, c));
    describe(out, image, s, PI0_RGB8_HWC);
    return PI0_OK;
}

int pi0_resize_with_pad(const pi0_image *image, int size, uint8_t *out, pi0_error *err)
{
    image_scratch converted = { NULL, 0 }, s = { NULL, 0 };
    pi0_image plain;
    if (!image || !out) return pi0_fail(err, PI0_EINVAL, "pi0_resize_with_pad: NULL argument");
    int status = pi0_image_to_rgb8(image, &plain, &converted, err);
    if (!status) status = pi0_image_resize_pillow(&plain, size, out, &s, err);
    pi0_image_scratch_free(&converted);
    pi0_image_scratch_free(&s);
    return status;
}
