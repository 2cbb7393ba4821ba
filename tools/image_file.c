/* SPDX-License-Identifier: Apache-2.0 */
/* image_file.c - pictures from files: what kind a file is, and what both kinds share. */
#include "image_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)1 << 30)

int pi0_image_new(image_file *image, uint64_t width, uint64_t height, const char *name,
                  pi0_error *err)
{
    if (width < 1 || height < 1 || width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE)
        return pi0_fail(err, PI0_EFORMAT, "%s: %llux%llu pixels, expected 1 to %d a side", name,
                        (unsigned long long)width, (unsigned long long)height, IMAGE_MAX_SIDE);
    if (width * height > IMAGE_MAX_PIXELS)
        return pi0_fail(err, PI0_EFORMAT, "%s: %llux%llu pixels, more than the %u that are allowed",
                        name, (unsigned long long)width, (unsigned long long)height,
                        IMAGE_MAX_PIXELS);
    uint8_t *rgb = malloc((size_t)(3 * width * height));
    if (!rgb)
        return pi0_fail(err, PI0_ENOMEM, "%s: no memory for %llux%llu pixels", name,
                        (unsigned long long)width, (unsigned long long)height);
    *image = (image_file){ rgb, (int)width, (int)height };
    return PI0_OK;
}

void pi0_image_file_free(image_file *image)
{
    free(image->rgb);
    *image = (image_file){ NULL, 0, 0 };
}

// neither PNG nor JPEG: the first bytes tell the user what it may be
static int unknown_kind(const unsigned char *data, size_t size, const char *name, pi0_error *err)
{
    char text[3 * 8 + 1] = "";
    if (size == 0) return pi0_fail(err, PI0_EFORMAT, "%s: the file is empty", name);
    for (size_t i = 0; i < 8 && i < size; i++)
        snprintf(text + 3 * i, 4, " %02x", (unsigned)data[i]);
    return pi0_fail(err, PI0_EFORMAT,
                    "%s: neither PNG nor JPEG (it begins with the bytes%s); convert it to one of "
                    "them",
                    name, text);
}

int pi0_image_decode(image_file *image, const void *data, size_t size, const char *name,
                     pi0_error *err)
{
    static const unsigned char png[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    static const unsigned char jpeg[3] = { 0xff, 0xd8, 0xff };
    if (size >= sizeof png && !memcmp(data, png, sizeof png))
        return pi0_png_decode(image, data, size, name, err);
    if (size >= sizeof jpeg && !memcmp(data, jpeg, sizeof jpeg))
        return pi0_jpeg_decode(image, data, size, name, err);
    return unknown_kind(data, size, name, err);
}

int pi0_image_read(image_file *image, const char *path, pi0_error *err)
{
    char *data;
    size_t size;
    int status = pi0_file_read(&data, &size, path, MAX_FILE_BYTES, err);
    if (status) return status;
    status = pi0_image_decode(image, data, size, path, err);
    free(data);
    return status;
}
