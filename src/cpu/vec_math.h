/* SPDX-License-Identifier: Apache-2.0 */
/* vec_math.h - functions written once in the words of vec_<isa>.h, which include it. */
#ifndef PI0_VEC_MATH_H
#define PI0_VEC_MATH_H
#include "core/dtype.h"
#include <stdbool.h>

/* VEC_UNROLL: a loop of a fixed small count becomes straight code. VEC_ROLL: it stays a loop.
 * VEC_FORGET: what was loaded before is loaded again, and nothing is loaded earlier. VEC_IN_ORDER:
 * the same for clang, which loads as early as it can, then has not enough registers and keeps sums
 * in memory: a fifth of a matrix product's time. */
#define VEC_FORGET __asm__ volatile("" ::: "memory")
#if defined(__clang__)
#define VEC_UNROLL _Pragma("clang loop unroll(full)")
#define VEC_ROLL _Pragma("clang loop unroll(disable)")
#define VEC_IN_ORDER VEC_FORGET
#else
#define VEC_UNROLL _Pragma("GCC unroll 16")
#define VEC_ROLL _Pragma("GCC unroll 1")
#define VEC_IN_ORDER (void)0
#endif

#define VEC_LOG2E 1.44269504088896341f

// elements [i, i + VL) of a row of f32 or bf16
VEC_INLINE vf v_get(const void *row, dtype type, int i)
{
    return type == DTYPE_BF16 ? v_load_bf16((const uint16_t *)row + i)
                              : v_load((const float *)row + i);
}

VEC_INLINE void v_put(void *row, dtype type, int i, vf a)
{
    if (type == DTYPE_BF16)
        v_store_bf16((uint16_t *)row + i, a);
    else
        v_store((float *)row + i, a);
}

// the first n <= VL of them; whole vectors do not pay for a mask
VEC_INLINE vf v_get_n(const void *row, dtype type, int i, int n)
{
    if (n == VL) return v_get(row, type, i);
    return type == DTYPE_BF16 ? v_load_bf16_n((const uint16_t *)row + i, n)
                              : v_load_n((const float *)row + i, n);
}

VEC_INLINE void v_put_n(void *row, dtype type, int i, vf a, int n)
{
    if (n == VL)
        v_put(row, type, i, a);
    else if (type == DTYPE_BF16)
        v_store_bf16_n((uint16_t *)row + i, a, n);
    else
        v_store_n((float *)row + i, a, n);
}

// of n vectors, step by step together: while one waits for a result, the others go on
#define VEC_EACH VEC_UNROLL for (int i = 0; i < n; i++)
#define VEC_MOST 8

/* 2^x for x <= 127, or any x with VEC_JOIN_SATURATES: 0 below -126 (c, avx2) or where it underflows
 * (avx512), 0 for -inf, NaN for NaN. The polynomial is the minimax one for 2^f, |f| <= 1/2, with
 * 2^0 = 1 exactly; its relative error is 2^-28.9 (exact) or 2^-18.4, enough for a value that will
 * be rounded to bf16 (2^-8), as 2^-15 is, where there is VEC_ROUGH_EXP2. Exact, with its roundings,
 * measured on every 37th float: at most 0.95 ulp, 1.21 without FMA. */
VEC_INLINE void v_exp2_each(vf *x, const int n, const bool exact)
{
    vf f[VEC_MOST], p[VEC_MOST], whole[VEC_MOST];
#if defined(VEC_ROUGH_EXP2)
    if (!exact) {
        VEC_EACH x[i] = v_rough_exp2(x[i]);
        return;
    }
#endif
    VEC_EACH whole[i] = v_split(x[i], &f[i]);
    if (exact) {
        VEC_EACH p[i] = v_fma(v_set1(0x1.41fbbcp-13f), f[i], v_set1(0x1.5f3e52p-10f));
        VEC_EACH p[i] = v_fma(p[i], f[i], v_set1(0x1.3b2d4cp-7f));
        VEC_EACH p[i] = v_fma(p[i], f[i], v_set1(0x1.c6aee8p-5f));
        VEC_EACH p[i] = v_fma(p[i], f[i], v_set1(0x1.ebfbdcp-3f));
        VEC_EACH p[i] = v_fma(p[i], f[i], v_set1(0x1.62e430p-1f));
    } else {
        VEC_EACH p[i] = v_fma(v_set1(0x1.3a02ccp-7f), f[i], v_set1(0x1.c9fc46p-5f));
        VEC_EACH p[i] = v_fma(p[i], f[i], v_set1(0x1.ec0378p-3f));
        VEC_EACH p[i] = v_fma(p[i], f[i], v_set1(0x1.62e12cp-1f));
    }
    VEC_EACH p[i] = v_fma(p[i], f[i], v_set1(1));
    VEC_EACH x[i] = v_join(p[i], whole[i], x[i]);
}

VEC_INLINE vf v_exp2(vf x, const bool exact)
{
    v_exp2_each(&x, 1, exact);
    return x;
}
#endif
