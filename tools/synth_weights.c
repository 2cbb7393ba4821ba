/* SPDX-License-Identifier: Apache-2.0 */
/* synth_weights.c - random weights, element by element: an integer hash, the sum of its four
 * bytes (which is nearly normal), times a scale. No state, no libm function but sqrt: the same
 * bits everywhere. The loops are written so that a compiler vectorises them. */
#include "synth_weights.h"
#include <assert.h>
#include <math.h>

#define BLOCK 256
// of a sum of four bytes: mean, and 1 / sqrt(4 * (256^2 - 1) / 12)
#define BYTES_MEAN 510
#define BYTES_SCALE 6.7658746e-3f

// 64 bits of a name and a seed (FNV-1a, then two rounds of xor-shift and multiply)
static uint64_t hash_name(const char *name, uint64_t seed)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    h ^= seed * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

static float matrix_scale(const model_sizes *s, enum tensor_id id)
{
    // inputs of one output: all sizes behind the first
    const tensor_spec *spec = &pi0_tensor_table[id];
    double in = 1;
    for (int d = 1; d < 4 && spec->dims[d]; d++) in *= s->size[spec->dims[d]];
    const double scale = 1 / sqrt(in);

    switch (id) {
    case T_V_O_W:
    case T_V_FC2_W: return (float)(scale / sqrt(2.0 * s->v_layers));
    case T_LM_O:
    case T_LM_DOWN:
    case T_EX_O:
    case T_EX_DOWN: return (float)(scale / sqrt(2.0 * s->layers));
    case T_EX_NORM1_W:
    case T_EX_NORM2_W:
    case T_EX_NORM_W: return (float)(0.3 * scale);
    default: return (float)scale;
    }
}

void pi0_synth_rule(synth_rule *rule, const model_sizes *sizes, enum tensor_id id, int layer,
                    uint64_t seed)
{
    char name[TENSOR_NAME_SIZE];
    const uint64_t h = hash_name(pi0_tensor_name(name, id, layer), seed);
    *rule = (synth_rule){ .key = { (uint32_t)h, (uint32_t)(h >> 32) } };

    switch (pi0_tensor_table[id].init) {
    case INIT_MATRIX: rule->scale = matrix_scale(sizes, id); break;
    case INIT_BIAS: rule->scale = 0.02f; break;
    case INIT_ONE: rule->scale = 0.1f, rule->offset = 1; break;
    case INIT_PLUS_ONE: rule->scale = 0.1f; break;
    case INIT_POSITION: rule->scale = 0.5f; break;
    case INIT_TABLE: rule->scale = (float)(1 / sqrt(sizes->size[SIZE_D])); break;
    }

    // scale, shift and gate lie one behind the other; the gate is about 1
    if (id == T_EX_NORM1_B || id == T_EX_NORM2_B || id == T_EX_NORM_B) {
        rule->scale = 0.05f;
        rule->offset = 1;
        rule->offset_from = 2 * (uint64_t)sizes->size[SIZE_W];
    }
}

// BLOCK values from element `first` on, without the offset
static void draw(float out[BLOCK], const synth_rule *rule, uint32_t first)
{
    const uint32_t k0 = rule->key[0], k1 = rule->key[1];
    const float scale = rule->scale * BYTES_SCALE;
    for (uint32_t i = 0; i < BLOCK; i++) {
        // two multiplications spread each bit of the counter over the word; a second key between
        // them, so that no two tensors are the same sequence shifted
        uint32_t x = (first + i) ^ k0;
        x = (x ^ x >> 16) * 0x21f0aaadu + k1;
        x = (x ^ x >> 15) * 0x735a2d97u;
        x ^= x >> 15;
        const uint32_t pairs = (x & 0x00ff00ffu) + (x >> 8 & 0x00ff00ffu);
        const int32_t sum = (int32_t)((pairs & 0xffffu) + (pairs >> 16));
        out[i] = (float)(sum - BYTES_MEAN) * scale;
    }
}

static void add_offset(float *x, const synth_rule *rule, uint64_t first, size_t n)
{
    if (rule->offset == 0) return;
    for (size_t i = 0; i < n; i++)
        if (first + i >= rule->offset_from) x[i] += rule->offset;
}

void pi0_synth_fill(void *out, dtype type, const synth_rule *rule, uint64_t first, size_t n)
{
    assert(type == DTYPE_F32 || type == DTYPE_BF16);
    assert(first + n <= UINT32_MAX);
    float x[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t m = n - at < BLOCK ? n - at : BLOCK;
        draw(x, rule, (uint32_t)(first + at));
        add_offset(x, rule, first + at, m);
        if (type == DTYPE_F32) {
            memcpy((float *)out + at, x, m * sizeof *x);
            continue;
        }
        // a whole block, so that the loop has a fixed length
        uint16_t h[BLOCK];
        for (int i = 0; i < BLOCK; i++) h[i] = f32_to_bf16(x[i]);
        memcpy((uint16_t *)out + at, h, m * sizeof *h);
    }
}
