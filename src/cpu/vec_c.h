/* SPDX-License-Identifier: Apache-2.0 */
/* vec_c.h - the words of vec_avx512.h (which explains them) in portable C: four floats, by the
 * vector types of gcc and clang, which exist on every processor. */
#ifndef PI0_VEC_C_H
#define PI0_VEC_C_H
#include "core/dtype.h"

#define VEC_INLINE static inline __attribute__((always_inline))
#define VL 4
typedef float vf __attribute__((vector_size(16)));
typedef uint32_t v_bits __attribute__((vector_size(16)));

VEC_INLINE vf v_load(const float *p)
{
    vf a;
    memcpy(&a, p, sizeof a);
    return a;
}

VEC_INLINE vf v_load_n(const float *p, int n)
{
    vf a = { 0 };
    for (int i = 0; i < n; i++) a[i] = p[i];
    return a;
}

VEC_INLINE void v_store(float *p, vf a)
{
    memcpy(p, &a, sizeof a);
}

VEC_INLINE void v_store_n(float *p, vf a, int n)
{
    for (int i = 0; i < n; i++) p[i] = a[i];
}

VEC_INLINE vf v_load_bf16_n(const uint16_t *p, int n)
{
    vf a = { 0 };
    for (int i = 0; i < n; i++) a[i] = bf16_to_f32(p[i]);
    return a;
}

VEC_INLINE vf v_load_bf16(const uint16_t *p)
{
    return v_load_bf16_n(p, VL);
}

VEC_INLINE void v_store_bf16_n(uint16_t *p, vf a, int n)
{
    for (int i = 0; i < n; i++) p[i] = f32_to_bf16(a[i]);
}

VEC_INLINE void v_store_bf16(uint16_t *p, vf a)
{
    v_store_bf16_n(p, a, VL);
}

// pairs whose first is in the upper half, as a big-endian machine loads them
#define FIRST_IN_UPPER (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

VEC_INLINE vf v_first(vf pairs)
{
    return FIRST_IN_UPPER ? (vf)((v_bits)pairs & 0xffff0000u) : (vf)((v_bits)pairs << 16);
}

VEC_INLINE vf v_second(vf pairs)
{
    return FIRST_IN_UPPER ? (vf)((v_bits)pairs << 16) : (vf)((v_bits)pairs & 0xffff0000u);
}

VEC_INLINE vf v_pairs(const float *p)
{
    uint16_t h[2 * VL];
    for (int i = 0; i < 2 * VL; i++) h[i] = f32_to_bf16(p[i]);
    vf a;
    memcpy(&a, h, sizeof a);
    return a;
}

VEC_INLINE vf v_set1(float a)
{
    return (vf){ a, a, a, a };
}

VEC_INLINE vf v_add(vf a, vf b)
{
    return a + b;
}

VEC_INLINE vf v_sub(vf a, vf b)
{
    return a - b;
}

VEC_INLINE vf v_mul(vf a, vf b)
{
    return a * b;
}

VEC_INLINE vf v_div(vf a, vf b)
{
    return a / b;
}

VEC_INLINE vf v_fma(vf a, vf b, vf c)
{
    return a * b + c;
}

// a where the mask is all ones, else b
VEC_INLINE vf v_choose(v_bits mask, vf a, vf b)
{
    return (vf)((mask & (v_bits)a) | (~mask & (v_bits)b));
}

VEC_INLINE vf v_max(vf a, vf b)
{
    return v_choose((v_bits)(a > b), a, b);
}

VEC_INLINE vf v_min(vf a, vf b)
{
    return v_choose((v_bits)(a < b), a, b);
}

VEC_INLINE float v_sum(vf a)
{
    return (a[0] + a[2]) + (a[1] + a[3]);
}

VEC_INLINE float v_largest(vf a)
{
    const float b = a[0] > a[2] ? a[0] : a[2], c = a[1] > a[3] ? a[1] : a[3];
    return b > c ? b : c;
}

// whole is kept as x + 1.5 * 2^23, whose low bits are the rounded x
VEC_INLINE vf v_split(vf x, vf *fraction)
{
    const vf magic = v_set1(0x1.8p23f), whole = x + magic;
    *fraction = x - (whole - magic);
    return whole;
}

VEC_INLINE vf v_join(vf p, vf whole, vf x)
{
    const vf y = (vf)((v_bits)p + ((v_bits)whole << 23));
    // the low bits of a NaN are anything: there every bit is set, which is a NaN too
    return (vf)(((v_bits)(x >= v_set1(-126)) & (v_bits)y) | (v_bits)(x != x));
}

VEC_INLINE vf v_pair(const float *p)
{
    return (vf){ p[0], p[1], p[0], p[1] };
}

VEC_INLINE vf v_zip(vf a, vf b)
{
    return (vf){ a[0], b[0], a[1], b[1] };
}

VEC_INLINE vf v_pair_sum(vf a)
{
    return (vf){ a[0] + a[1], a[2] + a[3], 0, 0 };
}

VEC_INLINE void v_transpose(vf r[VL])
{
    const vf a = r[0], b = r[1], c = r[2], d = r[3];
    for (int i = 0; i < VL; i++) r[i] = (vf){ a[i], b[i], c[i], d[i] };
}

#include "cpu/vec_math.h"
#endif
