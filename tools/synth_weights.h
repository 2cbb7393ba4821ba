/* SPDX-License-Identifier: Apache-2.0 */
/* synth_weights.h - random weights of which each value depends on (seed, tensor name, element)
 * alone, so that any part of a checkpoint can be made anywhere, by any thread.
 *
 * Scales, chosen so that what flows through the network stays near 1:
 *
 *   a product's matrix       1/sqrt(in): outputs as large as inputs
 *   one that adds to the     that / sqrt(2 * layers): the two additions of each layer together
 *   residual stream          raise its variance by about 1 over the whole stack
 *   biases                   0.02
 *   norm scales              1 +- 0.1 (LayerNorm), 0 +- 0.1 (Gemma's, used as 1 + w)
 *   position table           0.5, so that positions matter beside patches of about 0.5
 *   token table              1/sqrt(width): the network multiplies rows by sqrt(width)
 *   adaptive norms (pi0.5)   matrix 0.3/sqrt(in) on conditions of about 0.2, bias 0.05, and 1 more
 *                            for the gate: scale and shift about 0.08, gate 1 +- 0.08
 */
#ifndef PI0_TOOLS_SYNTH_WEIGHTS_H
#define PI0_TOOLS_SYNTH_WEIGHTS_H
#include "data/tensors.h"

// how the values of one tensor are drawn
typedef struct synth_rule {
    uint32_t key[2];
    float scale;          // standard deviation
    float offset;         // mean, of the elements from offset_from on
    uint64_t offset_from; // 0 elsewhere
} synth_rule;

void pi0_synth_rule(synth_rule *rule, const model_sizes *sizes, enum tensor_id id, int layer,
                    uint64_t seed);

// elements first .. first + n - 1, as DTYPE_F32 or DTYPE_BF16, to `out` (aligned for them)
void pi0_synth_fill(void *out, dtype type, const synth_rule *rule, uint64_t first, size_t n);
#endif
