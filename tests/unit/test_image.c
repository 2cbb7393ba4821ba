/* SPDX-License-Identifier: Apache-2.0 */
/* test_image.c - resizing with padding: every byte of openpi's and every bit of LeRobot's own
 * pictures, other sizes against Pillow and torch, and arguments that are refused.
 * not under ThreadSanitizer: the threads it speaks of are torch's. */
#include "policy/image.h"
#include "support/expect.h"
#include "support/golden.h"
#include "support/observation.h"
#include <math.h>
#include <stdlib.h>

enum { SIZE = 224, BYTES = SIZE * SIZE * 3 };

/* ---- the references' own pictures ---- */

// which key of the observation becomes which camera; an absent one is masked and left out
static const char *const camera_key[][2] = {
    { "images/cam_high", "base_0_rgb" },
    { "images/cam_left_wrist", "left_wrist_0_rgb" },
    { "images/cam_right_wrist", "right_wrist_0_rgb" },
    { "observation/exterior_image_1_left", "base_0_rgb" },
    { "observation/wrist_image_left", "left_wrist_0_rgb" },
    { "observation/image", "base_0_rgb" },
    { "observation/wrist_image", "left_wrist_0_rgb" },
};

static int compare_openpi_case(const golden *g, const observation *o, image_scratch *scratch)
{
    int compared = 0;
    for (size_t k = 0; k < COUNT(camera_key); k++) {
        pi0_image image = { .camera = camera_key[k][1] };
        uint8_t *rgb = observation_image(o, camera_key[k][0], &image.width, &image.height);
        if (!rgb) continue;
        char name[64];
        snprintf(name, sizeof name, "taps.in.image_mask.%s", image.camera);
        assert_true(golden_at(golden_find(g, name), 0) == 1);
        snprintf(name, sizeof name, "taps.in.image.%s", image.camera);
        const st_tensor *want = golden_find(g, name);
        assert_true(want->type == DTYPE_U8 && want->bytes == BYTES);

        static uint8_t got[BYTES];
        pi0_error e;
        image.rgb = rgb;
        expect_ok(pi0_image_resize_pillow(&image, SIZE, got, scratch, &e), &e);
        assert_memory_equal(got, want->data, BYTES);
        // the public function is the same
        memset(got, 0x55, BYTES);
        expect_ok(pi0_resize_with_pad(&image, SIZE, got, &e), &e);
        assert_memory_equal(got, want->data, BYTES);
        free(rgb);
        compared++;
    }
    return compared;
}

static void openpi_images(void **state)
{
    (void)state;
    image_scratch scratch = { NULL, 0 };
    int compared = 0;
    for (int k = 0; golden_openpi[k]; k++) {
        golden g;
        observation o;
        char path[600];
        golden_open(&g, golden_openpi[k]);
        snprintf(path, sizeof path, "%s/observation.msgpack", g.dir);
        observation_open(&o, path);
        compared += compare_openpi_case(&g, &o, &scratch);
        observation_close(&o);
        golden_close(&g);
    }
    // two cameras in each case, but for the one camera of pi0_aloha_sim
    assert_int_equal(compared, 13);
    pi0_image_scratch_free(&scratch);
}

// image0, image1 are what enters the network: behind x*2-1, in [-1,1]
static void lerobot_images(void **state)
{
    (void)state;
    image_scratch scratch = { NULL, 0 };
    static float got[BYTES];
    for (int k = 0; golden_lerobot[k]; k++) {
        golden g;
        golden_open(&g, golden_lerobot[k]);
        for (int i = 0; i < 2; i++) {
            const char *raw = i ? "raw.observation.images.wrist" : "raw.observation.images.top";
            const st_tensor *from = golden_find(&g, raw);
            const st_tensor *want = golden_find(&g, i ? "image1" : "image0");
            assert_true(from->type == DTYPE_U8 && from->n_dims == 3 && from->dims[2] == 3);
            assert_true(want->type == DTYPE_F32 && want->bytes == sizeof got);
            const pi0_image image = { .rgb = from->data,
                                      .height = (int)from->dims[0],
                                      .width = (int)from->dims[1] };
            pi0_error e;
            expect_ok(pi0_image_resize_torch(&image, SIZE, got, &scratch, &e), &e);
            assert_memory_equal(got, want->data, sizeof got);
        }
        golden_close(&g);
    }
    pi0_image_scratch_free(&scratch);
}

