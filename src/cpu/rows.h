/* SPDX-License-Identifier: Apache-2.0 */
/* rows.h - the cpu backend's operations on rows: norms, rotary embedding, patches, embedding rows,
 * sums. As struct ops has them. */
#ifndef PI0_CPU_ROWS_H
#define PI0_CPU_ROWS_H
#include "ops/ops.h"

void pi0_cpu_patches(backend *b, mat y, mat image, int patch);
void pi0_cpu_embed(backend *b, mat y, mat tokens, const weight *table, float scale);
void pi0_cpu_layernorm(backend *b, mat y, mat x, mat scale, mat shift);
void pi0_cpu_rmsnorm(backend *b, mat y, mat x, mat scale, mat shift);
void pi0_cpu_rope(backend *b, mat y, mat x, mat table, int n_heads);
void pi0_cpu_axpy(backend *b, mat y, float a, mat x);

// the kernels that compute them; an embedding's only where its table can be read directly
const char *pi0_cpu_rows_kernel(const backend *b);
bool pi0_cpu_embed_direct(const weight *table);
#endif
