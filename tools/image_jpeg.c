/* SPDX-License-Identifier: Apache-2.0 */
/* image_jpeg.c - JPEG by libjpeg(-turbo), from memory, with its default transform and upsampling,
 * which Pillow uses as well. Errors come by longjmp: what must survive lives in one struct. */
#include "image_file.h"
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h> // needs stdio.h before it

#include <jerror.h>

typedef struct jpeg_job {
    struct jpeg_error_mgr errors; // first: libjpeg hands back a pointer to it
    jmp_buf back;
    struct jpeg_decompress_struct jpeg;
    const char *name;
    pi0_error *err;
    int status;
    image_file image;
} jpeg_job;

static void on_error(j_common_ptr jpeg)
{
    jpeg_job *job = (jpeg_job *)jpeg->err;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    job->status = pi0_fail(job->err, PI0_EFORMAT, "%s: damaged JPEG file: %s", job->name, text);
    longjmp(job->back, 1);
}

// libjpeg goes on with grey pixels after damage that it only warns about; here that is an error.
// Bytes between the segments harm nothing.
static void on_message(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level >= 0 || code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR ||
        code == JWRN_ADOBE_XFORM)
        return;
    on_error(jpeg);
}

// all that may longjmp
static void read_jpeg(jpeg_job *job, const void *data, size_t size)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg_mem_src(jpeg, data, size);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK) {
        job->status = pi0_fail(job->err, PI0_EUNSUPPORTED,
                               "%s: a CMYK JPEG, made for print; expected RGB or grey: convert it",
                               job->name);
        return;
    }
    job->status =
        pi0_image_new(&job->image, jpeg->image_width, jpeg->image_height, job->name, job->err);
    if (job->status) return;

    jpeg->out_color_space = JCS_RGB;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = job->image.rgb + 3 * (size_t)jpeg->output_width * jpeg->output_scanline;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

// setjmp in a function of its own, whose locals do not change
static void try_to_read(jpeg_job *job, const void *data, size_t size)
{
    if (!setjmp(job->back)) read_jpeg(job, data, size);
}

int pi0_jpeg_decode(image_file *image, const void *data, size_t size, const char *name,
                    pi0_error *err)
{
    jpeg_job all = { .name = name, .err = err }, *job = &all;
    job->jpeg.err = jpeg_std_error(&job->errors);
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;

    try_to_read(job, data, size);
    jpeg_destroy_decompress(&job->jpeg);
    if (job->status)
        pi0_image_file_free(&job->image);
    else
        *image = job->image;
    return job->status;
}
