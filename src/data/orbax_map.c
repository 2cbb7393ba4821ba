/* SPDX-License-Identifier: Apache-2.0 */
/* orbax_map.c - THE table from JAX's arrays to tensors, and the list that it makes of a tree. */
#include "data/orbax_map.h"
#include <stdio.h>
#include <stdlib.h>

#define MAX_LAYERS 512
#define SIGLIP_HEADS 16 // the reference fixes them; here the array's shape says them

#define IMG "PaliGemma/img/"
#define BLOCK IMG "Transformer/encoderblock/"
#define ATTENTION BLOCK "MultiHeadDotProductAttention_0/"
#define MLP BLOCK "MlpBlock_0/"
#define LLM "PaliGemma/llm/"
#define LAYERS LLM "layers/"

/* Letters, a size each: k vision layers, v width, m mlp, a heads, b head size, y x patch, c
 * colours, i positions; L Gemma layers, N heads, H head size, D F width and mlp of the language
 * model, W G of the expert, S scale-shift-gate, T vocabulary, A actions, B state, C action and
 * time. */
static const orbax_row table[] = {
    { T_PATCH_W, IMG "embedding/kernel", "yxcv", "v,c,y,x" },
    { T_PATCH_B, IMG "embedding/bias", "v", "v" },
    { T_POSITIONS, IMG "pos_embedding", ".iv", "i,v" },
    { T_V_NORM1_W, BLOCK "LayerNorm_0/scale", "kv", "v" },
    { T_V_NORM1_B, BLOCK "LayerNorm_0/bias", "kv", "v" },
    { T_V_Q_W, ATTENTION "query/kernel", "kvab", "ab,v" },
    { T_V_Q_B, ATTENTION "query/bias", "kab", "ab" },
    { T_V_K_W, ATTENTION "key/kernel", "kvab", "ab,v" },
    { T_V_K_B, ATTENTION "key/bias", "kab", "ab" },
    { T_V_V_W, ATTENTION "value/kernel", "kvab", "ab,v" },
    { T_V_V_B, ATTENTION "value/bias", "kab", "ab" },
    { T_V_O_W, ATTENTION "out/kernel", "kabv", "v,ab" },
    { T_V_O_B, ATTENTION "out/bias", "kv", "v" },
    { T_V_NORM2_W, BLOCK "LayerNorm_1/scale", "kv", "v" },
    { T_V_NORM2_B, BLOCK "LayerNorm_1/bias", "kv", "v" },
    { T_V_FC1_W, MLP "Dense_0/kernel", "kvm", "m,v" },
    { T_V_FC1_B, MLP "Dense_0/bias", "km", "m" },
    { T_V_FC2_W, MLP "Dense_1/kernel", "kmv", "v,m" },
    { T_V_FC2_B, MLP "Dense_1/bias", "kv", "v" },
    { T_V_POST_W, IMG "Transformer/encoder_norm/scale", "v", "v" },
    { T_V_POST_B, IMG "Transformer/encoder_norm/bias", "v", "v" },
    { T_PROJECTOR_W, IMG "head/kernel", "vD", "D,v" },
    { T_PROJECTOR_B, IMG "head/bias", "D", "D" },
    { T_TOKENS, LLM "embedder/input_embedding", "TD", "T,D" },
    { T_LM_NORM1, LAYERS "pre_attention_norm/scale", "LD", "D" },
    { T_LM_Q, LAYERS "attn/q_einsum/w", "LNDH", "NH,D" },
    { T_LM_K, LAYERS "attn/kv_einsum/w", "L0.DH", "H,D" },
    { T_LM_V, LAYERS "attn/kv_einsum/w", "L1.DH", "H,D" },
    { T_LM_O, LAYERS "attn/attn_vec_einsum/w", "LNHD", "D,NH" },
    { T_LM_NORM2, LAYERS "pre_ffw_norm/scale", "LD", "D" },
    { T_LM_GATE, LAYERS "mlp/gating_einsum", "L0DF", "F,D" },
    { T_LM_UP, LAYERS "mlp/gating_einsum", "L1DF", "F,D" },
    { T_LM_DOWN, LAYERS "mlp/linear", "LFD", "D,F" },
    { T_LM_NORM, LLM "final_norm/scale", "D", "D" },
    { T_EX_NORM1, LAYERS "pre_attention_norm_1/scale", "LW", "W" },
    { T_EX_NORM1_W, LAYERS "pre_attention_norm_1/Dense_0/kernel", "LWS", "S,W" },
    { T_EX_NORM1_B, LAYERS "pre_attention_norm_1/Dense_0/bias", "LS", "S" },
    { T_EX_Q, LAYERS "attn/q_einsum_1/w", "LNWH", "NH,W" },
    { T_EX_K, LAYERS "attn/kv_einsum_1/w", "L0.WH", "H,W" },
    { T_EX_V, LAYERS "attn/kv_einsum_1/w", "L1.WH", "H,W" },
    { T_EX_O, LAYERS "attn/attn_vec_einsum_1/w", "LNHW", "W,NH" },
    { T_EX_NORM2, LAYERS "pre_ffw_norm_1/scale", "LW", "W" },
    { T_EX_NORM2_W, LAYERS "pre_ffw_norm_1/Dense_0/kernel", "LWS", "S,W" },
    { T_EX_NORM2_B, LAYERS "pre_ffw_norm_1/Dense_0/bias", "LS", "S" },
    { T_EX_GATE, LAYERS "mlp_1/gating_einsum", "L0WG", "G,W" },
    { T_EX_UP, LAYERS "mlp_1/gating_einsum", "L1WG", "G,W" },
    { T_EX_DOWN, LAYERS "mlp_1/linear", "LGW", "W,G" },
    { T_EX_NORM, LLM "final_norm_1/scale", "W", "W" },
    { T_EX_NORM_W, LLM "final_norm_1/Dense_0/kernel", "WS", "S,W" },
    { T_EX_NORM_B, LLM "final_norm_1/Dense_0/bias", "S", "S" },
    { T_ACTION_IN_W, "action_in_proj/kernel", "AW", "W,A" },
    { T_ACTION_IN_B, "action_in_proj/bias", "W", "W" },
    { T_ACTION_OUT_W, "action_out_proj/kernel", "WA", "A,W" },
    { T_ACTION_OUT_B, "action_out_proj/bias", "A", "A" },
    { T_STATE_W, "state_proj/kernel", "BW", "W,B" },
    { T_STATE_B, "state_proj/bias", "W", "W" },
    { T_ACTION_TIME_IN_W, "action_time_mlp_in/kernel", "CW", "W,C" },
    { T_ACTION_TIME_IN_B, "action_time_mlp_in/bias", "W", "W" },
    { T_ACTION_TIME_OUT_W, "action_time_mlp_out/kernel", "wW", "W,w" },
    { T_ACTION_TIME_OUT_B, "action_time_mlp_out/bias", "W", "W" },
    { T_TIME_IN_W, "time_mlp_in/kernel", "wW", "W,w" },
    { T_TIME_IN_B, "time_mlp_in/bias", "W", "W" },
    { T_TIME_OUT_W, "time_mlp_out/kernel", "wW", "W,w" },
    { T_TIME_OUT_B, "time_mlp_out/bias", "W", "W" },
};
_Static_assert(sizeof table / sizeof *table == T_COUNT, "an array for each tensor");

