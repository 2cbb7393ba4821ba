/* SPDX-License-Identifier: Apache-2.0 */
/* weights.c - which tensor becomes which weight, and how it is packed.
 *
 * The same code runs twice: over an arena that only measures, then over the block that is filled.
 * Big matrices take the backend's type (bf16 or f32); what openpi keeps in f32 stays f32: norms,
 * biases, positions, the patch embedding, the adaptive norms and all layers around the expert. */
#include "model/weights.h"
#include <stdlib.h>

typedef struct loader {
    const tensor_source *source;
    const model_sizes *z;
    backend *b;
    arena a;
    uint64_t parameters;
    int status; // of reading; after a failure nothing more is read or packed
    pi0_error *err;
} loader;

// a tensor as a matrix; while the block is only measured nothing is read
static tensor_view view(loader *l, enum tensor_id id, int layer)
{
    const st_tensor *t = pi0_source_find(l->source, id, layer);
    assert(t); // pi0_sizes_read has checked every one
    tensor_view v = pi0_checkpoint_view(t);
    l->parameters += (uint64_t)v.rows * (uint64_t)v.cols;
    if (l->a.base && !l->status) l->status = pi0_checkpoint_read(l->source->cp, t, &v, l->err);
    return v;
}

// what has been packed is not read again: the process need not hold both
static void forget(const loader *l, const tensor_view *v)
{
    pi0_checkpoint_forget(l->source->cp, v);
}

// a vector or table, as f32
static mat place(loader *l, tensor_view v)
{
    const mat m = arena_mat(&l->a, v.rows, v.cols, DTYPE_F32);
    if (m.p && !l->status) {
        l->b->ops->put(l->b, m, v);
        forget(l, &v);
    }
    return m;
}

static mat vector(loader *l, enum tensor_id id, int layer)
{
    return place(l, view(l, id, layer));
}

// finish a weight whose parts are set: sizes, then the backend's own form
static void pack(loader *l, weight *w)
{
    w->in = w->part[0].cols;
    w->out = 0;
    for (int i = 0; i < w->n_parts; i++) w->out += w->part[i].rows;
    const size_t bytes = l->b->ops->packed_size(l->b, w);
    w->packed = bytes ? arena_take(&l->a, bytes) : NULL;
    if (!w->packed || l->status) return;
    l->b->ops->pack(l->b, w);
    for (int i = 0; i < w->n_parts; i++) forget(l, &w->part[i]);
}

#define NO_BIAS T_COUNT

// n tensors with their outputs side by side, and their biases
static weight stacked(loader *l, const char *name, dtype type, int layer, int n,
                      const enum tensor_id *id, const enum tensor_id *bias)
{
    weight w = { .name = name, .n_parts = n, .type = type, .kind = WEIGHT_LINEAR };
    for (int i = 0; i < n; i++) w.part[i] = view(l, id[i], layer);
    pack(l, &w);
    if (!bias) return w;
    w.bias = arena_mat(&l->a, 1, w.out, DTYPE_F32);
    for (int i = 0, col = 0; i < n; col += w.part[i++].rows) {
        const mat to = mat_cols(w.bias, col, w.part[i].rows);
        const tensor_view from = view(l, bias[i], layer);
        if (!to.p || l->status) continue;
        l->b->ops->put(l->b, to, from);
        forget(l, &from);
    }
    return w;
}

static weight single(loader *l, const char *name, dtype type, int layer, enum tensor_id id,
                     enum tensor_id bias)
{
    return stacked(l, name, type, layer, 1, &id, bias == NO_BIAS ? NULL : &bias);
}

static weight gate_and_up(loader *l, int layer, enum tensor_id gate, enum tensor_id up)
{
    weight w = { .name = "gate_up", .n_parts = 2, .type = l->b->gemm_type, .kind = WEIGHT_GEGLU };
    w.part[0] = view(l, gate, layer);
    w.part[1] = view(l, up, layer);
    pack(l, &w);
    return w;
}

