/* SPDX-License-Identifier: Apache-2.0 */
/* pixels.h - where the numbers of a picture lie, whichever of the four formats it has. */
#ifndef PI0_PIXELS_H
#define PI0_PIXELS_H
#include "pi0.h"
#include <stdbool.h>

typedef struct pixel_layout {
    bool f32, planes;
    // bytes: of one number; from pixel to pixel, row to row, colour to colour; of a row at least
    size_t item, pixel, stride, plane, least;
} pixel_layout;

// of a picture whose format and size were checked; whether its stride is long enough is not
static inline pixel_layout pixels_of(const pi0_image *image)
{
    pixel_layout l = { .f32 = image->format >= PI0_RGBF32_HWC };
    l.planes = image->format == PI0_RGB8_CHW || image->format == PI0_RGBF32_CHW;
    l.item = l.f32 ? sizeof(float) : 1;
    l.pixel = l.planes ? l.item : 3 * l.item;
    l.least = l.pixel * (size_t)image->width;
    l.stride = image->stride ? image->stride : l.least;
    l.plane = l.planes ? l.stride * (size_t)image->height : l.item;
    return l;
}
#endif
