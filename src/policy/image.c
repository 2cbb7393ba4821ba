/* SPDX-License-Identifier: Apache-2.0 */
/* image.c - a camera's picture, resized with padding to the network's square, as openpi does it
 * with Pillow and as LeRobot does it with torch. Both keep the aspect and differ in the filter. */
#include "policy/image.h"
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 65535

// where the resized picture lies in the square
typedef struct fit {
    int width, height, left, top;
    size_t stride; // of the source, bytes
} fit;

static const char *name_of(const pi0_image *image)
{
    return image->camera ? image->camera : "(unnamed)";
}

// of the two formats in which a pixel's colours lie together
static size_t pixel_bytes(const pi0_image *image)
{
    return image->format == PI0_RGBF32_HWC ? 3 * sizeof(float) : 3;
}

static int check(const pi0_image *image, int size, bool f32_too, pi0_error *err)
{
    const int w = image->width, h = image->height;
    if (size < 1 || size > MAX_SIDE)
        return pi0_fail(err, PI0_EINVAL, "image %s: to be resized to %d, expected 1 to %d",
                        name_of(image), size, MAX_SIDE);
    if (w < 1 || w > MAX_SIDE || h < 1 || h > MAX_SIDE)
        return pi0_fail(err, PI0_EINVAL, "image %s: %d x %d pixels, expected 1 to %d a side",
                        name_of(image), w, h, MAX_SIDE);
    if (!image->rgb) return pi0_fail(err, PI0_EINVAL, "image %s: no pixels (NULL)", name_of(image));
    if (image->format != PI0_RGB8_HWC && !(f32_too && image->format == PI0_RGBF32_HWC))
        return pi0_fail(err, PI0_EINVAL,
                        "image %s: format %d cannot be resized, expected %d (8-bit, colours "
                        "together)%s",
                        name_of(image), image->format, PI0_RGB8_HWC, f32_too ? " or 2 (f32)" : "");
    if (image->stride && image->stride < pixel_bytes(image) * (size_t)w)
        return pi0_fail(err, PI0_EINVAL,
                        "image %s: rows %zu bytes apart, expected %zu or more for %d pixels",
                        name_of(image), image->stride, pixel_bytes(image) * (size_t)w, w);
    return PI0_OK;
}

/* The larger ratio fits, the other side is cut to whole pixels. In double and in this order: for
 * some sizes the long side comes out one pixel short, as it does in Python. */
static int find_fit(const pi0_image *image, int size, bool f32_too, fit *f, pi0_error *err)
{
    const int status = check(image, size, f32_too, err);
    if (status) return status;
    const int w = image->width, h = image->height;
    const double rw = (double)w / size, rh = (double)h / size, ratio = rw > rh ? rw : rh;
    f->width = (int)(w / ratio);
    f->height = (int)(h / ratio);
    assert(f->width <= size && f->height <= size);
    if (f->width < 1 || f->height < 1)
        return pi0_fail(err, PI0_EINVAL,
                        "image %s: %d x %d pixels become %d x %d, less than one pixel: crop it",
                        name_of(image), w, h, f->width, f->height);
    f->left = (size - f->width) / 2;
    f->top = (size - f->height) / 2;
    f->stride = image->stride ? image->stride : pixel_bytes(image) * (size_t)w;
    return PI0_OK;
}

void pi0_image_scratch_free(image_scratch *s)
{
    free(s->p);
    *s = (image_scratch){ NULL, 0 };
}

int pi0_image_scratch_grow(image_scratch *s, size_t bytes, const pi0_image *image, pi0_error *err)
{
    if (bytes <= s->size) return PI0_OK;
    void *p = malloc(bytes);
    if (!p)
        return pi0_fail(err, PI0_ENOMEM, "image %s: no memory for %zu bytes to resize it",
                        name_of(image), bytes);
    free(s->p);
    *s = (image_scratch){ p, bytes };
    return PI0_OK;
}

/* ---- Pillow ---- */

#define WEIGHT_BITS 22 // of a weight in fixed point

// for each output pixel of one axis: its first input pixel, how many, and their weights
typedef struct filter {
    int in, out, most; // most weights that a pixel may have
    int *first, *count;
    int32_t *weight; // [out][most]
} filter;

static filter filter_plan(int in, int out)
{
    const double scale = (double)in / out;
    return (filter){ .in = in, .out = out, .most = (int)ceil(scale > 1 ? scale : 1) * 2 + 1 };
}

static size_t filter_bytes(const filter *f)
{
    return f->in == f->out ? 0 : (size_t)f->out * (2 + (size_t)f->most) * sizeof(int32_t);
}

