/* SPDX-License-Identifier: Apache-2.0 */
/* attention.h - attention of the cpu backend: SigLIP's heads, and Gemma's that share their keys. */
#ifndef PI0_CPU_ATTENTION_H
#define PI0_CPU_ATTENTION_H
#include "ops/ops.h"

// as struct ops has them
void pi0_cpu_attention(backend *b, mat y, mat q, mat k, mat v, int n_heads, float scale);
const char *pi0_cpu_attention_kernel(const backend *b);
size_t pi0_cpu_attention_work(const backend *b, int n_heads, int head_dim, int q_rows, int kv_rows);
#endif
