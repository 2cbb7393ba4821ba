/* SPDX-License-Identifier: Apache-2.0 */
/* image_png.c - PNG by libpng, from memory. libpng reports errors by longjmp: what must survive it
 * lives in one struct behind a pointer. */
#include "image_file.h"
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

typedef struct png_job {
    const unsigned char *data;
    size_t size, at;
    const char *name;
    pi0_error *err;
    int status; // of an error that is already told
    png_structp png;
    png_infop info;
    png_bytep *rows;
    image_file image;
} png_job;

static void on_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);
    if (!job->status)
        job->status =
            pi0_fail(job->err, PI0_EFORMAT, "%s: damaged PNG file: %s", job->name, message);
    longjmp(png_jmpbuf(png), 1);
}

// odd but readable (an unknown colour profile, say)
static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    png_job *job = png_get_io_ptr(png);
    if (n > job->size - job->at) {
        job->status =
            pi0_fail(job->err, PI0_EFORMAT, "%s: the PNG file ends early, after %zu bytes",
                     job->name, job->size);
        png_error(png, "end of file");
    }
    memcpy(to, job->data + job->at, n);
    job->at += n;
}

// every colour type and depth to 8-bit RGB
static void ask_for_rgb(png_structp png, png_infop info)
{
    const int type = png_get_color_type(png, info);
    png_set_strip_16(png);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (!(type & PNG_COLOR_MASK_COLOR)) {
        png_set_expand_gray_1_2_4_to_8(png);
        png_set_gray_to_rgb(png);
    }
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

// all that may longjmp
static void read_png(png_job *job)
{
    png_set_read_fn(job->png, job, read_bytes);
    png_set_user_limits(job->png, 0x7fffffff, 0x7fffffff); // our own message for large ones
    png_read_info(job->png, job->info);
    const png_uint_32 width = png_get_image_width(job->png, job->info);
    const png_uint_32 height = png_get_image_height(job->png, job->info);
    job->status = pi0_image_new(&job->image, width, height, job->name, job->err);
    if (job->status) return;

    ask_for_rgb(job->png, job->info);
    if (png_get_rowbytes(job->png, job->info) != 3 * (size_t)width)
        png_error(job->png, "unexpected size of a row");
    job->rows = malloc(height * sizeof *job->rows);
    if (!job->rows) {
        job->status = pi0_fail(job->err, PI0_ENOMEM, "%s: no memory for %u rows", job->name,
                               (unsigned)height);
        return;
    }
    for (png_uint_32 y = 0; y < height; y++) job->rows[y] = job->image.rgb + 3 * (size_t)width * y;
    png_read_image(job->png, job->rows);
    png_read_end(job->png, NULL);
}

// setjmp in a function of its own, whose locals do not change
static void try_to_read(png_job *job)
{
    if (!setjmp(png_jmpbuf(job->png))) read_png(job);
}

int pi0_png_decode(image_file *image, const void *data, size_t size, const char *name,
                   pi0_error *err)
{
    png_job all = { .data = data, .size = size, .name = name, .err = err }, *job = &all;
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    if (job->png) job->info = png_create_info_struct(job->png);
    if (!job->info) {
        png_destroy_read_struct(&job->png, NULL, NULL);
        return pi0_fail(err, PI0_ENOMEM, "%s: no memory for the PNG decoder", name);
    }

    try_to_read(job);
    png_destroy_read_struct(&job->png, &job->info, NULL);
    free(job->rows);
    if (job->status)
        pi0_image_file_free(&job->image);
    else
        *image = job->image;
    return job->status;
}