const orbax_row *pi0_orbax_row(enum tensor_id id)
{
    assert(table[id].id == id);
    return &table[id];
}

int pi0_orbax_fixed(int64_t fixed[ZARR_MAX_DIMS], const orbax_row *row, int n_dims, int layer)
{
    int n = 0;
    for (; n < n_dims && strchr("kL01.", row->axes[n]); n++) {
        const char axis = row->axes[n];
        fixed[n] = axis == 'k' || axis == 'L' ? layer : axis == '1';
    }
    return n;
}

/* ---- shapes ---- */

// a map while it is made
typedef struct builder {
    orbax_map *map;
    orbax *o;
    bool pi05;
    int64_t size[128];     // of a letter; 0: not seen yet
    const char *from[128]; // the array that said it
    pi0_error *err;
} builder;

static const char *shape_text(char text[128], const zarr_array *z)
{
    size_t at = 0;
    text[0] = 0;
    for (int d = 0; d < z->n_dims && at < 100; d++)
        at += (size_t)snprintf(text + at, 128 - at, "%s%lld", d ? "," : "", (long long)z->shape[d]);
    return text;
}

static int wrong_shape(const builder *b, const orbax_array *a, int axis, int64_t expected,
                       const char *why)
{
    char text[128];
    return pi0_fail(b->err, PI0_EFORMAT, "%s: array %s has shape (%s): axis %d should be %lld%s%s",
                    b->o->folder, a->name, shape_text(text, &a->z), axis, (long long)expected,
                    why ? ", as in " : "", why ? why : "");
}

