/* SPDX-License-Identifier: Apache-2.0 */
/* siglip.c - the vision tower: 224x224 pictures to 256 tokens each, all pictures at once.
 *
 * Mirrors openpi transformers_replace/models/siglip/modeling_siglip.py SiglipVisionModel and
 * PaliGemmaModel.get_image_features (which leaves out the division by sqrt(D)). */
#include "model/run.h"
#include <math.h>

// x += out(softmax(q k' / sqrt(72)) v): each picture attends to itself alone
static void siglip_attention(run *r, const siglip_layer *l, mat x, int n_images)
{
    backend *b = r->b;
    const int rows = x.rows, width = x.cols, each = r->image_tokens;
    const float scale = (float)(1 / sqrt((double)(width / SIGLIP_HEADS)));
    const size_t mark = arena_mark(&b->scratch);
    mat h = arena_mat(&b->scratch, rows, width, b->gemm_type); // [256 n][V]
    mat o = arena_mat(&b->scratch, rows, width, b->gemm_type); // [256 n][V]
    mat qkv[3];                                                // [256 n][V] each
    for (int i = 0; i < 3; i++) qkv[i] = arena_mat(&b->scratch, rows, width, b->gemm_type);

    layernorm(b, h, x, l->norm1_scale, l->norm1_shift);
    linear_parts(b, qkv, 3, h, &l->qkv, ACT_NONE);
    for (int i = 0; i < n_images; i++)
        attention(b, mat_rows(o, i * each, each), mat_rows(qkv[0], i * each, each),
                  mat_rows(qkv[1], i * each, each), mat_rows(qkv[2], i * each, each), SIGLIP_HEADS,
                  scale);
    linear_add(b, x, o, &l->out, MAT_NONE);
    arena_rewind(&b->scratch, mark);
}

// x += fc2(gelu(fc1(norm2(x))))
static void siglip_mlp(run *r, const siglip_layer *l, mat x)
{
    backend *b = r->b;
    const size_t mark = arena_mark(&b->scratch);
    mat h = arena_mat(&b->scratch, x.rows, x.cols, b->gemm_type);     // [256 n][V]
    mat u = arena_mat(&b->scratch, x.rows, l->fc1.out, b->gemm_type); // [256 n][4304]

    layernorm(b, h, x, l->norm2_scale, l->norm2_shift);
    linear(b, u, h, &l->fc1, ACT_GELU);
    linear_add(b, x, u, &l->fc2, MAT_NONE);
    arena_rewind(&b->scratch, mark);
}

// the stage's rows of one picture after another
static void tap_images(run *r, mat x, int n_images, const char *what, int layer)
{
    for (int i = 0; i < n_images; i++) {
        const mat own = mat_rows(x, i * r->image_tokens, r->image_tokens);
        if (layer < 0)
            pi0_tap(r, own, "vision.%d.%s", i, what);
        else
            pi0_tap(r, own, "vision.%d.L%02d%s", i, layer, what);
    }
}

// picture i of the pixels that were put
static mat picture(const run *r, int i, dtype type)
{
    const int size = r->image_size;
    if (type == DTYPE_F32) return mat_rows(r->pixels, i * 3 * size, 3 * size);
    char *p = r->pixels.p;
    return mat_make(p ? p + (size_t)i * 3 * size * size : NULL, size, 3 * size, DTYPE_U8);
}

// patches and their embedding, plus positions
static void siglip_embed(run *r, mat x, int n_images, dtype pixel_type)
{
    backend *b = r->b;
    const siglip *v = &r->net->vision;
    const int each = r->image_tokens;
    const size_t mark = arena_mark(&b->scratch);
    mat p = arena_mat(&b->scratch, x.rows, v->patch_embedding.in, DTYPE_F32); // [256 n][588]

    for (int i = 0; i < n_images; i++)
        patches(b, mat_rows(p, i * each, each), picture(r, i, pixel_type),
                r->net->sizes.size[SIZE_PATCH]);
    linear(b, x, p, &v->patch_embedding, ACT_NONE);
    axpy(b, x, 1, v->positions);
    arena_rewind(&b->scratch, mark);
}

int pi0_siglip_run(run *r, int n_images, dtype pixel_type)
{
    backend *b = r->b;
    const siglip *v = &r->net->vision;
    const int rows = n_images * r->image_tokens, width = r->net->sizes.size[SIZE_V];
    const size_t mark = arena_mark(&b->scratch);
    mat x = arena_mat(&b->scratch, rows, width, DTYPE_F32);    // [256 n][V]
    mat h = arena_mat(&b->scratch, rows, width, b->gemm_type); // [256 n][V]
    mat tokens = mat_rows(r->prefix, 0, rows);                 // [256 n][D]
    bool stop = false;

    enter(b, MODULE_VISION, -1, -1);
    siglip_embed(r, x, n_images, pixel_type);
    tap_images(r, x, n_images, "embeddings", -1);
    for (int i = 0; i < r->net->sizes.v_layers && !(stop = run_canceled(r)); i++) {
        enter(b, MODULE_VISION, -1, i);
        siglip_attention(r, &v->layer[i], x, n_images);
        tap_images(r, x, n_images, ".attention", i);
        siglip_mlp(r, &v->layer[i], x);
        tap_images(r, x, n_images, "", i);
    }
    enter(b, MODULE_VISION, -1, -1);
    layernorm(b, h, x, v->post_scale, v->post_shift);
    linear(b, tokens, h, &v->projector, ACT_NONE);
    tap_images(r, tokens, n_images, "tokens", -1);
    arena_rewind(&b->scratch, mark);
    return stop ? PI0_ECANCELED : PI0_OK;
}
