/* SPDX-License-Identifier: Apache-2.0 */
/* kern_attention_avx512bf16.c - attention of bf16 with vdpbf16ps: the weights are rounded to bf16
 * for the product with the values, their sum is that of the rounded ones. */
#include "cpu/kern_attention.h"
#if defined(__x86_64__)
#include "cpu/vec_avx512.h"

#include "cpu/kern_attention_512.h"

#define QUANTUM 2

VEC_INLINE __m512bh pairs(vf a)
{
    return (__m512bh)_mm512_castps_si512(a);
}

VEC_INLINE vf q_fma(vf sum, vf a, vf b)
{
    return _mm512_dpbf16_ps(sum, pairs(b), pairs(a));
}

VEC_INLINE vf q_query(const void *p, dtype type, int i, int n)
{
    (void)type;
    const uint16_t *at = (const uint16_t *)p + i;
    return _mm512_castsi512_ps(n == 32 ? _mm512_loadu_si512(at)
                                       : _mm512_maskz_loadu_epi16((__mmask32)((1u << n) - 1), at));
}

VEC_INLINE __m512i half_row(const void *p, int i, int n)
{
    const uint16_t *at = (const uint16_t *)p + i;
    return _mm512_cvtepu16_epi32(n == 16 ? _mm256_loadu_si256((const __m256i *)at)
                                         : _mm256_maskz_loadu_epi16(v_mask(n), at));
}

VEC_INLINE vf q_values(const void *a, const void *b, dtype type, int i, int n)
{
    (void)type;
    const __m512i low = half_row(a, i, n);
    const __m512i high = b ? _mm512_slli_epi32(half_row(b, i, n), 16) : _mm512_setzero_si512();
    return _mm512_castsi512_ps(_mm512_or_si512(low, high));
}

VEC_INLINE void q_weights(float *p, vf a, vf b, vf *sum)
{
    const __m512i ones = _mm512_set1_epi32(0x3f803f80);
    const __m512bh w = _mm512_cvtne2ps_pbh(b, a);
    _mm512_storeu_si512(p, (__m512i)w);
    *sum = _mm512_dpbf16_ps(*sum, w, (__m512bh)ones);
}

VEC_INLINE void q_put(void *y, dtype type, int i, vf a, int n)
{
    if (type == DTYPE_BF16)
        _mm256_mask_storeu_epi16((uint16_t *)y + i, v_mask(n), (__m256i)_mm512_cvtneps_pbh(a));
    else
        v_put_n(y, type, i, a, n);
}

#include "cpu/kern_attention_body.h"

static const attention_kernel bf16 = ATTENTION_KERNEL("attention_bf16_avx512bf16");
const struct attention_kernels pi0_attention_avx512bf16 = { &pi0_attention_f32_avx512, &bf16 };
#endif
