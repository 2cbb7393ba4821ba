/* SPDX-License-Identifier: Apache-2.0 */
/* test_observation_file.c - reading observations: what a packer of openpi-client's kind writes in
 * Python, floats as openpi cuts them, damage at every byte, memory that fails. */
#include "observation_file.h"
#include "observation_parts.h"
#include "support/alloc_watch.h"
#include "support/expect.h"
#include <math.h>
#include <stdlib.h>

#define SEEDS PI0_TEST_DATA "/../fuzz/seeds/observation/"

/* ---- what is read ---- */

// the bytes of a seed behind its first letter; *whole is to be freed
static const char *seed(const char *name, char **whole, size_t *size)
{
    char path[512];
    pi0_error e;
    snprintf(path, sizeof path, SEEDS "%s", name);
    expect_ok(pi0_file_read(whole, size, path, 1 << 20, &e), &e);
    --*size;
    return *whole + 1;
}

typedef struct opened {
    observation_file o;
    char *whole;
} opened;

static opened open_seed(const char *name, const pi0_policy_info *policy)
{
    opened x;
    size_t size;
    pi0_error e;
    const char *data = seed(name, &x.whole, &size);
    expect_ok(pi0_observation_msgpack(&x.o, data, size, name, policy, &e), &e);
    return x;
}

static void close_seed(opened *x)
{
    pi0_observation_file_free(&x->o);
    free(x->whole);
}

static const pi0_image *image(const observation_file *o, const char *name)
{
    for (int i = 0; i < o->in.n_images; i++)
        if (!strcmp(o->in.images[i].camera, name)) return &o->in.images[i];
    fail_msg("no picture %s", name);
    return NULL;
}

static const pi0_state *state_of(const observation_file *o, const char *name)
{
    for (int i = 0; i < o->in.n_states; i++)
        if (!strcmp(o->in.states[i].name, name)) return &o->in.states[i];
    fail_msg("no state %s", name);
    return NULL;
}

static pi0_policy_info config(const char *name)
{
    pi0_policy_info info;
    pi0_error e;
    expect_ok(pi0_config_info(name, &info, &e), &e);
    return info;
}

static const pi0_policy_camera top = { "observation.images.top", "top", 1 };
static const pi0_policy_state joints = { "observation.state", 6 };
static const pi0_policy_info lerobot = { .config = "lerobot",
                                         .robot = "LeRobot",
                                         .image_axes = "HWC",
                                         .resize = "torch",
                                         .n_cameras = 1,
                                         .cameras = &top,
                                         .n_states = 1,
                                         .states = &joints };

static void test_aloha(void **unused)
{
    (void)unused;
    const pi0_policy_info policy = config("pi0_aloha");
    opened x = open_seed("msgpack_aloha", &policy);
    const pi0_image *high = image(&x.o, "cam_high");
    assert_int_equal(x.o.in.n_images, 2);
    assert_true(high->width == 4 && high->height == 2 && high->format == PI0_RGB8_CHW);
    // bytes stay where they are
    assert_true((const char *)high->rgb > x.whole && (const char *)high->rgb < x.whole + 400);
    assert_int_equal(state_of(&x.o, "state")->n, 14);
    assert_string_equal(x.o.in.prompt, "fold the towel");
    assert_int_equal(x.o.n_unused, 0);
    close_seed(&x);
}

static void test_droid(void **unused)
{
    (void)unused;
    const pi0_policy_info policy = config("pi05_droid");
    opened x = open_seed("msgpack_droid", &policy);
    const pi0_image *left = image(&x.o, "observation/exterior_image_1_left");
    const pi0_image *wrist = image(&x.o, "observation/wrist_image_left");
    assert_true(left->width == 3 && left->height == 2 && left->format == PI0_RGB8_HWC);
    assert_true(wrist->width == 5 && wrist->height == 4 && wrist->format == PI0_RGB8_CHW);
    const pi0_state *gripper = state_of(&x.o, "observation/gripper_position");
    assert_true(gripper->n == 1 && gripper->values[0] == 0.5);
    assert_int_equal(state_of(&x.o, "observation/joint_position")->n, 7);
    assert_string_equal(x.o.in.prompt, "put it"); // bytes
    close_seed(&x);
}

static void test_libero(void **unused)
{
    (void)unused;
    const pi0_policy_info policy = config("pi0_libero");
    opened x = open_seed("msgpack_libero", &policy);
    assert_int_equal(image(&x.o, "observation/image")->format, PI0_RGBF32_HWC);
    assert_int_equal(image(&x.o, "observation/wrist_image")->format, PI0_RGBF32_HWC);
    assert_string_equal(x.o.in.prompt, "\303\251 12%"); // é of a UTF-32 array
    close_seed(&x);
}

