/* SPDX-License-Identifier: Apache-2.0 */
/* convert_weights.c - tensors of any checkpoint into one safetensors file, piece by piece. */
#include "convert.h"
#include "st_write.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (1u << 20) // values written at a time, and at least one row
#define TILE 64          // rows and columns that are turned together

/* ---- which ---- */

static bool is_float(dtype t)
{
    return t == DTYPE_F32 || t == DTYPE_BF16 || t == DTYPE_F16 || t == DTYPE_F64;
}

// the order in which reading is fastest: of the arrays' bytes, of the file's
static int by_place(const void *a, const void *b)
{
    const st_tensor *x = a, *y = b;
    if (x->pick != y->pick) return x->pick - y->pick;
    if (x->file != y->file) return x->file - y->file;
    return (x->data > y->data) - (x->data < y->data);
}

int pi0_convert_list(st_tensor **list, int *n, uint64_t *bytes, conversion *c)
{
    const safetensors *st = &c->cp.st;
    st_tensor *t = calloc((size_t)st->n_tensors + 1, sizeof *t);
    if (!t) return pi0_fail(c->err, PI0_ENOMEM, "no memory for the list of tensors");
    *n = 0;
    *bytes = 0;
    for (int i = 0; i < st->n_tensors; i++) {
        t[*n] = st->tensors[i];
        if (c->cp.is_orbax && t[*n].pick < 0) {
            pi0_notice(c->w, "array %s is not part of the model and is not written", t[*n].name);
            continue;
        }
        const size_t values = t[*n].bytes / dtype_size(t[*n].type);
        if (c->job->type && is_float(t[*n].type))
            t[*n].type = strcmp(c->job->type, "f32") ? DTYPE_BF16 : DTYPE_F32;
        t[*n].bytes = values * dtype_size(t[*n].type);
        *bytes += t[(*n)++].bytes;
    }
    qsort(t, (size_t)*n, sizeof *t, by_place);
    *list = t;
    return PI0_OK;
}

/* ---- values ---- */

// one value; of the same type it keeps every bit
static void put_value(char *to, dtype type, const tensor_view *v, ptrdiff_t index)
{
    const size_t size = dtype_size(v->type);
    if (type == v->type) {
        memcpy(to, (const char *)v->data + index * (ptrdiff_t)size, size);
        return;
    }
    const float f = dtype_load(v->type, v->data, index);
    const uint16_t h = f32_to_bf16(f);
    if (type == DTYPE_BF16)
        memcpy(to, &h, sizeof h);
    else
        memcpy(to, &f, sizeof f);
}

// rows [first, first + n) of a matrix, in tiles: a stored matrix may be turned
static void put_rows(char *to, dtype type, const tensor_view *v, int first, int n)
{
    const size_t size = dtype_size(type);
    for (int c0 = 0; c0 < v->cols; c0 += TILE)
        for (int r0 = 0; r0 < n; r0 += TILE)
            for (int r = r0; r < n && r < r0 + TILE; r++)
                for (int col = c0; col < v->cols && col < c0 + TILE; col++)
                    put_value(to + ((size_t)r * (size_t)v->cols + (size_t)col) * size, type, v,
                              (first + r) * v->row_stride + col * v->col_stride);
}

/* ---- the file ---- */

typedef struct writer {
    conversion *c;
    int fd;
    const char *path;
    uint64_t at, done, bytes; // in the file; of the data, and all of them
} writer;

static int write_piece(writer *w, const void *data, size_t size)
{
    const convert_job *job = w->c->job;
    if (job->stop && job->stop())
        return pi0_fail(w->c->err, PI0_ECANCELED, "%s: interrupted", job->to);
    if (pi0_write_at(w->fd, data, size, w->at))
        return pi0_fail_errno(w->c->err, PI0_EIO, "%s: write", w->path);
    w->at += size;
    w->done += size;
    if (job->progress) job->progress(job->user, (double)w->done / (double)w->bytes);
    return PI0_OK;
}

// as they lie in a file
static int write_stored(writer *w, const st_tensor *t)
{
    const char *data = t->data;
    int status = PI0_OK;
    for (size_t at = 0; at < t->bytes && !status; at += 4 * PIECE) {
        const size_t n = t->bytes - at < 4 * PIECE ? t->bytes - at : 4 * PIECE;
        status = write_piece(w, data + at, n);
    }
    pi0_safetensors_forget(&w->c->cp.st, t->data, t->bytes);
    return status;
}

static int write_converted(writer *w, const st_tensor *t, const st_tensor *source)
{
    tensor_view v;
    int status = pi0_checkpoint_read(&w->c->cp, source, &v, w->c->err);
    if (status) return status;
    const int most = v.cols ? (int)(PIECE / (unsigned)v.cols) + 1 : 1;
    const int step = most < v.rows ? most : v.rows;
    const size_t row = (size_t)v.cols * dtype_size(t->type);
    char *piece = malloc((size_t)step * row + 1);
    if (!piece) status = pi0_fail(w->c->err, PI0_ENOMEM, "no memory to convert %s", t->name);
    for (int first = 0; first < v.rows && !status; first += step) {
        const int n = v.rows - first < step ? v.rows - first : step;
        put_rows(piece, t->type, &v, first, n);
        status = write_piece(w, piece, (size_t)n * row);
    }
    free(piece);
    pi0_checkpoint_forget(&w->c->cp, &v);
    return status;
}

static int write_tensors(writer *w, const st_tensor *list, int n)
{
    size_t size = 0;
    char *header = pi0_st_header(NULL, list, n, &size);
    if (!header) return pi0_fail(w->c->err, PI0_ENOMEM, "%s: no memory for the header", w->path);
    const int bad = pi0_write_at(w->fd, header, size, 0);
    free(header);
    if (bad) return pi0_fail_errno(w->c->err, PI0_EIO, "%s: write", w->path);
    w->at = size;
    for (int i = 0; i < n; i++) {
        const st_tensor *source = pi0_safetensors_find(&w->c->cp.st, list[i].name);
        const bool stored = list[i].data && source->type == list[i].type;
        const int status =
            stored ? write_stored(w, &list[i]) : write_converted(w, &list[i], source);
        if (status) return status;
    }
    return PI0_OK;
}

int pi0_convert_weights(const st_tensor *list, int n, uint64_t bytes, conversion *c)
{
    char *path = pi0_path_join(c->part, "model.safetensors");
    if (!path) return pi0_fail(c->err, PI0_ENOMEM, "no memory for a path");
    writer w = { .c = c, .path = path, .bytes = bytes };
    int status = PI0_OK;
    w.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w.fd < 0) {
        status = pi0_fail_errno(c->err, PI0_EIO, "%s: cannot create", path);
    } else {
        status = write_tensors(&w, list, n);
        if (close(w.fd) && !status) status = pi0_fail_errno(c->err, PI0_EIO, "%s: close", path);
    }
    free(path);
    return status;
}
