/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h - the only door between the model and a backend.
 *
 * The model (src/model) calls the inline functions at the bottom; each checks its shapes once and
 * calls through the table. A backend fills the table. Nothing in src/model may look at the numbers
 * behind a mat: on some backends they are not in host memory. */
#ifndef PI0_OPS_H
#define PI0_OPS_H
#include "core/arena.h"
#include "core/error.h"
#include "core/pool.h"

typedef struct backend backend;

enum act_fn { ACT_NONE, ACT_GELU, ACT_SILU };

/* How a weight is used, which decides how a backend packs it. */
enum weight_kind {
    WEIGHT_LINEAR, // y = x W' + b; several parts: their outputs side by side
    WEIGHT_GEGLU,  // two parts, gate and up, of one shape: y = gelu(x gate') * (x up')
    WEIGHT_TABLE   // rows are looked up (embed); stays where it is stored
};
#define WEIGHT_PARTS 3

/* A linear layer's matrix (or an embedding table). The parts are as they are stored in the
 * checkpoint, [out][in], and stay valid while the weight is used; packed is the backend's. */
typedef struct weight {
    const char *name; // what it is in its layer, as "qkv": for people
    tensor_view part[WEIGHT_PARTS];
    int n_parts;
    int out, in; // out: of all parts together
    dtype type;  // of the x that linear() reads: DTYPE_F32 or DTYPE_BF16
    enum weight_kind kind;
    mat bias; // f32 [1][out], or MAT_NONE
    void *packed;
} weight;

/* The operations of the table below, by number: for who counts or times them. */
enum op_kind {
    OP_PUT,
    OP_GET,
    OP_PATCHES,
    OP_EMBED,
    OP_LINEAR,
    OP_LINEAR_ADD,
    OP_LAYERNORM,
    OP_RMSNORM,
    OP_ROPE,
    OP_ATTENTION,
    OP_AXPY,
    OP_COUNT
};

/* Where in the model the next operations are: said by the model, read by who counts or times. */
enum module {
    MODULE_COMMON, // inputs and outputs
    MODULE_VISION,
    MODULE_PREFIX,
    MODULE_STATE, // pi0's state token
    MODULE_SUFFIX,
    MODULE_EXPERT,
    MODULE_TIME, // what depends on time alone: once a session
    MODULE_COUNT
};
typedef struct op_place {
    enum module module;
    int step, layer; // -1: in none
} op_place;

struct ops {
    const char *name;

    /* ---- memory of the backend: the model's weights, a session's block ---- */
    int (*block_new)(const backend *b, void **block, size_t bytes, pi0_error *err);
    void (*block_free)(const backend *b, void *block, size_t bytes);

    /* ---- weights ---- */
    // bytes that pack() will write; 0: the backend reads the stored parts themselves
    size_t (*packed_size)(const backend *b, const weight *w);
    // write w->packed (memory from block_new, 64-byte aligned) from the parts
    void (*pack)(backend *b, const weight *w);
    // bytes of the backend's own workspace for a linear of `rows` rows through w / an attention
    // of q_rows x kv_rows
    size_t (*linear_work)(const backend *b, const weight *w, int rows);
    size_t (*attention_work)(const backend *b, int n_heads, int head_dim, int q_rows, int kv_rows);

    /* ---- transfers: f32, i32 and u8 stay what they are; other stored types become to.type ---- */
    void (*put)(backend *b, mat to, tensor_view from);
    void (*get)(backend *b, void *to, mat from); // to: host, packed rows of from.type
    // around the operations of one call
    void (*begin)(backend *b);
    void (*end)(backend *b);

    /* ---- the network's operations ---- */
    // rows of patch pixels from one picture: y[(py * n + px)][(c * p + ky) * p + kx],
    // from u8 [size][size*3] (scaled to [-1,1]) or f32 [3*size][size]
    void (*patches)(backend *b, mat y, mat image, int patch);
    // y[i] = scale * table[token i]; tokens: i32 [1][n], each in the table (checked by the caller)
    void (*embed)(backend *b, mat y, mat tokens, const weight *table, float scale);
    // y = act(x W' + bias): n mats side by side, one of all columns or one a part; WEIGHT_GEGLU:
    // one of out / 2 columns
    void (*linear)(backend *b, const mat *y, int n, mat x, const weight *w, enum act_fn act);
    // the end of a block: x += gate * (y W' + bias); gate f32 [1][cols] or none
    void (*linear_add)(backend *b, mat x, mat y, const weight *w, mat gate);
    // y = (x - mean) / sqrt(var + 1e-6) * scale + shift
    void (*layernorm)(backend *b, mat y, mat x, mat scale, mat shift);
    // y = x / sqrt(mean(x^2) + 1e-6) * (1 + scale) + shift; shift may be none
    void (*rmsnorm)(backend *b, mat y, mat x, mat scale, mat shift);
    // rotate each head of x, halves (i, i + head_dim/2), row r by row r of table: cosines, sines
    void (*rope)(backend *b, mat y, mat x, mat table, int n_heads);
    // y = softmax(q k' * scale) v for each head; k and v have n_heads heads or one that all share
    void (*attention)(backend *b, mat y, mat q, mat k, mat v, int n_heads, float scale);
    // y += a * x; x may have fewer rows, which then repeat
    void (*axpy)(backend *b, mat y, float a, mat x);

