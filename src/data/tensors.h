/* SPDX-License-Identifier: Apache-2.0 */
/* tensors.h - THE table of the tensors of a pi0 / pi0.5 checkpoint: name, shape, which model has
 * it. The loader checks files against it; `pi0 synth` writes files from it.
 * Names are those of openpi's PyTorch port; LeRobot's are the same with "model." in front. */
#ifndef PI0_TENSORS_H
#define PI0_TENSORS_H
#include "data/safetensors.h"
#include <stdbool.h>

// the sizes that shapes are made of
enum size_id {
    SIZE_NONE,
    SIZE_RGB,        // 3
    SIZE_PATCH,      // 14: pixels of a patch's side
    SIZE_IMAGE,      // 256: tokens of one picture
    SIZE_V,          // 1152: width of the vision tower
    SIZE_V_MLP,      // 4304
    SIZE_D,          // 2048: width of the language model
    SIZE_D_MLP,      // 16384
    SIZE_VOCABULARY, // 257152
    SIZE_Q,          // 2048: query heads * head_dim, of both Gemma stacks
    SIZE_HEAD,       // 256: head_dim, the one key/value head
    SIZE_W,          // 1024: width of the action expert
    SIZE_W_MLP,      // 4096
    SIZE_2W,         // action and time side by side
    SIZE_3W,         // scale, shift and gate of an adaptive norm
    SIZE_ACTION,     // 32
    SIZE_STATE,      // 32
    SIZE_COUNT
};

typedef struct model_sizes {
    bool pi05;
    int size[SIZE_COUNT];
    int v_layers, layers; // vision tower; both Gemma stacks
} model_sizes;

enum tensor_group { GROUP_ONCE, GROUP_VISION, GROUP_GEMMA }; // how often: 1, v_layers, layers
enum { IN_PI0 = 1, IN_PI05 = 2, IN_BOTH = 3 };
// how synthetic weights are drawn: a product's matrix, a bias, a norm's scale, positions, a table
enum tensor_init { INIT_MATRIX, INIT_BIAS, INIT_ONE, INIT_PLUS_ONE, INIT_POSITION, INIT_TABLE };

#define V_ "paligemma_with_expert.paligemma.model.vision_tower.vision_model."
#define LM_ "paligemma_with_expert.paligemma.model.language_model."
#define EX_ "paligemma_with_expert.gemma_expert.model."
#define PROJECTOR_ "paligemma_with_expert.paligemma.model.multi_modal_projector.linear."

