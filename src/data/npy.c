/* SPDX-License-Identifier: Apache-2.0 */
/* npy.c - reading NumPy's .npy files: noise and states from Python.
 * A file is a magic, a version, the length of a header and the header, a Python dictionary with
 * the keys descr, fortran_order and shape; behind it the elements. */
#include "data/npy.h"
#include "core/file.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6

typedef struct header {
    char descr[24]; // "<f4"
    bool fortran;
    int n_dims;
    int64_t dims[NPY_MAX_DIMS];
} header;

// a position in the header's text
typedef struct reader {
    const char *at, *end;
    const char *name; // of the file
    pi0_error *err;
} reader;

static int bad(const reader *r, const char *expected)
{
    // what stands there, as far as it can be shown
    char found[25];
    size_t n = 0;
    while (n < sizeof found - 1 && n < (size_t)(r->end - r->at)) {
        const unsigned char c = (unsigned char)r->at[n];
        found[n++] = c >= ' ' && c < 127 ? (char)c : '?';
    }
    found[n] = 0;
    return pi0_fail(r->err, PI0_EFORMAT, "%s: npy header: expected %s, found \"%s\"", r->name,
                    expected, found);
}

// whatever the locale says
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void skip_spaces(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n')) r->at++;
}

// take c if it stands next
static bool take(reader *r, char c)
{
    skip_spaces(r);
    if (r->at == r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static bool take_word(reader *r, const char *word)
{
    const size_t n = strlen(word);
    skip_spaces(r);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n)) return false;
    // not the beginning of a longer word
    if ((size_t)(r->end - r->at) > n && is_letter(r->at[n])) return false;
    r->at += n;
    return true;
}

// a quoted string of printable ASCII without escapes, shorter than `size`
static int read_string(reader *r, char *text, size_t size, const char *what)
{
    skip_spaces(r);
    const char quote = r->at < r->end ? *r->at : 0;
    if (quote != '\'' && quote != '"') return bad(r, what);
    const char *from = r->at + 1, *to = from;
    while (to < r->end && *to != quote && *to >= ' ' && *to <= '~' && *to != '\\') to++;
    if (to == r->end || *to != quote || (size_t)(to - from) >= size) return bad(r, what);
    memcpy(text, from, (size_t)(to - from));
    text[to - from] = 0;
    r->at = to + 1;
    return PI0_OK;
}

static int read_dim(reader *r, int64_t *dim)
{
    int64_t v = 0;
    const char *from = r->at;
    for (; r->at < r->end && is_digit(*r->at); r->at++) {
        const int digit = *r->at - '0';
        if (v > (INT64_MAX - digit) / 10) return bad(r, "a dimension below 2^63");
        v = v * 10 + digit;
    }
    if (r->at == from) return bad(r, "a dimension");
    *dim = v;
    return PI0_OK;
}

// (), (3,), (3, 4), (3, 4,): a lone number needs its comma, as in Python
static int read_shape(reader *r, header *h)
{
    bool comma = true;
    if (!take(r, '(')) return bad(r, "a tuple as the shape");
    for (h->n_dims = 0; !take(r, ')');) {
        if (!comma) return bad(r, "a comma or a parenthesis in the shape");
        if (h->n_dims == NPY_MAX_DIMS)
            return pi0_fail(r->err, PI0_EUNSUPPORTED, "%s: more than %d dimensions", r->name,
                            NPY_MAX_DIMS);
        const int status = read_dim(r, &h->dims[h->n_dims]);
        if (status) return status;
        h->n_dims++;
        comma = take(r, ',');
        skip_spaces(r);
    }
    if (h->n_dims == 1 && !comma) return bad(r, "a tuple as the shape (a comma is missing)");
    return PI0_OK;
}

static int read_descr(reader *r, header *h)
{
    skip_spaces(r);
    if (r->at < r->end && *r->at == '[')
        return pi0_fail(r->err, PI0_EUNSUPPORTED,
                        "%s: a structured array; only <f4 and <f8 can be read", r->name);
    return read_string(r, h->descr, sizeof h->descr, "an element type as descr");
}

// one "key: value"; the bits of *seen tell the keys that were there
static int read_entry(reader *r, header *h, int *seen)
{
    static const char *const key[] = { "descr", "fortran_order", "shape" };
    char text[16];
    int status = read_string(r, text, sizeof text, "descr, fortran_order or shape"), k = 0;
    if (status) return status;
    while (k < 3 && strcmp(text, key[k])) k++;
    if (k == 3 || *seen & 1 << k)
        return pi0_fail(r->err, PI0_EFORMAT, "%s: npy header: %s key '%s'", r->name,
                        k == 3 ? "unknown" : "repeated", text);
    *seen |= 1 << k;
    if (!take(r, ':')) return bad(r, "a colon");
    if (k == 0) return read_descr(r, h);
    if (k == 2) return read_shape(r, h);
    h->fortran = take_word(r, "True");
    return h->fortran || take_word(r, "False") ? PI0_OK : bad(r, "True or False");
}