// every axis against its letter
static int check_axes(builder *b, const orbax_row *row, const orbax_array *a)
{
    const char *axes = row->axes;
    char text[128];
    if ((size_t)a->z.n_dims != strlen(axes))
        return pi0_fail(b->err, PI0_EFORMAT, "%s: array %s has shape (%s), expected %zu axes",
                        b->o->folder, a->name, shape_text(text, &a->z), strlen(axes));
    for (int d = 0; d < a->z.n_dims; d++) {
        // w and W are one size; they stand beside each other where a matrix is square
        const int letter = axes[d] == 'w' ? 'W' : axes[d];
        const bool index = letter == '0' || letter == '1';
        const int64_t is = a->z.shape[d];
        if (index || letter == '.') {
            if (is != (index ? 2 : 1)) return wrong_shape(b, a, d, index ? 2 : 1, NULL);
            continue;
        }
        if (letter == 'a' && is != SIGLIP_HEADS) return wrong_shape(b, a, d, SIGLIP_HEADS, NULL);
        if ((letter == 'k' || letter == 'L') && is > MAX_LAYERS)
            return wrong_shape(b, a, d, MAX_LAYERS, NULL);
        if (is > INT32_MAX / 2)
            return pi0_fail(b->err, PI0_EFORMAT, "%s: array %s has shape (%s), which no model has",
                            b->o->folder, a->name, shape_text(text, &a->z));
        if (!b->size[letter]) {
            b->size[letter] = is;
            b->from[letter] = a->name;
        }
        if (is != b->size[letter]) return wrong_shape(b, a, d, b->size[letter], b->from[letter]);
    }
    return PI0_OK;
}

// a tensor's shape from its array's; rows and columns are counted in ints
static bool tensor_shape(st_tensor *t, const orbax_row *row, const orbax_array *a)
{
    int64_t values = 1;
    t->n_dims = 0;
    t->dims[0] = 1;
    for (const char *c = row->tensor;; c++) {
        if (*c == ',' || !*c) {
            values *= t->dims[t->n_dims++];
            if (!*c) break;
            t->dims[t->n_dims] = 1;
            continue;
        }
        t->dims[t->n_dims] *= a->z.shape[strchr(row->axes, *c) - row->axes];
    }
    t->bytes = (size_t)values * dtype_size(t->type);
    return t->dims[0] <= INT32_MAX && values / t->dims[0] <= INT32_MAX;
}

/* ---- the list ---- */

static bool in_model(const builder *b, enum tensor_id id)
{
    return pi0_tensor_table[id].models & (b->pi05 ? IN_PI05 : IN_PI0);
}

static int64_t layers_of(const builder *b, enum tensor_id id)
{
    const char first = table[id].axes[0];
    return first == 'k' || first == 'L' ? b->size[(int)first] : 1;
}

// pi0.5's expert has adaptive norms
static int tell_model(builder *b)
{
    const char *plain = table[T_EX_NORM1].array, *adaptive = table[T_EX_NORM1_W].array;
    b->pi05 = pi0_orbax_find(b->o, adaptive) != NULL;
    if (b->pi05 || pi0_orbax_find(b->o, plain)) return PI0_OK;
    return pi0_fail(b->err, PI0_EFORMAT,
                    "%s: neither array %s (pi0) nor %s (pi0.5) is there: this is no checkpoint of "
                    "pi0 or pi0.5 as openpi writes it",
                    b->o->folder, plain, adaptive);
}

static int find_arrays(builder *b, const orbax_array *found[T_COUNT])
{
    for (int id = 0; id < T_COUNT; id++) {
        if (!in_model(b, id)) continue;
        found[id] = pi0_orbax_find(b->o, table[id].array);
        if (!found[id])
            return pi0_fail(b->err, PI0_EFORMAT, "%s: array %s is missing", b->o->folder,
                            table[id].array);
        const int status = check_axes(b, &table[id], found[id]);
        if (status) return status;
    }
    return PI0_OK;
}

// every layer of a tensor; gate and up, key and value lie layer by layer in one array
static int add_picks(builder *b, enum tensor_id id, const orbax_array *array)
{
    orbax_pick pick = { .id = id, .array = array };
    const int status = pi0_orbax_find_lora(&pick, &b->map->lora_rank, b->o, b->err);
    for (int layer = 0; layer < layers_of(b, id) && !status; layer++) {
        pick.layer = layer;
        b->map->picks[b->map->n_picks++] = pick;
    }
    return status;
}

