/* SPDX-License-Identifier: Apache-2.0 */
/* verify_against.c - the inputs of one inference and another runtime's tensors from one file:
 * docs/VERIFY.md, "Tensors of another runtime". */
#include "data/safetensors.h"
#include "raw_file.h"
#include "verify.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CAMERAS 64

struct other_runtime {
    const char *path;
    safetensors st;
    raw_file raw; // where the inputs are those of pi0 infer --raw, else empty
    verify_inputs inputs;
    pi0_inputs in;
    pi0_image images[MAX_CAMERAS];
    int camera[MAX_CAMERAS]; // number in the model's order of each that is present
    float *pixels, *noise;
    int32_t *tokens;
    double state[RAW_MAX_STATE];
    int horizon;
    const uint8_t *mask; // of the padded prefix; NULL: it has no padding
    int n_mask, n_valid;
};

/* ---- reading ---- */

static int no_tensor(const other_runtime *o, const char *name, const char *what, pi0_error *err)
{
    return pi0_fail(err, PI0_EFORMAT, "%s: no tensor %s %s (docs/VERIFY.md describes the file)",
                    o->path, name, what);
}

// a tensor of this type and these dimensions; 0: any
static int expect(const other_runtime *o, const char *name, dtype type, int n_dims, int64_t rows,
                  int64_t cols, const st_tensor **found, pi0_error *err)
{
    char shape[128];
    const st_tensor *t = pi0_safetensors_find(&o->st, name);
    if (!t) return no_tensor(o, name, "", err);
    const int64_t last = t->n_dims ? t->dims[t->n_dims - 1] : 0;
    if (t->type != type || t->n_dims != n_dims || !last || last > INT32_MAX ||
        t->dims[0] > INT32_MAX || (rows && t->dims[0] != rows) || (cols && last != cols))
        return pi0_fail(err, PI0_EFORMAT, "%s: %s is %s %s, expected %s of %d dimension%s", o->path,
                        name, dtype_name(t->type), pi0_st_shape(shape, sizeof shape, t),
                        dtype_name(type), n_dims, n_dims == 1 ? "" : "s");
    *found = t;
    return PI0_OK;
}

static float *floats_of(const st_tensor *t)
{
    float *copy = malloc(t->bytes);
    return copy ? memcpy(copy, t->data, t->bytes) : NULL;
}

static int read_tokens(other_runtime *o, const char *name, const char *mask_name, pi0_error *err)
{
    const st_tensor *t, *mask;
    int status = expect(o, name, DTYPE_I64, 1, 0, 0, &t, err);
    if (!status) status = expect(o, mask_name, DTYPE_BOOL, 1, t->dims[0], 0, &mask, err);
    if (status) return status;
    if (!(o->tokens = malloc((size_t)t->dims[0] * sizeof *o->tokens)))
        return pi0_fail(err, PI0_ENOMEM, "%s: no memory for tokens", o->path);
    for (int64_t i = 0; i < t->dims[0]; i++) {
        int64_t id;
        memcpy(&id, (const char *)t->data + 8 * i, sizeof id);
        if (!((const uint8_t *)mask->data)[i]) continue;
        if (id < 0 || id > INT32_MAX)
            return pi0_fail(err, PI0_EFORMAT, "%s: %s[%lld] is %lld, which is no token", o->path,
                            name, (long long)i, (long long)id);
        o->tokens[o->in.n_tokens++] = (int32_t)id;
    }
    o->in.tokens = o->tokens;
    return PI0_OK;
}

static int read_state(other_runtime *o, const char *name, bool pi05, pi0_error *err)
{
    const st_tensor *t = pi0_safetensors_find(&o->st, name);
    if (pi05) return PI0_OK; // in its prompt
    if (!t) return no_tensor(o, name, "", err);
    if ((t->type != DTYPE_F32 && t->type != DTYPE_F64) || t->n_dims != 1 || t->dims[0] < 1 ||
        t->dims[0] > RAW_MAX_STATE)
        return pi0_fail(err, PI0_EFORMAT, "%s: %s, expected F32 or F64 [1] to [%d]", o->path, name,
                        RAW_MAX_STATE);
    o->in.n_state = (int)t->dims[0];
    for (int i = 0; i < o->in.n_state; i++)
        if (t->type == DTYPE_F64)
            memcpy(&o->state[i], (const char *)t->data + 8 * i, sizeof *o->state);
        else
            o->state[i] = (double)dtype_load(DTYPE_F32, t->data, i);
    o->in.state = o->state;
    return PI0_OK;
}

static bool is_set(const other_runtime *o, const char *name)
{
    const st_tensor *t = pi0_safetensors_find(&o->st, name);
    return t && t->bytes == 1 && *(const uint8_t *)t->data;
}

