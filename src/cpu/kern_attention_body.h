/* SPDX-License-Identifier: Apache-2.0 */
/* kern_attention_body.h - attention's inner loops, written once in the words of vec_<isa>.h. A
 * kern_attention_<isa>.c includes it after it has defined
 *
 *   QUANTUM             values in a quantum: 1 (f32) or 2 (bf16)
 *   NV                  vectors of a panel at most
 *   MR, MR_HALF         rows of a tile; where half a vector of columns is carried along
 *   LOGIT_TILES(X)      X(m, nv) for m in 1, 2, 4, MR and nv in 1..NV
 *   HALF_TILES(X)       X(m, nv) for m in 1, 2, 4, MR_HALF and nv in 0..NV
 *   q_fma(sum, a, b)    the product of quanta, added to floats
 *   q_query(p, type, i, n)      n elements of a row from the i-th, as VL quanta along the row
 *   q_values(a, b, type, i, n)  quanta of keys: columns i.. of row a (and b, or NULL: zeros)
 *   q_weights(p, a, b, sum)     store 2 VL weights; add them, as they are stored, to *sum
 *   q_put(y, type, i, a, n)     store n lanes of a as elements i.. of a row */
#include "cpu/kern_attention.h"
#include <float.h>

static int div_up(int a, int b)
{
    return (a + b - 1) / b;
}

/* ---- panels ---- */

// n vectors are cut into panels of at most NV, as equal as can be; panel p begins with this one
static int panel_start(int n, int p)
{
    return n * p / div_up(n, NV);
}

// vectors of columns: whole ones, and perhaps half a vector
static int column_vectors(const attention_shape *s, bool *half)
{
    const int rest = s->dim % VL;
    *half = rest > 0 && rest <= VL / 2;
    return s->dim / VL + (rest > VL / 2);
}

static void shape(attention_shape *s, int keys, int dim)
{
    *s = (attention_shape){ .keys = keys, .dim = dim };
    const int vectors = div_up(keys, VL);
    s->key_panels = div_up(vectors, NV);
    s->depth = div_up(dim, QUANTUM);
    s->ld = div_up(vectors, 2) * 2 * VL;
    bool half;
    const int columns = column_vectors(s, &half) * VL + (half ? VL / 2 : 0);
    s->k_floats = (size_t)vectors * VL * (size_t)s->depth;
    s->v_floats = (size_t)vectors * VL / QUANTUM * (size_t)columns;
}

/* ---- packing ---- */

// VL keys from row `first` on, into a column of vectors that lie `stride` floats apart
static void pack_key_vector(const attention_shape *s, float *to, int stride, const void *k, int ld,
                            dtype type, int first)
{
    const size_t row = (size_t)ld * dtype_size(type);
    for (int d = 0; d < s->depth; d += VL) {
        const int n = s->dim - d * QUANTUM < VL * QUANTUM ? s->dim - d * QUANTUM : VL * QUANTUM;
        vf r[VL];
        VEC_UNROLL
        for (int i = 0; i < VL; i++)
            r[i] = first + i < s->keys
                       ? q_query((const char *)k + (size_t)(first + i) * row, type, d * QUANTUM, n)
                       : v_set1(0);
        v_transpose(r);
        const int quanta = s->depth - d < VL ? s->depth - d : VL;
        for (int i = 0; i < quanta; i++) v_store(to + (size_t)(d + i) * (size_t)stride, r[i]);
    }
}

// where quantum j of a panel of nv vectors (and perhaps half a one) begins; whole vectors come
// first in each pair of quanta, the halves of both behind them
static size_t quantum_at(int j, int nv, bool half)
{
    return half ? (size_t)(j / 2) * (size_t)(2 * nv + 1) * VL + (size_t)(j & 1) * (size_t)nv * VL
                : (size_t)j * (size_t)nv * VL;
}

struct value_rows {
    const void *a[2], *b[2]; // the keys of two quanta: first, second
    dtype type;
};

