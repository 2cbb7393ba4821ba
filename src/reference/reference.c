/* SPDX-License-Identifier: Apache-2.0 */
/* reference.c - every operation of the network in plain C.
 *
 * Values between operations are f32, each sum is one double accumulator from first to last term,
 * functions are libm's in double. Threads share rows or outputs; a sum is never divided. */
#include "reference/reference.h"
#include "ops/host.h"
#include <math.h>

#define NORM_EPSILON 1e-6

static float *row_of(mat a, int row)
{
    assert(a.type == DTYPE_F32);
    return mat_row(a, row);
}

/* ---- activation functions ---- */

static double gelu(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

static double activate(double x, enum act_fn act)
{
    return act == ACT_GELU ? gelu(x) : act == ACT_SILU ? silu(x) : x;
}

/* ---- linear layers ---- */

#define DOT_ROWS 8

// sum[r] = x[first + r] . w for up to DOT_ROWS rows. They are independent sums: done together they
// read the weight once and keep the processor busy; each adds its terms in order.
static void dot_rows(double sum[DOT_ROWS], mat x, int first, const double *w)
{
    const float *row[DOT_ROWS];
    for (int r = 0; r < DOT_ROWS; r++) {
        row[r] = row_of(x, first + r < x.rows ? first + r : x.rows - 1);
        sum[r] = 0;
    }
    for (int i = 0; i < x.cols; i++)
        for (int r = 0; r < DOT_ROWS; r++) sum[r] += row[r][i] * w[i];
}

struct linear_job {
    backend *b;
    const mat *y;
    int n;
    mat x;
    const weight *w;
    enum act_fn act;
    mat gate;
    bool add;
};

// output `col` of the layer is a row of one of its stored parts
static void weight_row(double *to, const weight *w, int col)
{
    int p = 0;
    while (col >= w->part[p].rows) col -= w->part[p++].rows;
    for (int i = 0; i < w->in; i++) to[i] = tensor_view_at(w->part[p], col, i);
}

static double bias_of(const weight *w, int col)
{
    return mat_is_none(w->bias) ? 0 : row_of(w->bias, 0)[col];
}

// where output `col` of row r is written
static float *output(const struct linear_job *j, int r, int col)
{
    int p = 0;
    while (col >= j->y[p].cols) col -= j->y[p++].cols;
    return row_of(j->y[p], r) + col;
}

// one output column for all rows; `w` holds one weight row, or gate's and up's one after the other
static void linear_column(const struct linear_job *j, int col, double *w)
{
    const bool geglu = j->w->kind == WEIGHT_GEGLU;
    double sum[DOT_ROWS], up[DOT_ROWS];
    weight_row(w, j->w, col);
    if (geglu) weight_row(w + j->w->in, j->w, col + j->w->out / 2);
    for (int first = 0; first < j->x.rows; first += DOT_ROWS) {
        dot_rows(sum, j->x, first, w);
        if (geglu) dot_rows(up, j->x, first, w + j->w->in);
        for (int r = 0; r < DOT_ROWS && first + r < j->x.rows; r++) {
            float *to = output(j, first + r, col);
            double v = activate(sum[r] + bias_of(j->w, col), j->act);
            if (geglu)
                v = gelu(sum[r] + bias_of(j->w, col)) *
                    (up[r] + bias_of(j->w, col + j->w->out / 2));
            if (!mat_is_none(j->gate)) v *= row_of(j->gate, 0)[col];
            *to = (float)(j->add ? *to + v : v);
        }
    }
}

static void linear_thread(void *arg, int thread, int n_threads)
{
    const struct linear_job *j = arg;
    const int outputs = j->w->kind == WEIGHT_GEGLU ? j->w->out / 2 : j->w->out;
    double *w = (double *)j->b->work + (size_t)thread * 2 * (size_t)j->w->in;
    int first, last;
    pool_share(outputs, thread, n_threads, &first, &last);
    for (int col = first; col < last; col++) linear_column(j, col, w);
}

static size_t ref_linear_work(const backend *b, const weight *w, int rows)
{
    (void)rows;
    return (size_t)pi0_pool_threads(b->threads) * 2 * (size_t)w->in * sizeof(double);
}

static void ref_linear(backend *b, const mat *y, int n, mat x, const weight *w, enum act_fn act)
{
    struct linear_job j = { b, y, n, x, w, act, MAT_NONE, false };
    assert(b->work_bytes >= ref_linear_work(b, w, x.rows));
    pi0_pool_run(b->threads, linear_thread, &j);
}

static void ref_linear_add(backend *b, mat x, mat y, const weight *w, mat gate)
{
    struct linear_job j = { b, &x, 1, y, w, ACT_NONE, gate, true };
    assert(b->work_bytes >= ref_linear_work(b, w, x.rows));
    pi0_pool_run(b->threads, linear_thread, &j);
}

/* ---- norms ---- */

static void ref_layernorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    (void)b;
    for (int r = 0; r < x.rows; r++) {
        const float *in = row_of(x, r), *w = row_of(scale, 0), *s = row_of(shift, 0);
        float *out = row_of(y, r);
        double mean = 0, variance = 0;
        for (int i = 0; i < x.cols; i++) mean += in[i];
        mean /= x.cols;
        for (int i = 0; i < x.cols; i++) variance += (in[i] - mean) * (in[i] - mean);
        const double inv = 1 / sqrt(variance / x.cols + NORM_EPSILON);
        for (int i = 0; i < x.cols; i++) out[i] = (float)((in[i] - mean) * inv * w[i] + s[i]);
    }
}

