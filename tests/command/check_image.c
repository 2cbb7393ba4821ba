/* SPDX-License-Identifier: Apache-2.0 */
/* check_image.c - the command's picture decoders against pictures whose pixels are known: every
 * colour type and depth of PNG, JPEG, files cut short, files that are something else.
 * check_image JPEG CRC32: also that this JPEG decodes to pixels of that checksum. */
#include "image_file.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define W 13
#define H 7

static int failures;

static void report(const char *name, int ok)
{
    printf("%s %s\n", ok ? "ok" : "FAILED", name);
    failures += !ok;
}

/* ---- PNG ---- */

typedef struct bytes {
    unsigned char *data;
    size_t size;
} bytes;

static void append(png_structp png, png_bytep data, size_t n)
{
    bytes *b = png_get_io_ptr(png);
    b->data = realloc(b->data, b->size + n);
    memcpy(b->data + b->size, data, n);
    b->size += n;
}

static void nothing(png_structp png)
{
    (void)png;
}

// sample `channel` of pixel (x, y), in 0 .. 2^depth - 1
static unsigned sample(int x, int y, int channel, int depth)
{
    const unsigned v = (unsigned)(x * 2654435761u + y * 40503u + channel * 97u) >> 3;
    return v & ((1u << depth) - 1);
}

static void palette_colour(int i, png_colorp c)
{
    c->red = (png_byte)(i * 37);
    c->green = (png_byte)(255 - i * 11);
    c->blue = (png_byte)(i * 5 + 3);
}

static bytes make_png(int type, int depth, int interlace, int transparent)
{
    bytes b = { NULL, 0 };
    png_color palette[256];
    png_byte alpha[4] = { 0, 80, 160, 255 };
    png_color_16 key = { 0, 1, 2, 3, 1 };
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &b, append, nothing);
    png_set_IHDR(png, info, W, H, depth, type, interlace, 0, 0);
    for (int i = 0; i < 256; i++) palette_colour(i, &palette[i]);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 1 << depth);
    if (transparent && type == PNG_COLOR_TYPE_PALETTE)
        png_set_tRNS(png, info, alpha, depth == 1 ? 2 : 4, NULL);
    else if (transparent)
        png_set_tRNS(png, info, NULL, 0, &key);
    png_write_info(png, info);

    // rows packed by hand, most significant bits first
    const int channels = png_get_channels(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < H; y++) {
            unsigned char row[8 * W + 8] = { 0 };
            for (int x = 0; x < W; x++)
                for (int c = 0; c < channels; c++) {
                    const int bit = (x * channels + c) * depth;
                    const unsigned v = sample(x, y, c, depth);
                    if (depth == 16) {
                        row[bit / 8] = (unsigned char)(v >> 8);
                        row[bit / 8 + 1] = (unsigned char)v;
                    } else
                        row[bit / 8] |= (unsigned char)(v << (8 - depth - bit % 8));
                }
            png_write_row(png, row);
        }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return b;
}

// what the pixel must become
static void expected(unsigned char rgb[3], int type, int depth, int x, int y)
{
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_color c;
        palette_colour((int)sample(x, y, 0, depth), &c);
        rgb[0] = c.red, rgb[1] = c.green, rgb[2] = c.blue;
        return;
    }
    for (int c = 0; c < 3; c++) {
        const unsigned v = sample(x, y, type & PNG_COLOR_MASK_COLOR ? c : 0, depth);
        rgb[c] = (unsigned char)(depth == 16 ? v >> 8 : v * 255 / ((1u << depth) - 1));
    }
}

static int same_pixels(const image_file *image, int type, int depth)
{
    if (image->width != W || image->height != H) return 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            unsigned char want[3];
            expected(want, type, depth, x, y);
            if (memcmp(image->rgb + 3 * (y * W + x), want, 3)) return 0;
        }
    return 1;
}

// no prefix of the file is a picture; each is an error with a message
static int refuses_cut(const bytes *b)
{
    for (size_t n = 0; n < b->size; n++) {
        image_file image;
        pi0_error err = { 0, "" };
        unsigned char *copy = malloc(n ? n : 1); // so that a sanitizer sees a read behind the end
        memcpy(copy, b->data, n);
        const int status = pi0_image_decode(&image, copy, n, "cut", &err);
        free(copy);
        if (status != PI0_EFORMAT || !err.message[0]) return 0;
    }
    return 1;
}

