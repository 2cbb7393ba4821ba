/* SPDX-License-Identifier: Apache-2.0 */
/* test_zarr.c - zarr arrays: slices from chunks of any grid are what was stored; what is too
 * short, too long or not there is an error that names the chunk. */
#include "data/zarr.h"
#include "support/expect.h"
#include "support/tmpdir.h"
#include "support/zarr_meta.h"
#include <zstd.h>

/* ---- arrays in a folder ---- */

// random numbers for sizes, the same in every run
static uint32_t next(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

typedef struct array {
    int n_dims;
    int64_t shape[ZARR_MAX_DIMS], chunk[ZARR_MAX_DIMS];
    bool zstd;
    float *data;
    size_t n;
} array;

static size_t offset_of(const array *a, const int64_t *index)
{
    size_t at = 0;
    for (int d = 0; d < a->n_dims; d++) at = at * (size_t)a->shape[d] + (size_t)index[d];
    return at;
}

static void write_meta(const tmpdir *dir, const array *a)
{
    char text[ZARR_META_SIZE];
    tmpdir_write_text(dir, "a/.zarray",
                      zarr_meta(text, a->n_dims, a->shape, a->chunk, DTYPE_F32, a->zstd));
}

// a chunk's values, those behind the array's end being 7
static float *chunk_values(const array *a, const int64_t *chunk, size_t *n)
{
    *n = 1;
    for (int d = 0; d < a->n_dims; d++) *n *= (size_t)a->chunk[d];
    float *v = malloc(*n * sizeof *v);
    for (size_t i = 0; i < *n; i++) {
        int64_t index[ZARR_MAX_DIMS];
        size_t rest = i;
        bool inside = true;
        for (int d = a->n_dims - 1; d >= 0; d--) {
            index[d] = chunk[d] * a->chunk[d] + (int64_t)(rest % (size_t)a->chunk[d]);
            rest /= (size_t)a->chunk[d];
            inside &= index[d] < a->shape[d];
        }
        v[i] = inside ? a->data[offset_of(a, index)] : 7;
    }
    return v;
}

static void write_chunk(const tmpdir *dir, const array *a, const int64_t *chunk)
{
    char name[200] = "a/";
    size_t n, size;
    for (int d = 0; d < a->n_dims; d++)
        snprintf(name + strlen(name), sizeof name - strlen(name), "%s%lld", d ? "." : "",
                 (long long)chunk[d]);
    float *v = chunk_values(a, chunk, &n);
    size = n * sizeof *v;
    const size_t room = ZSTD_compressBound(size);
    void *packed = malloc(room);
    const size_t packed_size = ZSTD_compress(packed, room, v, size, 1);
    tmpdir_write(dir, name, a->zstd ? packed : v, a->zstd ? packed_size : size);
    free(packed);
    free(v);
}

static void write_array(const tmpdir *dir, const array *a)
{
    int64_t chunk[ZARR_MAX_DIMS] = { 0 };
    tmpdir_mkdir(dir, "a");
    write_meta(dir, a);
    for (;;) {
        write_chunk(dir, a, chunk);
        int d = a->n_dims - 1;
        while (d >= 0 && ++chunk[d] * a->chunk[d] >= a->shape[d]) chunk[d--] = 0;
        if (d < 0) return;
    }
}

/* ---- reading ---- */

typedef struct opened {
    kv_store kv;
    zarr_array z;
    zarr_reader *reader;
} opened;

static int open_array(opened *o, const tmpdir *dir, size_t budget, pi0_error *err)
{
    char *json;
    size_t size;
    *o = (opened){ .reader = NULL };
    int status = pi0_kv_open(&o->kv, dir->path, err);
    if (status) return status;
    const kv_value *meta = pi0_kv_find(&o->kv, "a/.zarray");
    assert_non_null(meta);
    status = pi0_kv_read(&json, &size, &o->kv, "a/.zarray", meta, 65536, err);
    if (status) return status;
    status = pi0_zarr_parse(&o->z, json, size, "a/.zarray", err);
    free(json);
    o->z.key = "a";
    if (!status) status = pi0_zarr_check_chunks(&o->z, &o->kv, err);
    if (!status) status = pi0_zarr_reader_new(&o->reader, &o->kv, budget, err);
    return status;
}

static void close_array(opened *o)
{
    pi0_zarr_reader_free(o->reader);
    pi0_kv_close(&o->kv);
}

// a slice with `fixed` in front against the array
static void check_slice(const opened *o, const array *a, const int64_t *fixed, int n_fixed)
{
    ptrdiff_t stride[ZARR_MAX_DIMS];
    int64_t index[ZARR_MAX_DIMS] = { 0 };
    size_t n = 1;
    pi0_error err;
    for (int d = a->n_dims - 1; d >= n_fixed; d--) {
        stride[d - n_fixed] = (ptrdiff_t)n;
        n *= (size_t)a->shape[d];
    }
    float *got = malloc(n * sizeof *got);
    expect_ok(pi0_zarr_read(o->reader, &o->z, fixed, n_fixed, got, stride, &err), &err);
    memcpy(index, fixed, (size_t)n_fixed * sizeof *index);
    assert_memory_equal(got, a->data + offset_of(a, index), n * sizeof *got);
    free(got);
}

// all slices, forwards and then in any order
static void check_slices(const opened *o, const array *a, uint32_t *seed)
{
    for (int n_fixed = 0; n_fixed < a->n_dims; n_fixed++) {
        int64_t fixed[ZARR_MAX_DIMS] = { 0 };
        for (;;) {
            check_slice(o, a, fixed, n_fixed);
            int d = n_fixed - 1;
            while (d >= 0 && ++fixed[d] == a->shape[d]) fixed[d--] = 0;
            if (d < 0) break;
        }
        for (int k = 0; k < 10; k++) {
            for (int d = 0; d < n_fixed; d++) fixed[d] = (int64_t)next(seed, (uint32_t)a->shape[d]);
            check_slice(o, a, fixed, n_fixed);
        }
    }
}

static void any_grid(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 60; round++) {
        const tmpdir dir = tmpdir_make();
        pi0_error err;
        opened o;
        array a = { .n_dims = 1 + (int)next(&seed, 4), .zstd = round % 3 != 0, .n = 1 };
        for (int d = 0; d < a.n_dims; d++) {
            a.shape[d] = 1 + next(&seed, d == a.n_dims - 1 ? 40 : 6);
            a.chunk[d] = 1 + next(&seed, (uint32_t)a.shape[d]);
            a.n *= (size_t)a.shape[d];
        }
        a.data = malloc(a.n * sizeof *a.data);
        pi0_noise(1, (uint64_t)round, a.data, a.n);
        write_array(&dir, &a);
        // every other time with room for one stream only
        expect_ok(open_array(&o, &dir, round % 2 ? 1 : 1 << 26, &err), &err);
        check_slices(&o, &a, &seed);
        close_array(&o);
        free(a.data);
        tmpdir_remove(&dir);
    }
}

