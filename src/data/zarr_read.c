/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_read.c - slices of an array from its chunks, decoded as streams. */
#include "core/file.h"
#include "data/unzstd.h"
#include "data/zarr.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_STREAMS 192  // open at once: each has a file open
#define IN_BYTES 131072  // that are read from a file at a time
#define OUT_BYTES 131072 // that are decoded at a time
#define STREAM_BYTES (IN_BYTES + OUT_BYTES)

// one chunk that is being decoded, from its first byte to its last
typedef struct stream {
    const zarr_array *array;
    char key[ZARR_KEY_SIZE];
    const kv_value *value;
    int fd;
    uint64_t taken;      // stored bytes that were read
    uint64_t at, length; // decoded bytes that were handed out, and all of them
    uint64_t used_at;    // the reader's clock
    unzstd *z;           // NULL: stored as they are
    bool frame_ended;
    unsigned char *in, *out;
    size_t in_at, in_n, out_at, out_n;
} stream;

struct zarr_reader {
    const kv_store *kv;
    size_t budget;
    uint64_t clock;
    stream *open[MAX_STREAMS];
    int n;
};

int pi0_zarr_reader_new(zarr_reader **r, const kv_store *kv, size_t budget, pi0_error *err)
{
    zarr_reader *made = calloc(1, sizeof *made);
    if (!made) return pi0_fail(err, PI0_ENOMEM, "no memory to read a checkpoint");
    made->kv = kv;
    made->budget = budget;
    *r = made;
    return PI0_OK;
}

static void stream_free(stream *s)
{
    if (!s) return;
    if (s->fd >= 0) close(s->fd);
    pi0_unzstd_free(s->z);
    free(s->in);
    free(s->out);
    free(s);
}

void pi0_zarr_reader_free(zarr_reader *r)
{
    if (!r) return;
    for (int i = 0; i < r->n; i++) stream_free(r->open[i]);
    free(r);
}

/* ---- one stream ---- */

// the next stored bytes into s->in; PI0_EFORMAT where there are none
static int refill(stream *s, const kv_store *kv, pi0_error *err)
{
    const uint64_t left = s->value->length - s->taken;
    const size_t n = left < IN_BYTES ? (size_t)left : IN_BYTES;
    int status = PI0_OK;
    if (!n)
        return pi0_fail(err, PI0_EFORMAT, "chunk %s is too short: it ends at byte %llu of %llu",
                        s->key, (unsigned long long)s->at, (unsigned long long)s->length);
    if (s->value->bytes)
        memcpy(s->in, s->value->bytes + s->taken, n);
    else
        status = pi0_file_read_at(s->fd, s->in, n, s->value->offset + s->taken,
                                  kv->paths[s->value->file], err);
    s->taken += n;
    s->in_at = 0;
    s->in_n = n;
    return status;
}

// decode at least one byte, at most `room`
static int decode(stream *s, const kv_store *kv, unsigned char *to, size_t room, size_t *made,
                  pi0_error *err)
{
    size_t used;
    for (*made = 0; !*made;) {
        // what the decoder still holds comes without new input
        int status = pi0_unzstd_step(s->z, s->in + s->in_at, s->in_n - s->in_at, &used, to, room,
                                     made, &s->frame_ended, s->key, err);
        if (status) return status;
        s->in_at += used;
        if (*made || s->in_at < s->in_n) continue;
        if ((status = refill(s, kv, err))) return status;
    }
    return PI0_OK;
}

// hand out n decoded bytes, or pass over them (to NULL)
static int take(stream *s, const kv_store *kv, unsigned char *to, uint64_t n, pi0_error *err)
{
    while (n) {
        size_t part = s->out_n - s->out_at;
        int status = PI0_OK;
        if (part) {
            if (part > n) part = (size_t)n;
            if (to) memcpy(to, s->out + s->out_at, part);
            s->out_at += part;
        } else if (to && n >= OUT_BYTES) {
            // much is wanted: without the buffer between
            status = decode(s, kv, to, n < SIZE_MAX ? (size_t)n : SIZE_MAX, &part, err);
        } else {
            s->out_at = s->out_n = 0;
            status = decode(s, kv, s->out, OUT_BYTES, &s->out_n, err);
        }
        if (status) return status;
        s->at += part;
        n -= part;
        if (to) to += part;
    }
    return PI0_OK;
}

// the same of a chunk that is stored as it is: any part of it can be read
static int take_plain(stream *s, const kv_store *kv, unsigned char *to, uint64_t n, pi0_error *err)
{
    int status = PI0_OK;
    if (to && s->value->bytes)
        memcpy(to, s->value->bytes + s->at, (size_t)n);
    else if (to)
        status = pi0_file_read_at(s->fd, to, (size_t)n, s->value->offset + s->at,
                                  kv->paths[s->value->file], err);
    s->at += n;
    return status;
}