static void check_png(int type, int depth, int interlace, int transparent)
{
    char name[64];
    image_file image;
    pi0_error err;
    bytes b = make_png(type, depth, interlace, transparent);
    snprintf(name, sizeof name, "png type %d, %d bits%s%s", type, depth,
             interlace ? ", interlaced" : "", transparent ? ", transparent" : "");
    const int status = pi0_image_decode(&image, b.data, b.size, name, &err);
    report(name, !status && same_pixels(&image, type, depth));
    if (!status) pi0_image_file_free(&image);
    strcat(name, ", cut short");
    report(name, refuses_cut(&b));
    free(b.data);
}

static void check_all_png(void)
{
    static const int kinds[][2] = { { 0, 1 }, { 0, 2 },  { 0, 4 },  { 0, 8 }, { 0, 16 },
                                    { 2, 8 }, { 2, 16 }, { 3, 1 },  { 3, 2 }, { 3, 4 },
                                    { 3, 8 }, { 4, 8 },  { 4, 16 }, { 6, 8 }, { 6, 16 } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int interlace = 0; interlace < 2; interlace++) {
            check_png(kinds[i][0], kinds[i][1], interlace, 0);
            if (kinds[i][0] < 4) check_png(kinds[i][0], kinds[i][1], interlace, 1);
        }
}

// a header that promises more than any picture has
static void check_large_png(void)
{
    image_file image;
    pi0_error err;
    bytes b = make_png(PNG_COLOR_TYPE_RGB, 8, 0, 0);
    static const unsigned char header[17] = { 'I', 'H', 'D', 'R', 0, 1, 0, 0, 0, 1, 0, 0, 8, 2 };
    unsigned crc = 0xffffffffu;
    memcpy(b.data + 12, header, 17);
    for (int i = 0; i < 17; i++) {
        crc ^= header[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++) b.data[29 + i] = (unsigned char)(crc >> (24 - 8 * i));
    const int status = pi0_image_decode(&image, b.data, b.size, "large", &err);
    report("png of 65536 x 65536 pixels is refused",
           status == PI0_EFORMAT && strstr(err.message, "65536x65536"));
    free(b.data);
}

/* ---- JPEG ---- */

static bytes make_jpeg(J_COLOR_SPACE space, int channels)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = W;
    jpeg.image_height = H;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < H; y++) {
        unsigned char row[4 * W];
        JSAMPROW p = row;
        for (int x = 0; x < W * channels; x++) row[x] = (unsigned char)(60 + 10 * y + x / channels);
        jpeg_write_scanlines(&jpeg, &p, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return (bytes){ data, size };
}

static void check_jpegs(void)
{
    image_file image;
    pi0_error err;
    bytes grey = make_jpeg(JCS_GRAYSCALE, 1), rgb = make_jpeg(JCS_RGB, 3);
    bytes cmyk = make_jpeg(JCS_CMYK, 4);
    int ok = !pi0_image_decode(&image, grey.data, grey.size, "grey", &err) && image.width == W &&
             image.height == H;
    for (int i = 0; ok && i < W * H; i++) {
        const unsigned char *p = image.rgb + 3 * i;
        const int want = 60 + 10 * (i / W) + i % W;
        ok = p[0] == p[1] && p[1] == p[2] && abs(p[0] - want) <= 2;
    }
    report("grey jpeg", ok);
    pi0_image_file_free(&image);
    report("jpeg cut short", refuses_cut(&rgb));
    report("cmyk jpeg is refused by name",
           pi0_image_decode(&image, cmyk.data, cmyk.size, "cmyk", &err) == PI0_EUNSUPPORTED &&
               strstr(err.message, "CMYK"));
    free(grey.data);
    free(rgb.data);
    free(cmyk.data);
}

static void check_jpeg_file(const char *path, const char *checksum)
{
    image_file image;
    pi0_error err;
    unsigned crc = 0xffffffffu;
    const int status = pi0_image_read(&image, path, &err);
    for (int i = 0; !status && i < 3 * image.width * image.height; i++) {
        crc ^= image.rgb[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    report("jpeg file, pixel for pixel", !status && ~crc == strtoul(checksum, NULL, 16));
    if (!status) pi0_image_file_free(&image);
}

static void check_others(void)
{
    image_file image;
    pi0_error err;
    report("another kind of file is named by its first bytes",
           pi0_image_decode(&image, "GIF89a", 6, "x.gif", &err) == PI0_EFORMAT &&
               strstr(err.message, "47 49 46"));
    report("an empty file", pi0_image_decode(&image, "", 0, "empty", &err) == PI0_EFORMAT &&
                                strstr(err.message, "empty"));
    report("a file that is not there", pi0_image_read(&image, "/nowhere/x.png", &err) == PI0_EIO);
}

int main(int argc, char **argv)
{
    check_all_png();
    check_large_png();
    check_jpegs();
    if (argc == 3) check_jpeg_file(argv[1], argv[2]);
    check_others();
    return failures > 0;
}
