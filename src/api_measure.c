/* SPDX-License-Identifier: Apache-2.0 */
/* api_measure.c - the public functions that `pi0 bench` prints: the machine's peak, and the time of
 * each kind of matrix product of the network. */
#include "api.h"
#include "core/clock.h"
#include "ops/host.h"
#include <math.h>
#include <stdlib.h>

int pi0_measure_peak(pi0_session *session, double ms, double *flops, pi0_error *err)
{
    backend *b = &session->b;
    if (!(ms > 0) || !flops)
        return pi0_fail(err, PI0_EINVAL, "pi0_measure_peak: ms is not positive, or flops is NULL");
    if (!b->ops->peak)
        return pi0_fail(err, PI0_EDEVICE, "the %s backend has no peak to be compared with",
                        b->ops->name);
    double flop = 0;
    b->ops->begin(b);
    b->ops->peak(b); // the clock of a resting processor needs a moment
    const double start = clock_ms();
    do flop += b->ops->peak(b);
    while (clock_ms() - start < ms);
    *flops = flop / ((clock_ms() - start) * 1e-3);
    b->ops->end(b);
    return PI0_OK;
}

/* ---- reading memory ---- */

#define STREAM_BYTES ((size_t)256 << 20) // larger than any cache

struct stream_job {
    const uint64_t *data;
    volatile uint64_t sink; // so that no compiler leaves the reading out
};

static void stream_thread(void *arg, int thread, int n_threads)
{
    struct stream_job *j = arg;
    enum { LANES = 16 };
    uint64_t sum[LANES] = { 0 };
    int first, last;
    pool_share((int)(STREAM_BYTES / sizeof sum), thread, n_threads, &first, &last);
    for (const uint64_t *p = j->data + (size_t)first * LANES; first < last; first++, p += LANES)
        for (int i = 0; i < LANES; i++) sum[i] += p[i];
    for (int i = 1; i < LANES; i++) sum[0] += sum[i];
    if (thread == 0) j->sink = sum[0];
}

int pi0_measure_bandwidth(pi0_session *session, double ms, double *bytes_per_second, pi0_error *err)
{
    if (!session || !(ms > 0) || !bytes_per_second)
        return pi0_fail(err, PI0_EINVAL,
                        "pi0_measure_bandwidth: session or result is NULL, or ms is not positive");
    backend *b = &session->b;
    void *block = NULL;
    const int status = pi0_host_block_new(b, &block, STREAM_BYTES, err);
    if (status) return status;
    memset(block, 1, STREAM_BYTES);
    struct stream_job job = { .data = block };
    double best = 0;
    pi0_pool_wake(b->threads);
    const double start = clock_ms();
    do {
        const double before = clock_ms();
        pi0_pool_run(b->threads, stream_thread, &job);
        best = fmax(best, (double)STREAM_BYTES / (1e-3 * (clock_ms() - before)));
    } while (clock_ms() - start < ms);
    pi0_pool_rest(b->threads);
    pi0_host_block_free(b, block, STREAM_BYTES);
    *bytes_per_second = best;
    return PI0_OK;
}

/* ---- the kinds of products ---- */

enum rows_of { ROWS_IMAGES, ROWS_PREFIX, ROWS_ACTIONS };

typedef struct product {
    const char *name;
    enum rows_of rows;
    enum act_fn act;
    bool add; // ends a block
    size_t offset;
} product;

#define SIGLIP(field) offsetof(siglip_layer, field)
#define GEMMA(field) offsetof(gemma_layer, field)
static const product products[] = {
    { "vision qkv", ROWS_IMAGES, ACT_NONE, false, SIGLIP(qkv) },
    { "vision out", ROWS_IMAGES, ACT_NONE, true, SIGLIP(out) },
    { "vision fc1, gelu", ROWS_IMAGES, ACT_GELU, false, SIGLIP(fc1) },
    { "vision fc2", ROWS_IMAGES, ACT_NONE, true, SIGLIP(fc2) },
    { "prefix qkv", ROWS_PREFIX, ACT_NONE, false, GEMMA(qkv) },
    { "prefix o", ROWS_PREFIX, ACT_NONE, true, GEMMA(o) },
    { "prefix gate up, geglu", ROWS_PREFIX, ACT_NONE, false, GEMMA(gate_up) },
    { "prefix down", ROWS_PREFIX, ACT_NONE, true, GEMMA(down) },
    { "expert qkv", ROWS_ACTIONS, ACT_NONE, false, GEMMA(qkv) },
    { "expert o", ROWS_ACTIONS, ACT_NONE, true, GEMMA(o) },
    { "expert gate up, geglu", ROWS_ACTIONS, ACT_NONE, false, GEMMA(gate_up) },
    { "expert down", ROWS_ACTIONS, ACT_NONE, true, GEMMA(down) },
};
enum { N_PRODUCTS = sizeof products / sizeof *products };

