/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_image.c - pictures in all four formats: planes are the same picture, f32 becomes what
 * openpi and LeRobot make of it. */
#include "policy/image.h"
#include "support/expect.h"
#include "support/robot_case.h"
#include <stdlib.h>

enum { W = 37, H = 23, N = W * H * 3 };

// u8 HWC, every value in it
static void fill(uint8_t *rgb)
{
    for (int i = 0; i < N; i++) rgb[i] = (uint8_t)(i * 7 + i / 256);
}

// to another format, rows `stride` bytes apart (0: without a gap); the caller frees
static void *convert(const uint8_t *rgb, int width, int height, int format, size_t stride)
{
    const bool f32 = format >= PI0_RGBF32_HWC, planes = format & 1;
    const size_t item = f32 ? sizeof(float) : 1, pixel = planes ? item : 3 * item;
    const size_t row = stride ? stride : pixel * (size_t)width;
    uint8_t *out = malloc(row * (size_t)height * (planes ? 3 : 1));
    assert_non_null(out);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                const uint8_t u = rgb[3 * ((size_t)y * (size_t)width + (size_t)x) + (size_t)c];
                const float f = (float)u / 255.0f;
                uint8_t *to = out + (size_t)y * row + (size_t)x * pixel +
                              (size_t)c * (planes ? row * (size_t)height : item);
                memcpy(to, f32 ? (const void *)&f : &u, item);
            }
    return out;
}

static pi0_image describe(const void *pixels, int width, int height, int format, size_t stride)
{
    return (pi0_image){ "cam", pixels, width, height, stride, format };
}

static void planes_are_the_same_picture(void **state)
{
    (void)state;
    static uint8_t rgb[N], a[224 * 224 * 3], b[224 * 224 * 3];
    static const size_t gap[] = { 0, 64 };
    image_scratch s = { NULL, 0 };
    pi0_image plain;
    pi0_error e;
    fill(rgb);
    const pi0_image together = describe(rgb, W, H, PI0_RGB8_HWC, 0);
    expect_ok(pi0_resize_with_pad(&together, 224, a, &e), &e);
    for (size_t k = 0; k < COUNT(gap); k++) {
        void *pixels = convert(rgb, W, H, PI0_RGB8_CHW, gap[k]);
        const pi0_image image = describe(pixels, W, H, PI0_RGB8_CHW, gap[k]);
        expect_ok(pi0_image_to_rgb8(&image, &plain, &s, &e), &e);
        assert_memory_equal(plain.rgb, rgb, N);
        expect_ok(pi0_resize_with_pad(&image, 224, b, &e), &e);
        assert_memory_equal(a, b, sizeof a);
        free(pixels);
    }
    // nothing is copied that need not be
    expect_ok(pi0_image_to_rgb8(&together, &plain, &s, &e), &e);
    assert_ptr_equal(plain.rgb, rgb);
    pi0_image_scratch_free(&s);
}

// NumPy: (255 * (u / 255 as f32)).astype(uint8) is u again for every u
static void floats_are_cut(void **state)
{
    (void)state;
    static uint8_t rgb[256 * 3];
    image_scratch s = { NULL, 0 };
    pi0_image plain;
    pi0_error e;
    for (int i = 0; i < 768; i++) rgb[i] = (uint8_t)(i / 3);
    for (int format = PI0_RGBF32_HWC; format <= PI0_RGBF32_CHW; format++) {
        void *pixels = convert(rgb, 16, 16, format, 0);
        const pi0_image image = describe(pixels, 16, 16, format, 0);
        expect_ok(pi0_image_to_rgb8(&image, &plain, &s, &e), &e);
        assert_memory_equal(plain.rgb, rgb, sizeof rgb);
        free(pixels);
    }
    // between two levels the lower one, and the whole of [0,1]
    const float some[3] = { 0, 0.9999f, 1 };
    const pi0_image one = describe(some, 1, 1, PI0_RGBF32_HWC, 0);
    expect_ok(pi0_image_to_rgb8(&one, &plain, &s, &e), &e);
    const uint8_t *p = plain.rgb;
    assert_true(p[0] == 0 && p[1] == 254 && p[2] == 255);
    pi0_image_scratch_free(&s);
}

// LeRobot divides bytes by 255 before it resizes: floats that were so divided give the same bits
static void lerobot_takes_floats(void **state)
{
    (void)state;
    for (int format = PI0_RGB8_CHW; format <= PI0_RGBF32_CHW; format++) {
        robot_case c;
        pi0_model *m;
        pi0_session *s;
        pi0_policy_inputs in;
        pi0_error e;
        void *pixels[2];
        robot_case_open(&c, "lerobot/lerobot_pi0");
        robot_case_start(&c, NULL, &m, &s);
        for (int i = 0; i < 2; i++) {
            pixels[i] = convert(c.images[i].rgb, c.images[i].width, c.images[i].height, format, 0);
            c.images[i].rgb = pixels[i];
            c.images[i].format = format;
        }
        expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
        const st_tensor *top = golden_find(&c.g, "image0"), *wrist = golden_find(&c.g, "image1");
        assert_memory_equal(in.network.pixels, top->data, top->bytes);
        assert_memory_equal(in.network.pixels + 3 * 224 * 224, wrist->data, wrist->bytes);
        for (int i = 0; i < 2; i++) free(pixels[i]);
        pi0_session_free(s);
        pi0_free(m);
        robot_case_close(&c);
    }
}

// the network's own calls take them too
static void network_takes_planes(void **state)
{
    (void)state;
    robot_case c;
    pi0_model *m;
    pi0_session *s;
    pi0_policy_inputs in;
    pi0_error e;
    static float a[50 * 32], b[50 * 32];
    robot_case_open(&c, "openpi/pi0_aloha_sim");
    c.opt.num_steps = 1;
    robot_case_start(&c, NULL, &m, &s);
    expect_ok(pi0_prepare(s, &c.obs, &in, &e), &e);
    pi0_image image = { .camera = "base_0_rgb",
                        .rgb = c.images[0].rgb,
                        .width = c.images[0].width,
                        .height = c.images[0].height };
    pi0_inputs net = in.network;
    net.images = &image;
    net.n_images = 1;
    expect_ok(pi0_infer(s, &net, c.noise, a, COUNT(a), &e), &e);
    void *planes = convert(image.rgb, image.width, image.height, PI0_RGB8_CHW, 0);
    image.rgb = planes;
    image.format = PI0_RGB8_CHW;
    expect_ok(pi0_infer(s, &net, c.noise, b, COUNT(b), &e), &e);
    assert_memory_equal(a, b, sizeof a);
    image.format = 77;
    expect_error(pi0_infer(s, &net, c.noise, b, COUNT(b), &e), PI0_EINVAL, &e, "format 77");
    free(planes);
    pi0_session_free(s);
    pi0_free(m);
    robot_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_are_the_same_picture),
        cmocka_unit_test(floats_are_cut),
        cmocka_unit_test(lerobot_takes_floats),
        cmocka_unit_test(network_takes_planes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
