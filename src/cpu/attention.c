/* SPDX-License-Identifier: Apache-2.0 */
/* attention.c - y = softmax(q k' * scale) v, in blocks of query rows.
 *
 * Query heads that share keys and values are rows of one problem: Gemma's 8 heads make [8 n][dim]
 * against one [keys][dim]; each of SigLIP's 16 makes its own. A block of rows passes through all
 * keys: logits, softmax, and the weighted sum of the values, whose row of logits never leaves the
 * second-level cache. Shared keys are packed once, by all threads; a head's own by the thread
 * that comes to it, just before it uses them. */
#include "cpu/attention.h"
#include "cpu/kern.h"
#include "cpu/kern_attention.h"

// rows of a block: whole tiles of 4, 5 and 6
#define BLOCK 60

typedef struct attention_job {
    backend *b;
    const attention_kernel *kernel;
    attention_shape shape;
    mat y, q, k, v;
    int group; // query heads that share keys and values
    int groups;
    float scale;
} attention_job;

// memory of one thread
typedef struct attention_space {
    float *k, *v;   // packed keys and values
    float *q;       // [BLOCK][depth]
    float *logits;  // [BLOCK][ld]
    float *inverse; // [BLOCK]
    void **y_row;   // [BLOCK]
} attention_space;

static const attention_kernel *kernel_of(const backend *b)
{
    const struct attention_kernels *set = ((const cpu_impl *)b->impl)->kernels->attention;
    return b->gemm_type == DTYPE_BF16 ? set->bf16 : set->f32;
}

static attention_space take_space(arena *a, const attention_shape *s)
{
    attention_space t;
    t.k = arena_take(a, s->k_floats * sizeof(float));
    t.v = arena_take(a, s->v_floats * sizeof(float));
    t.q = arena_take(a, BLOCK * (size_t)s->depth * sizeof(float));
    t.logits = arena_take(a, BLOCK * (size_t)s->ld * sizeof(float));
    t.inverse = arena_take(a, BLOCK * sizeof(float));
    t.y_row = arena_take(a, BLOCK * sizeof(void *));
    return t;
}

// the space of thread t
static attention_space thread_space(const attention_job *j, int t)
{
    arena a = { .base = j->b->work, .size = j->b->work_bytes };
    attention_space space = take_space(&a, &j->shape);
    for (int i = 0; i < t; i++) space = take_space(&a, &j->shape);
    return space;
}

const char *pi0_cpu_attention_kernel(const backend *b)
{
    return kernel_of(b)->name;
}

size_t pi0_cpu_attention_work(const backend *b, int n_heads, int head_dim, int q_rows, int kv_rows)
{
    (void)n_heads, (void)q_rows;
    attention_shape s;
    arena a = { 0 };
    kernel_of(b)->shape(&s, kv_rows, head_dim);
    for (int t = 0; t < pi0_pool_threads(b->threads); t++) take_space(&a, &s);
    return a.peak;
}

// column `col` of row r
static void *element(mat a, int r, int col)
{
    return (char *)mat_row(a, r) + (size_t)col * dtype_size(a.type);
}

static void pack_panels(const attention_job *j, const attention_space *t, int group, int first,
                        int last)
{
    const void *k = element(j->k, 0, group * j->shape.dim);
    const void *v = element(j->v, 0, group * j->shape.dim);
    for (int p = first; p < last; p++)
        j->kernel->pack(&j->shape, t->k, t->v, k, j->k.ld, v, j->v.ld, j->k.type, p);
}

// rows of one group, at most BLOCK: row r is query r / j->group, head r % j->group
typedef struct block {
    int group, first, n;
} block;

// the block at row r of all groups' rows, none at or behind row `last`
static block block_at(const attention_job *j, int r, int last)
{
    const int rows = j->q.rows * j->group;
    block k = { r / rows, r % rows, last - r };
    if (k.n > rows - k.first) k.n = rows - k.first;
    if (k.n > BLOCK) k.n = BLOCK;
    return k;
}

// the i-th row of a block in q or in y
static void *block_row(const attention_job *j, mat a, const block *k, int i)
{
    const int row = k->first + i, head = k->group * j->group + row % j->group;
    return element(a, row / j->group, head * j->shape.dim);
}

static void attend(const attention_job *j, const attention_space *t, const attention_space *packed,
                   const block *rows)
{
    const attention_kernel *kernel = j->kernel;
    const attention_shape *s = &j->shape;
    for (int i = 0; i < rows->n; i++) {
        t->y_row[i] = block_row(j, j->y, rows, i);
        kernel->query(s, t->q + (size_t)i * (size_t)s->depth, block_row(j, j->q, rows, i),
                      j->q.type);
    }
    kernel->logits(s, t->logits, t->q, rows->n, packed->k);
    kernel->softmax(s, t->logits, t->inverse, rows->n, j->scale);
    kernel->mix(s, t->y_row, j->y.type, t->logits, t->inverse, rows->n, packed->v);
}

static void attention_thread(void *arg, int thread, int n_threads)
{
    const attention_job *j = arg;
    const attention_space own = thread_space(j, thread);
    attention_space packed = own;
    int first, last, packed_group = -1;
    // keys that all share are packed by all
    if (j->groups == 1) {
        packed = thread_space(j, 0);
        pool_share(j->shape.key_panels, thread, n_threads, &first, &last);
        pack_panels(j, &packed, 0, first, last);
        pi0_pool_barrier(j->b->threads);
        packed_group = 0;
    }
    pool_share(j->q.rows * j->group * j->groups, thread, n_threads, &first, &last);
    for (int r = first; r < last;) {
        const block rows = block_at(j, r, last);
        if (rows.group != packed_group) pack_panels(j, &own, rows.group, 0, j->shape.key_panels);
        packed_group = rows.group;
        attend(j, &own, &packed, &rows);
        r += rows.n;
    }
}

void pi0_cpu_attention(backend *b, mat y, mat q, mat k, mat v, int n_heads, float scale)
{
    attention_job j = { .b = b, .kernel = kernel_of(b), .y = y, .q = q, .k = k, .v = v };
    const int dim = q.cols / n_heads;
    j.groups = k.cols / dim;
    j.group = n_heads / j.groups;
    j.scale = scale;
    j.kernel->shape(&j.shape, k.rows, dim);
    assert(k.rows > 0 && scale > 0 && k.type == v.type && q.type == k.type);
    assert(q.type == b->gemm_type && (y.type == DTYPE_F32 || y.type == DTYPE_BF16));
    assert(b->work_bytes >= pi0_cpu_attention_work(b, n_heads, dim, q.rows, k.rows));
    pi0_pool_run(b->threads, attention_thread, &j);
}
