/* SPDX-License-Identifier: Apache-2.0 */
/* vec_avx512.h - the words in which kernels are written, for AVX-512 F, BW, DQ, VL. Only kern_*.c
 * files include it. A kernel written in these words alone compiles for every vec_<isa>.h.
 *
 *   vf, VL            a vector of floats, and how many
 *   v_load/v_store    whole, or _n: the first n lanes, 0 <= n <= VL (others load as 0)
 *   ..._bf16          the same from and to bf16, rounded to nearest even, NaN stays NaN
 *   v_first, v_second of VL pairs of bf16, the first ones and the second ones, as floats
 *   v_pairs(p)        2 VL floats as VL pairs of bf16
 *   v_fma(a, b, c)    a * b + c (one rounding where the instruction set has it)
 *   v_max(a, b)       b where either is NaN
 *   v_sum, v_largest  over the lanes, in a fixed order
 *   v_split, v_join   x = whole + fraction, |fraction| <= 1/2; p * 2^whole, 0 where x < -126, for
 *                     x <= 127; with VEC_JOIN_SATURATES for all, infinity where it overflows
 *   v_pair(p)         p[0] p[1] p[0] p[1] ...
 *   v_zip(a, b)       a0 b0 a1 b1 ...: the lower halves of a and b interleaved
 *   v_pair_sum(a)     a0+a1, a2+a3, ... in the lower half
 *   v_transpose(r)    r[i][j] <-> r[j][i], VL vectors */
#ifndef PI0_VEC_AVX512_H
#define PI0_VEC_AVX512_H
#include <immintrin.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline))
#define VL 16
typedef __m512 vf;

VEC_INLINE __mmask16 v_mask(int n)
{
    return (__mmask16)((1u << n) - 1);
}

VEC_INLINE vf v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

VEC_INLINE vf v_load_n(const float *p, int n)
{
    return _mm512_maskz_loadu_ps(v_mask(n), p);
}

VEC_INLINE void v_store(float *p, vf a)
{
    _mm512_storeu_ps(p, a);
}

VEC_INLINE void v_store_n(float *p, vf a, int n)
{
    _mm512_mask_storeu_ps(p, v_mask(n), a);
}

VEC_INLINE vf v_widen(__m256i h)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}

VEC_INLINE __m256i v_narrow(vf a)
{
#if defined(__AVX512BF16__)
    return (__m256i)_mm512_cvtneps_pbh(a); // values below 2^-126 become 0
#else
    const __m512i u = _mm512_castps_si512(a);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
    const __m512i nan = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(up, is_nan, nan), 16));
#endif
}

VEC_INLINE vf v_load_bf16(const uint16_t *p)
{
    return v_widen(_mm256_loadu_si256((const __m256i *)p));
}

VEC_INLINE vf v_load_bf16_n(const uint16_t *p, int n)
{
    return v_widen(_mm256_maskz_loadu_epi16(v_mask(n), p));
}

VEC_INLINE void v_store_bf16(uint16_t *p, vf a)
{
    _mm256_storeu_si256((__m256i *)p, v_narrow(a));
}

VEC_INLINE void v_store_bf16_n(uint16_t *p, vf a, int n)
{
    _mm256_mask_storeu_epi16(p, v_mask(n), v_narrow(a));
}

VEC_INLINE vf v_first(vf pairs)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16));
}

VEC_INLINE vf v_second(vf pairs)
{
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), upper));
}

VEC_INLINE vf v_pairs(const float *p)
{
    const __m512i lower = _mm512_castsi256_si512(v_narrow(_mm512_loadu_ps(p)));
    const __m256i upper = v_narrow(_mm512_loadu_ps(p + VL));
    return _mm512_castsi512_ps(_mm512_inserti64x4(lower, upper, 1));
}

VEC_INLINE vf v_set1(float a)
{
    return _mm512_set1_ps(a);
}

VEC_INLINE vf v_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

VEC_INLINE vf v_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

VEC_INLINE vf v_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

VEC_INLINE vf v_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}

VEC_INLINE vf v_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

VEC_INLINE vf v_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

VEC_INLINE vf v_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

VEC_INLINE float v_sum(vf a)
{
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

VEC_INLINE float v_largest(vf a)
{
    __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

VEC_INLINE vf v_split(vf x, vf *fraction)
{
    // reduce: x - round(x), 0 for infinities
    *fraction = _mm512_reduce_ps(x, 0x08);
    return _mm512_sub_ps(x, *fraction);
}

#define VEC_JOIN_SATURATES
VEC_INLINE vf v_join(vf p, vf whole, vf x)
{
    (void)x;
    return _mm512_scalef_ps(p, whole);
}

VEC_INLINE vf v_pair(const float *p)
{
    double d;
    __builtin_memcpy(&d, p, sizeof d);
    return _mm512_castpd_ps(_mm512_set1_pd(d));
}

VEC_INLINE vf v_zip(vf a, vf b)
{
    const __m512i order = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_ps(a, order, b);
}

VEC_INLINE vf v_pair_sum(vf a)
{
    const __m512 pairs = _mm512_add_ps(a, _mm512_movehdup_ps(a));
    return _mm512_maskz_compress_ps(0x5555, pairs);
}

VEC_INLINE void v_transpose(vf r[VL])
{
    vf t[VL];
    // 2x2 and 4x4 blocks within each quarter of a vector
    for (int i = 0; i < 16; i += 4) {
        const __m512 a = _mm512_unpacklo_ps(r[i], r[i + 1]);
        const __m512 b = _mm512_unpackhi_ps(r[i], r[i + 1]);
        const __m512 c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]);
        const __m512 d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm512_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
    }
    // quarters
    for (int i = 0; i < 4; i++) {
        const __m512 a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88);
        const __m512 b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
        const __m512 c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88);
        const __m512 d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
        r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
        r[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}

#include "cpu/vec_math.h"
#endif
