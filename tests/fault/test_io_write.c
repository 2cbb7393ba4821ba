/* SPDX-License-Identifier: Apache-2.0 */
/* test_io_write.c - writing while the file system fails or is full: arrays, drawings, traces,
 * checkpoints made and converted, recorded requests. Each call fails once, and the disk ends after
 * so many bytes: an error with the file and the reason, the old file as it was, nothing else left.
 */
#include "convert.h"
#include "data/npy.h"
#include "output_file.h"
#include "plot.h"
#include "serve/serve_record.h"
#include "support/checkpoint_kinds.h"
#include "support/expect.h"
#include "support/io_watch.h"
#include "synth.h"
#include "trace_file.h"
#include <stdbool.h>
#include <stdlib.h>

#define OLD "what was here before"

static tmpdir dir;
static const char *target; // in dir; a folder where old is false
static bool old;           // the target is a file that is there before

/* ---- what must be there, and nothing else ---- */

static char *contents(const char *name)
{
    char path[TMPDIR_PATH], *text;
    size_t size;
    pi0_error err;
    expect_ok(pi0_file_read(&text, &size, tmpdir_path(path, &dir, name), 1 << 20, &err), &err);
    return text;
}

// after a failure; after success the target alone is there, and it is put back
static void only_what_was_there(int status)
{
    char path[TMPDIR_PATH];
    io_watch_hold(1);
    assert_int_equal(tmpdir_count(&dir), status ? old : 1);
    if (status && old) {
        char *text = contents(target);
        assert_string_equal(text, OLD);
        free(text);
    }
    if (!status) tmpdir_remove_path(tmpdir_path(path, &dir, target));
    if (!status && old) tmpdir_write_text(&dir, target, OLD);
    io_watch_hold(0);
}

static void begin(const char *name, bool is_there)
{
    dir = tmpdir_make();
    target = name;
    old = is_there;
    if (old) tmpdir_write_text(&dir, name, OLD);
}

/* ---- what is written ---- */

static const char *target_path(void)
{
    static char path[TMPDIR_PATH];
    return tmpdir_path(path, &dir, target);
}

static int try_npy(void *user, pi0_error *err)
{
    static const double x[600];
    const int64_t dims[2] = { 100, 6 };
    (void)user;
    const int status = pi0_npy_write_f64(target_path(), x, 2, dims, err);
    only_what_was_there(status);
    return status;
}

static int try_plot(void *user, pi0_error *err)
{
    static double actions[50 * 8];
    const plot p = {
        .title = "t", .subtitle = "", .actions = actions, .rows = 50, .cols = 8, .stride = 8
    };
    (void)user;
    for (int i = 0; i < 50 * 8; i++) actions[i] = i % 13;
    const int status = pi0_plot_write(target_path(), &p, err);
    only_what_was_there(status);
    return status;
}

static int try_trace(void *user, pi0_error *err)
{
    pi0_trace_event event = { .kind = PI0_TRACE_STAGE, .name = "vision", .end_ms = 1 };
    const trace t = { .event = &event, .n = 1, .capacity = 1 };
    const runner r = { .info = { .backend = "cpu", .isa = "c", .precision = "f32" },
                       .made = { .n_threads = 1 } };
    (void)user;
    const int status = pi0_trace_write(&t, &r, target_path(), err);
    only_what_was_there(status);
    return status;
}

// a folder that is made
static int try_synth(void *user, pi0_error *err)
{
    synth_job job = { .type = DTYPE_BF16, .seed = 3, .horizon = 10, .n_threads = 1 };
    uint64_t bytes;
    (void)user;
    pi0_sizes_tiny(&job.sizes, false);
    const int status = pi0_synth_write(target_path(), &job, &bytes, err);
    only_what_was_there(status);
    return status;
}

// user: what is converted
static int try_convert(void *user, pi0_error *err)
{
    const checkpoint_kind *from = user;
    convert_job job = { .from = from->path,
                        .to = target_path(),
                        .config = from->config[0] ? from->config : NULL };
    convert_result r;
    notices w = { NULL, 0 };
    // openpi's JAX folders do not say it
    if (strstr(from->name, "Orbax")) job.horizon = 16;
    const int status = pi0_convert(&job, &r, &w, err);
    pi0_notices_free(&w);
    only_what_was_there(status);
    return status;
}