int pi0_product_count(void)
{
    return N_PRODUCTS;
}

// layers whose weights the product has: the language model's last has keys and values alone
static int layers_of(const network *net, const product *p)
{
    if (p->rows == ROWS_IMAGES) return net->sizes.v_layers;
    return p->rows == ROWS_PREFIX ? net->language.n_layers - 1 : net->expert.n_layers;
}

static const weight *weight_of(const network *net, const product *p, int layer)
{
    const void *at = p->rows == ROWS_IMAGES   ? (const void *)&net->vision.layer[layer]
                     : p->rows == ROWS_PREFIX ? (const void *)&net->language.layer[layer]
                                              : (const void *)&net->expert.layer[layer];
    return (const weight *)(const void *)((const char *)at + p->offset);
}

// one pass over the layers, each with its own weight as in an inference
static void run_layers(pi0_session *s, const product *p, mat x, mat y, mat parts[WEIGHT_PARTS])
{
    backend *b = &s->b;
    const int n = layers_of(s->r.net, p);
    for (int i = 0; i < n; i++) {
        const weight *w = weight_of(s->r.net, p, i);
        if (p->add)
            linear_add(b, y, x, w, MAT_NONE);
        else if (w->n_parts == 3)
            linear_parts(b, parts, 3, x, w, p->act);
        else
            linear(b, y, x, w, p->act);
    }
}

// small numbers of both signs, as activations are
static int fill(backend *b, mat m, pi0_error *err)
{
    float *values = malloc((size_t)m.cols * sizeof *values);
    if (!values) return pi0_fail(err, PI0_ENOMEM, "no memory for a row of %d values", m.cols);
    pi0_noise(1, 0, values, (size_t)m.cols);
    for (int r = 0; r < m.rows; r++)
        b->ops->put(b, mat_rows(m, r, 1), (tensor_view){ values, 1, m.cols, m.cols, 1, DTYPE_F32 });
    free(values);
    return PI0_OK;
}

static int time_product(pi0_session *s, const product *p, int rows, int reps, double *ms,
                        pi0_error *err)
{
    backend *b = &s->b;
    const weight *w = weight_of(s->r.net, p, 0);
    const dtype y_type = p->add ? DTYPE_F32 : b->gemm_type;
    const int y_cols = w->kind == WEIGHT_GEGLU ? w->out / 2 : w->out;
    const size_t mark = arena_mark(&b->scratch);
    mat x = arena_mat(&b->scratch, rows, w->in, w->type);
    mat y = arena_mat(&b->scratch, rows, y_cols, y_type), parts[WEIGHT_PARTS];
    int status = fill(b, x, err);
    if (!status && p->add) status = fill(b, y, err);
    for (int i = 0, col = 0; i < w->n_parts && w->kind != WEIGHT_GEGLU; col += w->part[i++].rows)
        parts[i] = mat_cols(y, col, w->part[i].rows);
    *ms = INFINITY;
    b->ops->begin(b);
    for (int i = 0; i < reps && !status; i++) {
        const double start = clock_ms();
        run_layers(s, p, x, y, parts);
        *ms = fmin(*ms, (clock_ms() - start) / layers_of(s->r.net, p));
    }
    b->ops->end(b);
    arena_rewind(&b->scratch, mark);
    return status;
}

int pi0_measure_product(pi0_session *session, int index, int n_images, int n_tokens, int reps,
                        pi0_product *out, pi0_error *err)
{
    const run_limits *l = &session->r.limits;
    const network *net = session->r.net;
    if (!out || index < 0 || index >= N_PRODUCTS || reps < 1)
        return pi0_fail(err, PI0_EINVAL, "pi0_measure_product: index %d, expected 0 to %d, reps %d",
                        index, N_PRODUCTS - 1, reps);
    if (n_images < 1 || n_images > l->max_images || n_tokens < 1 || n_tokens > l->max_tokens)
        return pi0_fail(err, PI0_EINVAL, "%d images and %d tokens, expected 1 to %d and 1 to %d",
                        n_images, n_tokens, l->max_images, l->max_tokens);
    const product *p = &products[index];
    const int images = n_images * session->r.image_tokens;
    const int rows = p->rows == ROWS_IMAGES   ? images
                     : p->rows == ROWS_PREFIX ? images + n_tokens
                                              : l->horizon;
    const int layers = layers_of(net, p);
    if (layers < 1) return pi0_fail(err, PI0_EINVAL, "this model has no product \"%s\"", p->name);
    double ms;
    const int status = time_product(session, p, rows, reps, &ms, err);
    if (status) return status;
    const weight *w = weight_of(net, p, 0);
    *out = (pi0_product){ p->name,
                          rows,
                          w->out,
                          w->in,
                          layers * (p->rows == ROWS_ACTIONS ? l->num_steps : 1),
                          ms,
                          2.0 * rows * w->out * w->in };
    session->observed = false; // the scratch memory was used
    return PI0_OK;
}
