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

/* Pillow's route, bit for bit: antialiased bilinear in fixed point, black padding.
 * out: u8 [size][size][3]. A picture of that size is copied as it is. PI0_EINVAL, PI0_ENOMEM.
 * Source: openpi-client image_tools.py resize_with_pad; Pillow src/libImaging/Resample.c. */
int pi0_image_resize_pillow(const pi0_image *image, int size, uint8_t *out, image_scratch *s,
                            pi0_error *err);

/* LeRobot's route: /255, bilinear without antialias, clamped, black padding, then x*2-1.
 * out: f32 [3][size][size] in [-1,1].
 * Source: lerobot src/lerobot/policies/common/vla_utils.py resize_with_pad_torch. */
int pi0_image_resize_torch(const pi0_image *image, int size, float *out, image_scratch *s,
                           pi0_error *err);
#endif