/* ---- other sizes ---- */

/* FNV-1a (32 bits) of the results of Pillow 11.2.1 (u8 [size][size][3]) and of torch 2.7.1 (f32
 * [3][size][size], F.interpolate with two threads; with one thread torch itself fuses other
 * operations and differs from that in the last place) for the two pictures of make_picture(). 0:
 * not compared, torch takes a third way when the result is small. */
static const struct {
    int width, height, size;
    uint32_t pillow, pillow_hard, torch, torch_hard;
} other_size[] = {
    { 1, 1, 224, 0x4d9485c5, 0x7899f9c5, 0x27488671, 0xf8c37dc5 },
    { 1, 5, 224, 0x8239112d, 0xee019a29, 0x1b30e3f1, 0x3a10c9fd },
    { 5, 1, 224, 0xc24f8ff5, 0x80d2353d, 0x78ede384, 0xcab55e88 },
    { 2, 2, 224, 0xaf63b315, 0xfa879669, 0x74551e96, 0x6d1b0fe0 },
    { 7, 3, 224, 0x7ae0891d, 0x86f5f3ed, 0xcd85023c, 0x58ff2c4d },
    { 9, 9, 224, 0xd2d9d8c5, 0xbe1b9698, 0x9cdc93b2, 0x5c0af8c0 },
    { 18, 18, 224, 0x9b7237fd, 0x3df21887, 0x4d05f07b, 0x7681a13e },
    { 29, 29, 224, 0x7c77eb7f, 0x2a89cb71, 0x334641c0, 0x0d55258f },
    { 223, 223, 224, 0xbb06937f, 0xedbd5cfe, 0x31ab4a3d, 0xdd84146c },
    { 224, 223, 224, 0xfb9a4951, 0xc9871403, 0xa2296be9, 0x1a8292c5 },
    { 223, 224, 224, 0x1dea593e, 0x9ef96d79, 0xdd4ef7bf, 0xd79f95c5 },
    { 225, 225, 224, 0x5b428e17, 0x621b70b1, 0x791f77d0, 0x56bb5f7f },
    { 225, 224, 224, 0xfb66c950, 0x1c51002d, 0xa2d33cf6, 0xff17e2a5 },
    { 224, 225, 224, 0x45ef8ebf, 0x5075aaa6, 0xec3a644b, 0x8af61531 },
    { 224, 100, 224, 0xf90464db, 0x41fbaa78, 0xbd07ae7c, 0xaf1ef645 },
    { 100, 224, 224, 0x9d9c3f20, 0xc094b13f, 0xc2594abb, 0xf71561c5 },
    { 225, 168, 224, 0xd1d5b34f, 0xb5f00942, 0xc76ef401, 0x526f2751 },
    { 168, 225, 224, 0xbccfd892, 0x80ce215f, 0x893ac5c2, 0x2f4a3b91 },
    { 232, 174, 224, 0x0195b0de, 0xfe6843d0, 0x3586c19d, 0x7d776231 },
    { 239, 179, 224, 0xd717ad03, 0x600a95cc, 0xbd157f3a, 0xaf7ea644 },
    { 640, 480, 224, 0xf678be2c, 0xede884a0, 0x547b54a1, 0x4ff93479 },
    { 480, 640, 224, 0xd3b15965, 0xead5f3ef, 0xfe1273c5, 0xa78ac775 },
    { 1280, 720, 224, 0x77099b72, 0xf957d85d, 0x598d7b05, 0xeb43bc14 },
    { 1001, 5, 224, 0x3f335570, 0x57bf0c7e, 0xb0b821eb, 0x524b8c04 },
    { 3, 224, 224, 0x9f4a264a, 0x26df9226, 0xc1d8f50a, 0x57065045 },
    { 447, 448, 224, 0xe77792a8, 0x0352005d, 0x180f2077, 0x6f2ad72e },
    { 5000, 30, 224, 0xc1881ab9, 0x6fa41cfa, 0xc1da2b65, 0xee8f957e },
    { 64, 64, 64, 0xd55f6a88, 0x34d2c094, 0xdebe707d, 0x98cf4c45 },
    { 63, 65, 64, 0xef4ac3de, 0x1a54a758, 0, 0 },
    { 320, 240, 64, 0x8d8d7fe1, 0xddf7c8af, 0x456cd56c, 0x476360c5 },
    { 50, 40, 100, 0xfb072870, 0xb83d397d, 0x1b06b20d, 0xea3acb55 },
    { 12, 12, 1, 0x6c59ba8c, 0xa1bb38f4, 0, 0 },
    { 1, 1, 1, 0xa0262623, 0x8f6284d4, 0x64461d82, 0x97f0f7c8 },
};

