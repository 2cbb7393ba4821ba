/* SPDX-License-Identifier: Apache-2.0 */
/* test_npy.c - .npy files: what NumPy writes is read, what is written NumPy reads, what is
 * malformed is refused with its reason. */
#include "data/npy.h"
#include "support/expect.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// a file in memory, in a block of its exact size so that a sanitizer sees every byte too far
typedef struct bytes {
    unsigned char *p;
    size_t size;
} bytes;

// version, header text padded as NumPy pads it, elements
static bytes make(int major, const char *text, const void *data, size_t size)
{
    const size_t start = major == 1 ? 10 : 12, n = strlen(text);
    const size_t length = (start + n + 1 + 63) / 64 * 64 - start;
    bytes b = { malloc(start + length + size), start + length + size };
    assert_non_null(b.p);
    memcpy(b.p, "\x93NUMPY", 6);
    b.p[6] = (unsigned char)major;
    b.p[7] = 0;
    for (size_t i = 8; i < start; i++) b.p[i] = (unsigned char)(length >> 8 * (i - 8));
    memcpy(b.p + start, text, n);
    memset(b.p + start + n, ' ', length - n);
    b.p[start + length - 1] = '\n';
    if (size) memcpy(b.p + start + length, data, size);
    return b;
}

// parse and free; on failure the output is untouched and the message names the file
static int parse(npy_array *a, bytes b, pi0_error *e)
{
    const npy_array before = *a;
    memset(e, 0, sizeof *e);
    const int status = pi0_npy_parse(a, b.p, b.size, "x.npy", e);
    if (status) {
        assert_memory_equal(a, &before, sizeof before);
        assert_int_equal(e->code, status);
        assert_ptr_equal(strstr(e->message, "x.npy: "), e->message);
    }
    free(b.p);
    return status;
}

static const float six[6] = { 0, 1, -2.5f, 3e-40f, INFINITY, -0.0f };

#define F4(shape) "{'descr': '<f4', 'fortran_order': False, 'shape': " shape ", }"

static void reads_all_versions(void **state)
{
    (void)state;
    for (int major = 1; major <= 3; major++) {
        npy_array a = { 0 };
        pi0_error e;
        assert_int_equal(parse(&a, make(major, F4("(2, 3)"), six, sizeof six), &e), PI0_OK);
        assert_int_equal(a.n_dims, 2);
        assert_int_equal(a.dims[0], 2);
        assert_int_equal(a.dims[1], 3);
        assert_memory_equal(a.data, six, sizeof six);
        pi0_npy_free(&a);
        assert_null(a.data);
    }
}

