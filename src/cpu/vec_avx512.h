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
 *   v_rough_exp2(x)   2^x to 2^-15, if there is VEC_ROUGH_EXP2; at its ends as v_join's
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

#if defined(__AVX512BF16__)
/* 2^x by 32 chords from one power of two to the next, at f: at[i] + slope[i] (f - i / 32). They are
 * the minimax ones, 0.99997068 and 0.70068821 times 2^(i / 32). Finding the chord costs no
 * multiplication, and permutations have a unit of their own beside products (Zen 5). */
#define VEC_CHORDS 5 // bits
_Alignas(64) static const float vec_chord_at[1 << VEC_CHORDS] = {
    0x1.fffc28p-1f, 0x1.059916p+0f, 0x1.0b5386p+0f, 0x1.112e1p+0f,  0x1.17296cp+0f, 0x1.1d464ep+0f,
    0x1.238576p+0f, 0x1.29e7a2p+0f, 0x1.306d98p+0f, 0x1.37181ep+0f, 0x1.3de802p+0f, 0x1.44de16p+0f,
    0x1.4bfb3p+0f,  0x1.53402ap+0f, 0x1.5aade4p+0f, 0x1.624542p+0f, 0x1.6a072ep+0f, 0x1.71f498p+0f,
    0x1.7a0e7p+0f,  0x1.8255b4p+0f, 0x1.8acb5ep+0f, 0x1.937074p+0f, 0x1.9c46p+0f,   0x1.a54d12p+0f,
    0x1.ae86bep+0f, 0x1.b7f422p+0f, 0x1.c1965ep+0f, 0x1.cb6e9ap+0f, 0x1.d57e08p+0f, 0x1.dfc5dap+0f,
    0x1.ea474cp+0f, 0x1.f503a2p+0f,
};
_Alignas(64) static const float vec_chord_slope[1 << VEC_CHORDS] = {
    0x1.66c09ap-1f, 0x1.6e9ba6p-1f, 0x1.76a2bcp-1f, 0x1.7ed6d2p-1f, 0x1.8738e4p-1f, 0x1.8fc9f4p-1f,
    0x1.988b0ap-1f, 0x1.a17d32p-1f, 0x1.aaa18p-1f,  0x1.b3f90ep-1f, 0x1.bd84fap-1f, 0x1.c74668p-1f,
    0x1.d13e88p-1f, 0x1.db6e88p-1f, 0x1.e5d7a6p-1f, 0x1.f07b1ep-1f, 0x1.fb5a3ap-1f, 0x1.033b24p+0f,
    0x1.08e84ep+0f, 0x1.0eb54ap+0f, 0x1.14a2cap+0f, 0x1.1ab184p+0f, 0x1.20e234p+0f, 0x1.273596p+0f,
    0x1.2dac7p+0f,  0x1.344784p+0f, 0x1.3b07a2p+0f, 0x1.41ed96p+0f, 0x1.48fa34p+0f, 0x1.502e58p+0f,
    0x1.578adep+0f, 0x1.5f10a6p+0f,
};

VEC_INLINE vf v_of_chord(const float *table, __m512i chord)
{
    __asm__ volatile("" : "+r"(table)); // or tables would take registers from a loop's products
    return _mm512_permutex2var_ps(v_load(table), chord, v_load(table + VL));
}

#define VEC_ROUGH_EXP2
VEC_INLINE vf v_rough_exp2(vf x)
{
    enum { DOWN = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC };
    // x down to a whole chord, whose number is in the lowest bits
    const vf magic = _mm512_set1_ps(0x1.8p23f / (1 << VEC_CHORDS));
    const __m512i chord = _mm512_castps_si512(_mm512_add_round_ps(x, magic, DOWN));
    const vf slope = v_of_chord(vec_chord_slope, chord), at = v_of_chord(vec_chord_at, chord);
    // what is left of x, 0 for infinities; last, because products leave few registers
    const vf left = _mm512_reduce_ps(x, VEC_CHORDS << 4 | DOWN);
    return _mm512_scalef_ps(v_fma(slope, left, at), x);
}
#endif

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
