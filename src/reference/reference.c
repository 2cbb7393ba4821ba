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

/* ---- sums of products ---- */

// Sums are independent of each other: ROWS of them, done together, read the weight once and keep
// the processor busy. For that ROWS rows of x stand side by side: x[i][r] is term i of row r.
#define ROWS 16

// sum[r] = x[..][r] . w, terms in order from the first to the last; four of them for each time
// that the sums are taken up, from left to right
static void dot_rows(double *restrict sum, double (*restrict x)[ROWS], const double *restrict w,
                     int n)
{
    int i = 0;
    for (int r = 0; r < ROWS; r++) sum[r] = 0;
    for (; i + 4 <= n; i += 4)
        for (int r = 0; r < ROWS; r++)
            sum[r] = sum[r] + x[i][r] * w[i] + x[i + 1][r] * w[i + 1] + x[i + 2][r] * w[i + 2] +
                     x[i + 3][r] * w[i + 3];
    for (; i < n; i++)
        for (int r = 0; r < ROWS; r++) sum[r] += x[i][r] * w[i];
}

// columns [first, last) of x's rows from `row` on, side by side in double; zero behind the last row
static void side_by_side(double (*to)[ROWS], mat x, int row, int first, int last)
{
    for (int r = 0; r < ROWS; r++) {
        const float *from = row + r < x.rows ? row_of(x, row + r) : NULL;
        for (int i = first; i < last; i++) to[i][r] = from ? from[i] : 0;
    }
}

/* ---- linear layers ---- */

// rows of x for which a row of the weight is widened once
#define BLOCK (4 * ROWS)

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
    const tensor_view v = w->part[p];
    const char *from = (const char *)v.data + col * v.row_stride * (ptrdiff_t)dtype_size(v.type);
    if (v.type == DTYPE_BF16 && v.col_stride == 1)
        for (int i = 0; i < w->in; i++) to[i] = dtype_load(DTYPE_BF16, from, i);
    else
        for (int i = 0; i < w->in; i++) to[i] = tensor_view_at(v, col, i);
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

// the layer's ending: activation, gate and residual of one sum, or of gate's and up's
static void finish(const struct linear_job *j, int row, int col, double sum, double up)
{
    float *to = output(j, row, col);
    double v = sum + bias_of(j->w, col);
    if (j->w->kind == WEIGHT_GEGLU)
        v = gelu(v) * (up + bias_of(j->w, col + j->w->out / 2));
    else
        v = activate(v, j->act);
    if (!mat_is_none(j->gate)) v *= row_of(j->gate, 0)[col];
    *to = (float)(j->add ? *to + v : v);
}

// one output column of the rows [row, end), which stand in x; `w` holds one weight row, or gate's
// and up's one after the other
static void linear_column(const struct linear_job *j, int row, int end, int col, double (*x)[ROWS],
                          double *w)
{
    const int in = j->w->in;
    const bool geglu = j->w->kind == WEIGHT_GEGLU;
    double sum[ROWS], up[ROWS] = { 0 };
    weight_row(w, j->w, col);
    if (geglu) weight_row(w + in, j->w, col + j->w->out / 2);
    for (; row < end; row += ROWS, x += in) {
        dot_rows(sum, x, w, in);
        if (geglu) dot_rows(up, x, w + in, in);
        for (int r = 0; r < ROWS && row + r < end; r++) finish(j, row + r, col, sum[r], up[r]);
    }
}

// block after block of rows: the threads bring it side by side together, then share the columns
static void linear_thread(void *arg, int thread, int n_threads)
{
    const struct linear_job *j = arg;
    const int in = j->w->in, rows = j->x.rows;
    const int outputs = j->w->kind == WEIGHT_GEGLU ? j->w->out / 2 : j->w->out;
    double(*x)[ROWS] = j->b->work; // [BLOCK / ROWS][in][ROWS]
    double *w = (double *)j->b->work + (size_t)BLOCK * (size_t)in + (size_t)thread * 2 * (size_t)in;
    int first, last, begin, end;
    pool_share(outputs, thread, n_threads, &first, &last);
    pool_share(in, thread, n_threads, &begin, &end);
    for (int row = 0; row < rows; row += BLOCK) {
        const int stop = row + BLOCK < rows ? row + BLOCK : rows;
        for (int r = row; r < stop; r += ROWS)
            side_by_side(x + (size_t)(r - row) / ROWS * (size_t)in, j->x, r, begin, end);
        pi0_pool_barrier(j->b->threads);
        for (int col = first; col < last; col++) linear_column(j, row, stop, col, x, w);
        pi0_pool_barrier(j->b->threads);
    }
}