/* ---- damage ---- */

// read all of a one-chunk array whose chunk file is `data`
static int read_chunk(bool zstd, const void *data, size_t size, pi0_error *err)
{
    static float values[1024], to[1024];
    const ptrdiff_t stride[] = { 1 };
    const array a = {
        .n_dims = 1, .shape = { 1000 }, .chunk = { 1000 }, .zstd = zstd, .data = values
    };
    const tmpdir dir = tmpdir_make();
    opened o;
    tmpdir_mkdir(&dir, "a");
    write_meta(&dir, &a);
    if (data) tmpdir_write(&dir, "a/0", data, size);
    int status = open_array(&o, &dir, 1 << 20, err);
    if (!status) status = pi0_zarr_read(o.reader, &o.z, NULL, 0, to, stride, err);
    close_array(&o);
    tmpdir_remove(&dir);
    return status;
}

static void bad_chunks(void **state)
{
    (void)state;
    static char zeros[8000];
    const size_t room = ZSTD_compressBound(64u << 20);
    char *packed = malloc(room), *many = calloc(1, 64u << 20);
    pi0_error err;
    size_t n;
    expect_ok(read_chunk(false, zeros, 4000, &err), &err);
    expect_error(read_chunk(false, zeros, 3999, &err), PI0_EFORMAT, &err, "a/0 has 3999 bytes");
    expect_error(read_chunk(false, zeros, 4001, &err), PI0_EFORMAT, &err, "expected 4000");
    expect_error(read_chunk(false, NULL, 0, &err), PI0_EFORMAT, &err, "a/0 is missing");
    n = ZSTD_compress(packed, room, zeros, 4000, 3);
    expect_ok(read_chunk(true, packed, n, &err), &err);
    for (size_t cut = 0; cut < n; cut++)
        expect_error(read_chunk(true, packed, cut, &err), PI0_EFORMAT, &err, "a/0");
    packed[n] = 1;
    expect_error(read_chunk(true, packed, n + 1, &err), PI0_EFORMAT, &err, "a/0");
    n = ZSTD_compress(packed, room, zeros, 3999, 3);
    expect_error(read_chunk(true, packed, n, &err), PI0_EFORMAT, &err, "too short");
    n = ZSTD_compress(packed, room, zeros, 4001, 3);
    expect_error(read_chunk(true, packed, n, &err), PI0_EFORMAT, &err, "too long");
    // two frames are as good as one, and a bomb is only decoded as far as it is wanted
    n = ZSTD_compress(packed, room, zeros, 1500, 3);
    n += ZSTD_compress(packed + n, room - n, zeros, 2500, 3);
    expect_ok(read_chunk(true, packed, n, &err), &err);
    n = ZSTD_compress(packed, room, many, 64u << 20, 3);
    assert_true(n < 20000);
    expect_error(read_chunk(true, packed, n, &err), PI0_EFORMAT, &err, "too long");
    expect_error(read_chunk(true, zeros, 100, &err), PI0_EFORMAT, &err, "no valid zstd");
    free(packed);
    free(many);
}