static struct value_rows value_rows(const attention_shape *s, const void *v, int ld, dtype type,
                                    int quantum)
{
    struct value_rows r = { .type = type };
    const size_t row = (size_t)ld * dtype_size(type);
    for (int i = 0; i < 2; i++) {
        const int key = (quantum + i) * QUANTUM;
        if (key < s->keys) r.a[i] = (const char *)v + (size_t)key * row;
        if (QUANTUM == 2 && key + 1 < s->keys) r.b[i] = (const char *)v + (size_t)(key + 1) * row;
    }
    return r;
}

VEC_INLINE vf columns(const struct value_rows *r, int i, int column, int n)
{
    return r->a[i] ? q_values(r->a[i], r->b[i], r->type, column, n) : v_set1(0);
}

// two quanta of keys, from an even one on, into all panels of columns
static void pack_value_pair(const attention_shape *s, float *to, const struct value_rows *r,
                            int quantum)
{
    bool half;
    const int vectors = column_vectors(s, &half), panels = div_up(vectors, NV);
    const int quanta = div_up(s->keys, VL) * VL / QUANTUM;
    for (int p = 0; p < panels; p++) {
        const int v0 = panel_start(vectors, p), nv = panel_start(vectors, p + 1) - v0;
        const bool with_half = half && p == panels - 1;
        float *panel = to + (size_t)v0 * VL * (size_t)quanta;
        for (int i = 0; i < 2; i++)
            for (int v = v0; v < v0 + nv; v++) {
                const int n = s->dim - v * VL < VL ? s->dim - v * VL : VL;
                v_store(panel + quantum_at(quantum + i, nv, with_half) + (v - v0) * VL,
                        columns(r, i, v * VL, n));
            }
    }
    if (!half) return;
    const int v0 = panels ? panel_start(vectors, panels - 1) : 0, nv = vectors - v0;
    const int column = vectors * VL, n = s->dim - column;
    float *panel = to + (size_t)v0 * VL * (size_t)quanta;
    v_store(panel + quantum_at(quantum, nv, true) + 2 * nv * VL,
            v_zip(columns(r, 0, column, n), columns(r, 1, column, n)));
}

static void pack(const attention_shape *s, float *k_to, float *v_to, const void *k, int k_ld,
                 const void *v, int v_ld, dtype type, int panel)
{
    const int vectors = div_up(s->keys, VL);
    const int v0 = panel_start(vectors, panel), v1 = panel_start(vectors, panel + 1);
    k_to += (size_t)v0 * VL * (size_t)s->depth;
    for (int i = v0; i < v1; i++)
        pack_key_vector(s, k_to + (i - v0) * VL, (v1 - v0) * VL, k, k_ld, type, i * VL);
    for (int j = v0 * VL / QUANTUM; j < v1 * VL / QUANTUM; j += 2) {
        const struct value_rows r = value_rows(s, v, v_ld, type, j);
        pack_value_pair(s, v_to, &r, j);
    }
}

static void query(const attention_shape *s, float *to, const void *q, dtype type)
{
    int d = 0;
    for (; d + VL <= s->dim / QUANTUM; d += VL)
        v_store(to + d, q_query(q, type, d * QUANTUM, VL * QUANTUM));
    if (d < s->depth)
        v_store_n(to + d, q_query(q, type, d * QUANTUM, s->dim - d * QUANTUM), s->depth - d);
}

/* ---- tiles: m rows of queries, nv vectors of keys or of columns ---- */

