/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite.c - read a checkpoint's tensors, change them, write them. */
#include "support/rewrite.h"
#include "support/st_blob.h"
#include <math.h>

static void check(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "rewrite: %s\n", what);
    abort();
}

static void *copy_of(const void *data, size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    check(p != NULL, "no memory");
    return memcpy(p, data, bytes);
}

rewrite rewrite_open(const char *dir)
{
    safetensors st = { 0 };
    pi0_error err;
    check(!pi0_safetensors_open(&st, dir, &err), "cannot open the checkpoint");
    rewrite w = { calloc((size_t)st.n_tensors, sizeof *w.tensor), st.n_tensors };
    check(w.tensor != NULL, "no memory");
    for (int i = 0; i < w.n; i++) {
        const st_tensor *from = &st.tensors[i];
        rewrite_tensor *t = &w.tensor[i];
        snprintf(t->name, sizeof t->name, "%s", from->name);
        t->type = from->type;
        t->n_dims = from->n_dims;
        memcpy(t->dims, from->dims, sizeof t->dims);
        t->data = copy_of(from->data, from->bytes);
        t->bytes = from->bytes;
    }
    pi0_safetensors_close(&st);
    return w;
}

void rewrite_free(rewrite *w)
{
    for (int i = 0; i < w->n; i++) free(w->tensor[i].data);
    free(w->tensor);
}

rewrite_tensor *rewrite_find(rewrite *w, const char *name_end)
{
    const size_t length = strlen(name_end);
    for (int i = 0; i < w->n; i++) {
        const size_t n = strlen(w->tensor[i].name);
        if (n >= length && !strcmp(w->tensor[i].name + n - length, name_end)) return &w->tensor[i];
    }
    check(false, name_end);
    return NULL;
}

rewrite_tensor *rewrite_copy(rewrite *w, const char *name_end, const char *new_name)
{
    const rewrite_tensor from = *rewrite_find(w, name_end);
    w->tensor = realloc(w->tensor, ((size_t)w->n + 1) * sizeof *w->tensor);
    check(w->tensor != NULL, "no memory");
    rewrite_tensor *t = &w->tensor[w->n++];
    *t = from;
    t->data = copy_of(from.data, from.bytes);
    snprintf(t->name, sizeof t->name, "%s", new_name);
    return t;
}

// exact for the values that tests use it on: normal f16 numbers
static uint16_t f32_to_f16(float f)
{
    int exponent;
    const float m = frexpf(fabsf(f), &exponent);
    const uint16_t sign = f < 0 ? 0x8000 : 0;
    if (m == 0 || exponent < -13) return sign;
    const long mantissa = lrintf(ldexpf(m, 11)); // 11 bits, the first of them 1
    return (uint16_t)(sign + ((exponent + 13) << 10) + mantissa);
}

void rewrite_convert(rewrite_tensor *t, dtype type)
{
    const size_t n = t->bytes / dtype_size(t->type);
    unsigned char *to = malloc(n * dtype_size(type) + 1);
    check(to != NULL, "no memory");
    for (size_t i = 0; i < n; i++) {
        const float f = dtype_load(t->type, t->data, (ptrdiff_t)i);
        const uint16_t half = type == DTYPE_BF16 ? f32_to_bf16(f) : f32_to_f16(f);
        if (type == DTYPE_F32)
            memcpy(to + 4 * i, &f, 4);
        else
            memcpy(to + 2 * i, &half, 2);
    }
    free(t->data);
    t->data = to;
    t->type = type;
    t->bytes = n * dtype_size(type);
}

void rewrite_prefix(rewrite *w, const char *prefix)
{
    for (int i = 0; i < w->n; i++) {
        char name[200];
        check(snprintf(name, sizeof name, "%s%s", prefix, w->tensor[i].name) < (int)sizeof name,
              "long name");
        memcpy(w->tensor[i].name, name, sizeof name);
    }
}

static size_t header_entry(char *to, size_t size, const rewrite_tensor *t, size_t at, bool first)
{
    size_t n = (size_t)snprintf(to, size, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                                first ? "" : ",", t->name, dtype_name(t->type));
    for (int d = 0; d < t->n_dims; d++)
        n += (size_t)snprintf(to + n, size - n, "%s%lld", d ? "," : "", (long long)t->dims[d]);
    n += (size_t)snprintf(to + n, size - n, "],\"data_offsets\":[%zu,%zu]}", at, at + t->bytes);
    check(n < size, "header too long");
    return n;
}

void rewrite_write(const rewrite *w, int first, int last, const tmpdir *dir, const char *name)
{
    size_t bytes = 0, header_size = 1;
    const size_t room = ((size_t)w->n + 1) * 400;
    char *header = malloc(room);
    for (int i = first; i < last; i++) bytes += w->tensor[i].drop ? 0 : w->tensor[i].bytes;
    unsigned char *data = malloc(bytes + 1);
    check(header && data, "no memory");
    header[0] = '{';
    size_t at = 0;
    for (int i = first; i < last; i++) {
        const rewrite_tensor *t = &w->tensor[i];
        if (t->drop) continue;
        header_size += header_entry(header + header_size, room - header_size, t, at, !at);
        memcpy(data + at, t->data, t->bytes);
        at += t->bytes;
    }
    header[header_size++] = '}';
    st_blob blob = st_blob_make(header, header_size, data, bytes);
    tmpdir_write(dir, name, blob.bytes, blob.size);
    free(blob.bytes);
    free(header);
    free(data);
}

void rewrite_write_shards(const rewrite *w, const tmpdir *dir)
{
    const int half = w->n / 2;
    char *index = malloc((size_t)w->n * 256 + 100);
    check(index != NULL, "no memory");
    size_t at = (size_t)sprintf(index, "{\"metadata\":{},\"weight_map\":{");
    for (int i = 0; i < w->n; i++)
        at += (size_t)sprintf(index + at, "%s\"%s\":\"model-%05d-of-00002.safetensors\"",
                              i ? "," : "", w->tensor[i].name, i < half ? 1 : 2);
    sprintf(index + at, "}}");
    rewrite_write(w, 0, half, dir, "model-00001-of-00002.safetensors");
    rewrite_write(w, half, w->n, dir, "model-00002-of-00002.safetensors");
    tmpdir_write_text(dir, "model.safetensors.index.json", index);
    free(index);
}
