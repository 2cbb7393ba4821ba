/* SPDX-License-Identifier: Apache-2.0 */
/* network.h - the network's weights, as the functions that mirror the paper take them.
 *
 * Matrices [out][in] follow openpi's names; a mat is a vector or table that the backend owns. */
#ifndef PI0_NETWORK_H
#define PI0_NETWORK_H
#include "data/tensors.h"
#include "ops/ops.h"

#define SIGLIP_HEADS 16

/* ---- SigLIP vision tower: openpi transformers_replace/models/siglip/modeling_siglip.py ---- */

typedef struct siglip_layer {
    mat norm1_scale, norm1_shift, norm2_scale, norm2_shift;
    weight qkv;      // q, k, v side by side
    weight out;      // ends attention
    weight fc1, fc2; // mlp
} siglip_layer;

typedef struct siglip {
    weight patch_embedding; // [V][3 * patch * patch]
    mat positions;          // [256][V]
    siglip_layer *layer;
    mat post_scale, post_shift;
    weight projector; // [D][V]
} siglip;

/* ---- Gemma stacks: transformers_replace/models/gemma/modeling_gemma.py ---- */

// RMSNorm: plain with a scale, or adaptive (pi0.5's expert): scale, shift, gate = dense(cond)
typedef struct gemma_norm {
    mat scale;    // [1][width]; none where adaptive
    weight dense; // [3 * width][width]
} gemma_norm;

typedef struct gemma_layer {
    gemma_norm attn_norm, ffn_norm;
    weight qkv; // q, k, v; in the last layer of the language model k, v alone
    weight o, gate_up, down;
} gemma_layer;

typedef struct gemma {
    int width, mlp, n_layers;
    gemma_layer *layer;
    gemma_norm final_norm; // the expert's; the language model's is never needed
} gemma;

/* ---- the whole: openpi src/openpi/models_pytorch/pi0_pytorch.py PI0Pytorch ---- */

typedef struct network {
    model_sizes sizes;
    int n_heads, head_dim; // query heads and head size of both Gemma stacks
    siglip vision;
    weight token_table; // [vocabulary][D]
    gemma language, expert;

    weight action_in, action_out; // [W][32], [32][W]
    weight state_in;              // pi0: [W][32]
    // pi0: action_time_mlp_in in two halves, what reads the action and what reads the time
    weight action_time_in, time_in; // [W][W] each; pi0.5: time_in is time_mlp_in
    weight time_out;                // action_time_mlp_out; pi0.5: time_mlp_out
} network;
#endif
