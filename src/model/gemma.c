/* SPDX-License-Identifier: Apache-2.0 */
/* gemma.c - one Gemma layer, as the language model and the action expert both use it.
 *
 * Mirrors openpi transformers_replace/models/gemma/modeling_gemma.py GemmaDecoderLayer. All query
 * heads share one key/value head. Keys and values go straight into the cache, after rotation. */
#include "model/run.h"
#include "ops/describe.h"
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

static void tap_layer(run *r, mat m, layer_place at, const char *what)
{
    const char *stack = pi0_module_name(at.stack);
    if (at.step < 0)
        pi0_tap(r, m, "%s.L%02d%s", stack, at.layer, what);
    else
        pi0_tap(r, m, "step%d.%s.L%02d%s", at.step, stack, at.layer, what);
}

// queries into q (where the layer has them), keys and values of h into the cache at pos
static void project(run *r, const gemma_layer *l, layer_place at, mat q, mat h)
{
    backend *b = r->b;
    const int n = h.rows, dim = r->net->head_dim, heads = r->net->n_heads;
    const mat table = mat_rows(r->rope, at.pos, n);
    const mat k = pi0_run_keys(r, at.layer, at.pos, n), v = pi0_run_values(r, at.layer, at.pos, n);
    const size_t mark = arena_mark(&b->scratch);
    mat k32 = arena_mat(&b->scratch, n, dim, DTYPE_F32);         // [n][256]
    mat q32 = arena_mat(&b->scratch, n, heads * dim, DTYPE_F32); // [n][8 * 256]

    if (l->qkv.n_parts == 3)
        linear_parts(b, (mat[]){ q32, k32, v }, 3, h, &l->qkv, ACT_NONE);
    else
        linear_parts(b, (mat[]){ k32, v }, 2, h, &l->qkv, ACT_NONE);
    rope(b, k, k32, table, 1);
    if (!mat_is_none(q)) rope(b, q, q32, table, heads);
    tap_layer(r, k, at, ".k");
    tap_layer(r, v, at, ".v");
    arena_rewind(&b->scratch, mark);
}

// x += gate * o(attention(norm(x)))
static void self_attention(run *r, const gemma_layer *l, layer_place at, mat x, norm_modulation m)
{
    backend *b = r->b;
    const int n = x.rows, seen = at.pos + n, width = r->net->n_heads * r->net->head_dim;
    const size_t mark = arena_mark(&b->scratch);
    mat h = arena_mat(&b->scratch, n, x.cols, b->gemm_type); // [n][width]
    mat q = arena_mat(&b->scratch, n, width, b->gemm_type);  // [n][8 * 256]
    mat o = arena_mat(&b->scratch, n, width, b->gemm_type);  // [n][8 * 256]

    rmsnorm(b, h, x, m.scale, m.shift);
    project(r, l, at, at.kv_only ? MAT_NONE : q, h);
    if (!at.kv_only) {
        attention(b, o, q, pi0_run_keys(r, at.layer, 0, seen), pi0_run_values(r, at.layer, 0, seen),
                  r->net->n_heads, (float)(1 / sqrt((double)r->net->head_dim)));
        linear_add(b, x, o, &l->o, m.gate);
        tap_layer(r, x, at, ".attention");
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

void pi0_gemma_layer(run *r, const gemma *g, layer_place at, mat x, norm_modulation attn,
                     norm_modulation ffn)
{
    const gemma_layer *l = &g->layer[at.layer];
    enter(r->b, at.stack, at.step, at.layer);
    self_attention(r, l, at, x, attn);
    if (at.kv_only) return;
    feed_forward(r, l, x, ffn);
    tap_layer(r, x, at, at.step < 0 ? ".out" : "");
}
