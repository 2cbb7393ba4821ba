/* SPDX-License-Identifier: Apache-2.0 */
/* raw_file.c - the network's inputs from one safetensors file. */
#include "raw_file.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S RAW_IMAGE_SIZE
#define ANY 0 // a dimension of any size but zero

// where messages point to
typedef struct place {
    const char *path, *key;
    pi0_error *err;
} place;

// a dimension list that a key must have
typedef struct shape {
    int n;
    int64_t dims[4]; // ANY or a number
    const char *text;
} shape;

static const char *const known[] = { "images", "pixels", "tokens", "state", "noise" };

// "[1,2]" of element `at` of an array
static void index_text(char text[96], size_t at, int n_dims, const int64_t *dims)
{
    size_t stride = 1;
    for (int d = 1; d < n_dims; d++) stride *= (size_t)dims[d];
    int length = 0;
    for (int d = 0; d < n_dims; d++) {
        length += snprintf(text + length, 96 - (size_t)length, "%c%zu", d ? ',' : '[', at / stride);
        at %= stride;
        if (d + 1 < n_dims) stride /= (size_t)dims[d + 1];
    }
    snprintf(text + length, 96 - (size_t)length, "]");
}

static size_t count(int n_dims, const int64_t *dims)
{
    size_t n = 1;
    for (int d = 0; d < n_dims; d++) n *= (size_t)dims[d];
    return n;
}

const char *pi0_raw_not_finite(char text[96], const float *data, int n_dims, const int64_t *dims)
{
    const size_t n = count(n_dims, dims);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(data[i])) {
            index_text(text, i, n_dims, dims);
            return text;
        }
    return NULL;
}

// the tensor has one of two types and the shape, else an error that says all three
static int expect(const place *p, const st_tensor *t, dtype a, dtype b, const shape *s)
{
    char found[128], types[16];
    bool fits = t->n_dims == s->n;
    for (int d = 0; fits && d < s->n; d++)
        fits = s->dims[d] == ANY ? t->dims[d] > 0 : t->dims[d] == s->dims[d];
    if (fits && (t->type == a || t->type == b)) return PI0_OK;
    snprintf(types, sizeof types, "%s%s%s", dtype_name(a), a == b ? "" : " or ",
             a == b ? "" : dtype_name(b));
    return pi0_fail(p->err, PI0_EFORMAT, "%s: %s is %s %s, expected %s %s", p->path, p->key,
                    dtype_name(t->type), pi0_st_shape(found, sizeof found, t), types, s->text);
}

// floats of the file as an aligned copy, all finite
static int copy_floats(const place *p, const st_tensor *t, float **out)
{
    char at[96];
    const size_t n = count(t->n_dims, t->dims);
    float *data = malloc(n * sizeof *data);
    if (!data) return pi0_fail(p->err, PI0_ENOMEM, "%s: no memory for %s", p->path, p->key);
    memcpy(data, t->data, n * sizeof *data);
    if (pi0_raw_not_finite(at, data, t->n_dims, t->dims)) {
        free(data);
        return pi0_fail(p->err, PI0_EFORMAT, "%s: %s%s is not a finite number", p->path, p->key,
                        at);
    }
    *out = data;
    return PI0_OK;
}

static int read_images(raw_file *raw, const place *p, const st_tensor *t)
{
    static const shape s = { 4, { ANY, S, S, 3 }, "[n,224,224,3], n > 0" };
    const int status = expect(p, t, DTYPE_U8, DTYPE_U8, &s);
    if (status) return status;
    if (t->dims[0] > 1000)
        return pi0_fail(p->err, PI0_EFORMAT, "%s: images holds %lld pictures", p->path,
                        (long long)t->dims[0]);
    raw->images = t->data;
    raw->n_images = (int)t->dims[0];
    return PI0_OK;
}

static int read_pixels(raw_file *raw, const place *p, const st_tensor *t, notices *w)
{
    static const shape s = { 4, { ANY, 3, S, S }, "[n,3,224,224], n > 0" };
    char at[96];
    int status = expect(p, t, DTYPE_F32, DTYPE_F32, &s);
    if (!status) status = copy_floats(p, t, &raw->pixels);
    if (status) return status;
    raw->n_images = (int)t->dims[0];

    // [0,1] or [0,255] would run and mean something else
    const size_t n = count(t->n_dims, t->dims);
    for (size_t i = 0; w && i < n; i++)
        if (raw->pixels[i] < -1 || raw->pixels[i] > 1) {
            index_text(at, i, t->n_dims, t->dims);
            pi0_notice(w, "%s: pixels%s is %g; the network expects [-1,1]", p->path, at,
                       (double)raw->pixels[i]);
            break;
        }
    return PI0_OK;
}