static uint32_t fnv(const void *data, size_t size)
{
    const unsigned char *p = data;
    uint32_t h = 0x811c9dc5;
    for (size_t i = 0; i < size; i++) h = (h ^ p[i]) * 0x01000193;
    return h;
}

// noise of all values, or of black and white alone; rows `stride` apart, what is between them 0x55
static uint8_t *make_picture(int width, int height, size_t stride, bool hard)
{
    uint8_t *rgb = malloc(stride * (size_t)(height - 1) + 3 * (size_t)width);
    uint32_t s = (uint32_t)width * 65536 + (uint32_t)height;
    assert_non_null(rgb);
    for (int y = 0; y < height; y++)
        for (size_t x = 0; x < stride && (x < 3 * (size_t)width || y + 1 < height); x++) {
            uint8_t *at = rgb + (size_t)y * stride + x;
            *at = 0x55;
            if (x >= 3 * (size_t)width) continue;
            s = s * 1664525 + 1013904223;
            *at = hard ? (s >> 31 ? 255 : 0) : (uint8_t)(s >> 24);
        }
    return rgb;
}

// both routes, for rows that follow each other and for rows with a gap, in blocks of exact size
static void other_sizes(void **state)
{
    (void)state;
    image_scratch scratch = { NULL, 0 };
    for (size_t k = 0; k < COUNT(other_size); k++)
        for (int v = 0; v < 4; v++) {
            const int w = other_size[k].width, h = other_size[k].height, size = other_size[k].size;
            const size_t n = (size_t)size * (size_t)size * 3, gap = v < 2 ? 0 : 7;
            uint8_t *rgb = make_picture(w, h, 3 * (size_t)w + gap, v & 1), *u8 = malloc(n);
            float *f32 = malloc(n * sizeof *f32);
            assert_true(u8 && f32);
            const pi0_image image = {
                .rgb = rgb, .width = w, .height = h, .stride = gap ? 3 * (size_t)w + gap : 0
            };
            pi0_error e;
            expect_ok(pi0_image_resize_pillow(&image, size, u8, &scratch, &e), &e);
            if (fnv(u8, n) != (v & 1 ? other_size[k].pillow_hard : other_size[k].pillow))
                fail_msg("Pillow, %d x %d to %d, picture %d", w, h, size, v);
            expect_ok(pi0_image_resize_torch(&image, size, f32, &scratch, &e), &e);
            const uint32_t torch = v & 1 ? other_size[k].torch_hard : other_size[k].torch;
            if (torch && fnv(f32, n * sizeof *f32) != torch)
                fail_msg("torch, %d x %d to %d, picture %d", w, h, size, v);
            free(rgb);
            free(u8);
            free(f32);
        }
    pi0_image_scratch_free(&scratch);
}

// the scaling of LeRobot's pixels: three roundings, for all values of a pixel
static void every_pixel_value(void **state)
{
    (void)state;
    uint8_t rgb[16 * 16 * 3];
    float out[16 * 16 * 3];
    image_scratch scratch = { NULL, 0 };
    for (int i = 0; i < 16 * 16; i++) memset(rgb + 3 * i, i, 3);
    const pi0_image image = { .rgb = rgb, .width = 16, .height = 16 };
    assert_int_equal(pi0_image_resize_torch(&image, 16, out, &scratch, NULL), PI0_OK);
    for (int i = 0; i < 16 * 16 * 3; i++) {
        const float unit = (float)(i % 256) / 255.0f, twice = unit * 2;
        assert_true(out[i] == twice - 1);
    }
    pi0_image_scratch_free(&scratch);
}

