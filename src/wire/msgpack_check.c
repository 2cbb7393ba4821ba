/* SPDX-License-Identifier: Apache-2.0 */
/* msgpack_check.c - walks a msgpack document before msgpack-c does: that reserves memory for as
 * many values as a header promises, and does not say where a document is damaged. */
#include "core/error.h"
#include "wire/numpy.h"

#define MAX_DEPTH 16
#define MAX_VALUES 1000000u

typedef struct walk {
    const unsigned char *data;
    size_t size, at;
    size_t values;
    uint64_t left[MAX_DEPTH + 1]; // values still to come, of each open map and array
    int depth;
    const char *file;
    pi0_error *err;
} walk;

// what follows a value's first byte
typedef struct header {
    int length;       // bytes of the length field
    uint64_t count;   // without such a field: bytes or values
    uint64_t extra;   // bytes that come besides (an extension's type)
    int values;       // values for each count: 0 bytes, 1 array, 2 map
    const char *what; // NULL: no such byte
} header;

// msgpack's table of first bytes
static header header_of(unsigned char b)
{
    static const header large[32] = {
        { 0, 0, 0, 0, "nil" },        { 0, 0, 0, 0, NULL },        { 0, 0, 0, 0, "a bool" },
        { 0, 0, 0, 0, "a bool" },     { 1, 0, 0, 0, "bytes" },     { 2, 0, 0, 0, "bytes" },
        { 4, 0, 0, 0, "bytes" },      { 1, 0, 1, 0, "extension" }, { 2, 0, 1, 0, "extension" },
        { 4, 0, 1, 0, "extension" },  { 0, 4, 0, 0, "a number" },  { 0, 8, 0, 0, "a number" },
        { 0, 1, 0, 0, "a number" },   { 0, 2, 0, 0, "a number" },  { 0, 4, 0, 0, "a number" },
        { 0, 8, 0, 0, "a number" },   { 0, 1, 0, 0, "a number" },  { 0, 2, 0, 0, "a number" },
        { 0, 4, 0, 0, "a number" },   { 0, 8, 0, 0, "a number" },  { 0, 1, 1, 0, "extension" },
        { 0, 2, 1, 0, "extension" },  { 0, 4, 1, 0, "extension" }, { 0, 8, 1, 0, "extension" },
        { 0, 16, 1, 0, "extension" }, { 1, 0, 0, 0, "text" },      { 2, 0, 0, 0, "text" },
        { 4, 0, 0, 0, "text" },       { 2, 0, 0, 1, "array" },     { 4, 0, 0, 1, "array" },
        { 2, 0, 0, 2, "map" },        { 4, 0, 0, 2, "map" },
    };
    if (b < 0x80 || b >= 0xe0) return (header){ 0, 0, 0, 0, "a number" };
    if (b < 0x90) return (header){ 0, b & 15, 0, 2, "map" };
    if (b < 0xa0) return (header){ 0, b & 15, 0, 1, "array" };
    if (b < 0xc0) return (header){ 0, b & 31, 0, 0, "text" };
    return large[b - 0xc0];
}

static int cut_off(const walk *w, size_t start, const char *what)
{
    return pi0_fail(w->err, PI0_EFORMAT,
                    "%s: damaged msgpack: the %s at byte %zu goes on behind the end of the file, "
                    "which has %zu bytes",
                    w->file, what, start, w->size);
}

// one value with its bytes; a map or an array is opened
static int step(walk *w)
{
    const size_t start = w->at;
    if (w->at == w->size)
        return pi0_fail(w->err, PI0_EFORMAT,
                        "%s: damaged msgpack: the file ends after %zu bytes, where a value should "
                        "follow",
                        w->file, w->size);
    header h = header_of(w->data[w->at++]);
    if (!h.what)
        return pi0_fail(w->err, PI0_EFORMAT,
                        "%s: damaged msgpack: the byte 0xc1 at %zu begins no value", w->file,
                        start);
    if (++w->values > MAX_VALUES)
        return pi0_fail(w->err, PI0_EFORMAT, "%s: more than %u values", w->file, MAX_VALUES);

    // the length field, big-endian
    if ((size_t)h.length > w->size - w->at) return cut_off(w, start, h.what);
    for (int i = 0; i < h.length; i++) h.count = h.count << 8 | w->data[w->at++];

    // each value takes a byte at least
    const uint64_t needed = h.values ? h.count * (uint64_t)h.values : h.count + h.extra;
    if (needed > w->size - w->at) return cut_off(w, start, h.what);
    if (!h.values) {
        w->at += (size_t)needed;
        return PI0_OK;
    }
    if (w->depth == MAX_DEPTH)
        return pi0_fail(w->err, PI0_EFORMAT,
                        "%s: more than %d maps and arrays in one another, at "
                        "byte %zu",
                        w->file, MAX_DEPTH, start);
    w->left[++w->depth] = needed;
    return PI0_OK;
}

int pi0_msgpack_check(const void *data, size_t size, const char *file, pi0_error *err)
{
    walk w = { .data = data, .size = size, .left = { 1 }, .file = file, .err = err };
    if (!size) return pi0_fail(err, PI0_EFORMAT, "%s: the file is empty", file);
    while (w.depth > 0 || w.left[0]) {
        if (!w.left[w.depth]) {
            w.depth--;
            continue;
        }
        w.left[w.depth]--;
        const int status = step(&w);
        if (status) return status;
    }
    if (w.at != size)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: %zu bytes behind the observation, which ends at byte %zu; expected "
                        "one observation in a file",
                        file, size - w.at, w.at);
    return PI0_OK;
}

int pi0_msgpack_read(msgpack_unpacked *u, const void *data, size_t size, const char *file,
                     pi0_error *err)
{
    size_t at = 0;
    msgpack_unpacked_init(u);
    const int status = pi0_msgpack_check(data, size, file, err);
    if (status) return status;
    if (msgpack_unpack_next(u, data, size, &at) != MSGPACK_UNPACK_SUCCESS)
        return pi0_fail(err, PI0_EFORMAT, "%s: damaged msgpack near byte %zu", file, at);
    return PI0_OK;
}