// a triangle as wide as an output pixel's share of the input, so that shrinking is antialiased
static void weigh(const filter *f, int x, double *w)
{
    const double scale = (double)f->in / f->out, support = scale > 1 ? scale : 1;
    const double centre = (x + 0.5) * scale, inverse = 1 / support;
    const int from = (int)(centre - support + 0.5), to = (int)(centre + support + 0.5);
    const int first = from > 0 ? from : 0, end = to < f->in ? to : f->in;
    double sum = 0;
    for (int j = 0; j < end - first; j++) {
        const double d = fabs((j + first - centre + 0.5) * inverse);
        w[j] = d < 1 ? 1 - d : 0;
        sum += w[j];
    }
    f->first[x] = first;
    f->count[x] = end - first;
    for (int j = 0; j < end - first; j++)
        f->weight[(size_t)x * (size_t)f->most + (size_t)j] =
            (int32_t)(0.5 + (sum != 0 ? w[j] / sum : w[j]) * (1 << WEIGHT_BITS));
}

// arrays in the scratch behind `p`; returns their end. A side that keeps its size has none
static char *filter_make(filter *f, char *p, double *w)
{
    if (f->in == f->out) return p;
    f->first = (int *)(void *)p;
    f->count = f->first + f->out;
    f->weight = (int32_t *)(f->count + f->out);
    for (int x = 0; x < f->out; x++) weigh(f, x, w);
    return p + filter_bytes(f);
}