static void reads_f64_rounded(void **state)
{
    (void)state;
    const double d[3] = { 0.1, 1 + 0x1p-24 + 0x1p-50, -1e300 };
    npy_array a = { 0 };
    pi0_error e;
    bytes b = make(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", d, sizeof d);
    assert_int_equal(parse(&a, b, &e), PI0_OK);
    assert_true(a.data[0] == 0.1f);
    assert_true(a.data[1] == 1 + 0x1p-23f);
    assert_true(a.data[2] == -INFINITY);
    pi0_npy_free(&a);
}

// every spelling of a dictionary that Python reads the same way
static void reads_headers_of_any_order(void **state)
{
    (void)state;
    static const char *const text[] = {
        "{'shape': (2, 3), 'fortran_order': False, 'descr': '<f4'}",
        "{\"fortran_order\":False,\"descr\":\"<f4\",\"shape\":(2,3,),}",
        "{ 'descr' : '<f4' , 'shape' : ( 2 , 3 ) , 'fortran_order' : False } ",
    };
    for (size_t i = 0; i < COUNT(text); i++) {
        npy_array a = { 0 };
        pi0_error e;
        assert_int_equal(parse(&a, make(1, text[i], six, sizeof six), &e), PI0_OK);
        assert_int_equal(a.n_dims, 2);
        assert_int_equal(a.dims[1], 3);
        pi0_npy_free(&a);
    }
}

static void reads_scalars_and_empty_arrays(void **state)
{
    (void)state;
    npy_array a = { 0 };
    pi0_error e;
    assert_int_equal(parse(&a, make(1, F4("()"), six + 1, 4), &e), PI0_OK);
    assert_int_equal(a.n_dims, 0);
    assert_true(a.data[0] == 1);
    pi0_npy_free(&a);
    // a zero wins over any other dimension
    assert_int_equal(parse(&a, make(1, F4("(9223372036854775807, 5, 0)"), NULL, 0), &e), PI0_OK);
    assert_int_equal(a.n_dims, 3);
    assert_int_equal(a.dims[2], 0);
    assert_non_null(a.data);
    pi0_npy_free(&a);
}

static void refuses_malformed_headers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
        int code;
    } wrong[] = {
        { "", "a dictionary", PI0_EFORMAT },
        { "[]", "a dictionary", PI0_EFORMAT },
        { "{", "descr, fortran_order or shape", PI0_EFORMAT },
        { "{}", "is missing", PI0_EFORMAT },
        { F4("(6,)") " x", "nothing behind", PI0_EFORMAT },
        { "{'descr': '<f4', 'shape': (6,)}", "is missing", PI0_EFORMAT },
        { "{'descr': '<f4', 'descr': '<f4'}", "repeated key 'descr'", PI0_EFORMAT },
        { "{'order': True}", "unknown key 'order'", PI0_EFORMAT },
        { "{'a_key_longer_than_any': 1}", "descr, fortran_order or shape", PI0_EFORMAT },
        { "{'descr' '<f4'}", "a colon", PI0_EFORMAT },
        { "{'descr': '<f4' 'shape': ()}", "a comma or a brace", PI0_EFORMAT },
        { "{'descr': '<f4}", "an element type", PI0_EFORMAT },
        { "{'descr': '\\x3cf4'}", "an element type", PI0_EFORMAT },
        { "{'descr': ('<f4', (2,))}", "an element type", PI0_EFORMAT },
        { "{'fortran_order': 0}", "True or False", PI0_EFORMAT },
        { "{'fortran_order': Falsehood}", "True or False", PI0_EFORMAT },
        { F4("6"), "a tuple", PI0_EFORMAT },
        { F4("(6)"), "a comma is missing", PI0_EFORMAT },
        { F4("(,)"), "a dimension", PI0_EFORMAT },
        { F4("(2 3)"), "a comma or a parenthesis", PI0_EFORMAT },
        { F4("(2,,3)"), "a dimension", PI0_EFORMAT },
        { F4("(-6,)"), "a dimension", PI0_EFORMAT },
        { F4("(6L,)"), "a comma or a parenthesis", PI0_EFORMAT },
        { F4("(9223372036854775808,)"), "below 2^63", PI0_EFORMAT },
        { F4("(1, 1, 1, 1, 6)"), "more than 4 dimensions", PI0_EUNSUPPORTED },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        npy_array a = { 0 };
        pi0_error e;
        const int status = parse(&a, make(1, wrong[i].text, six, sizeof six), &e);
        if (status != wrong[i].code || !strstr(e.message, wrong[i].reason))
            fail_msg("%s: %s, %s", wrong[i].text, pi0_status_name(status), e.message);
    }
}

static void refuses_shapes_that_do_not_fit(void **state)
{
    (void)state;
    static const char *const text[] = {
        F4("(5,)"),
        F4("(7,)"),
        F4("()"),
        F4("(0,)"),
        F4("(2, 3, 2)"),
        F4("(4294967296, 4294967296)"),
        F4("(9223372036854775807, 2, 3)"),
        F4("(6, 4611686018427387904, 4)"),
        F4("(4611686018427387905, 4)"),
        "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }",
    };
    for (size_t i = 0; i < COUNT(text); i++) {
        npy_array a = { 0 };
        pi0_error e;
        assert_int_equal(parse(&a, make(1, text[i], six, sizeof six), &e), PI0_EFORMAT);
        assert_non_null(strstr(e.message, "24 bytes of elements do not make up the shape"));
    }
    // 4 * (2^62 + 2) is 8 in 64 bits, and 8 elements are there
    const float eight[8] = { 0 };
    npy_array a = { 0 };
    pi0_error e;
    assert_int_equal(parse(&a, make(1, F4("(4, 4611686018427387906)"), eight, sizeof eight), &e),
                     PI0_EFORMAT);
}