// X(id, group, models, init, name, shape...)
#define TENSOR_TABLE(X)                                                                            \
    X(PATCH_W, ONCE, BOTH, MATRIX, V_ "embeddings.patch_embedding.weight",                         \
      { SIZE_V, SIZE_RGB, SIZE_PATCH, SIZE_PATCH })                                                \
    X(PATCH_B, ONCE, BOTH, BIAS, V_ "embeddings.patch_embedding.bias", { SIZE_V })                 \
    X(POSITIONS, ONCE, BOTH, POSITION, V_ "embeddings.position_embedding.weight",                  \
      { SIZE_IMAGE, SIZE_V })                                                                      \
    X(V_NORM1_W, VISION, BOTH, ONE, V_ "encoder.layers.%d.layer_norm1.weight", { SIZE_V })         \
    X(V_NORM1_B, VISION, BOTH, BIAS, V_ "encoder.layers.%d.layer_norm1.bias", { SIZE_V })          \
    X(V_Q_W, VISION, BOTH, MATRIX, V_ "encoder.layers.%d.self_attn.q_proj.weight",                 \
      { SIZE_V, SIZE_V })                                                                          \
    X(V_Q_B, VISION, BOTH, BIAS, V_ "encoder.layers.%d.self_attn.q_proj.bias", { SIZE_V })         \
    X(V_K_W, VISION, BOTH, MATRIX, V_ "encoder.layers.%d.self_attn.k_proj.weight",                 \
      { SIZE_V, SIZE_V })                                                                          \
    X(V_K_B, VISION, BOTH, BIAS, V_ "encoder.layers.%d.self_attn.k_proj.bias", { SIZE_V })         \
    X(V_V_W, VISION, BOTH, MATRIX, V_ "encoder.layers.%d.self_attn.v_proj.weight",                 \
      { SIZE_V, SIZE_V })                                                                          \
    X(V_V_B, VISION, BOTH, BIAS, V_ "encoder.layers.%d.self_attn.v_proj.bias", { SIZE_V })         \
    X(V_O_W, VISION, BOTH, MATRIX, V_ "encoder.layers.%d.self_attn.out_proj.weight",               \
      { SIZE_V, SIZE_V })                                                                          \
    X(V_O_B, VISION, BOTH, BIAS, V_ "encoder.layers.%d.self_attn.out_proj.bias", { SIZE_V })       \
    X(V_NORM2_W, VISION, BOTH, ONE, V_ "encoder.layers.%d.layer_norm2.weight", { SIZE_V })         \
    X(V_NORM2_B, VISION, BOTH, BIAS, V_ "encoder.layers.%d.layer_norm2.bias", { SIZE_V })          \
    X(V_FC1_W, VISION, BOTH, MATRIX, V_ "encoder.layers.%d.mlp.fc1.weight",                        \
      { SIZE_V_MLP, SIZE_V })                                                                      \
    X(V_FC1_B, VISION, BOTH, BIAS, V_ "encoder.layers.%d.mlp.fc1.bias", { SIZE_V_MLP })            \
    X(V_FC2_W, VISION, BOTH, MATRIX, V_ "encoder.layers.%d.mlp.fc2.weight",                        \
      { SIZE_V, SIZE_V_MLP })                                                                      \
    X(V_FC2_B, VISION, BOTH, BIAS, V_ "encoder.layers.%d.mlp.fc2.bias", { SIZE_V })                \
    X(V_POST_W, ONCE, BOTH, ONE, V_ "post_layernorm.weight", { SIZE_V })                           \
    X(V_POST_B, ONCE, BOTH, BIAS, V_ "post_layernorm.bias", { SIZE_V })                            \
    X(PROJECTOR_W, ONCE, BOTH, MATRIX, PROJECTOR_ "weight", { SIZE_D, SIZE_V })                    \
    X(PROJECTOR_B, ONCE, BOTH, BIAS, PROJECTOR_ "bias", { SIZE_D })                                \
    X(TOKENS, ONCE, BOTH, TABLE, "paligemma_with_expert.paligemma.lm_head.weight",                 \
      { SIZE_VOCABULARY, SIZE_D })                                                                 \
    X(LM_NORM1, GEMMA, BOTH, PLUS_ONE, LM_ "layers.%d.input_layernorm.weight", { SIZE_D })         \
    X(LM_Q, GEMMA, BOTH, MATRIX, LM_ "layers.%d.self_attn.q_proj.weight", { SIZE_Q, SIZE_D })      \
    X(LM_K, GEMMA, BOTH, MATRIX, LM_ "layers.%d.self_attn.k_proj.weight", { SIZE_HEAD, SIZE_D })   \
    X(LM_V, GEMMA, BOTH, MATRIX, LM_ "layers.%d.self_attn.v_proj.weight", { SIZE_HEAD, SIZE_D })   \
    X(LM_O, GEMMA, BOTH, MATRIX, LM_ "layers.%d.self_attn.o_proj.weight", { SIZE_D, SIZE_Q })      \
    X(LM_NORM2, GEMMA, BOTH, PLUS_ONE, LM_ "layers.%d.post_attention_layernorm.weight",            \
      { SIZE_D })                                                                                  \
    X(LM_GATE, GEMMA, BOTH, MATRIX, LM_ "layers.%d.mlp.gate_proj.weight", { SIZE_D_MLP, SIZE_D })  \
    X(LM_UP, GEMMA, BOTH, MATRIX, LM_ "layers.%d.mlp.up_proj.weight", { SIZE_D_MLP, SIZE_D })      \
    X(LM_DOWN, GEMMA, BOTH, MATRIX, LM_ "layers.%d.mlp.down_proj.weight", { SIZE_D, SIZE_D_MLP })  \
    X(LM_NORM, ONCE, BOTH, PLUS_ONE, LM_ "norm.weight", { SIZE_D })                                \
    X(EX_NORM1, GEMMA, PI0, PLUS_ONE, EX_ "layers.%d.input_layernorm.weight", { SIZE_W })          \
    X(EX_NORM1_W, GEMMA, PI05, MATRIX, EX_ "layers.%d.input_layernorm.dense.weight",               \
      { SIZE_3W, SIZE_W })                                                                         \
    X(EX_NORM1_B, GEMMA, PI05, BIAS, EX_ "layers.%d.input_layernorm.dense.bias", { SIZE_3W })      \
    X(EX_Q, GEMMA, BOTH, MATRIX, EX_ "layers.%d.self_attn.q_proj.weight", { SIZE_Q, SIZE_W })      \
    X(EX_K, GEMMA, BOTH, MATRIX, EX_ "layers.%d.self_attn.k_proj.weight", { SIZE_HEAD, SIZE_W })   \
    X(EX_V, GEMMA, BOTH, MATRIX, EX_ "layers.%d.self_attn.v_proj.weight", { SIZE_HEAD, SIZE_W })   \
    X(EX_O, GEMMA, BOTH, MATRIX, EX_ "layers.%d.self_attn.o_proj.weight", { SIZE_W, SIZE_Q })      \
    X(EX_NORM2, GEMMA, PI0, PLUS_ONE, EX_ "layers.%d.post_attention_layernorm.weight", { SIZE_W }) \
    X(EX_NORM2_W, GEMMA, PI05, MATRIX, EX_ "layers.%d.post_attention_layernorm.dense.weight",      \
      { SIZE_3W, SIZE_W })                                                                         \
    X(EX_NORM2_B, GEMMA, PI05, BIAS, EX_ "layers.%d.post_attention_layernorm.dense.bias",          \
      { SIZE_3W })                                                                                 \
    X(EX_GATE, GEMMA, BOTH, MATRIX, EX_ "layers.%d.mlp.gate_proj.weight", { SIZE_W_MLP, SIZE_W })  \
    X(EX_UP, GEMMA, BOTH, MATRIX, EX_ "layers.%d.mlp.up_proj.weight", { SIZE_W_MLP, SIZE_W })      \
    X(EX_DOWN, GEMMA, BOTH, MATRIX, EX_ "layers.%d.mlp.down_proj.weight", { SIZE_W, SIZE_W_MLP })  \
    X(EX_NORM, ONCE, PI0, PLUS_ONE, EX_ "norm.weight", { SIZE_W })                                 \
    X(EX_NORM_W, ONCE, PI05, MATRIX, EX_ "norm.dense.weight", { SIZE_3W, SIZE_W })                 \
    X(EX_NORM_B, ONCE, PI05, BIAS, EX_ "norm.dense.bias", { SIZE_3W })                             \
    X(ACTION_IN_W, ONCE, BOTH, MATRIX, "action_in_proj.weight", { SIZE_W, SIZE_ACTION })           \
    X(ACTION_IN_B, ONCE, BOTH, BIAS, "action_in_proj.bias", { SIZE_W })                            \
    X(ACTION_OUT_W, ONCE, BOTH, MATRIX, "action_out_proj.weight", { SIZE_ACTION, SIZE_W })         \
    X(ACTION_OUT_B, ONCE, BOTH, BIAS, "action_out_proj.bias", { SIZE_ACTION })                     \
    X(STATE_W, ONCE, PI0, MATRIX, "state_proj.weight", { SIZE_W, SIZE_STATE })                     \
    X(STATE_B, ONCE, PI0, BIAS, "state_proj.bias", { SIZE_W })                                     \
    X(ACTION_TIME_IN_W, ONCE, PI0, MATRIX, "action_time_mlp_in.weight", { SIZE_W, SIZE_2W })       \
    X(ACTION_TIME_IN_B, ONCE, PI0, BIAS, "action_time_mlp_in.bias", { SIZE_W })                    \
    X(ACTION_TIME_OUT_W, ONCE, PI0, MATRIX, "action_time_mlp_out.weight", { SIZE_W, SIZE_W })      \
    X(ACTION_TIME_OUT_B, ONCE, PI0, BIAS, "action_time_mlp_out.bias", { SIZE_W })                  \
    X(TIME_IN_W, ONCE, PI05, MATRIX, "time_mlp_in.weight", { SIZE_W, SIZE_W })                     \
    X(TIME_IN_B, ONCE, PI05, BIAS, "time_mlp_in.bias", { SIZE_W })                                 \
    X(TIME_OUT_W, ONCE, PI05, MATRIX, "time_mlp_out.weight", { SIZE_W, SIZE_W })                   \
    X(TIME_OUT_B, ONCE, PI05, BIAS, "time_mlp_out.bias", { SIZE_W })

