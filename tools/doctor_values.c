/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_values.c - checks of pi0 doctor: what the tensors hold. Small files are read whole; of
 * large ones evenly spaced pieces of every tensor, and the report says so. */
#include "doctor.h"
#include <math.h>

#define READ_WHOLE ((size_t)256 << 20) // bytes of a checkpoint that is read whole
#define PIECES 16                      // of a sampled tensor
#define PIECE 4096                     // values of a piece

typedef struct scan {
    size_t n, not_finite, zero, not_bf16;
} scan;

// values in the order in which they lie
static void scan_range(scan *s, const tensor_view *v, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const float x = dtype_load(v->type, v->data, (ptrdiff_t)i);
        s->not_finite += !isfinite(x);
        s->zero += x == 0;
        s->not_bf16 += (f32_bits(x) & 0xffff) != 0;
    }
    s->n += to - from;
}

static void scan_tensor(scan *s, const tensor_view *v, bool whole)
{
    const size_t n = (size_t)v->rows * (size_t)v->cols;
    *s = (scan){ .n = 0 };
    if (whole || n <= (size_t)PIECES * PIECE) {
        scan_range(s, v, 0, n);
        return;
    }
    // the last piece ends with the tensor
    for (size_t k = 0; k < PIECES; k++) {
        const size_t from = (n - PIECE) / (PIECES - 1) * k;
        scan_range(s, v, k == PIECES - 1 ? n - PIECE : from,
                   (k == PIECES - 1 ? n - PIECE : from) + PIECE);
    }
}

// a matrix whose zeros pass nothing on; an adaptive norm starts as zeros and may stay so
static bool must_not_be_zero(enum tensor_id id)
{
    if (id == T_EX_NORM1_W || id == T_EX_NORM2_W || id == T_EX_NORM_W) return false;
    const enum tensor_init init = pi0_tensor_table[id].init;
    return init == INIT_MATRIX || init == INIT_TABLE || init == INIT_ONE || init == INIT_POSITION;
}

typedef struct value_faults {
    text_list not_finite, zero, unread;
    int n_f32, n_as_bf16, n_type[DTYPE_COUNT];
    double f32_bytes, as_bf16_bytes;
    size_t values, of; // looked at, of so many
} value_faults;

static void look_at(doctor *d, const st_tensor *t, enum tensor_id id, bool whole, value_faults *f)
{
    scan s;
    tensor_view v;
    pi0_error err;
    f->n_type[t->type]++;
    if (t->type != DTYPE_F32 && t->type != DTYPE_BF16 && t->type != DTYPE_F16) return;
    // a shape that is none has been told already
    if (!t->n_dims || t->dims[0] > INT32_MAX || t->bytes / dtype_size(t->type) > INT32_MAX) return;
    if (pi0_checkpoint_read(&d->files, t, &v, &err)) {
        if (!f->unread.n) pi0_list_add(&f->unread, "%s", err.message);
        return;
    }
    scan_tensor(&s, &v, whole);
    if (d->files.is_orbax) pi0_checkpoint_forget(&d->files, &v);
    f->values += s.n;
    f->of += t->bytes / dtype_size(t->type);
    if (s.not_finite)
        pi0_list_add(&f->not_finite, "%.150s (%zu of %zu values)", t->name, s.not_finite, s.n);
    if (s.n && s.zero == s.n && must_not_be_zero(id)) pi0_list_add(&f->zero, "%.200s", t->name);
    if (t->type != DTYPE_F32) return;
    f->n_f32++;
    f->f32_bytes += (double)t->bytes;
    // zeros say nothing
    if (s.not_bf16 || s.not_finite || s.zero == s.n) return;
    f->n_as_bf16++;
    f->as_bf16_bytes += (double)t->bytes;
}

static void check_types(doctor *d, const value_faults *f)
{
    text_list types = { .n = 0 };
    for (int t = 0; t < DTYPE_COUNT; t++)
        if (f->n_type[t]) pi0_list_add(&types, "%d %s", f->n_type[t], dtype_name((dtype)t));
    if (types.n > 1)
        pi0_found(d, F_TENSOR_MIXED, "tensors of several types: %s", pi0_list_text(&types));
    if (f->n_as_bf16)
        pi0_found(d, F_TENSOR_BF16_IN_F32,
                  "%d of %d F32 tensors (%.1f of %.1f MB) hold only values that BF16 has",
                  f->n_as_bf16, f->n_f32, f->as_bf16_bytes * 1e-6, f->f32_bytes * 1e-6);
}

void pi0_check_values(doctor *d)
{
    model_sizes z;
    value_faults f = { .n_f32 = 0 };
    size_t bytes = 0;
    if (!pi0_doctor_sizes(d, &z)) return;
    for (int i = 0; i < d->files.st.n_tensors; i++) bytes += d->files.st.tensors[i].bytes;
    const bool whole = bytes <= READ_WHOLE;
    for (int id = 0; id < T_COUNT; id++)
        for (int layer = 0; layer < pi0_tensor_count(&z, id); layer++) {
            const st_tensor *t = pi0_doctor_tensor(d, id, layer, NULL);
            if (t) look_at(d, t, id, whole, &f);
        }
    pi0_looked(d, "%.1f million values, %s", (double)f.values * 1e-6,
               whole ? "all of them" : "evenly sampled");
    if (f.unread.n) pi0_found(d, F_TENSOR_FILE, "%s", pi0_list_text(&f.unread));
    if (f.not_finite.n)
        pi0_found(d, F_TENSOR_NOT_FINITE, "NaN or infinity in %s", pi0_list_text(&f.not_finite));
    if (f.zero.n) pi0_found(d, F_TENSOR_ZERO, "nothing but zeros in %s", pi0_list_text(&f.zero));
    check_types(d, &f);
    if (!whole)
        pi0_found(d, F_TENSOR_SAMPLED,
                  "%.1f of %.1f million values were looked at, at most %d of each tensor",
                  (double)f.values * 1e-6, (double)f.of * 1e-6, PIECES * PIECE);
}
