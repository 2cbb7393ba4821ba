/* SPDX-License-Identifier: Apache-2.0 */
/* test_io_load.c - reading while the file system fails: checkpoints of every kind, arrays,
 * pictures, observations. Each call fails once: an error with the file and the reason, nothing left
 * open; what is interrupted or comes in pieces is read as always. */
#include "data/kv_store.h"
#include "data/npy.h"
#include "image_file.h"
#include "observation_file.h"
#include "raw_file.h"
#include "support/checkpoint_kinds.h"
#include "support/expect.h"
#include "support/io_watch.h"
#include "support/st_blob.h"
#include <stdbool.h>
#include <stdlib.h>

/* ---- what is read ---- */

typedef struct load {
    const char *path;
    pi0_options opt;
    pi0_info whole; // what is loaded where nothing fails
    bool robot;
} load;

// the model, the robot and the tokenizer are all there, as always
static void same_model(const load *l, const pi0_model *m)
{
    pi0_info info;
    pi0_policy_info robot;
    int32_t ids[512];
    int n;
    pi0_model_info(m, &info);
    assert_int_equal(info.parameters, l->whole.parameters);
    assert_int_equal(info.n_warnings, l->whole.n_warnings);
    assert_int_equal(info.horizon, l->whole.horizon);
    assert_int_equal(info.n_tensors, l->whole.n_tensors);
    assert_string_equal(info.layout, l->whole.layout);
    assert_int_equal(!pi0_model_policy(m, &robot, NULL), l->robot);
    assert_int_equal(pi0_tokenize(m, "up", NULL, 0, ids, 512, &n, NULL), PI0_OK);
}

static int try_load(void *user, pi0_error *err)
{
    load *l = user;
    pi0_model *const before = (void *)l, *m = before;
    const int status = pi0_load(&m, l->path, &l->opt, err);
    assert_true(!status == (m != before));
    if (status) return status;
    // a LeRobot folder loads without its robot, with a warning: the error is pi0_act()'s
    pi0_policy_info robot;
    const int late = l->robot ? pi0_model_policy(m, &robot, err) : PI0_OK;
    if (!late) same_model(l, m);
    pi0_free(m);
    return late;
}

static load load_of(const checkpoint_kinds *kinds, int i)
{
    pi0_model *m;
    pi0_error err;
    pi0_policy_info robot;
    load l = { .path = kinds->kind[i].path, .opt = checkpoint_kinds_options(kinds, i) };
    expect_ok(pi0_load(&m, l.path, &l.opt, &err), &err);
    pi0_model_info(m, &l.whole);
    l.robot = !pi0_model_policy(m, &robot, NULL);
    // both strings that are compared are the library's
    pi0_free(m);
    return l;
}

static int try_npy(void *user, pi0_error *err)
{
    npy_array a = { 0 };
    const int status = pi0_npy_read(&a, user, err);
    assert_true(!status == (a.data != NULL));
    if (!status) assert_true(a.data[5] == 6);
    pi0_npy_free(&a);
    return status;
}

static int try_image(void *user, pi0_error *err)
{
    image_file image = { NULL, 0, 0 };
    const int status = pi0_image_read(&image, user, err);
    assert_true(!status == (image.rgb != NULL));
    pi0_image_file_free(&image);
    return status;
}

static int try_observation(void *user, pi0_error *err)
{
    observation_file o;
    const int status = pi0_observation_file_read(&o, user, NULL, err);
    if (!status) assert_true(o.in.n_images > 0);
    if (!status) pi0_observation_file_free(&o);
    return status;
}

static int try_raw(void *user, pi0_error *err)
{
    raw_file raw;
    const int status = pi0_raw_read(&raw, user, NULL, err);
    if (!status) assert_true(raw.n_tokens == 2);
    if (!status) pi0_raw_free(&raw);
    return status;
}

// a store of plain folders: one array of one chunk
static int try_folders(void *user, pi0_error *err)
{
    kv_store kv;
    const int status = pi0_kv_open(&kv, user, err);
    if (status) return status;
    assert_int_equal(kv.n, 2);
    pi0_kv_close(&kv);
    return PI0_OK;
}

