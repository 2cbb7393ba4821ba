/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_observation.c - any bytes as an observation or a picture. The first byte chooses: msgpack
 * for one of four robots or for none, JSON, a PNG or JPEG. An error, or an observation of which
 * every value, pixel and character is there. */
#include "observation_file.h"
#include <stdlib.h>
#include <string.h>

static const char *const robots[] = { "pi0_aloha", "pi05_droid", "pi0_libero" };

// pictures named by a JSON observation: no file of this machine is opened
static int no_files(image_file *image, const char *path, pi0_error *err)
{
    if (strstr(path, "missing")) return pi0_fail(err, PI0_EIO, "%s: cannot open", path);
    const int status = pi0_image_new(image, 2, 1, path, err);
    if (!status) memset(image->rgb, 7, 6);
    return status;
}

// a robot with other names than openpi's: like LeRobot's
static pi0_policy_info policy_of(int which)
{
    static const pi0_policy_camera camera = { "observation.images.top", "top", 1 };
    static const pi0_policy_state state = { "observation.state", 6 };
    pi0_policy_info info;
    if (which < 3 && pi0_config_info(robots[which], &info, NULL)) abort();
    if (which == 3)
        info = (pi0_policy_info){ .config = "lerobot",
                                  .robot = "LeRobot",
                                  .image_axes = "HWC",
                                  .resize = "torch",
                                  .n_cameras = 1,
                                  .cameras = &camera,
                                  .n_states = 1,
                                  .states = &state };
    return info;
}

static volatile unsigned seen;

static void touch(const void *data, size_t size)
{
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) sum += ((const unsigned char *)data)[i];
    seen = sum;
}

static void touch_text(const char *text)
{
    if (text) touch(text, strlen(text));
}

static size_t picture_bytes(const pi0_image *image)
{
    const size_t item = image->format >= PI0_RGBF32_HWC ? sizeof(float) : 1;
    if (image->width < 1 || image->height < 1 || image->stride) abort();
    return 3 * item * (size_t)image->width * (size_t)image->height;
}

// everything that it points to is there
static void use(const observation_file *o)
{
    for (int i = 0; i < o->in.n_images; i++) {
        touch(o->in.images[i].rgb, picture_bytes(&o->in.images[i]));
        touch_text(o->in.images[i].camera);
    }
    for (int i = 0; i < o->in.n_states; i++) {
        touch(o->in.states[i].values, (size_t)o->in.states[i].n * sizeof(double));
        touch_text(o->in.states[i].name);
    }
    for (int i = 0; i < o->n_unused; i++) touch_text(o->unused[i]);
    touch_text(o->in.prompt);
}

static void check_error(int status, const pi0_error *e)
{
    if (e->code != status || !memchr(e->message, 0, sizeof e->message) || !*e->message) abort();
}

static void fuzz_picture(const uint8_t *data, size_t size)
{
    image_file image = { NULL, 0, 0 };
    pi0_error e = { 0 };
    const int status = pi0_image_decode(&image, data, size, "fuzz", &e);
    if (status) {
        check_error(status, &e);
        if (image.rgb) abort();
        return;
    }
    touch(image.rgb, 3 * (size_t)image.width * (size_t)image.height);
    pi0_image_file_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    observation_file o = { .n_unused = 0 };
    pi0_error e = { 0 };
    int status;
    if (!size) return 0;
    // letters, so that seeds can be read
    const int which = data[0] - 'a';
    data++;
    size--;
    if (which == 6) {
        fuzz_picture(data, size);
        return 0;
    }
    if (which == 5) {
        status = pi0_observation_json(&o, (const char *)data, size, "fuzz", "dir", no_files, &e);
    } else if (which >= 0 && which <= 3) {
        const pi0_policy_info policy = policy_of(which);
        status = pi0_observation_msgpack(&o, data, size, "fuzz", &policy, &e);
    } else {
        status = pi0_observation_msgpack(&o, data, size, "fuzz", NULL, &e);
    }
    if (status) {
        check_error(status, &e);
        // nothing is left
        if (o.in.n_images || o.in.n_states || o.in.prompt || o.memory || o.unused) abort();
        return 0;
    }
    use(&o);
    pi0_observation_file_free(&o);
    return 0;
}
