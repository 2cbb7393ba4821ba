/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.h - what this processor has: instruction sets and cores. */
#ifndef PI0_CPU_H
#define PI0_CPU_H
#include "core/error.h"

// each includes those before it
typedef enum cpu_isa { CPU_C, CPU_AVX2, CPU_AVX512, CPU_AVX512BF16, CPU_ISA_COUNT } cpu_isa;

const char *pi0_cpu_isa_name(cpu_isa isa); // "c", "avx2", "avx512", "avx512bf16"

// the best that the processor and the operating system allow, at most `mask` (NULL: any).
// An unknown name, or one that this machine lacks, is an error that says so.
int pi0_cpu_isa(cpu_isa *isa, const char *mask, pi0_error *err);

// physical cores this process may run on, at least 1
int pi0_cpu_cores(void);
// processors (hardware threads) this process may run on, at least 1
int pi0_cpu_processors(void);
#endif
