/* SPDX-License-Identifier: Apache-2.0 */
/* kern_attention.h - the inner loops of attention, and the layouts that they read.
 *
 * Everything is counted in quanta: four bytes that one lane of a product takes at a time, one f32
 * value or two bf16 values that lie together. What a query row does depends on nothing but that
 * row, the keys and the values, so rows may be shared out in any way without changing a bit.
 *
 * keys   are cut into panels of a few vectors: [panel][quantum of head_dim][keys of the panel]
 * values into panels of columns: [panel][quantum of keys][columns of the panel]; up to half a
 *        vector of columns that is left over is kept as one vector for two quanta of keys,
 *        interleaved, so that no product is made for columns that do not exist */
#ifndef PI0_KERN_ATTENTION_H
#define PI0_KERN_ATTENTION_H
#include "core/mat.h"

typedef struct attention_kernel attention_kernel;

// the sizes of one attention
typedef struct attention_shape {
    int keys, dim;             // dim: of one head
    int key_panels;            // the units in which keys and values are packed
    int depth;                 // quanta of a query row
    int ld;                    // floats of a row of logits
    size_t k_floats, v_floats; // of the packed keys, values of one head
} attention_shape;

struct attention_kernel {
    const char *name; // "attention_bf16_avx512bf16"
    dtype type;       // what is multiplied; q, k, v of DTYPE_F32 need DTYPE_F32
    void (*shape)(attention_shape *s, int keys, int dim);
    // unit `panel` of the keys and values of a head: its keys, and the values of those keys.
    // k, v: first column of the head, rows of ld elements of `type`
    void (*pack)(const attention_shape *s, float *k_to, float *v_to, const void *k, int k_ld,
                 const void *v, int v_ld, dtype type, int panel);
    // one query row: dim elements of `type` to depth quanta
    void (*query)(const attention_shape *s, float *to, const void *q, dtype type);
    // logits[rows][ld] = q[rows][depth] k'
    void (*logits)(const attention_shape *s, float *logits, const float *q, int rows,
                   const float *k);
    // in place: logits become the weights exp(scale * (logit - largest)), in quanta of keys;
    // inverse[row] = 1 / their sum
    void (*softmax)(const attention_shape *s, float *logits, float *inverse, int rows, float scale);
    // y[row][dim] = inverse[row] * weights[row] v, as `type`
    void (*mix)(const attention_shape *s, void *const *y, dtype type, const float *weights,
                const float *inverse, int rows, const float *v);
};

// those of one instruction set
struct attention_kernels {
    const attention_kernel *f32, *bf16; // for q, k, v of this type
};
#endif