static size_t ref_linear_work(const backend *b, const weight *w, int rows)
{
    (void)rows;
    const size_t n = BLOCK + (size_t)pi0_pool_threads(b->threads) * 2;
    return n * (size_t)w->in * sizeof(double);
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

// a thread's workspace
struct attention_work {
    double (*q)[ROWS];       // [head_dim]: queries side by side
    double (*weights)[ROWS]; // [keys]: logits, then exp(logit - largest)
    double *other;           // [head_dim] a key; [keys] a column of the values
};

static size_t attention_doubles(int head_dim, int keys)
{
    const int larger = head_dim > keys ? head_dim : keys;
    return (size_t)ROWS * (size_t)(head_dim + keys) + (size_t)larger;
}

// logits of ROWS queries with all keys, then softmax's numerators; their sums into total
static void attention_weights(const struct attention_job *j, int own, struct attention_work w,
                              double total[ROWS])
{
    double largest[ROWS];
    for (int r = 0; r < ROWS; r++) largest[r] = -INFINITY, total[r] = 0;
    for (int s = 0; s < j->k.rows; s++) {
        const float *k = row_of(j->k, s) + own;
        for (int i = 0; i < j->head_dim; i++) w.other[i] = k[i];
        dot_rows(w.weights[s], w.q, w.other, j->head_dim);
        for (int r = 0; r < ROWS; r++) {
            w.weights[s][r] *= j->scale;
            largest[r] = fmax(largest[r], w.weights[s][r]);
        }
    }
    for (int s = 0; s < j->k.rows; s++)
        for (int r = 0; r < ROWS; r++)
            total[r] += w.weights[s][r] = exp(w.weights[s][r] - largest[r]);
}

// ROWS query rows of one head, from `row` on
static void attend(const struct attention_job *j, int row, int head, struct attention_work w)
{
    const int dim = j->head_dim,
              own = j->k.cols == dim ? 0 : head * dim; // one head for all, or own
    double total[ROWS], sum[ROWS];
    side_by_side(w.q, mat_cols(j->q, head * dim, dim), row, 0, dim);
    attention_weights(j, own, w, total);
    // weighted sums of the values, a column of them after the other
    for (int i = 0; i < dim; i++) {
        for (int s = 0; s < j->v.rows; s++) w.other[s] = row_of(j->v, s)[own + i];
        dot_rows(sum, w.weights, w.other, j->v.rows);
        for (int r = 0; r < ROWS && row + r < j->y.rows; r++)
            row_of(j->y, row + r)[head * dim + i] = (float)(sum[r] / total[r]);
    }
}

// the threads share heads and blocks of rows
static void attention_thread(void *arg, int thread, int n_threads)
{
    const struct attention_job *j = arg;
    const int dim = j->head_dim, keys = j->k.rows, blocks = (j->q.rows + ROWS - 1) / ROWS;
    double *at = (double *)j->b->work + (size_t)thread * attention_doubles(dim, keys);
    const struct attention_work w = { (double(*)[ROWS])at, (double(*)[ROWS])at + dim,
                                      at + (size_t)ROWS * (size_t)(dim + keys) };
    int first, last;
    pool_share(blocks * j->n_heads, thread, n_threads, &first, &last);
    for (int i = first; i < last; i++) attend(j, i / j->n_heads * ROWS, i % j->n_heads, w);
}

static size_t ref_attention_work(const backend *b, int n_heads, int head_dim, int q_rows,
                                 int kv_rows)
{
    (void)n_heads, (void)q_rows;
    return (size_t)pi0_pool_threads(b->threads) * attention_doubles(head_dim, kv_rows) *
           sizeof(double);
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
