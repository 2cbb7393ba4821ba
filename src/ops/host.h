/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - what backends whose memory is the host's share: blocks and transfers. */
#ifndef PI0_HOST_H
#define PI0_HOST_H
#include "ops/ops.h"

int pi0_host_block_new(const backend *b, void **block, size_t bytes, pi0_error *err);
void pi0_host_block_free(const backend *b, void *block, size_t bytes);
void pi0_host_put(backend *b, mat to, tensor_view from);
void pi0_host_get(backend *b, void *to, mat from);

// one row of a stored matrix as f32
void pi0_host_row_f32(float *to, tensor_view from, int row);
#endif