VEC_INLINE void logit_tile(float *out, int ld, const float *q, int depth, const float *k,
                           const int m, const int nv)
{
    vf sum[MR][NV];
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int j = 0; j < nv; j++) sum[i][j] = v_set1(0);
    }
    for (int d = 0; d < depth; d++, k += nv * VL) {
        vf b[NV];
        VEC_UNROLL
        for (int j = 0; j < nv; j++) b[j] = v_load(k + j * VL);
        VEC_UNROLL
        for (int i = 0; i < m; i++) {
            const vf a = v_set1(q[(size_t)i * (size_t)depth + (size_t)d]);
            VEC_UNROLL
            for (int j = 0; j < nv; j++) sum[i][j] = q_fma(sum[i][j], a, b[j]);
        }
    }
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int j = 0; j < nv; j++) v_store(out + (size_t)i * (size_t)ld + j * VL, sum[i][j]);
    }
}

typedef struct mix_job {
    const attention_shape *s;
    void *const *y;
    dtype type;
    const float *weights, *inverse;
    int rows;
} mix_job;

// one quantum of keys: m rows of weights, ld apart, and nv vectors of columns
VEC_INLINE void mix_quantum(vf sum[MR][NV + 1], const float *w, int ld, const float *v, const int m,
                            const int nv)
{
    vf b[NV + 1];
    VEC_UNROLL
    for (int j = 0; j < nv; j++) b[j] = v_load(v + j * VL);
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        const vf a = v_set1(w[(size_t)i * (size_t)ld]);
        VEC_UNROLL
        for (int j = 0; j < nv; j++) sum[i][j] = q_fma(sum[i][j], a, b[j]);
    }
}

// two quanta of keys and half a vector of columns
VEC_INLINE void mix_halves(vf sum[MR][NV + 1], const float *w, int ld, const float *v, const int m,
                           const int nv)
{
    const vf b = v_load(v);
    VEC_UNROLL
    for (int i = 0; i < m; i++)
        sum[i][nv] = q_fma(sum[i][nv], v_pair(w + (size_t)i * (size_t)ld), b);
}

// columns [column, ...) of rows [row, row + m)
VEC_INLINE void mix_tile(const mix_job *job, int row, const float *v, int column, const int m,
                         const int nv, const bool half)
{
    const attention_shape *s = job->s;
    const int ld = s->ld, quanta = div_up(s->keys, QUANTUM);
    const float *w = job->weights + (size_t)row * (size_t)ld;
    vf sum[MR][NV + 1];
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        VEC_UNROLL
        for (int j = 0; j < nv + half; j++) sum[i][j] = v_set1(0);
    }
    for (int q = 0; q < quanta; q += half ? 2 : 1) {
        mix_quantum(sum, w + q, ld, v, m, nv);
        v += nv * VL;
        if (!half) continue;
        mix_quantum(sum, w + q + 1, ld, v, m, nv);
        v += nv * VL;
        mix_halves(sum, w + q, ld, v, m, nv);
        v += VL;
    }
    // unrolled like the rest: an index that is not constant would keep the sums in memory
    VEC_UNROLL
    for (int i = 0; i < m; i++) {
        void *y = job->y[row + i];
        const vf scale = v_set1(job->inverse[row + i]);
        VEC_UNROLL
        for (int j = 0; j < nv; j++) {
            const int n = s->dim - column - j * VL;
            q_put(y, job->type, column + j * VL, v_mul(sum[i][j], scale), n < VL ? n : VL);
        }
        if (half)
            q_put(y, job->type, column + nv * VL, v_mul(v_pair_sum(sum[i][nv]), scale),
                  s->dim - column - nv * VL);
    }
}