// taps.in.*: as openpi's tensors are captured
static int read_openpi(other_runtime *o, const pi0_model *m, const pi0_info *info, pi0_error *err)
{
    char name[200];
    const st_tensor *t;
    for (int i = 0; i < info->n_cameras && i < MAX_CAMERAS; i++) {
        const char *camera = pi0_model_camera(m, i);
        snprintf(name, sizeof name, "taps.in.image_mask.%s", camera);
        if (!is_set(o, name)) continue;
        snprintf(name, sizeof name, "taps.in.image.%s", camera);
        const int status = expect(o, name, DTYPE_U8, 3, info->image_size, 3, &t, err);
        if (status) return status;
        if (t->dims[1] != info->image_size) return no_tensor(o, name, "of the model's size", err);
        o->camera[o->in.n_images] = i;
        o->images[o->in.n_images++] = (pi0_image){
            .camera = camera, .rgb = t->data, .width = info->image_size, .height = info->image_size
        };
    }
    o->in.images = o->images;
    const int status =
        read_tokens(o, "taps.in.tokenized_prompt", "taps.in.tokenized_prompt_mask", err);
    return status ? status : read_state(o, "taps.in.state", info->pi05, err);
}

// image0, image_mask0 …: as LeRobot's are
static int read_lerobot(other_runtime *o, const pi0_info *info, pi0_error *err)
{
    char name[64];
    const st_tensor *t;
    const size_t side = (size_t)info->image_size, values = 3 * side * side;
    if (!(o->pixels = malloc((size_t)MAX_CAMERAS * values * sizeof *o->pixels)))
        return pi0_fail(err, PI0_ENOMEM, "%s: no memory for pictures", o->path);
    for (int i = 0; i < MAX_CAMERAS; i++) {
        snprintf(name, sizeof name, "image_mask%d", i);
        if (!is_set(o, name)) continue;
        snprintf(name, sizeof name, "image%d", i);
        const int status = expect(o, name, DTYPE_F32, 3, 3, info->image_size, &t, err);
        if (status) return status;
        if (t->bytes != values * sizeof *o->pixels)
            return no_tensor(o, name, "of the model's size", err);
        o->camera[o->in.n_images] = i;
        memcpy(o->pixels + (size_t)o->in.n_images++ * values, t->data, t->bytes);
    }
    o->in.pixels = o->pixels;
    const int status = read_tokens(o, "tokens", "token_mask", err);
    return status ? status : read_state(o, "state_normalized", info->pi05, err);
}

// the keys of pi0 infer --raw: the cameras that are present, in order
static int read_raw(other_runtime *o, const pi0_info *info, pi0_error *err)
{
    const int status = pi0_raw_read(&o->raw, o->path, NULL, err);
    if (status) return status;
    const raw_file *raw = &o->raw;
    if (raw->n_images > MAX_CAMERAS)
        return pi0_fail(err, PI0_EFORMAT, "%s: %d pictures", o->path, raw->n_images);
    o->in = (pi0_inputs){ .n_images = raw->n_images,
                          .pixels = raw->pixels,
                          .tokens = raw->tokens,
                          .n_tokens = raw->n_tokens };
    const size_t bytes = (size_t)3 * RAW_IMAGE_SIZE * RAW_IMAGE_SIZE;
    for (int i = 0; i < raw->n_images; i++) {
        o->camera[i] = i;
        if (raw->images)
            o->images[i] = (pi0_image){ .rgb = raw->images + (size_t)i * bytes,
                                        .width = RAW_IMAGE_SIZE,
                                        .height = RAW_IMAGE_SIZE };
    }
    if (raw->images) o->in.images = o->images;
    if (!info->pi05 && raw->n_state) {
        o->in.state = raw->state;
        o->in.n_state = raw->n_state;
    }
    return PI0_OK;
}

static int read_noise(other_runtime *o, const pi0_info *info, pi0_error *err)
{
    const st_tensor *t;
    const int status = expect(o, "noise", DTYPE_F32, 2, 0, info->action_dim, &t, err);
    if (status) return status;
    o->horizon = (int)t->dims[0];
    o->noise = floats_of(t);
    return o->noise ? PI0_OK : pi0_fail(err, PI0_ENOMEM, "%s: no memory for noise", o->path);
}

static int read_mask(other_runtime *o, pi0_error *err)
{
    const st_tensor *t = pi0_safetensors_find(&o->st, "taps.prefix.pad_mask");
    if (!t) return PI0_OK;
    if (t->type != DTYPE_BOOL || t->n_dims != 1)
        return pi0_fail(err, PI0_EFORMAT, "%s: taps.prefix.pad_mask, expected BOOL [rows]",
                        o->path);
    o->mask = t->data;
    o->n_mask = (int)t->bytes;
    for (int i = 0; i < o->n_mask; i++) o->n_valid += o->mask[i] != 0;
    return PI0_OK;
}

