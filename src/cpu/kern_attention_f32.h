/* SPDX-License-Identifier: Apache-2.0 */
/* kern_attention_f32.h - the quanta of kern_attention_body.h where they are f32 values. */
#define QUANTUM 1

VEC_INLINE vf q_fma(vf sum, vf a, vf b)
{
    return v_fma(a, b, sum);
}

VEC_INLINE vf q_query(const void *p, dtype type, int i, int n)
{
    return v_get_n(p, type, i, n);
}

VEC_INLINE vf q_values(const void *a, const void *b, dtype type, int i, int n)
{
    (void)b;
    return q_query(a, type, i, n);
}

VEC_INLINE void q_weights(float *p, vf a, vf b, vf *sum)
{
    v_store(p, a);
    v_store(p + VL, b);
    *sum = v_add(*sum, v_add(a, b));
}

VEC_INLINE void q_put(void *y, dtype type, int i, vf a, int n)
{
    v_put_n(y, type, i, a, n);
}

#include "cpu/kern_attention_body.h"
