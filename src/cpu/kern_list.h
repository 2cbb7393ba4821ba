/* SPDX-License-Identifier: Apache-2.0 */
/* kern_list.h - THE list of kernels: one line per instruction set, from which the declarations,
 * the dispatch, the tests and the benches are made. A kernel is added here and in its file. */
#ifndef PI0_KERN_LIST_H
#define PI0_KERN_LIST_H

#if defined(__x86_64__)
#define PI0_KERNELS_X86(SET)                                                                \
    SET(CPU_AVX2, pi0_gemm_f32_avx2, pi0_gemm_bf16_avx2, pi0_rows_avx2, pi0_attention_avx2) \
    SET(CPU_AVX512, pi0_gemm_f32_avx512, pi0_gemm_bf16_avx512, pi0_rows_avx512,             \
        pi0_attention_avx512)                                                               \
    SET(CPU_AVX512BF16, pi0_gemm_f32_avx512, pi0_gemm_bf16_avx512bf16, pi0_rows_avx512,     \
        pi0_attention_avx512bf16)
#else
#define PI0_KERNELS_X86(SET)
#endif

// SET(isa, gemm_f32, gemm_bf16, rows, attention)
#define PI0_KERNELS(SET)                                                     \
    SET(CPU_C, pi0_gemm_f32_c, pi0_gemm_bf16_c, pi0_rows_c, pi0_attention_c) \
    PI0_KERNELS_X86(SET)

#endif