int pi0_other_open(other_runtime **other, const char *path, const pi0_model *model, pi0_error *err)
{
    pi0_info info;
    pi0_model_info(model, &info);
    other_runtime *o = calloc(1, sizeof *o);
    if (!o) return pi0_fail(err, PI0_ENOMEM, "no memory for %s", path);
    o->path = path;
    int status = pi0_safetensors_open(&o->st, path, err);
    if (!status) {
        if (pi0_safetensors_find(&o->st, "taps.in.tokenized_prompt"))
            status = read_openpi(o, model, &info, err);
        else if (pi0_safetensors_find(&o->st, "image0"))
            status = read_lerobot(o, &info, err);
        else
            status = read_raw(o, &info, err);
    }
    if (!status) status = read_noise(o, &info, err);
    if (!status) status = read_mask(o, err);
    o->inputs = (verify_inputs){ NULL, &o->in, o->noise };
    if (status) {
        pi0_other_free(o);
        return status;
    }
    *other = o;
    return PI0_OK;
}

void pi0_other_free(other_runtime *o)
{
    if (!o) return;
    pi0_raw_free(&o->raw);
    pi0_safetensors_close(&o->st);
    free(o->pixels);
    free(o->noise);
    free(o->tokens);
    free(o);
}

const verify_inputs *pi0_other_inputs(const other_runtime *o)
{
    return &o->inputs;
}

int pi0_other_horizon(const other_runtime *o)
{
    return o->horizon;
}

/* ---- its stages ---- */

// which rows of a tensor are those of a stage here
typedef struct selection {
    char name[128]; // of the tensor
    enum { ALL, PREFIX, FIRST, LAST } rows;
} selection;

static void select_stage(selection *s, const other_runtime *o, const char *name)
{
    int image, layer, at = 0;
    s->rows = !strncmp(name, "prefix.", 7) ? PREFIX : LAST;
    if (sscanf(name, "vision.%d.%n", &image, &at) == 1 && at) {
        // absent cameras are counted there
        s->rows = ALL;
        snprintf(s->name, sizeof s->name, "taps.vision.%d.%s",
                 image < o->in.n_images ? o->camera[image] : -1, name + at);
    } else if (!strcmp(name, "suffix.state")) {
        s->rows = FIRST;
        snprintf(s->name, sizeof s->name, "taps.suffix.embeddings");
    } else if (sscanf(name, "state.L%d.%n", &layer, &at) == 1 && at) {
        // in each step's suffix there, before the actions
        s->rows = FIRST;
        const bool out = !strcmp(name + at, "out");
        snprintf(s->name, sizeof s->name, "taps.step0.expert.L%02d%s%s", layer, out ? "" : ".",
                 out ? "" : name + at);
    } else {
        snprintf(s->name, sizeof s->name, "taps.%s", name);
    }
}

static bool takes(const other_runtime *o, const selection *s, int row, int of, int rows)
{
    switch (s->rows) {
    case PREFIX: return of == rows || (row < o->n_mask && o->mask[row]);
    case FIRST: return row == 0;
    case LAST: return row >= of - rows;
    default: return true;
    }
}

// how many rows of a tensor of `of` rows are taken
static int rows_taken(const other_runtime *o, const selection *s, int of, int rows)
{
    if (s->rows == PREFIX && of != rows) return of == o->n_mask ? o->n_valid : of;
    if (s->rows == FIRST) return of > 1 ? 1 : 0; // without a row of its own: not there
    return s->rows == LAST && of == rows + 1 ? rows : of;
}

static const st_tensor *find_actions(const other_runtime *o)
{
    const st_tensor *t = pi0_safetensors_find(&o->st, "model_actions_f32");
    return t ? t : pi0_safetensors_find(&o->st, "model_actions");
}

// columns of a tensor, 0 where it cannot be a stage of `cols`: actions may be a robot's, fewer
static int columns(const st_tensor *t, int cols, bool actions)
{
    const int64_t last = t->n_dims ? t->dims[t->n_dims - 1] : 1;
    const bool fits = last == cols || (actions && last < cols && last > 0);
    return t->type == DTYPE_F32 && fits ? (int)last : 0;
}

float *pi0_other_stage(const other_runtime *o, const char *name, int rows, int *cols,
                       const char **why)
{
    selection s;
    const bool actions = !strcmp(name, "actions");
    select_stage(&s, o, name);
    const st_tensor *t = actions ? find_actions(o) : pi0_safetensors_find(&o->st, s.name);
    *why = NULL;
    if (!t) return NULL;
    const int n = columns(t, *cols, actions);
    if (!n) {
        *why = "the file's is not F32 or has other columns";
        return NULL;
    }
    const size_t row = (size_t)n * sizeof(float);
    const int of = (int)(t->bytes / row), taken = rows_taken(o, &s, of, rows);
    if (s.rows == FIRST && !taken) return NULL;
    float *data = taken == rows ? malloc((size_t)rows * row) : NULL;
    if (!data) {
        *why = taken == rows ? "no memory" : "the file's has another number of rows";
        return NULL;
    }
    for (int r = 0, to = 0; r < of && to < rows; r++)
        if (takes(o, &s, r, of, rows))
            memcpy((char *)data + (size_t)to++ * row, (const char *)t->data + (size_t)r * row, row);
    *cols = n;
    return data;
}