#define META(shape, chunks, rest)                                                                  \
    "{\"zarr_format\": 2, \"shape\": " shape ", \"chunks\": " chunks ", \"fill_value\": null" rest \
    "}"

static void bad_metadata(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int status;
        const char *text;
    } bad[] = {
        { "[]", PI0_EFORMAT, "a" },
        { META("[4]", "[4]", ""), PI0_EFORMAT, "dtype" },
        { META("[4]", "[4]", ", \"dtype\": \">f4\""), PI0_EUNSUPPORTED, ">f4" },
        { META("[0]", "[1]", ", \"dtype\": \"<f4\""), PI0_EFORMAT, "shape" },
        { META("[-4]", "[4]", ", \"dtype\": \"<f4\""), PI0_EFORMAT, "shape" },
        { META("[4]", "[5]", ", \"dtype\": \"<f4\""), PI0_EFORMAT, "axis 0" },
        { META("[4]", "[4, 4]", ", \"dtype\": \"<f4\""), PI0_EFORMAT, "chunks" },
        { META("[4]", "[0]", ", \"dtype\": \"<f4\""), PI0_EFORMAT, "chunks" },
        { META("[4.0]", "[4]", ", \"dtype\": \"<f4\""), PI0_EFORMAT, "shape" },
        { META("[1099511627777]", "[1]", ", \"dtype\": \"<f4\""), PI0_EFORMAT, "shape" },
        { META("[1000000000000, 1000000000000]", "[1, 1]", ", \"dtype\": \"<f4\""), PI0_EFORMAT,
          "too large" },
        { META("[1,1,1,1,1,1,1,1,1]", "[1,1,1,1,1,1,1,1,1]", ", \"dtype\": \"<f4\""), PI0_EFORMAT,
          "at most 8" },
        { META("[4]", "[4]", ", \"dtype\": \"<f4\", \"order\": \"F\""), PI0_EUNSUPPORTED, "order" },
        { META("[4]", "[4]", ", \"dtype\": \"<f4\", \"filters\": [1]"), PI0_EUNSUPPORTED,
          "filters" },
        { META("[4]", "[4]", ", \"dtype\": \"<f4\", \"compressor\": {\"id\": \"blosc\"}"),
          PI0_EUNSUPPORTED, "blosc" },
        { "{\"zarr_format\": 3, \"shape\": [4], \"chunks\": [4], \"dtype\": \"<f4\"}", PI0_EFORMAT,
          "zarr_format" },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        zarr_array z;
        pi0_error err;
        expect_error(pi0_zarr_parse(&z, bad[i].json, strlen(bad[i].json), "a", &err), bad[i].status,
                     &err, bad[i].text);
    }
    // an array of absurdly many chunks ends at the first that is not there
    const tmpdir dir = tmpdir_make();
    opened o;
    pi0_error err;
    tmpdir_mkdir(&dir, "a");
    tmpdir_write_text(&dir, "a/.zarray",
                      META("[1000000000, 1000]", "[1, 1]", ", \"dtype\": \"<f4\""));
    expect_error(open_array(&o, &dir, 1 << 20, &err), PI0_EFORMAT, &err, "a/0.0 is missing");
    close_array(&o);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_grid),
        cmocka_unit_test(bad_chunks),
        cmocka_unit_test(bad_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
