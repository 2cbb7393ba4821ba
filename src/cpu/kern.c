/* SPDX-License-Identifier: Apache-2.0 */
/* kern.c - from an instruction set to its kernels. */
#include "cpu/kern.h"
#include "cpu/kern_list.h"

#define DECLARE(isa, f32, bf16, row_set, attention_set) \
    extern const gemm_kernel f32, bf16;                 \
    extern const struct row_kernels row_set;            \
    extern const struct attention_kernels attention_set;
PI0_KERNELS(DECLARE)

#define ENTRY(set, f32, bf16, row_set, attention_set) \
    [set] = { set, &f32, &bf16, &row_set, &attention_set },
static const kernels table[CPU_ISA_COUNT] = { PI0_KERNELS(ENTRY) };

#define IMPL(set, f32, bf16, row_set, attention_set) [set] = { &table[set] },
static const cpu_impl impl[CPU_ISA_COUNT] = { PI0_KERNELS(IMPL) };

const kernels *pi0_kernels(cpu_isa isa)
{
    assert(table[isa].gemm_f32);
    return &table[isa];
}

const cpu_impl *pi0_cpu_impl(cpu_isa isa)
{
    assert(impl[isa].kernels);
    return &impl[isa];
}