// two files or none; the folder stays
static int try_record(void *user, pi0_error *err)
{
    static const double actions[6];
    static const char request[5000];
    serve_record r;
    char path[TMPDIR_PATH];
    (void)user;
    int status = pi0_serve_record_open(&r, target_path(), err);
    if (!status) status = pi0_serve_record_write(&r, request, sizeof request, actions, 2, 3, err);
    io_watch_hold(1);
    if (status) {
        // what is left is an empty folder, or none
        rmdir(target_path());
        assert_int_equal(tmpdir_count(&dir), 0);
    } else {
        char *npy = contents("there/request_000001.npy");
        assert_memory_equal(npy, "\x93NUMPY", 6);
        free(npy);
        tmpdir_remove_path(tmpdir_path(path, &dir, target));
    }
    io_watch_hold(0);
    return status;
}

/* ---- what fails ---- */

static void fail_all(const char *what, io_try try, void *user)
{
    io_watch_fail_kinds(1, what, try, user);
    const int n = io_watch_fail_each(IO_WRITE, IO_INTERRUPTED, try, user);
    assert_true(io_watch_fail_each(IO_WRITE, IO_HALF, try, user) >= n);
    io_watch_fail_each(IO_READ, IO_ENDS, try, user);
}

// files may grow to `whole` bytes; with less room it must fail, and say why
static void fill_disk(io_try try, void *user, size_t whole)
{
    const size_t rooms[] = { 0, 1, whole / 2, whole - 1 };
    pi0_error err = { 0 };
    for (size_t i = 0; i < COUNT(rooms); i++) {
        io_watch_room(rooms[i]);
        const int status = try(user, &err);
        io_watch_room((size_t)-1);
        expect_error(status, PI0_EIO, &err, "File too large");
        if (!strstr(err.message, dir.path)) fail_msg("no %s in: %s", dir.path, err.message);
    }
    expect_ok(try(user, &err), &err);
}

static void npy(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        begin("a.npy", k);
        fail_all(k ? "npy, over an old one" : "npy", try_npy, NULL);
        fill_disk(try_npy, NULL, 128 + 600 * 8);
        tmpdir_remove(&dir);
    }
}

static void text_files(void **state)
{
    static const struct {
        const char *name;
        io_try try;
    } rows[] = { { "a.svg", try_plot }, { "a.json", try_trace } };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int k = 0; k < 2; k++) {
            begin(rows[i].name, k);
            fail_all(rows[i].name, rows[i].try, NULL);
            fill_disk(rows[i].try, NULL, 200);
            tmpdir_remove(&dir);
        }
}

static void synth(void **state)
{
    (void)state;
    begin("made", false);
    fail_all("synth", try_synth, NULL);
    fill_disk(try_synth, NULL, 100000);
    tmpdir_remove(&dir);
}

static void convert(void **state)
{
    static checkpoint_kinds kinds;
    static const int from[] = { NAMED, LEROBOT, SHARDS, OWN_ROBOT, ORBAX };
    (void)state;
    checkpoint_kinds_make(&kinds);
    for (size_t i = 0; i < COUNT(from); i++) {
        if (from[i] >= kinds.n) continue;
        begin("converted", false);
        fail_all(kinds.kind[from[i]].name, try_convert, &kinds.kind[from[i]]);
        fill_disk(try_convert, &kinds.kind[from[i]], 100000);
        tmpdir_remove(&dir);
    }
    checkpoint_kinds_remove(&kinds);
}

static void record(void **state)
{
    (void)state;
    begin("there", false);
    fail_all("record", try_record, NULL);
    fill_disk(try_record, NULL, 5000);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy),     cmocka_unit_test(text_files), cmocka_unit_test(synth),
        cmocka_unit_test(convert), cmocka_unit_test(record),
    };
    return cmocka_run_group_tests_name("io_write", tests, NULL, NULL);
}