// padding is black, the extra row goes to the bottom, the long side may come out one pixel short
static void pads_around(void **state)
{
    (void)state;
    static const struct {
        int width, height, left, top, w, h;
    } known[] = {
        { 640, 480, 0, 28, 224, 168 },  { 480, 640, 28, 0, 168, 224 },
        { 1280, 720, 0, 49, 224, 126 }, { 225, 168, 0, 28, 223, 167 },
        { 9, 9, 0, 0, 223, 223 },       { 224, 1, 0, 111, 224, 1 },
        { 1, 224, 111, 0, 1, 224 },     { 448, 6, 0, 110, 224, 3 },
    };
    static uint8_t white[720 * 1280 * 3], out[BYTES];
    static float unit[BYTES];
    image_scratch scratch = { NULL, 0 };
    memset(white, 255, sizeof white);
    for (size_t k = 0; k < COUNT(known); k++) {
        const pi0_image image = { .rgb = white,
                                  .width = known[k].width,
                                  .height = known[k].height };
        assert_int_equal(pi0_image_resize_pillow(&image, SIZE, out, &scratch, NULL), PI0_OK);
        assert_int_equal(pi0_image_resize_torch(&image, SIZE, unit, &scratch, NULL), PI0_OK);
        for (int i = 0; i < BYTES; i++) {
            const int x = i / 3 % SIZE - known[k].left, y = i / 3 / SIZE - known[k].top;
            const bool inside = x >= 0 && x < known[k].w && y >= 0 && y < known[k].h;
            assert_int_equal(out[i], inside ? 255 : 0);
            // the same place in [3][size][size]; 1 is lerped to within two roundings
            const float v = unit[i % 3 * SIZE * SIZE + i / 3];
            assert_true(inside ? fabsf(v - 1) <= 0x1p-22f : v == -1);
        }
    }
    pi0_image_scratch_free(&scratch);
}

/* ---- refusals and memory ---- */