static void refuses_other_types_by_name(void **state)
{
    (void)state;
    static const char *const type[] = { "'>f4'", "'>f8'", "'<f2'", "'<i8'", "'|u1'", "'<U4'" };
    for (size_t i = 0; i < COUNT(type); i++) {
        npy_array a = { 0 };
        pi0_error e;
        char text[128];
        snprintf(text, sizeof text, "{'descr': %s, 'fortran_order': False, 'shape': (6,), }",
                 type[i]);
        assert_int_equal(parse(&a, make(1, text, six, sizeof six), &e), PI0_EUNSUPPORTED);
        assert_non_null(strstr(e.message, type[i]));
    }
    npy_array a = { 0 };
    pi0_error e;
    bytes b = make(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", six,
                   sizeof six);
    assert_int_equal(parse(&a, b, &e), PI0_EUNSUPPORTED);
    assert_non_null(strstr(e.message, "structured"));
    b = make(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", six, sizeof six);
    assert_int_equal(parse(&a, b, &e), PI0_EUNSUPPORTED);
    assert_non_null(strstr(e.message, "Fortran"));
}

static void refuses_other_files_and_versions(void **state)
{
    (void)state;
    npy_array a = { 0 };
    pi0_error e;
    bytes b = make(1, F4("(6,)"), six, sizeof six);
    b.p[0] = 'P';
    assert_int_equal(parse(&a, b, &e), PI0_EFORMAT);
    assert_non_null(strstr(e.message, "not an .npy file"));
    for (int k = 0; k < 3; k++) {
        b = make(1, F4("(6,)"), six, sizeof six);
        b.p[k == 2 ? 7 : 6] = k == 1 ? 4 : k == 2 ? 1 : 0;
        assert_int_equal(parse(&a, b, &e), PI0_EUNSUPPORTED);
        assert_non_null(strstr(e.message, "npy version"));
    }
    // a header that is longer than the file
    b = make(2, F4("(6,)"), six, sizeof six);
    memset(b.p + 8, 0xff, 4);
    assert_int_equal(parse(&a, b, &e), PI0_EFORMAT);
    assert_non_null(strstr(e.message, "4294967295"));
}

// cut at every length, in exact blocks: an error each time, nothing read behind the end
static void refuses_every_truncation(void **state)
{
    (void)state;
    for (int major = 1; major <= 2; major++) {
        const bytes whole = make(major, F4("(6,)"), six, sizeof six);
        for (size_t n = 0; n < whole.size; n++) {
            npy_array a = { 0 };
            pi0_error e;
            const bytes cut = { malloc(n ? n : 1), n };
            assert_non_null(cut.p);
            memcpy(cut.p, whole.p, n);
            assert_int_equal(parse(&a, cut, &e), PI0_EFORMAT);
        }
        free(whole.p);
    }
}

/* ---- files ---- */

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/pi0-test-npy-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/a.npy", folder);
    return 0;
}

