/* SPDX-License-Identifier: Apache-2.0 */
/* image.h - a camera's picture, resized with padding to the network's square. */
#ifndef PI0_IMAGE_H
#define PI0_IMAGE_H
#include "core/error.h"
#include <stddef.h>

// working memory that grows and is kept: a second picture of the same size allocates nothing
typedef struct image_scratch {
    void *p;
    size_t size;
} image_scratch;
void pi0_image_scratch_free(image_scratch *s);
// at least `bytes`; what was in it is lost. PI0_ENOMEM names the picture
int pi0_image_scratch_grow(image_scratch *s, size_t bytes, const pi0_image *image, pi0_error *err);

/* The same picture with the colours of a pixel together (PI0_RGB8_HWC or PI0_RGBF32_HWC): itself,
 * or rearranged into the scratch. An f32 picture is checked to be in [0,1].
 * PI0_EINVAL, PI0_ENOMEM. */
int pi0_image_interleave(const pi0_image *image, pi0_image *out, image_scratch *s, pi0_error *err);

/* The same picture as PI0_RGB8_HWC: itself, or converted into the scratch; f32 becomes 255*x cut to
 * 8 bits. Source: openpi-client image_tools.py convert_to_uint8. PI0_EINVAL, PI0_ENOMEM. */
int pi0_image_to_rgb8(const pi0_image *image, pi0_image *out, image_scratch *s, pi0_error *err);

/* Pillow's route, bit for bit, of a PI0_RGB8_HWC picture: antialiased bilinear in fixed point,
 * black padding. out: u8 [size][size][3]. A picture of that size is copied as it is. PI0_EINVAL,
 * PI0_ENOMEM. Source: openpi-client image_tools.py resize_with_pad; Pillow
 * src/libImaging/Resample.c. */
int pi0_image_resize_pillow(const pi0_image *image, int size, uint8_t *out, image_scratch *s,
                            pi0_error *err);

/* LeRobot's route, of a PI0_RGB8_HWC (/255) or PI0_RGBF32_HWC picture: bilinear without antialias,
 * clamped, black padding, then x*2-1. out: f32 [3][size][size] in [-1,1]. Source: lerobot
 * src/lerobot/policies/common/vla_utils.py resize_with_pad_torch. */
int pi0_image_resize_torch(const pi0_image *image, int size, float *out, image_scratch *s,
                           pi0_error *err);
#endif
