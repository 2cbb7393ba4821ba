/* SPDX-License-Identifier: Apache-2.0 */
/* gemma.c - one Gemma layer, as the language model and the action expert both use it.
 *
 * Mirrors openpi transformers_replace/models/gemma/modeling_gemma.py GemmaDecoderLayer. All query
 * heads share one key/value head. Keys and values go straight into the cache, after rotation. */
#include "model/run.h"
#include <math.h>

mat pi0_run_keys(const run *r, int layer, int first, int n)
{
    return mat_rows(r->keys, layer * r->n_positions + first, n);
}

mat pi0_run_values(const run *r, int layer, int first, int n)
{
    return mat_rows(r->values, layer * r->n_positions + first, n);
}

norm_modulation pi0_norm_plain(const gemma_norm *norm)
{
    return (norm_modulation){ norm->scale, MAT_NONE, MAT_NONE };
}

// queries into q (where the layer has them), keys and values of h into the cache at pos
static void project(run *r, const gemma_layer *l, int layer, mat q, mat h, int pos)
{
    backend *b = r->b;
    const int n = h.rows, dim = r->net->head_dim, heads = r->net->n_heads;
    const mat table = mat_rows(r->rope, pos, n);
    const mat v = pi0_run_values(r, layer, pos, n);
    const size_t mark = arena_mark(&b->scratch);
    mat k32 = arena_mat(&b->scratch, n, dim, DTYPE_F32);         // [n][256]
    mat q32 = arena_mat(&b->scratch, n, heads * dim, DTYPE_F32); // [n][8 * 256]

    if (l->qkv.n_parts == 3)
        linear_parts(b, (mat[]){ q32, k32, v }, 3, h, &l->qkv, ACT_NONE);
    else
        linear_parts(b, (mat[]){ k32, v }, 2, h, &l->qkv, ACT_NONE);
    rope(b, pi0_run_keys(r, layer, pos, n), k32, table, 1);
    if (!mat_is_none(q)) rope(b, q, q32, table, heads);
    arena_rewind(&b->scratch, mark);
}

// x += gate * o(attention(norm(x)))
static void self_attention(run *r, const gemma_layer *l, int layer, mat x, int pos,
                           norm_modulation m, bool kv_only)
{
    backend *b = r->b;
    const int n = x.rows, seen = pos + n, width = r->net->n_heads * r->net->head_dim;
    const size_t mark = arena_mark(&b->scratch);
    mat h = arena_mat(&b->scratch, n, x.cols, b->gemm_type); // [n][width]
    mat q = arena_mat(&b->scratch, n, width, b->gemm_type);  // [n][8 * 256]
    mat o = arena_mat(&b->scratch, n, width, b->gemm_type);  // [n][8 * 256]

    rmsnorm(b, h, x, m.scale, m.shift);
    project(r, l, layer, kv_only ? MAT_NONE : q, h, pos);
    if (!kv_only) {
        attention(b, o, q, pi0_run_keys(r, layer, 0, seen), pi0_run_values(r, layer, 0, seen),
                  r->net->n_heads, (float)(1 / sqrt((double)r->net->head_dim)));
        linear_add(b, x, o, &l->o, m.gate);
    }
    arena_rewind(&b->scratch, mark);
}

// x += gate * down(gelu(gate(norm(x))) * up(norm(x)))
static void feed_forward(run *r, const gemma_layer *l, mat x, norm_modulation m)
{
    backend *b = r->b;
    const size_t mark = arena_mark(&b->scratch);
    mat h = arena_mat(&b->scratch, x.rows, x.cols, b->gemm_type);     // [n][width]
    mat u = arena_mat(&b->scratch, x.rows, l->down.in, b->gemm_type); // [n][mlp]

    rmsnorm(b, h, x, m.scale, m.shift);
    linear(b, u, h, &l->gate_up, ACT_NONE);
    linear_add(b, x, u, &l->down, m.gate);
    arena_rewind(&b->scratch, mark);
}

void pi0_gemma_layer(run *r, const gemma *g, int layer, mat x, int pos, norm_modulation attn,
                     norm_modulation ffn, bool kv_only)
{
    const gemma_layer *l = &g->layer[layer];
    self_attention(r, l, layer, x, pos, attn, kv_only);
    if (!kv_only) feed_forward(r, l, x, ffn);
}