static int stream_take(stream *s, const kv_store *kv, unsigned char *to, uint64_t n, pi0_error *err)
{
    return s->z ? take(s, kv, to, n, err) : take_plain(s, kv, to, n, err);
}

// behind the last decoded byte there must be nothing: the frame ends, and the stored bytes too
static int check_end(stream *s, const kv_store *kv, pi0_error *err)
{
    unsigned char more;
    size_t used, made = s->out_n - s->out_at;
    while (s->z && !made &&
           (!s->frame_ended || s->in_at < s->in_n || s->taken < s->value->length)) {
        int status = PI0_OK;
        if (s->in_at == s->in_n && (s->frame_ended || s->taken < s->value->length))
            status = refill(s, kv, err);
        if (!status)
            status = pi0_unzstd_step(s->z, s->in + s->in_at, s->in_n - s->in_at, &used, &more, 1,
                                     &made, &s->frame_ended, s->key, err);
        if (status) return status;
        s->in_at += used;
        if (!used && !made && !s->frame_ended && s->taken == s->value->length)
            return pi0_fail(err, PI0_EFORMAT, "chunk %s is truncated", s->key);
    }
    if (!made) return PI0_OK;
    return pi0_fail(err, PI0_EFORMAT, "chunk %s is too long: it has more than %llu bytes", s->key,
                    (unsigned long long)s->length);
}

static int stream_open(stream **out, const zarr_reader *r, const zarr_array *a, const char *key,
                       pi0_error *err)
{
    int status = PI0_OK;
    uint64_t size;
    stream *s = calloc(1, sizeof *s);
    if (!s) return pi0_fail(err, PI0_ENOMEM, "no memory to read a checkpoint");
    s->array = a;
    memcpy(s->key, key, strlen(key) + 1);
    s->fd = -1;
    s->length = pi0_zarr_chunk_bytes(a);
    s->value = pi0_kv_find(r->kv, key);
    if (!s->value) status = pi0_fail(err, PI0_EFORMAT, "chunk %s is missing", key);
    if (!status && !s->value->bytes)
        status = pi0_file_open(&s->fd, &size, r->kv->paths[s->value->file], err);
    if (!status && a->zstd) {
        s->in = malloc(IN_BYTES);
        s->out = malloc(OUT_BYTES);
        status = s->in && s->out ? pi0_unzstd_new(&s->z, err)
                                 : pi0_fail(err, PI0_ENOMEM, "no memory to read a checkpoint");
    }
    if (status)
        stream_free(s);
    else
        *out = s;
    return status;
}

/* ---- the open streams ---- */

static void close_stream(zarr_reader *r, int i)
{
    stream_free(r->open[i]);
    r->open[i] = r->open[--r->n];
}

static size_t memory_of(const stream *s)
{
    return s->z ? STREAM_BYTES + pi0_unzstd_memory(s->z) : 0;
}

// close the streams that were not used for longest until there is room for one more
static void make_room(zarr_reader *r)
{
    for (;;) {
        size_t held = 0;
        int oldest = 0;
        for (int i = 0; i < r->n; i++) {
            held += memory_of(r->open[i]);
            if (r->open[i]->used_at < r->open[oldest]->used_at) oldest = i;
        }
        if (!r->n || (held < r->budget && r->n < MAX_STREAMS)) return;
        close_stream(r, oldest);
    }
}

// the stream of a chunk that stands at byte `at` or before
static int find_stream(int *index, zarr_reader *r, const zarr_array *a, const int64_t *chunk,
                       uint64_t at, pi0_error *err)
{
    char key[ZARR_KEY_SIZE];
    pi0_zarr_chunk_key(key, a, chunk);
    for (int i = 0; i < r->n; i++) {
        if (r->open[i]->array != a || strcmp(r->open[i]->key, key)) continue;
        if (r->open[i]->at <= at || !r->open[i]->z) {
            *index = i;
            return PI0_OK;
        }
        close_stream(r, i);
        break;
    }
    make_room(r);
    const int status = stream_open(&r->open[r->n], r, a, key, err);
    if (!status) *index = r->n++;
    return status;
}

/* ---- a slice of one chunk ---- */

