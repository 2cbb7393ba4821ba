/* SPDX-License-Identifier: Apache-2.0 */
/* vec_avx2.h - the words of vec_avx512.h (which explains them) for AVX2 with FMA. */
#ifndef PI0_VEC_AVX2_H
#define PI0_VEC_AVX2_H
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define VEC_INLINE static inline __attribute__((always_inline))
#define VL 8
typedef __m256 vf;

VEC_INLINE __m256i v_mask(int n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
}

VEC_INLINE vf v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

VEC_INLINE vf v_load_n(const float *p, int n)
{
    return _mm256_maskload_ps(p, v_mask(n));
}

VEC_INLINE void v_store(float *p, vf a)
{
    _mm256_storeu_ps(p, a);
}

VEC_INLINE void v_store_n(float *p, vf a, int n)
{
    _mm256_maskstore_ps(p, v_mask(n), a);
}

VEC_INLINE vf v_widen(__m128i h)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

VEC_INLINE __m128i v_narrow(vf a)
{
    const __m256i u = _mm256_castps_si256(a);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i nan = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
    const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    const __m256i h = _mm256_srli_epi32(_mm256_blendv_epi8(up, nan, is_nan), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
}

VEC_INLINE vf v_load_bf16(const uint16_t *p)
{
    return v_widen(_mm_loadu_si128((const __m128i *)p));
}

VEC_INLINE vf v_load_bf16_n(const uint16_t *p, int n)
{
    uint16_t h[VL] = { 0 };
    memcpy(h, p, (size_t)n * sizeof *h);
    return v_load_bf16(h);
}

VEC_INLINE void v_store_bf16(uint16_t *p, vf a)
{
    _mm_storeu_si128((__m128i *)p, v_narrow(a));
}

VEC_INLINE void v_store_bf16_n(uint16_t *p, vf a, int n)
{
    uint16_t h[VL];
    v_store_bf16(h, a);
    memcpy(p, h, (size_t)n * sizeof *h);
}

VEC_INLINE vf v_first(vf pairs)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs), 16));
}

VEC_INLINE vf v_second(vf pairs)
{
    // (two shifts: a mask would take a register that sums need)
    const __m256i upper = _mm256_srli_epi32(_mm256_castps_si256(pairs), 16);
    return _mm256_castsi256_ps(_mm256_slli_epi32(upper, 16));
}

VEC_INLINE vf v_pairs(const float *p)
{
    const __m128i lower = v_narrow(_mm256_loadu_ps(p)), upper = v_narrow(_mm256_loadu_ps(p + VL));
    return _mm256_castsi256_ps(_mm256_set_m128i(upper, lower));
}

VEC_INLINE vf v_set1(float a)
{
    return _mm256_set1_ps(a);
}

VEC_INLINE vf v_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

VEC_INLINE vf v_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

VEC_INLINE vf v_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

VEC_INLINE vf v_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}

VEC_INLINE vf v_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

VEC_INLINE vf v_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

VEC_INLINE vf v_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

VEC_INLINE float v_sum(vf a)
{
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

VEC_INLINE float v_largest(vf a)
{
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

// whole is kept as x + 1.5 * 2^23, whose low bits are the rounded x
VEC_INLINE vf v_split(vf x, vf *fraction)
{
    const vf magic = v_set1(0x1.8p23f), whole = v_add(x, magic);
    *fraction = v_sub(x, v_sub(whole, magic));
    return whole;
}

VEC_INLINE vf v_join(vf p, vf whole, vf x)
{
    const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(whole), 23);
    const vf y = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), n));
    // the low bits of a NaN are anything: there every bit is set, which is a NaN too
    const vf in_range = _mm256_and_ps(y, _mm256_cmp_ps(x, v_set1(-126), _CMP_GE_OQ));
    return _mm256_or_ps(in_range, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

VEC_INLINE vf v_pair(const float *p)
{
    double d;
    memcpy(&d, p, sizeof d);
    return _mm256_castpd_ps(_mm256_set1_pd(d));
}

VEC_INLINE vf v_zip(vf a, vf b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}

VEC_INLINE vf v_pair_sum(vf a)
{
    const __m256i even = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    return _mm256_permutevar8x32_ps(v_add(a, _mm256_movehdup_ps(a)), even);
}

VEC_INLINE void v_transpose(vf r[VL])
{
    vf t[VL];
    // 4x4 blocks within each half of a vector
    for (int i = 0; i < 8; i += 4) {
        const __m256 a = _mm256_unpacklo_ps(r[i], r[i + 1]);
        const __m256 b = _mm256_unpackhi_ps(r[i], r[i + 1]);
        const __m256 c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
        const __m256 d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm256_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    // halves
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
    }
}

#include "cpu/vec_math.h"
#endif