// a camera that is not the robot's is left to the library, other keys are named
static void test_lerobot(void **unused)
{
    (void)unused;
    opened x = open_seed("msgpack_lerobot", &lerobot);
    assert_int_equal(x.o.in.n_images, 2);
    assert_int_equal(image(&x.o, "observation.images.side")->format, PI0_RGBF32_HWC);
    assert_int_equal(image(&x.o, "observation.images.top")->format, PI0_RGB8_HWC);
    assert_int_equal(state_of(&x.o, "observation.state")->n, 6);
    assert_string_equal(x.o.in.prompt, "open"); // a list of one
    assert_int_equal(x.o.n_unused, 4);
    assert_string_equal(x.o.unused[3], "extra/a/b");
    close_seed(&x);
}

static void test_without_a_policy(void **unused)
{
    (void)unused;
    static const struct {
        const char *key;
        int n;
        double last;
    } expected[] = { { "a", 3, 2 }, { "b", 3, 2 },  { "c", 1, 1 },   { "d", 1, -2 }, { "f", 0, 0 },
                     { "g", 1, 3 }, { "h", 1, -4 }, { "i", 1, 2.5 }, { "j", 3, -3 } };
    opened x = open_seed("msgpack_types", NULL);
    assert_int_equal(x.o.in.n_states, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        const pi0_state *s = state_of(&x.o, expected[i].key);
        assert_int_equal(s->n, expected[i].n);
        if (s->n) assert_true(s->values[s->n - 1] == expected[i].last);
    }
    close_seed(&x);
    x = open_seed("msgpack_none", NULL);
    assert_int_equal(image(&x.o, "observation/wrist_image_left")->format, PI0_RGB8_CHW);
    assert_int_equal(image(&x.o, "observation/exterior_image_1_left")->format, PI0_RGB8_HWC);
    close_seed(&x);
}

/* ---- floats ---- */

static uint16_t nearest_half(double x)
{
    uint16_t best = 0;
    for (uint16_t h = 0; h <= 0x3c00; h++)
        if (fabs((double)f16_to_f32(h) - x) < fabs((double)f16_to_f32(best) - x)) best = h;
    return best;
}

// 255*x in the array's own type, as numpy computes it
static int openpi_byte(const void *x, size_t item)
{
    double d;
    float f;
    uint16_t h;
    if (item == 8) {
        memcpy(&d, x, 8);
        return (int)(255 * d);
    }
    if (item == 4) {
        memcpy(&f, x, 4);
        return (int)(255 * f);
    }
    memcpy(&h, x, 2);
    // the nearest float16 of an exact product, ties to even: products are below 256
    const double product = 255 * (double)f16_to_f32(h);
    double low = 0, high = 0;
    for (uint16_t i = 0; i < 0x5c00 && (double)f16_to_f32(i) <= product; i++) {
        low = (double)f16_to_f32(i);
        high = (double)f16_to_f32((uint16_t)(i + 1));
        h = i;
    }
    const bool up = product - low > high - product || (product - low == high - product && (h & 1));
    return (int)(up ? high : low);
}

// the library cuts 255*x in f32
static void check_floats(size_t item, const void *values, size_t n)
{
    observation_file o;
    pi0_error e;
    const pi0_policy_info policy = config("pi0_libero");
    const place p = { "file", "key", &e };
    numpy_array a = { .kind = 'f',
                      .item = item,
                      .n_dims = 3,
                      .dims = { (int64_t)(n / 3), 1, 3 },
                      .count = n,
                      .data = values };
    pi0_image made = { .rgb = NULL };
    expect_ok(pi0_observation_begin(&o, "file", &e), &e);
    expect_ok(pi0_numpy_image(&o, &a, &policy, &made, &p), &e);
    for (size_t i = 0; i < n; i++)
        assert_int_equal((int)(255 * ((const float *)made.rgb)[i]),
                         openpi_byte((const char *)values + i * item, item));
    // LeRobot's torch rounds to f32
    expect_ok(pi0_numpy_image(&o, &a, &lerobot, &made, &p), &e);
    for (size_t i = 0; i < n; i++)
        assert_true(((const float *)made.rgb)[i] == (float)pi0_numpy_number(&a, i));
    pi0_observation_file_free(&o);
}