static int by_position(const void *a, const void *b)
{
    const orbax_pick *x = a, *y = b;
    if (x->array != y->array) return x->array < y->array ? -1 : 1;
    return x->layer != y->layer ? x->layer - y->layer : (int)x->id - (int)y->id;
}

static int make_picks(builder *b)
{
    const orbax_array *found[T_COUNT] = { NULL };
    int64_t n = 0;
    int status = tell_model(b);
    if (!status) status = find_arrays(b, found);
    if (status) return status;
    for (int id = 0; id < T_COUNT; id++) n += found[id] ? layers_of(b, id) : 0;
    b->map->picks = calloc((size_t)n, sizeof *b->map->picks);
    if (!b->map->picks) return pi0_fail(b->err, PI0_ENOMEM, "no memory for the list of tensors");
    for (int id = 0; id < T_COUNT && !status; id++)
        if (found[id]) status = add_picks(b, id, found[id]);
    if (!status) qsort(b->map->picks, (size_t)n, sizeof *b->map->picks, by_position);
    return status;
}

// the array belongs to a tensor, by itself or as its LoRA
static bool is_used(const orbax_map *map, const orbax_array *a)
{
    for (int i = 0; i < map->n_picks; i++) {
        const orbax_pick *p = &map->picks[i];
        if (p->array == a || p->lora_a == a || p->lora_b == a) return true;
    }
    return false;
}

static int add_tensor(safetensors *st, builder *b, int pick)
{
    char name[TENSOR_NAME_SIZE];
    const orbax_pick *p = &b->map->picks[pick];
    st_tensor *t = &st->tensors[st->n_tensors++];
    pi0_tensor_name(name, p->id, p->layer);
    *t = (st_tensor){ .type = p->lora_a ? DTYPE_F32 : p->array->z.type, .pick = pick };
    t->name = pi0_kv_keep(&b->o->kv, name, strlen(name));
    if (!t->name) return pi0_fail(b->err, PI0_ENOMEM, "no memory for the list of tensors");
    if (tensor_shape(t, &table[p->id], p->array)) return PI0_OK;
    return pi0_fail(b->err, PI0_EFORMAT, "%s: array %s has a shape that no model has", b->o->folder,
                    p->array->name);
}

static void add_unknown(safetensors *st, const orbax_array *a)
{
    st_tensor *t = &st->tensors[st->n_tensors++];
    *t = (st_tensor){ .name = a->name, .type = a->z.type, .n_dims = a->z.n_dims, .pick = -1 };
    memcpy(t->dims, a->z.shape, sizeof a->z.shape);
}
_Static_assert(ST_MAX_DIMS == ZARR_MAX_DIMS, "shapes are copied");

static int by_tensor_name(const void *a, const void *b)
{
    return strcmp(((const st_tensor *)a)->name, ((const st_tensor *)b)->name);
}

static int make_list(safetensors *st, builder *b)
{
    int status = PI0_OK;
    st->tensors = calloc((size_t)b->map->n_picks + (size_t)b->o->n_arrays, sizeof *st->tensors);
    if (!st->tensors) return pi0_fail(b->err, PI0_ENOMEM, "no memory for the list of tensors");
    for (int i = 0; i < b->map->n_picks && !status; i++) status = add_tensor(st, b, i);
    for (int i = 0; i < b->o->n_arrays && !status; i++)
        if (!is_used(b->map, &b->o->arrays[i])) add_unknown(st, &b->o->arrays[i]);
    if (!status) qsort(st->tensors, (size_t)st->n_tensors, sizeof *st->tensors, by_tensor_name);
    return status;
}

int pi0_orbax_map(orbax_map *map, safetensors *st, orbax *o, pi0_error *err)
{
    orbax_map made = { 0 };
    safetensors list = { 0 };
    builder b = { .map = &made, .o = o, .err = err };
    int status = make_picks(&b);
    if (!status) status = make_list(&list, &b);
    if (status) {
        pi0_safetensors_close(&list);
        pi0_orbax_map_free(&made);
        return status;
    }
    *map = made;
    *st = list;
    return PI0_OK;
}

void pi0_orbax_map_free(orbax_map *map)
{
    free(map->picks);
    *map = (orbax_map){ 0 };
}