static void load_siglip_layer(loader *l, siglip_layer *v, int i)
{
    const dtype big = l->b->gemm_type;
    static const enum tensor_id qkv[] = { T_V_Q_W, T_V_K_W, T_V_V_W };
    static const enum tensor_id qkv_bias[] = { T_V_Q_B, T_V_K_B, T_V_V_B };
    v->norm1_scale = vector(l, T_V_NORM1_W, i);
    v->norm1_shift = vector(l, T_V_NORM1_B, i);
    v->qkv = stacked(l, "qkv", big, i, 3, qkv, qkv_bias);
    v->out = single(l, "out", big, i, T_V_O_W, T_V_O_B);
    v->norm2_scale = vector(l, T_V_NORM2_W, i);
    v->norm2_shift = vector(l, T_V_NORM2_B, i);
    v->fc1 = single(l, "fc1", big, i, T_V_FC1_W, T_V_FC1_B);
    v->fc2 = single(l, "fc2", big, i, T_V_FC2_W, T_V_FC2_B);
}

static void load_siglip(loader *l, siglip *v)
{
    v->patch_embedding = single(l, "patch_embedding", DTYPE_F32, 0, T_PATCH_W, T_PATCH_B);
    v->positions = place(l, view(l, T_POSITIONS, 0));
    for (int i = 0; i < l->z->v_layers; i++) load_siglip_layer(l, &v->layer[i], i);
    v->post_scale = vector(l, T_V_POST_W, 0);
    v->post_shift = vector(l, T_V_POST_B, 0);
    v->projector = single(l, "projector", l->b->gemm_type, 0, T_PROJECTOR_W, T_PROJECTOR_B);
}

static void load_language_layer(loader *l, gemma_layer *g, int i)
{
    const dtype big = l->b->gemm_type;
    static const enum tensor_id qkv[] = { T_LM_Q, T_LM_K, T_LM_V };
    g->attn_norm.scale = vector(l, T_LM_NORM1, i);
    if (i == l->z->layers - 1) {
        // only the last keys and values are ever read
        g->qkv = stacked(l, "kv", big, i, 2, qkv + 1, NULL);
        return;
    }
    g->qkv = stacked(l, "qkv", big, i, 3, qkv, NULL);
    g->o = single(l, "o", big, i, T_LM_O, NO_BIAS);
    g->ffn_norm.scale = vector(l, T_LM_NORM2, i);
    g->gate_up = gate_and_up(l, i, T_LM_GATE, T_LM_UP);
    g->down = single(l, "down", big, i, T_LM_DOWN, NO_BIAS);
}

static gemma_norm expert_norm(loader *l, int layer, enum tensor_id plain, enum tensor_id dense,
                              enum tensor_id bias)
{
    gemma_norm norm = { 0 };
    if (l->z->pi05)
        norm.dense = single(l, "modulation", DTYPE_F32, layer, dense, bias);
    else
        norm.scale = vector(l, plain, layer);
    return norm;
}

static void load_expert_layer(loader *l, gemma_layer *g, int i)
{
    const dtype big = l->b->gemm_type;
    static const enum tensor_id qkv[] = { T_EX_Q, T_EX_K, T_EX_V };
    g->attn_norm = expert_norm(l, i, T_EX_NORM1, T_EX_NORM1_W, T_EX_NORM1_B);
    g->qkv = stacked(l, "qkv", big, i, 3, qkv, NULL);
    g->o = single(l, "o", big, i, T_EX_O, NO_BIAS);
    g->ffn_norm = expert_norm(l, i, T_EX_NORM2, T_EX_NORM2_W, T_EX_NORM2_B);
    g->gate_up = gate_and_up(l, i, T_EX_GATE, T_EX_UP);
    g->down = single(l, "down", big, i, T_EX_DOWN, NO_BIAS);
}

// columns [first, first + n) of action_time_mlp_in: it reads the action, then the time
static weight action_time_half(loader *l, const char *name, int first, int n, enum tensor_id bias)
{
    weight w = { .name = name, .n_parts = 1, .type = DTYPE_F32, .kind = WEIGHT_LINEAR };
    tensor_view v = view(l, T_ACTION_TIME_IN_W, 0);
    if (v.data)
        v.data = (const char *)v.data + first * v.col_stride * (ptrdiff_t)dtype_size(v.type);
    l->parameters -= (uint64_t)v.rows * (uint64_t)(v.cols - n);
    v.cols = n;
    w.part[0] = v;
    pack(l, &w);
    if (bias != NO_BIAS) w.bias = vector(l, bias, 0);
    return w;
}