// rows are taken MR at a time, the last ones 4, 2, 1
static int tile_rows(int left, int most)
{
    return left >= most ? most : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/* ---- the steps of a block of rows ---- */

static void logits(const attention_shape *s, float *out, const float *q, int rows, const float *k)
{
    const int vectors = div_up(s->keys, VL);
    for (int p = 0; p < s->key_panels; p++) {
        const int v0 = panel_start(vectors, p), nv = panel_start(vectors, p + 1) - v0;
        const float *panel = k + (size_t)v0 * VL * (size_t)s->depth;
        for (int r = 0, m; r < rows; r += m) {
            m = tile_rows(rows - r, MR);
            float *to = out + (size_t)r * (size_t)s->ld + v0 * VL;
            const float *from = q + (size_t)r * (size_t)s->depth;
            switch (m * 8 + nv) {
#define X(M, N) \
    case (M)*8 + (N): logit_tile(to, s->ld, from, s->depth, panel, M, N); break;
                LOGIT_TILES(X)
#undef X
            default: assert(0);
            }
        }
    }
}

static float largest(const float *row, int n)
{
    vf a = v_load(row), b = v_load(row + VL);
    for (int i = 2 * VL; i < n; i += 2 * VL) {
        a = v_max(a, v_load(row + i));
        b = v_max(b, v_load(row + i + VL));
    }
    return v_largest(v_max(a, b));
}

// logits become weights; returns their sum
static float weigh(float *row, int n, float scale, float most)
{
    // 2^((logit - most) * scale): any error of the shift is a common factor, and cancels
    const vf factor = v_set1(scale), shift = v_set1(-most * scale);
    vf sum = v_set1(0);
    for (int i = 0; i < n; i += 2 * VL) {
        const vf a = v_exp2(v_fma(v_load(row + i), factor, shift), QUANTUM == 1);
        const vf b = v_exp2(v_fma(v_load(row + i + VL), factor, shift), QUANTUM == 1);
        q_weights(row + i / QUANTUM, a, b, &sum);
    }
    return v_sum(sum);
}

static void softmax(const attention_shape *s, float *out, float *inverse, int rows, float scale)
{
    scale *= VEC_LOG2E;
    // each loop's rows overlap in the processor: one after the other would wait for its sums
    for (int r = 0; r < rows; r++) {
        float *row = out + (size_t)r * (size_t)s->ld;
        // keys that do not exist weigh nothing
        for (int i = s->keys; i < s->ld; i++) row[i] = -FLT_MAX;
        inverse[r] = largest(row, s->ld);
    }
    for (int r = 0; r < rows; r++)
        inverse[r] = weigh(out + (size_t)r * (size_t)s->ld, s->ld, scale, inverse[r]);
    for (int r = 0; r < rows; r++) inverse[r] = 1 / inverse[r];
}

static void mix_panel(const mix_job *job, const float *v, int column, int nv, bool half)
{
    for (int r = 0, m; r < job->rows; r += m) {
        m = tile_rows(job->rows - r, half ? MR_HALF : MR);
        switch (m * 16 + nv * 2 + half) {
#define X(M, N) \
    case (M)*16 + (N)*2: mix_tile(job, r, v, column, M, N, false); break;
            LOGIT_TILES(X)
#undef X
#define X(M, N) \
    case (M)*16 + (N)*2 + 1: mix_tile(job, r, v, column, M, N, true); break;
            HALF_TILES(X)
#undef X
        default: assert(0);
        }
    }
}

static void mix(const attention_shape *s, void *const *y, dtype type, const float *weights,
                const float *inverse, int rows, const float *v)
{
    const mix_job job = { s, y, type, weights, inverse, rows };
    bool half;
    const int vectors = column_vectors(s, &half), panels = div_up(vectors, NV);
    const int quanta = div_up(s->keys, VL) * VL / QUANTUM;
    if (!panels) mix_panel(&job, v, 0, 0, true);
    for (int p = 0; p < panels; p++) {
        const int v0 = panel_start(vectors, p), nv = panel_start(vectors, p + 1) - v0;
        mix_panel(&job, v + (size_t)v0 * VL * (size_t)quanta, v0 * VL, nv, half && p == panels - 1);
    }
}

#define ATTENTION_KERNEL(kernel_name)                                                       \
    {                                                                                       \
        .name = kernel_name, .type = QUANTUM == 2 ? DTYPE_BF16 : DTYPE_F32, .shape = shape, \
        .pack = pack, .query = query, .logits = logits, .softmax = softmax, .mix = mix      \
    }