    // which kernel computes an operation: its name, or NULL where plain C does, and *why (static
    // text). w: of products and lookups, else NULL. NULL: there are no kernels
    const char *(*kernel)(const backend *b, enum op_kind op, const weight *w, const char **why);

    // for benchmarks: multiply-adds of the big products' instruction on all threads, for some ten
    // milliseconds or less; returns how many operations (2 each) they were. NULL: no such thing
    double (*peak)(backend *b);
};

struct backend {
    const struct ops *ops;
    pool *threads;   // NULL: the calling thread alone
    arena scratch;   // the session's block
    dtype gemm_type; // of the activations that the big products read: DTYPE_F32 or DTYPE_BF16
    void *work;      // the backend's own workspace, as large as *_work() asked for
    size_t work_bytes;
    op_place place;
    struct profiler *profile; // who times the operations (ops/profile.h), NULL: nobody
    const void *impl; // the backend's own (kernel table, counters); shared by sessions, const
};

// the operations that follow are in this step and layer (-1: none) of this module
static inline void enter(backend *b, enum module module, int step, int layer)
{
    b->place = (op_place){ module, step, layer };
}

static inline void patches(backend *b, mat y, mat image, int patch)
{
    assert(image.type == DTYPE_U8 || image.type == DTYPE_F32);
    assert(y.cols == 3 * patch * patch);
    b->ops->patches(b, y, image, patch);
}

static inline void embed(backend *b, mat y, mat tokens, const weight *table, float scale)
{
    assert(tokens.type == DTYPE_I32 && y.type == DTYPE_F32);
    assert(y.cols == table->in && y.rows == tokens.cols && table->kind == WEIGHT_TABLE);
    b->ops->embed(b, y, tokens, table, scale);
}

static inline void linear_parts(backend *b, const mat *y, int n, mat x, const weight *w,
                                enum act_fn act)
{
    int cols = 0;
    for (int i = 0; i < n; i++) {
        assert(y[i].rows == x.rows);
        assert(n == 1 || y[i].cols == w->part[i].rows);
        cols += y[i].cols;
    }
    assert(x.cols == w->in && x.type == w->type && (n == 1 || n == w->n_parts));
    assert(cols == (w->kind == WEIGHT_GEGLU ? w->out / 2 : w->out));
    (void)cols;
    b->ops->linear(b, y, n, x, w, act);
}

static inline void linear(backend *b, mat y, mat x, const weight *w, enum act_fn act)
{
    linear_parts(b, &y, 1, x, w, act);
}

static inline void linear_add(backend *b, mat x, mat y, const weight *w, mat gate)
{
    assert(y.cols == w->in && y.type == w->type && x.cols == w->out && y.rows == x.rows);
    assert(x.type == DTYPE_F32 && w->kind == WEIGHT_LINEAR);
    assert(mat_is_none(gate) || (gate.rows == 1 && gate.cols == x.cols));
    b->ops->linear_add(b, x, y, w, gate);
}

static inline void layernorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    assert(x.type == DTYPE_F32 && y.rows == x.rows && y.cols == x.cols);
    assert(scale.cols == x.cols && shift.cols == x.cols);
    b->ops->layernorm(b, y, x, scale, shift);
}

static inline void rmsnorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    assert(x.type == DTYPE_F32 && y.rows == x.rows && y.cols == x.cols);
    assert(scale.cols == x.cols && (mat_is_none(shift) || shift.cols == x.cols));
    b->ops->rmsnorm(b, y, x, scale, shift);
}

static inline void rope(backend *b, mat y, mat x, mat table, int n_heads)
{
    assert(x.type == DTYPE_F32 && y.rows == x.rows && y.cols == x.cols);
    assert(x.cols == n_heads * table.cols && table.rows == x.rows && table.type == DTYPE_F32);
    b->ops->rope(b, y, x, table, n_heads);
}

static inline void attention(backend *b, mat y, mat q, mat k, mat v, int n_heads, float scale)
{
    assert(y.rows == q.rows && y.cols == q.cols && k.rows == v.rows && k.cols == v.cols);
    assert(k.cols == q.cols || k.cols * n_heads == q.cols);
    b->ops->attention(b, y, q, k, v, n_heads, scale);
}

static inline void axpy(backend *b, mat y, float a, mat x)
{
    assert(y.type == DTYPE_F32 && x.type == DTYPE_F32);
    assert(y.cols == x.cols && x.rows > 0 && y.rows % x.rows == 0);
    b->ops->axpy(b, y, a, x);
}
#endif