static void test_floats_become_the_bytes_of_openpi(void **unused)
{
    (void)unused;
    // steps of 8 bits, a little less than them, and others
    static double d[3000];
    static float f[3000];
    static uint16_t h[768];
    int other = 0;
    for (int i = 0; i < 3000; i++) {
        d[i] = i < 256 ? i / 255.0 : i < 512 ? (i - 256) / 255.0 * (1 - 1e-9) : (double)i / 3000;
        f[i] = (float)d[i];
        other += openpi_byte(&d[i], 8) != openpi_byte(&f[i], 4);
    }
    for (int i = 0; i < 768; i++) h[i] = nearest_half(i < 256 ? i / 255.0 : i / 768.0);
    assert_true(other > 0); // f64 and f32 are cut to different bytes, indeed
    check_floats(8, d, 3000);
    check_floats(4, f, 3000);
    check_floats(2, h, 768);
}

/* ---- damage ---- */

static void test_every_cut_is_an_error(void **unused)
{
    (void)unused;
    static const char *const names[] = { "msgpack_aloha", "msgpack_libero", "msgpack_lerobot" };
    for (size_t k = 0; k < COUNT(names); k++) {
        char *whole;
        size_t size;
        const char *data = seed(names[k], &whole, &size);
        for (size_t n = 0; n < size; n++) {
            observation_file o;
            pi0_error e;
            char *cut = malloc(n ? n : 1); // a sanitizer sees the first byte too far
            memcpy(cut, data, n);
            expect_error(pi0_observation_msgpack(&o, cut, n, "cut", NULL, &e), PI0_EFORMAT, &e,
                         "cut: ");
            free(cut);
        }
        free(whole);
    }
}

static void test_every_changed_byte(void **unused)
{
    (void)unused;
    const pi0_policy_info policy = config("pi0_aloha");
    char *whole;
    size_t size;
    const char *data = seed("msgpack_aloha", &whole, &size);
    int refused = 0;
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) {
            observation_file o;
            pi0_error e = { 0 };
            char *copy = malloc(size);
            memcpy(copy, data, size);
            copy[i] = (char)(copy[i] ^ 1 << bit);
            const long live = alloc_watch_live();
            const int status = pi0_observation_msgpack(&o, copy, size, "x", &policy, &e);
            if (status)
                assert_true(e.code == status && *e.message);
            else
                pi0_observation_file_free(&o);
            refused += status != 0;
            assert_int_equal(alloc_watch_live(), live);
            free(copy);
        }
    assert_true(refused > 100);
    free(whole);
}

static void test_offsets(void **unused)
{
    (void)unused;
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } wrong[] = {
        { "\x81\xa1g\xc1", 4, "0xc1 at 3" },
        { "\x81\xa1g\xcb\0\0", 6, "a number at byte 3 goes on" },
        { "\x82\xa1g\x01", 4, "the map at byte 0 goes on" },
        { "\x81\xa1g\x01\x02", 5, "ends at byte 4" },
        { "\x81\xa1g\xdd\xff\xff\xff\xff", 8, "the array at byte 3" },
        { "\x81\xa1g\xc6\x7f\xff\xff\xff", 8, "the bytes at byte 3" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        observation_file o;
        pi0_error e;
        expect_error(pi0_observation_msgpack(&o, wrong[i].bytes, wrong[i].size, "x", NULL, &e),
                     PI0_EFORMAT, &e, wrong[i].text);
    }
}

/* ---- memory ---- */

static int two_pixels(image_file *image, const char *path, pi0_error *err)
{
    const int status = pi0_image_new(image, 2, 1, path, err);
    if (!status) memset(image->rgb, 0, 6);
    return status;
}

typedef struct packed {
    const char *data;
    size_t size;
    bool json;
    pi0_policy_info policy;
} packed;

static int read_packed(void *user, pi0_error *err)
{
    const packed *p = user;
    observation_file o;
    const int status = p->json
                           ? pi0_observation_json(&o, p->data, p->size, "x", "dir", two_pixels, err)
                           : pi0_observation_msgpack(&o, p->data, p->size, "x", &p->policy, err);
    if (!status) pi0_observation_file_free(&o);
    return status;
}

// each allocation fails once: an error, and nothing is left
static void test_failing_memory(void **unused)
{
    (void)unused;
    static const char *const names[] = { "msgpack_aloha", "msgpack_libero", "json_whole",
                                         "json_keys" };
    for (size_t k = 0; k < COUNT(names); k++) {
        char *whole;
        packed p = { .json = names[k][0] == 'j' };
        p.data = seed(names[k], &whole, &p.size);
        p.policy = config(k ? "pi0_libero" : "pi0_aloha");
        assert_true(alloc_watch_fail_each(read_packed, &p) > 5);
        free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aloha),
        cmocka_unit_test(test_droid),
        cmocka_unit_test(test_libero),
        cmocka_unit_test(test_lerobot),
        cmocka_unit_test(test_without_a_policy),
        cmocka_unit_test(test_floats_become_the_bytes_of_openpi),
        cmocka_unit_test(test_every_cut_is_an_error),
        cmocka_unit_test(test_every_changed_byte),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