static int read_dictionary(reader *r, header *h)
{
    int seen = 0;
    bool comma = true;
    if (!take(r, '{')) return bad(r, "a dictionary");
    while (!take(r, '}')) {
        if (!comma) return bad(r, "a comma or a brace");
        const int status = read_entry(r, h, &seen);
        if (status) return status;
        comma = take(r, ',');
    }
    skip_spaces(r);
    if (r->at != r->end) return bad(r, "nothing behind the dictionary");
    if (seen != 7)
        return pi0_fail(r->err, PI0_EFORMAT,
                        "%s: npy header: descr, fortran_order or shape "
                        "is missing",
                        r->name);
    return PI0_OK;
}

// where the header's text lies; *data_at: where the elements begin
static int find_header(reader *r, const unsigned char *p, size_t size, size_t *data_at)
{
    if (size < 10 || memcmp(p, MAGIC, MAGIC_SIZE))
        return pi0_fail(r->err, PI0_EFORMAT, "%s: not an .npy file", r->name);
    const int major = p[6], minor = p[7];
    if (major < 1 || major > 3 || minor != 0)
        return pi0_fail(r->err, PI0_EUNSUPPORTED, "%s: npy version %d.%d, expected 1.0 to 3.0",
                        r->name, major, minor);
    // version 1 has a length of two bytes, the later ones of four
    const size_t start = major == 1 ? 10 : 12;
    size_t length = p[8] | (size_t)p[9] << 8;
    if (size < start) return pi0_fail(r->err, PI0_EFORMAT, "%s: ends in its header", r->name);
    if (major > 1) length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > size - start)
        return pi0_fail(r->err, PI0_EFORMAT, "%s: header of %zu bytes in a file of %zu", r->name,
                        length, size);
    r->at = (const char *)p + start;
    r->end = r->at + length;
    *data_at = start + length;
    return PI0_OK;
}

// elements of the shape if `bytes` hold exactly that many of `item` bytes
static int count_elements(size_t *count, const header *h, size_t item, size_t bytes,
                          const reader *r)
{
    const size_t limit = bytes / item;
    size_t n = 1;
    bool fits = true;
    for (int i = 0; i < h->n_dims; i++) n = h->dims[i] ? n : 0;
    for (int i = 0; i < h->n_dims && n && fits; i++) {
        fits = (uint64_t)h->dims[i] <= limit / n;
        n = fits ? n * (size_t)h->dims[i] : n;
    }
    if (!fits || n * item != bytes)
        return pi0_fail(r->err, PI0_EFORMAT,
                        "%s: %zu bytes of elements do not make up the shape in the header", r->name,
                        bytes);
    *count = n;
    return PI0_OK;
}

// little-endian f4 or f8 to f32
static void convert(float *to, const unsigned char *from, size_t count, size_t item)
{
    if (item == sizeof *to) {
        memcpy(to, from, count * item);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        double d;
        memcpy(&d, from + i * item, sizeof d);
        to[i] = (float)d;
    }
}

int pi0_npy_parse(npy_array *array, const void *data, size_t size, const char *name, pi0_error *err)
{
    const unsigned char *p = data;
    reader r = { NULL, NULL, name, err };
    header h = { 0 };
    size_t data_at = 0, count = 0;
    int status = find_header(&r, p, size, &data_at);
    if (!status) status = read_dictionary(&r, &h);
    if (status) return status;

    // what this library reads
    const size_t item = !strcmp(h.descr, "<f4") ? 4 : !strcmp(h.descr, "<f8") ? 8 : 0;
    if (!item)
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "%s: elements of type '%s', only <f4 and <f8 can be read", name, h.descr);
    if (h.fortran)
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "%s: in Fortran order; save it with numpy.ascontiguousarray", name);
    status = count_elements(&count, &h, item, size - data_at, &r);
    if (status) return status;

    float *to = malloc(count ? count * sizeof *to : 1);
    if (!to) return pi0_fail(err, PI0_ENOMEM, "%s: no memory for %zu elements", name, count);
    if (count) convert(to, p + data_at, count, item);
    *array = (npy_array){ .data = to, .n_dims = h.n_dims };
    memcpy(array->dims, h.dims, sizeof h.dims);
    return PI0_OK;
}

int pi0_npy_read(npy_array *array, const char *path, pi0_error *err)
{
    file_map map;
    int status = pi0_file_map(&map, path, err);
    if (status) return status;
    status = pi0_npy_parse(array, map.data, map.size, path, err);
    pi0_file_unmap(&map);
    return status;
}

void pi0_npy_free(npy_array *array)
{
    free(array->data);
    *array = (npy_array){ 0 };
}
