/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_ops.h - the accelerated backend: packed weights, tiles, threads, one instruction set. */
#ifndef PI0_CPU_OPS_H
#define PI0_CPU_OPS_H
#include "core/cpu.h"
#include "ops/ops.h"

extern const struct ops pi0_cpu_ops;

/* Fill ops, impl and gemm_type of b. isa: at most what pi0_cpu_isa() gives; gemm_type: DTYPE_F32
 * or DTYPE_BF16. Threads, scratch and work are the caller's to set. */
void pi0_cpu_backend(backend *b, cpu_isa isa, dtype gemm_type);
#endif
