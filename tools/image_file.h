/* SPDX-License-Identifier: Apache-2.0 */
/* image_file.h - PNG and JPEG files to 8-bit RGB, as Pillow's open().convert("RGB") reads them:
 * grey becomes R = G = B, palettes are looked up, an alpha channel is dropped, gamma, colour
 * profiles and EXIF orientation are left alone. Of 16-bit samples the high byte counts. */
#ifndef PI0_TOOLS_IMAGE_FILE_H
#define PI0_TOOLS_IMAGE_FILE_H
#include "fail.h"

#define IMAGE_MAX_SIDE 16384        // pixels
#define IMAGE_MAX_PIXELS (1u << 26) // a decoder takes up to 10 bytes for each

typedef struct image_file {
    uint8_t *rgb; // malloc'd, [height][width][3]
    int width, height;
} image_file;

/* Read a PNG or JPEG file, told by its first bytes. A file that ends early is an error.
 * PI0_EIO, PI0_EFORMAT (damaged, too large, neither PNG nor JPEG), PI0_EUNSUPPORTED (CMYK),
 * PI0_ENOMEM. */
int pi0_image_read(image_file *image, const char *path, pi0_error *err);
void pi0_image_file_free(image_file *image);

// the same from memory; `name` stands in messages
int pi0_image_decode(image_file *image, const void *data, size_t size, const char *name,
                     pi0_error *err);

// the two decoders of pi0_image_decode()
int pi0_png_decode(image_file *image, const void *data, size_t size, const char *name,
                   pi0_error *err);
int pi0_jpeg_decode(image_file *image, const void *data, size_t size, const char *name,
                    pi0_error *err);

// room for width x height pixels; refuses sizes beyond IMAGE_MAX_SIDE and IMAGE_MAX_PIXELS
int pi0_image_new(image_file *image, uint64_t width, uint64_t height, const char *name,
                  pi0_error *err);
#endif