// fails if anything was left in the folder, as a temporary file
static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void writes_what_numpy_reads(void **state)
{
    (void)state;
    const int64_t dims[2] = { 2, 3 };
    assert_int_equal(pi0_npy_write_f32(path, six, 2, dims, NULL), PI0_OK);
    // the very bytes of numpy.save (2.4.6) for float32 of shape (2, 3)
    unsigned char found[200];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(found, 1, sizeof found, f), 128 + sizeof six);
    fclose(f);
    const bytes want = make(1, F4("(2, 3)"), six, sizeof six);
    assert_int_equal(want.size, 128 + sizeof six);
    assert_memory_equal(found, want.p, want.size);
    free(want.p);
    // as any new file: readable as far as the umask allows
    struct stat st;
    const mode_t mask = umask(022);
    umask(mask);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    const int64_t big = 12345678901, dims[][4] = {
        { 0 }, { 6 }, { 0 }, { 2, 3 }, { 1, 2, 3 }, { 3, 1, 2, 1 }, { 0, big, big, big },
    };
    const int n_dims[] = { 0, 1, 1, 2, 3, 4, 4 };
    const double d[6] = { 0.1, -7, 1e-300, 3, 4, 5 };
    for (size_t i = 0; i < COUNT(dims); i++) {
        npy_array a = { 0 };
        assert_int_equal(pi0_npy_write_f32(path, six, n_dims[i], dims[i], NULL), PI0_OK);
        assert_int_equal(pi0_npy_read(&a, path, NULL), PI0_OK);
        assert_int_equal(a.n_dims, n_dims[i]);
        size_t n = 1;
        for (int k = 0; k < n_dims[i]; k++) {
            assert_int_equal(a.dims[k], dims[i][k]);
            n *= (size_t)dims[i][k];
        }
        assert_memory_equal(a.data, six, n * sizeof *six);
        pi0_npy_free(&a);
        // f64, over the other file
        assert_int_equal(pi0_npy_write_f64(path, d, n_dims[i], dims[i], NULL), PI0_OK);
        assert_int_equal(pi0_npy_read(&a, path, NULL), PI0_OK);
        for (size_t k = 0; k < n; k++) assert_true(a.data[k] == (float)d[k]);
        pi0_npy_free(&a);
    }
}

static void reports_files_it_cannot_use(void **state)
{
    (void)state;
    npy_array a = { 0 };
    pi0_error e;
    const int64_t dim = 6;
    assert_int_equal(pi0_npy_read(&a, "/nonexistent/x.npy", &e), PI0_EIO);
    assert_non_null(strstr(e.message, "/nonexistent/x.npy"));
    assert_int_equal(pi0_npy_read(&a, folder, &e), PI0_EIO);
    assert_int_equal(pi0_npy_write_f32("/nonexistent/x.npy", six, 1, &dim, &e), PI0_EIO);
    assert_non_null(strstr(e.message, "/nonexistent/x.npy"));
    // never a file in the place of a folder or of a device
    assert_int_equal(pi0_npy_write_f32(folder, six, 1, &dim, &e), PI0_EIO);
    assert_int_equal(pi0_npy_write_f32("/dev/null", six, 1, &dim, &e), PI0_EIO);
    struct stat st;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
}

// a write that fails half-way leaves the old file as it was and nothing beside it
static void failed_write_changes_nothing(void **state)
{
    (void)state;
    const int64_t dim = 6, many = 4096;
    float *big = calloc((size_t)many, sizeof *big);
    assert_non_null(big);
    assert_int_equal(pi0_npy_write_f32(path, six, 1, &dim, NULL), PI0_OK);

    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 1024;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    pi0_error e = { 0 };
    const int status = pi0_npy_write_f32(path, big, 1, &many, &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    free(big);
    assert_int_equal(status, PI0_EIO);
    assert_non_null(strstr(e.message, "cannot write"));

    npy_array a = { 0 };
    assert_int_equal(pi0_npy_read(&a, path, NULL), PI0_OK);
    assert_int_equal(a.dims[0], 6);
    assert_memory_equal(a.data, six, sizeof six);
    pi0_npy_free(&a);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_versions),
        cmocka_unit_test(reads_f64_rounded),
        cmocka_unit_test(reads_headers_of_any_order),
        cmocka_unit_test(reads_scalars_and_empty_arrays),
        cmocka_unit_test(refuses_malformed_headers),
        cmocka_unit_test(refuses_shapes_that_do_not_fit),
        cmocka_unit_test(refuses_other_types_by_name),
        cmocka_unit_test(refuses_other_files_and_versions),
        cmocka_unit_test(refuses_every_truncation),
        FILE_TEST(writes_what_numpy_reads),
        FILE_TEST(reads_what_it_wrote),
        FILE_TEST(reports_files_it_cannot_use),
        FILE_TEST(failed_write_changes_nothing),
    };
    return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