static void refuses_bad_arguments(void **state)
{
    (void)state;
    static uint8_t rgb[30000];
    static const struct {
        pi0_image image;
        int size;
        const char *text;
    } wrong[] = {
        { { "cam", rgb, 0, 8, 0, 0 }, 224, "image cam: 0 x 8 pixels" },
        { { "cam", rgb, 8, 0, 0, 0 }, 224, "image cam: 8 x 0 pixels" },
        { { NULL, rgb, -1, 8, 0, 0 }, 224, "image (unnamed): -1 x 8 pixels" },
        { { "cam", rgb, 8, INT32_MIN, 0, 0 }, 224, "8 x -2147483648" },
        { { "cam", rgb, 65536, 8, 0, 0 }, 224, "65536 x 8 pixels, expected 1 to 65535" },
        { { "cam", rgb, 8, INT32_MAX, 0, 0 }, 224, "8 x 2147483647" },
        { { "cam", NULL, 8, 8, 0, 0 }, 224, "no pixels" },
        { { "cam", rgb, 8, 8, 0, -1 }, 224, "format -1" },
        { { "cam", rgb, 8, 8, 0, 4 }, 224, "format 4" },
        { { "cam", rgb, 8, 8, 23, 0 }, 224, "rows 23 bytes apart, expected 24" },
        { { "cam", rgb, 8, 8, 1, 0 }, 224, "rows 1 bytes apart" },
        { { "cam", rgb, 8, 8, 0, 0 }, 0, "resized to 0" },
        { { "cam", rgb, 8, 8, 0, 0 }, -5, "resized to -5" },
        { { "cam", rgb, 8, 8, 0, 0 }, 65536, "resized to 65536" },
        // a side that would become less than one pixel, as Pillow refuses it
        { { "cam", rgb, 2250, 1, 0, 0 }, 224, "2250 x 1 pixels become 224 x 0" },
        { { "cam", rgb, 1, 225, 0, 0 }, 224, "1 x 225 pixels become 0 x 223" },
        { { "cam", rgb, 8, 7, 0, 0 }, 1, "8 x 7 pixels become 1 x 0" },
    };
    image_scratch scratch = { NULL, 0 };
    for (size_t k = 0; k < COUNT(wrong); k++) {
        pi0_error e = { 0 };
        uint8_t u8 = 77;
        float f32 = 77;
        expect_error(pi0_image_resize_pillow(&wrong[k].image, wrong[k].size, &u8, &scratch, &e),
                     PI0_EINVAL, &e, wrong[k].text);
        expect_error(pi0_image_resize_torch(&wrong[k].image, wrong[k].size, &f32, &scratch, &e),
                     PI0_EINVAL, &e, wrong[k].text);
        expect_error(pi0_resize_with_pad(&wrong[k].image, wrong[k].size, &u8, &e), PI0_EINVAL, &e,
                     wrong[k].text);
        assert_true(u8 == 77 && f32 == 77);
        // without an error to fill
        assert_int_equal(pi0_resize_with_pad(&wrong[k].image, wrong[k].size, &u8, NULL),
                         PI0_EINVAL);
    }
    // planes, and for Pillow f32, are converted before
    pi0_error e;
    uint8_t u8;
    float f32;
    const pi0_image planes = { "cam", rgb, 8, 8, 0, PI0_RGB8_CHW };
    const pi0_image floats = { "cam", rgb, 8, 8, 0, PI0_RGBF32_HWC };
    expect_error(pi0_image_resize_pillow(&planes, 224, &u8, &scratch, &e), PI0_EINVAL, &e,
                 "format 1 cannot");
    expect_error(pi0_image_resize_torch(&planes, 224, &f32, &scratch, &e), PI0_EINVAL, &e,
                 "format 1 cannot");
    expect_error(pi0_image_resize_pillow(&floats, 224, &u8, &scratch, &e), PI0_EINVAL, &e,
                 "format 2 cannot");
    expect_error(pi0_resize_with_pad(NULL, 224, &u8, &e), PI0_EINVAL, &e, "NULL");
    expect_error(pi0_resize_with_pad(&wrong[11].image, 224, NULL, &e), PI0_EINVAL, &e, "NULL");
    assert_null(scratch.p);
}

// it grows only, and a smaller picture gives the same result in a large scratch
static void scratch_is_kept(void **state)
{
    (void)state;
    static uint8_t out[BYTES], again[BYTES];
    image_scratch scratch = { NULL, 0 };
    uint8_t *large = make_picture(640, 480, 1920, false), *small = make_picture(30, 40, 90, false);
    const pi0_image a = { .rgb = large, .width = 640, .height = 480 };
    const pi0_image b = { .rgb = small, .width = 30, .height = 40 };

    assert_int_equal(pi0_image_resize_pillow(&b, SIZE, out, &scratch, NULL), PI0_OK);
    const size_t first = scratch.size;
    assert_int_equal(pi0_image_resize_pillow(&a, SIZE, again, &scratch, NULL), PI0_OK);
    const image_scratch grown = scratch;
    assert_true(grown.size > first);
    assert_int_equal(pi0_image_resize_pillow(&a, SIZE, again, &scratch, NULL), PI0_OK);
    assert_int_equal(pi0_image_resize_pillow(&b, SIZE, again, &scratch, NULL), PI0_OK);
    assert_memory_equal(out, again, BYTES);
    assert_true(scratch.p == grown.p && scratch.size == grown.size);

    pi0_image_scratch_free(&scratch);
    assert_true(!scratch.p && !scratch.size);
    free(large);
    free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openpi_images),   cmocka_unit_test(lerobot_images),
        cmocka_unit_test(other_sizes),     cmocka_unit_test(every_pixel_value),
        cmocka_unit_test(pads_around),     cmocka_unit_test(refuses_bad_arguments),
        cmocka_unit_test(scratch_is_kept),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
