/* SPDX-License-Identifier: Apache-2.0 */
/* kern_rows_body.h - the rows' inner loops, written once in the words of vec_<isa>.h; each
 * kern_rows_<isa>.c includes it. */
#include "cpu/kern_rows.h"
#include <math.h>

#define NORM_EPSILON 1e-6f

// sum of (x - shift) or (x - shift)^2 over a row, in four accumulators
VEC_INLINE float row_sum(const float *x, int n, float shift, const bool square)
{
    const vf s = v_set1(shift);
    vf sum[4] = { v_set1(0), v_set1(0), v_set1(0), v_set1(0) };
    int i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
        VEC_UNROLL
        for (int j = 0; j < 4; j++) {
            const vf d = v_sub(v_load(x + i + j * VL), s);
            sum[j] = square ? v_fma(d, d, sum[j]) : v_add(sum[j], d);
        }
    }
    for (; i + VL <= n; i += VL) {
        const vf d = v_sub(v_load(x + i), s);
        sum[0] = square ? v_fma(d, d, sum[0]) : v_add(sum[0], d);
    }
    // lanes that do not exist must not count as -shift
    if (i < n) {
        float rest[VL];
        v_store(rest, v_sub(v_load_n(x + i, n - i), s));
        const vf d = v_load_n(rest, n - i);
        sum[1] = square ? v_fma(d, d, sum[1]) : v_add(sum[1], d);
    }
    return v_sum(v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3])));
}

// y = (x - mean) * inverse * (scale + plus) + shift
VEC_INLINE void normalise(void *y, dtype type, const float *x, const float *scale, float plus,
                          const float *shift, float mean, float inverse, int n)
{
    const vf m = v_set1(mean), inv = v_set1(inverse), one = v_set1(plus);
    int i = 0;
    for (; i + VL <= n; i += VL) {
        const vf unit = v_mul(v_sub(v_load(x + i), m), inv);
        v_put(y, type, i,
              v_fma(unit, v_add(v_load(scale + i), one), shift ? v_load(shift + i) : v_set1(0)));
    }
    if (i < n) {
        const vf unit = v_mul(v_sub(v_load_n(x + i, n - i), m), inv);
        v_put_n(y, type, i,
                v_fma(unit, v_add(v_load_n(scale + i, n - i), one),
                      shift ? v_load_n(shift + i, n - i) : v_set1(0)),
                n - i);
    }
}

static void layernorm(void *y, dtype type, const float *x, const float *scale, const float *shift,
                      int n)
{
    const float mean = row_sum(x, n, 0, false) / (float)n;
    const float variance = row_sum(x, n, mean, true) / (float)n;
    normalise(y, type, x, scale, 0, shift, mean, 1 / sqrtf(variance + NORM_EPSILON), n);
}

static void rmsnorm(void *y, dtype type, const float *x, const float *scale, const float *shift,
                    int n)
{
    const float square = row_sum(x, n, 0, true) / (float)n;
    normalise(y, type, x, scale, 1, shift, 0, 1 / sqrtf(square + NORM_EPSILON), n);
}

// n values of each half of a head, n <= VL
VEC_INLINE void turn(void *y, dtype type, const float *x, const float *table, int half, int i,
                     int n)
{
    const vf c = v_get_n(table, DTYPE_F32, i, n), s = v_get_n(table, DTYPE_F32, half + i, n);
    const vf a = v_get_n(x, DTYPE_F32, i, n), b = v_get_n(x, DTYPE_F32, half + i, n);
    v_put_n(y, type, i, v_sub(v_mul(a, c), v_mul(b, s)), n);
    v_put_n(y, type, half + i, v_add(v_mul(b, c), v_mul(a, s)), n);
}

static void rope(void *y, dtype type, const float *x, const float *table, int half, int heads)
{
    for (int h = 0; h < heads; h++, x += 2 * half) {
        int i = 0;
        for (; i + VL <= half; i += VL) turn(y, type, x, table, half, i, VL);
        if (i < half) turn(y, type, x, table, half, i, half - i);
        y = (char *)y + 2 * (size_t)half * dtype_size(type);
    }
}

static void axpy(float *y, float a, const float *x, int n)
{
    const vf factor = v_set1(a);
    int i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, v_fma(factor, v_load(x + i), v_load(y + i)));
    if (i < n)
        v_store_n(y + i, v_fma(factor, v_load_n(x + i, n - i), v_load_n(y + i, n - i)), n - i);
}

static void scale_row(float *y, float a, const void *x, dtype type, int n)
{
    const vf factor = v_set1(a);
    int i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, v_mul(factor, v_get(x, type, i)));
    if (i < n) v_store_n(y + i, v_mul(factor, v_get_n(x, type, i, n - i)), n - i);
}

#define ROW_KERNELS(its_name)                                                                     \
    {                                                                                             \
        .name = its_name, .layernorm = layernorm, .rmsnorm = rmsnorm, .rope = rope, .axpy = axpy, \
        .scale = scale_row                                                                        \
    }