static uint8_t to_byte(int32_t sum)
{
    const int32_t v = sum >> WEIGHT_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

// rows of f->in pixels to rows of f->out
static void filter_rows(const filter *f, const uint8_t *from, size_t from_stride, int rows,
                        uint8_t *to, size_t to_stride)
{
    for (int y = 0; y < rows; y++, from += from_stride, to += to_stride)
        for (int x = 0; x < f->out; x++) {
            const int32_t *k = f->weight + (size_t)x * (size_t)f->most;
            const uint8_t *p = from + 3 * (size_t)f->first[x];
            int32_t r = 1 << (WEIGHT_BITS - 1), g = r, b = r;
            for (int j = 0; j < f->count[x]; j++) {
                r += k[j] * p[3 * j];
                g += k[j] * p[3 * j + 1];
                b += k[j] * p[3 * j + 2];
            }
            to[3 * x] = to_byte(r);
            to[3 * x + 1] = to_byte(g);
            to[3 * x + 2] = to_byte(b);
        }
}

// f->in rows of `bytes` bytes to f->out rows
static void filter_columns(const filter *f, const uint8_t *from, size_t from_stride, size_t bytes,
                           uint8_t *to, size_t to_stride)
{
    enum { BLOCK = 64 }; // columns whose sums are kept at once
    for (int y = 0; y < f->out; y++, to += to_stride) {
        const int32_t *k = f->weight + (size_t)y * (size_t)f->most;
        const uint8_t *top = from + (size_t)f->first[y] * from_stride;
        for (size_t x = 0; x < bytes; x += BLOCK) {
            const size_t n = bytes - x < BLOCK ? bytes - x : BLOCK;
            int32_t sum[BLOCK];
            for (size_t i = 0; i < n; i++) sum[i] = 1 << (WEIGHT_BITS - 1);
            for (int j = 0; j < f->count[y]; j++) {
                const uint8_t *row = top + (size_t)j * from_stride + x;
                for (size_t i = 0; i < n; i++) sum[i] += k[j] * row[i];
            }
            for (size_t i = 0; i < n; i++) to[x + i] = to_byte(sum[i]);
        }
    }
}

static void copy_rows(const uint8_t *from, size_t from_stride, int rows, size_t bytes, uint8_t *to,
                      size_t to_stride)
{
    for (int y = 0; y < rows; y++, from += from_stride, to += to_stride) memcpy(to, from, bytes);
}

// horizontal, rounded to bytes, then vertical; a side that keeps its size is left out
static void resample(const filter *across, const filter *down, const uint8_t *from, size_t stride,
                     uint8_t *rows, uint8_t *to, size_t to_stride)
{
    const size_t bytes = 3 * (size_t)across->out;
    const bool wide = across->in != across->out, high = down->in != down->out;
    if (wide && high) {
        filter_rows(across, from, stride, down->in, rows, bytes);
        filter_columns(down, rows, bytes, bytes, to, to_stride);
    } else if (wide) {
        filter_rows(across, from, stride, down->in, to, to_stride);
    } else if (high) {
        filter_columns(down, from, stride, bytes, to, to_stride);
    } else {
        copy_rows(from, stride, down->in, bytes, to, to_stride);
    }
}

int pi0_image_resize_pillow(const pi0_image *image, int size, uint8_t *out, image_scratch *s,
                            pi0_error *err)
{
    fit f;
    int status = find_fit(image, size, false, &f, err);
    if (status) return status;

    // the scratch: one pixel's weights, both filters, the rows between the two passes
    filter across = filter_plan(image->width, f.width), down = filter_plan(image->height, f.height);
    const size_t most = (size_t)(across.most > down.most ? across.most : down.most);
    const size_t row_bytes = (size_t)image->height * (size_t)f.width * 3;
    status = pi0_image_scratch_grow(
        s, most * sizeof(double) + filter_bytes(&across) + filter_bytes(&down) + row_bytes, image,
        err);
    if (status) return status;
    double *w = s->p;
    char *p = filter_make(&across, (char *)(w + most), w);
    p = filter_make(&down, p, w);

    const size_t to_stride = 3 * (size_t)size;
    memset(out, 0, (size_t)size * to_stride);
    resample(&across, &down, image->rgb, f.stride, (uint8_t *)p,
             out + (size_t)f.top * to_stride + 3 * (size_t)f.left, to_stride);
    return PI0_OK;
}

/* ---- torch ---- */

// for each output pixel of one axis: its two neighbours in the input and their weights
typedef struct lerp {
    int a, b;
    float wa, wb;
} lerp;

// torch's kernels are built with fused multiply-adds: where they fuse, so does this
static void lerp_make(lerp *l, int in, int out)
{
    const float scale = (float)in / (float)out;
    for (int x = 0; x < out; x++) {
        const float at = fmaf(scale, (float)x + 0.5f, -0.5f), from = at > 0 ? at : 0;
        const int a = (int)from < in - 1 ? (int)from : in - 1;
        const float t = from - (float)a, wb = t < 1 ? t : 1;
        l[x] = (lerp){ a, a + (a < in - 1), 1 - wb, wb };
    }
}

// component i of a row in [0,1]: 8-bit through the table, f32 (unit NULL) as it is
static inline float component(const uint8_t *row, int i, const float *unit)
{
    float f;
    if (unit) return unit[row[i]];
    memcpy(&f, row + (size_t)i * sizeof f, sizeof f);
    return f;
}

// channel c of one output pixel, in [0,1]
static inline float sample(const lerp *across, const uint8_t *top, const uint8_t *bottom,
                           const lerp *down, int c, const float *unit)
{
    const int a = 3 * across->a + c, b = 3 * across->b + c;
    const float t = fmaf(component(top, a, unit), across->wa, component(top, b, unit) * across->wb);
    const float u =
        fmaf(component(bottom, a, unit), across->wa, component(bottom, b, unit) * across->wb);
    const float v = fmaf(t, down->wa, u * down->wb);
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static void sample_all(const pi0_image *image, const fit *f, const lerp *across, const lerp *down,
                       const float *unit, int size, float *out)
{
    const uint8_t *from = image->rgb;
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < f->height; y++) {
            const uint8_t *top = from + (size_t)down[y].a * f->stride;
            const uint8_t *bottom = from + (size_t)down[y].b * f->stride;
            float *row = out + ((size_t)c * (size_t)size + (size_t)(f->top + y)) * (size_t)size;
            for (int x = 0; x < f->width; x++)
                row[f->left + x] = sample(across + x, top, bottom, down + y, c, unit) * 2 - 1;
        }
}

// a picture of the network's own size is not resized
static void scale_all(const pi0_image *image, const fit *f, const float *unit, int size, float *out)
{
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < size; y++) {
            const uint8_t *from = (const uint8_t *)image->rgb + (size_t)y * f->stride;
            for (int x = 0; x < size; x++) *out++ = component(from, 3 * x + c, unit) * 2 - 1;
        }
}

int pi0_image_resize_torch(const pi0_image *image, int size, float *out, image_scratch *s,
                           pi0_error *err)
{
    fit f;
    int status = find_fit(image, size, true, &f, err);
    if (!status)
        status = pi0_image_scratch_grow(s, (size_t)(f.width + f.height) * sizeof(lerp), image, err);
    if (status) return status;
    float table[256];
    for (int u = 0; u < 256; u++) table[u] = (float)u / 255.0f;
    const float *unit = image->format == PI0_RGB8_HWC ? table : NULL;
    if (image->width == size && image->height == size) {
        scale_all(image, &f, unit, size, out);
        return PI0_OK;
    }
    // black padding is 0 in [0,1], -1 behind the scaling
    for (size_t i = 0; i < 3 * (size_t)size * (size_t)size; i++) out[i] = -1;
    lerp *across = s->p, *down = across + f.width;
    lerp_make(across, image->width, f.width);
    lerp_make(down, image->height, f.height);
    sample_all(image, &f, across, down, unit, size, out);
    return PI0_OK;
}