static int read_tokens(raw_file *raw, const place *p, const st_tensor *t)
{
    static const shape s = { 1, { ANY }, "[T], T > 0, valid tokens only" };
    const int status = expect(p, t, DTYPE_I64, DTYPE_I64, &s);
    if (status) return status;
    if (t->dims[0] > INT32_MAX)
        return pi0_fail(p->err, PI0_EFORMAT, "%s: tokens is too long", p->path);
    raw->n_tokens = (int)t->dims[0];
    raw->tokens = malloc((size_t)raw->n_tokens * sizeof *raw->tokens);
    if (!raw->tokens) return pi0_fail(p->err, PI0_ENOMEM, "%s: no memory for tokens", p->path);
    for (int i = 0; i < raw->n_tokens; i++) {
        int64_t id;
        memcpy(&id, (const char *)t->data + 8 * (size_t)i, sizeof id);
        if (id < 0 || id > INT32_MAX)
            return pi0_fail(p->err, PI0_EFORMAT, "%s: tokens[%d] is %lld, expected 0 to %d",
                            p->path, i, (long long)id, INT32_MAX);
        raw->tokens[i] = (int32_t)id;
    }
    return PI0_OK;
}

static int read_state(raw_file *raw, const place *p, const st_tensor *t)
{
    static const shape s = { 1, { ANY }, "[1] to [32]" };
    const int status = expect(p, t, DTYPE_F32, DTYPE_F64, &s);
    if (status) return status;
    if (t->dims[0] > RAW_MAX_STATE)
        return pi0_fail(p->err, PI0_EFORMAT, "%s: state has %lld values, expected 1 to %d", p->path,
                        (long long)t->dims[0], RAW_MAX_STATE);
    raw->n_state = (int)t->dims[0];
    for (int i = 0; i < raw->n_state; i++) {
        if (t->type == DTYPE_F64)
            memcpy(&raw->state[i], (const char *)t->data + 8 * (size_t)i, sizeof *raw->state);
        else
            raw->state[i] = (double)dtype_load(DTYPE_F32, t->data, i);
        if (!isfinite(raw->state[i]))
            return pi0_fail(p->err, PI0_EFORMAT, "%s: state[%d] is not a finite number", p->path,
                            i);
    }
    return PI0_OK;
}

static int read_noise(raw_file *raw, const place *p, const st_tensor *t)
{
    static const shape s = { 2, { ANY, ANY }, "[H,32]" };
    int status = expect(p, t, DTYPE_F32, DTYPE_F32, &s);
    if (!status && (t->dims[0] > INT32_MAX || t->dims[1] > INT32_MAX))
        status = pi0_fail(p->err, PI0_EFORMAT, "%s: noise is too large", p->path);
    if (!status) status = copy_floats(p, t, &raw->noise);
    if (status) return status;
    raw->noise_rows = (int)t->dims[0];
    raw->noise_cols = (int)t->dims[1];
    return PI0_OK;
}

static void warn_unknown(const raw_file *raw, const char *path, notices *w)
{
    for (int i = 0; i < raw->st.n_tensors; i++) {
        const char *name = raw->st.tensors[i].name;
        bool is_known = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            is_known |= !strcmp(name, known[k]);
        if (!is_known) pi0_notice(w, "%s: the key %s is not used", path, name);
    }
}

// the keys one after the other
static int read_all(raw_file *raw, const char *path, notices *w, pi0_error *err)
{
    const st_tensor *t[sizeof known / sizeof *known];
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        t[k] = pi0_safetensors_find(&raw->st, known[k]);
    if (t[0] && t[1])
        return pi0_fail(err, PI0_EFORMAT, "%s: has both images and pixels, expected one", path);
    if (!t[0] && !t[1])
        return pi0_fail(err, PI0_EFORMAT, "%s: has neither images nor pixels", path);
    if (!t[2]) return pi0_fail(err, PI0_EFORMAT, "%s: has no tokens", path);

    int status = t[0] ? read_images(raw, &(place){ path, known[0], err }, t[0])
                      : read_pixels(raw, &(place){ path, known[1], err }, t[1], w);
    if (!status) status = read_tokens(raw, &(place){ path, known[2], err }, t[2]);
    if (!status && t[3]) status = read_state(raw, &(place){ path, known[3], err }, t[3]);
    if (!status && t[4]) status = read_noise(raw, &(place){ path, known[4], err }, t[4]);
    if (!status && w) warn_unknown(raw, path, w);
    return status;
}

int pi0_raw_read(raw_file *raw, const char *path, notices *w, pi0_error *err)
{
    *raw = (raw_file){ .n_images = 0 };
    int status = pi0_safetensors_open(&raw->st, path, err);
    if (status) return status;
    status = read_all(raw, path, w, err);
    if (status) pi0_raw_free(raw);
    return status;
}

void pi0_raw_free(raw_file *raw)
{
    pi0_safetensors_close(&raw->st);
    free(raw->pixels);
    free(raw->tokens);
    free(raw->noise);
    *raw = (raw_file){ .n_images = 0 };
}