static void ref_rmsnorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    (void)b;
    for (int r = 0; r < x.rows; r++) {
        const float *in = row_of(x, r), *w = row_of(scale, 0);
        const float *s = mat_is_none(shift) ? NULL : row_of(shift, 0);
        float *out = row_of(y, r);
        double square = 0;
        for (int i = 0; i < x.cols; i++) square += (double)in[i] * in[i];
        const double inv = 1 / sqrt(square / x.cols + NORM_EPSILON);
        for (int i = 0; i < x.cols; i++)
            out[i] = (float)(in[i] * inv * (1.0 + w[i]) + (s ? s[i] : 0.0));
    }
}

/* ---- rotary position embedding ---- */

static void ref_rope(backend *b, mat y, mat x, mat table, int n_heads)
{
    (void)b;
    const int dim = table.cols, half = dim / 2;
    for (int r = 0; r < x.rows; r++) {
        const float *c = row_of(table, r), *s = c + half;
        for (int h = 0; h < n_heads; h++) {
            const float *in = row_of(x, r) + h * dim;
            float *out = row_of(y, r) + h * dim;
            for (int i = 0; i < half; i++) {
                const double u = in[i], w = in[i + half];
                out[i] = (float)(u * c[i] - w * s[i]);
                out[i + half] = (float)(w * c[i] + u * s[i]);
            }
        }
    }
}

/* ---- attention ---- */

struct attention_job {
    backend *b;
    mat y, q, k, v;
    int n_heads, head_dim;
    float scale;
};

// one query row of one head; `weights` holds a value for each key, `sum` one for each column
static void attend(const struct attention_job *j, int row, int head, double *weights, double *sum)
{
    const int dim = j->head_dim,
              own = j->k.cols == dim ? 0 : head * dim; // one head for all, or own
    const float *q = row_of(j->q, row) + head * dim;
    float *y = row_of(j->y, row) + head * dim;
    double largest = -INFINITY, total = 0;
    // logits
    for (int s = 0; s < j->k.rows; s++) {
        const float *k = row_of(j->k, s) + own;
        double dot = 0;
        for (int i = 0; i < dim; i++) dot += (double)q[i] * k[i];
        weights[s] = dot * j->scale;
        largest = fmax(largest, weights[s]);
    }
    // softmax
    for (int s = 0; s < j->k.rows; s++) total += weights[s] = exp(weights[s] - largest);
    // weighted sum of the values
    for (int i = 0; i < dim; i++) sum[i] = 0;
    for (int s = 0; s < j->k.rows; s++) {
        const float *v = row_of(j->v, s) + own;
        for (int i = 0; i < dim; i++) sum[i] += weights[s] * v[i];
    }
    for (int i = 0; i < dim; i++) y[i] = (float)(sum[i] / total);
}