/* ---- what fails ---- */

static void fail_all(const char *what, int step, io_try try, void *user)
{
    io_watch_fail_kinds(step, what, try, user);
    const int n = io_watch_fail_every(step, IO_READ, IO_ENDS, try, user);
    assert_int_equal(io_watch_fail_every(step, IO_READ, IO_INTERRUPTED, try, user), n);
    assert_int_equal(io_watch_fail_every(step, IO_READ, IO_HALF, try, user) >= n, 1);
}

static void checkpoints(void **state)
{
    static checkpoint_kinds kinds;
    (void)state;
    checkpoint_kinds_make(&kinds);
    for (int i = 0; i < kinds.n; i++) {
        load l = load_of(&kinds, i);
        // an array is read as the others are, and a chunk
        fail_all(kinds.kind[i].name, i == ORBAX_CHUNKS ? 53 : 1, try_load, &l);
    }
    // a folder that has the tokenizer, and option tokenizer with the folder
    load l = load_of(&kinds, NAMED);
    l.opt.tokenizer = PI0_TEST_DATA "/openpi";
    fail_all("tokenizer in a folder", 1, try_load, &l);
    checkpoint_kinds_remove(&kinds);
}

// a black picture, two tokens, a state
static void write_raw(const tmpdir *dir, const char *name)
{
    enum { PICTURE = 224 * 224 * 3 };
    static const unsigned char zeros[PICTURE + 16 + 32];
    char header[400];
    snprintf(header, sizeof header,
             "{\"images\":{\"dtype\":\"U8\",\"shape\":[1,224,224,3],\"data_offsets\":[0,%d]},"
             "\"tokens\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[%d,%d]},"
             "\"state\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[%d,%d]}}",
             PICTURE, PICTURE, PICTURE + 16, PICTURE + 16, PICTURE + 48);
    const st_blob blob = st_blob_make(header, strlen(header), zeros, sizeof zeros);
    tmpdir_write(dir, name, blob.bytes, blob.size);
    free(blob.bytes);
}

static void small_files(void **state)
{
    static const char observation[] =
        "{\"images\":{\"cam\":\"" PI0_TEST_DATA
        "/table/place0_frame0.png\"},\"state\":[1,2],\"prompt\":\"up\"}";
    const int64_t dims[2] = { 2, 3 };
    const double x[6] = { 1, 2, 3, 4, 5, 6 };
    char path[TMPDIR_PATH];
    const tmpdir dir = tmpdir_make();
    (void)state;
    char *const name = (char *)(uintptr_t)tmpdir_path(path, &dir, "a.npy");
    assert_int_equal(pi0_npy_write_f64(name, x, 2, dims, NULL), PI0_OK);
    fail_all("npy", 1, try_npy, name);
    tmpdir_path(path, &dir, "o.json");
    tmpdir_write_text(&dir, "o.json", observation);
    fail_all("observation in JSON, and its picture", 1, try_observation, name);
    fail_all("png", 1, try_image, PI0_TEST_DATA "/table/place0_frame0.png");
    fail_all("observation in msgpack", 1, try_observation,
             PI0_TEST_DATA "/openpi/pi0_droid/observation.msgpack");
    fail_all("jpeg", 1, try_image, PI0_TEST_DATA "/../../demo/images/scene3.jpg");
    tmpdir_mkdir(&dir, "store");
    tmpdir_mkdir(&dir, "store/a");
    tmpdir_write_text(&dir, "store/a/.zarray", "{}");
    tmpdir_write_text(&dir, "store/a/0", "x");
    tmpdir_path(path, &dir, "store");
    fail_all("plain folders", 1, try_folders, name);
    write_raw(&dir, "raw.safetensors");
    tmpdir_path(path, &dir, "raw.safetensors");
    fail_all("raw inputs", 1, try_raw, name);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints),
        cmocka_unit_test(small_files),
    };
    return cmocka_run_group_tests_name("io_load", tests, NULL, NULL);
}
