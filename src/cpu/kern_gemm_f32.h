/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_f32.h - the two kernels of an instruction set without products of bf16: f32, and bf16
 * widened to f32 (the weights in registers, x before it is read). */
#ifndef PI0_KERN_GEMM_F32_H
#define PI0_KERN_GEMM_F32_H
#include "cpu/kern_gemm_body.h"
#include "cpu/kern_gemm_pack.h"

static void tile_f32(const gemm_tile *t)
{
    tile_product(t, F32_F32);
}

static void tile_bf16(const gemm_tile *t)
{
    tile_product(t, F32_BF16);
}

// one row of bf16 to f32
static void widen_row(void *to, const void *x, int n, int n_padded)
{
    int i = 0;
    for (; i + VL <= n; i += VL) v_store((float *)to + i, v_load_bf16((const uint16_t *)x + i));
    for (; i < n; i++) ((float *)to)[i] = bf16_to_f32(((const uint16_t *)x)[i]);
    for (; i < n_padded; i++) ((float *)to)[i] = 0;
}

// a step is two values of k
static float peak_bf16(int rounds)
{
    return peak_product(2 * rounds);
}

// clang-format off
#define GEMM_F32(kernel_name, kernel_isa)                                                          \
    { .name = kernel_name, .isa = kernel_isa, .type = DTYPE_F32, .x_type = DTYPE_F32,              \
      .mr = GEMM_ROWS, .nr = GEMM_COLS, .k_step = 1, .tile = tile_f32, .end = end_tile,            \
      .pack = pack_f32, .pack_x = NULL, .peak = peak_product }

#define GEMM_BF16(kernel_name, kernel_isa)                                                         \
    { .name = kernel_name, .isa = kernel_isa, .type = DTYPE_BF16, .x_type = DTYPE_F32,             \
      .mr = GEMM_ROWS, .nr = GEMM_COLS, .k_step = 2, .tile = tile_bf16, .end = end_tile,           \
      .pack = pack_bf16, .pack_x = widen_row, .peak = peak_bf16 }
// clang-format on
#endif