static void attention_thread(void *arg, int thread, int n_threads)
{
    const struct attention_job *j = arg;
    double *weights = (double *)j->b->work + (size_t)thread * (size_t)(j->k.rows + j->head_dim);
    int first, last;
    pool_share(j->q.rows * j->n_heads, thread, n_threads, &first, &last);
    for (int i = first; i < last; i++)
        attend(j, i / j->n_heads, i % j->n_heads, weights, weights + j->k.rows);
}

static size_t ref_attention_work(const backend *b, int n_heads, int head_dim, int q_rows,
                                 int kv_rows)
{
    (void)n_heads, (void)q_rows;
    return (size_t)pi0_pool_threads(b->threads) * (size_t)(kv_rows + head_dim) * sizeof(double);
}

static void ref_attention(backend *b, mat y, mat q, mat k, mat v, int n_heads, float scale)
{
    struct attention_job j = { b, y, q, k, v, n_heads, q.cols / n_heads, scale };
    assert(b->work_bytes >= ref_attention_work(b, n_heads, j.head_dim, q.rows, k.rows));
    pi0_pool_run(b->threads, attention_thread, &j);
}

/* ---- inputs and the Euler step ---- */

// value (c, row, col) of a picture: u8 [size][size*3] is scaled to [-1,1] in three f32 roundings
static float pixel(mat image, int c, int row, int col)
{
    if (image.type == DTYPE_F32) {
        const int size = image.cols;
        return row_of(image, c * size + row)[col];
    }
    const uint8_t *p = mat_row(image, row);
    const float unit = (float)p[col * 3 + c] / 255.0f;
    return unit * 2.0f - 1.0f;
}

static void ref_patches(backend *b, mat y, mat image, int patch)
{
    (void)b;
    const int size = image.type == DTYPE_F32 ? image.cols : image.cols / 3, n = size / patch;
    for (int r = 0; r < y.rows; r++) {
        float *out = row_of(y, r);
        for (int c = 0; c < 3; c++)
            for (int ky = 0; ky < patch; ky++)
                for (int kx = 0; kx < patch; kx++)
                    *out++ = pixel(image, c, r / n * patch + ky, r % n * patch + kx);
    }
}

static void ref_embed(backend *b, mat y, mat tokens, const weight *table, float scale)
{
    (void)b;
    const int32_t *id = mat_row(tokens, 0);
    for (int r = 0; r < y.rows; r++) {
        float *out = row_of(y, r);
        for (int i = 0; i < y.cols; i++) out[i] = tensor_view_at(table->part[0], id[r], i) * scale;
    }
}

static void ref_axpy(backend *b, mat y, float a, mat x)
{
    (void)b;
    for (int r = 0; r < y.rows; r++)
        for (int i = 0; i < y.cols; i++) row_of(y, r)[i] += a * row_of(x, r % x.rows)[i];
}

/* ---- weights stay where they are ---- */

static size_t ref_packed_size(const backend *b, const weight *w)
{
    (void)b, (void)w;
    return 0;
}

static void ref_pack(backend *b, const weight *w)
{
    (void)b, (void)w;
}

static void ref_begin(backend *b)
{
    pi0_pool_wake(b->threads);
}

static void ref_end(backend *b)
{
    pi0_pool_rest(b->threads);
}

const struct ops pi0_reference_ops = {
    .name = "reference",
    .block_new = pi0_host_block_new,
    .block_free = pi0_host_block_free,
    .packed_size = ref_packed_size,
    .pack = ref_pack,
    .linear_work = ref_linear_work,
    .attention_work = ref_attention_work,
    .put = pi0_host_put,
    .get = pi0_host_get,
    .begin = ref_begin,
    .end = ref_end,
    .patches = ref_patches,
    .embed = ref_embed,
    .linear = ref_linear,
    .linear_add = ref_linear_add,
    .layernorm = ref_layernorm,
    .rmsnorm = ref_rmsnorm,
    .rope = ref_rope,
    .attention = ref_attention,
    .axpy = ref_axpy,
};