static void load_heads(loader *l, network *net)
{
    const int width = l->z->size[SIZE_W];
    net->action_in = single(l, "action_in", DTYPE_F32, 0, T_ACTION_IN_W, T_ACTION_IN_B);
    net->action_out = single(l, "action_out", DTYPE_F32, 0, T_ACTION_OUT_W, T_ACTION_OUT_B);
    if (l->z->pi05) {
        net->time_in = single(l, "time_in", DTYPE_F32, 0, T_TIME_IN_W, T_TIME_IN_B);
        net->time_out = single(l, "time_out", DTYPE_F32, 0, T_TIME_OUT_W, T_TIME_OUT_B);
        return;
    }
    net->state_in = single(l, "state_in", DTYPE_F32, 0, T_STATE_W, T_STATE_B);
    net->action_time_in = action_time_half(l, "action_time_in", 0, width, NO_BIAS);
    net->time_in = action_time_half(l, "time_in", width, width, T_ACTION_TIME_IN_B);
    net->time_out = single(l, "time_out", DTYPE_F32, 0, T_ACTION_TIME_OUT_W, T_ACTION_TIME_OUT_B);
}

static void load_table(loader *l, network *net)
{
    weight *w = &net->token_table;
    *w = (weight){ .name = "tokens", .n_parts = 1, .type = DTYPE_F32, .kind = WEIGHT_TABLE };
    w->part[0] = view(l, T_TOKENS, 0);
    pack(l, w);
}

static void load_all(loader *l, network *net)
{
    load_siglip(l, &net->vision);
    load_table(l, net);
    for (int i = 0; i < l->z->layers; i++) load_language_layer(l, &net->language.layer[i], i);
    for (int i = 0; i < l->z->layers; i++) load_expert_layer(l, &net->expert.layer[i], i);
    net->expert.final_norm = expert_norm(l, 0, T_EX_NORM, T_EX_NORM_W, T_EX_NORM_B);
    load_heads(l, net);
}

static network empty_network(const model_sizes *z, const weight_block *block)
{
    const int *n = z->size;
    return (network){
        .sizes = *z,
        .n_heads = n[SIZE_Q] / n[SIZE_HEAD],
        .head_dim = n[SIZE_HEAD],
        .vision = { .layer = block->siglip_layers },
        .language = { .width = n[SIZE_D],
                      .mlp = n[SIZE_D_MLP],
                      .n_layers = z->layers,
                      .layer = block->gemma_layers },
        .expert = { .width = n[SIZE_W],
                    .mlp = n[SIZE_W_MLP],
                    .n_layers = z->layers,
                    .layer = block->gemma_layers + z->layers },
    };
}

int pi0_weights_load(network *net, weight_block *block, const model_sizes *sizes,
                     const tensor_source *source, backend *b, pi0_error *err)
{
    weight_block k = { 0 };
    loader l = { .source = source, .z = sizes, .b = b, .err = err };
    k.siglip_layers = calloc((size_t)sizes->v_layers, sizeof *k.siglip_layers);
    k.gemma_layers = calloc(2 * (size_t)sizes->layers, sizeof *k.gemma_layers);
    if (!k.siglip_layers || !k.gemma_layers) {
        pi0_weights_free(&k, b);
        return pi0_fail(err, PI0_ENOMEM, "no memory for the tables of %d layers", sizes->layers);
    }
    network n = empty_network(sizes, &k);

    // measure, take the block, fill it
    load_all(&l, &n);
    k.bytes = l.a.used;
    k.parameters = l.parameters;
    const int status = b->ops->block_new(b, &k.block, k.bytes, err);
    if (status) {
        pi0_weights_free(&k, b);
        return status;
    }
    l.a = (arena){ .base = k.block, .size = k.bytes };
    // threads that stay awake would take a processor from the decoding
    const bool stay_awake = !source->cp->is_orbax;
    if (stay_awake) b->ops->begin(b);
    load_all(&l, &n);
    if (stay_awake) b->ops->end(b);
    assert(l.a.used == k.bytes);
    pi0_checkpoint_trim(source->cp);
    if (l.status) {
        pi0_weights_free(&k, b);
        return l.status;
    }
    *net = n;
    *block = k;
    return PI0_OK;
}

void pi0_weights_free(weight_block *block, const backend *b)
{
    if (block->block) b->ops->block_free(b, block->block, block->bytes);
    free(block->siglip_layers);
    free(block->gemma_layers);
    *block = (weight_block){ 0 };
}
