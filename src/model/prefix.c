/* SPDX-License-Identifier: Apache-2.0 */
/* prefix.c - image tokens, then the prompt's, through the language model; what is kept is each
 * layer's keys and values. pi0's state token follows as if it were the prefix's last position.
 *
 * Mirrors openpi pi0_pytorch.py embed_prefix and the prefix pass of sample_actions. Padding and
 * absent cameras are left out instead of masked: positions count valid tokens only, and a masked
 * key has weight exactly 0, so the result is the same. */
#include "model/run.h"
#include <math.h>

int pi0_run_vision(run *r, const run_inputs *in)
{
    const int size = r->image_size;
    const dtype type = in->n_images ? in->image[0].type : DTYPE_U8;
    enter(r->b, MODULE_COMMON, -1, -1);
    for (int i = 0; i < in->n_images; i++) {
        mat to = mat_rows(r->pixels, i * 3 * size, 3 * size);
        char *base = r->pixels.p;
        if (type == DTYPE_U8)
            to = mat_make(base ? base + (size_t)i * 3 * size * size : NULL, size, 3 * size,
                          DTYPE_U8);
        r->b->ops->put(r->b, to, in->image[i]);
    }
    return in->n_images ? pi0_siglip_run(r, in->n_images, type) : PI0_OK;
}

// the prompt's rows of the table, times sqrt(D)
static void embed_prompt(run *r, const run_inputs *in)
{
    const int first = in->n_images * r->image_tokens, width = r->net->language.width;
    const mat ids = mat_cols(r->tokens, 0, in->n_tokens);
    const tensor_view host = { in->tokens, 1, in->n_tokens, in->n_tokens, 1, DTYPE_I32 };
    r->b->ops->put(r->b, ids, host);
    embed(r->b, mat_rows(r->prefix, first, in->n_tokens), ids, &r->net->token_table,
          (float)sqrt((double)width));
}

// pi0's state token: it sees the prefix and itself, and no time, so once per observation is enough
static int run_state(run *r, const run_inputs *in)
{
    const gemma *g = &r->net->expert;
    const tensor_view host = { in->state, 1, r->state.cols, r->state.cols, 1, DTYPE_F32 };
    const size_t mark = arena_mark(&r->b->scratch);
    mat x = arena_mat(&r->b->scratch, 1, g->width, DTYPE_F32); // [1][W]
    bool stop = false;

    enter(r->b, MODULE_STATE, -1, -1);
    r->b->ops->put(r->b, r->state, host);
    pi0_suffix_state(r, x);
    pi0_tap(r, x, "suffix.state");
    for (int i = 0; i < g->n_layers && !(stop = run_canceled(r)); i++) {
        const layer_place at = { MODULE_STATE, -1, i, r->n_prefix, i == g->n_layers - 1 };
        pi0_gemma_layer(r, g, at, x, pi0_norm_plain(&g->layer[i].attn_norm),
                        pi0_norm_plain(&g->layer[i].ffn_norm));
    }
    arena_rewind(&r->b->scratch, mark);
    return stop ? PI0_ECANCELED : PI0_OK;
}

int pi0_run_prefix(run *r, const run_inputs *in)
{
    const gemma *g = &r->net->language;
    const int n = in->n_images * r->image_tokens + in->n_tokens;
    const mat x = mat_rows(r->prefix, 0, n); // [P][D]

    enter(r->b, MODULE_PREFIX, -1, -1);
    if (in->n_tokens) embed_prompt(r, in);
    r->n_prefix = n;
    pi0_tap_table(r, mat_rows(r->rope, 0, n), "prefix.rope");
    pi0_tap(r, x, "prefix.embeddings");
    for (int i = 0; i < g->n_layers; i++) {
        const layer_place at = { MODULE_PREFIX, -1, i, 0, i == g->n_layers - 1 };
        if (run_canceled(r)) return PI0_ECANCELED;
        pi0_gemma_layer(r, g, at, x, pi0_norm_plain(&g->layer[i].attn_norm),
                        pi0_norm_plain(&g->layer[i].ffn_norm));
    }
    return r->net->sizes.pi05 ? PI0_OK : run_state(r, in);
}