typedef struct slice {
    const zarr_array *a;
    int n_fixed;
    unsigned char *to;
    const ptrdiff_t *stride;
    int64_t fixed[ZARR_MAX_DIMS]; // indices inside the chunk
    int64_t first[ZARR_MAX_DIMS]; // of the chunk in the array, for the axes that are free
    int64_t valid[ZARR_MAX_DIMS]; // what of the chunk's sizes the array has
} slice;

// byte of the chunk at which the slice begins, and how many there are
static void slice_range(const slice *c, uint64_t *begin, uint64_t *bytes)
{
    const zarr_array *a = c->a;
    uint64_t inner = dtype_size(a->type), at = 0;
    for (int d = c->n_fixed; d < a->n_dims; d++) inner *= (uint64_t)a->chunk[d];
    for (int d = 0; d < c->n_fixed; d++) at = at * (uint64_t)a->chunk[d] + (uint64_t)c->fixed[d];
    *begin = at * inner;
    *bytes = inner;
}

// where row `row` (all free indices but the last) of the chunk goes
static unsigned char *row_target(const slice *c, const int64_t *row)
{
    ptrdiff_t at = 0;
    for (int d = c->n_fixed; d < c->a->n_dims; d++)
        at += (ptrdiff_t)(c->first[d] + row[d]) * c->stride[d - c->n_fixed];
    return c->to + at * (ptrdiff_t)dtype_size(c->a->type);
}

// go through the rows of the slice in the chunk's order
static int take_rows(stream *s, const kv_store *kv, const slice *c, pi0_error *err)
{
    const zarr_array *a = c->a;
    const int last = a->n_dims - 1;
    const uint64_t size = dtype_size(a->type);
    const uint64_t whole = (uint64_t)a->chunk[last] * size, valid = (uint64_t)c->valid[last] * size;
    int64_t row[ZARR_MAX_DIMS] = { 0 };
    for (;;) {
        bool inside = true;
        for (int d = c->n_fixed; d < last; d++) inside &= row[d] < c->valid[d];
        int status =
            stream_take(s, kv, inside ? row_target(c, row) : NULL, inside ? valid : whole, err);
        if (!status && inside && valid < whole)
            status = stream_take(s, kv, NULL, whole - valid, err);
        if (status) return status;
        int d = last - 1;
        while (d >= c->n_fixed && ++row[d] == a->chunk[d]) row[d--] = 0;
        if (d < c->n_fixed) return PI0_OK;
    }
}

static int read_chunk(zarr_reader *r, const slice *c, const int64_t *chunk, pi0_error *err)
{
    uint64_t begin, bytes;
    int i;
    slice_range(c, &begin, &bytes);
    int status = find_stream(&i, r, c->a, chunk, begin, err);
    if (status) return status;
    stream *s = r->open[i];
    s->used_at = ++r->clock;
    if (!s->z) s->at = begin;
    status = stream_take(s, r->kv, NULL, begin - s->at, err);
    if (!status && c->n_fixed == c->a->n_dims)
        status = stream_take(s, r->kv, c->to, bytes, err);
    else if (!status)
        status = take_rows(s, r->kv, c, err);
    if (!status && s->at == s->length) {
        status = check_end(s, r->kv, err);
        close_stream(r, i);
        return status;
    }
    // a stream that failed stands where it must not be read on
    if (status) close_stream(r, i);
    return status;
}

/* ---- all chunks of a slice ---- */

// place the slice in the chunk of these indices
static void locate(slice *c, const int64_t *chunk, const int64_t *fixed)
{
    const zarr_array *a = c->a;
    for (int d = 0; d < a->n_dims; d++) {
        c->first[d] = chunk[d] * a->chunk[d];
        c->valid[d] = a->shape[d] - c->first[d];
        if (c->valid[d] > a->chunk[d]) c->valid[d] = a->chunk[d];
        if (d < c->n_fixed) c->fixed[d] = fixed[d] - c->first[d];
    }
}

int pi0_zarr_read(zarr_reader *r, const zarr_array *a, const int64_t *fixed, int n_fixed, void *to,
                  const ptrdiff_t *stride, pi0_error *err)
{
    slice c = { .a = a, .n_fixed = n_fixed, .to = to, .stride = stride };
    int64_t chunk[ZARR_MAX_DIMS] = { 0 };
    for (int d = 0; d < n_fixed; d++) chunk[d] = fixed[d] / a->chunk[d];
    for (;;) {
        locate(&c, chunk, fixed);
        const int status = read_chunk(r, &c, chunk, err);
        if (status) return status;
        int d = a->n_dims - 1;
        while (d >= n_fixed && ++chunk[d] * a->chunk[d] >= a->shape[d]) chunk[d--] = 0;
        if (d < n_fixed) return PI0_OK;
    }
}