#define X_ID(id, group, models, init, ...) T_##id,
enum tensor_id { TENSOR_TABLE(X_ID) T_COUNT };
#undef X_ID

typedef struct tensor_spec {
    const char *name; // with %d for the layer, unless GROUP_ONCE
    enum size_id dims[4];
    enum tensor_group group;
    int models;
    enum tensor_init init;
} tensor_spec;

extern const tensor_spec pi0_tensor_table[T_COUNT];

// the embedding table is tied: LeRobot >= 0.5 stores it here too, and then this one counts
#define EMBED_TOKENS_NAME LM_ "embed_tokens.weight"
// stored by openpi and LeRobot, never used
#define EXPERT_HEAD_NAME "paligemma_with_expert.gemma_expert.lm_head.weight"

#define TENSOR_NAME_SIZE 160
// the name of one tensor, layer ignored where there is one only; returns text
const char *pi0_tensor_name(char text[TENSOR_NAME_SIZE], enum tensor_id id, int layer);

// how many tensors of this id a model of these sizes has (0: the other model's)
int pi0_tensor_count(const model_sizes *sizes, enum tensor_id id);

// pixels a side of the square picture that the vision tower takes (224)
int pi0_sizes_image(const model_sizes *sizes);

// published sizes: openpi's pi0_base / pi05_base
void pi0_sizes_published(model_sizes *sizes, bool pi05);
// those of the golden cases, a few megabytes
void pi0_sizes_tiny(model_sizes *sizes, bool pi05);
#endif
