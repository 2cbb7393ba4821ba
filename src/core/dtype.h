/* SPDX-License-Identifier: Apache-2.0 */
/* dtype.h - element types of stored tensors and of matrices, and how one value is read. */
#ifndef PI0_DTYPE_H
#define PI0_DTYPE_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum dtype {
    DTYPE_F32,
    DTYPE_BF16,
    DTYPE_F16,
    DTYPE_F64,
    DTYPE_U8,
    DTYPE_I8,
    DTYPE_I16,
    DTYPE_I32,
    DTYPE_I64,
    DTYPE_BOOL,
    DTYPE_COUNT
} dtype;

static inline size_t dtype_size(dtype t)
{
    static const unsigned char size[DTYPE_COUNT] = { 4, 2, 2, 8, 1, 1, 2, 4, 8, 1 };
    return size[t];
}

static inline const char *dtype_name(dtype t)
{
    static const char *const name[DTYPE_COUNT] = { "F32", "BF16", "F16", "F64", "U8",
                                                   "I8",  "I16",  "I32", "I64", "BOOL" };
    return name[t];
}

static inline float f32_from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float bf16_to_f32(uint16_t h)
{
    return f32_from_bits((uint32_t)h << 16);
}

// round to nearest, ties to even; NaN stays NaN
static inline uint16_t f32_to_bf16(float f)
{
    const uint32_t u = f32_bits(f);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

static inline float f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31;
    uint32_t mantissa = h & 0x3ffu;
    if (exponent == 31) return f32_from_bits(sign | 0x7f800000u | mantissa << 13);
    if (exponent) return f32_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    // subnormal: mantissa * 2^-24, exact in f32
    const float f = (float)mantissa * 0x1p-24f;
    return sign ? -f : f;
}

// element i of an array of floating type t as f32; f64 is rounded
static inline float dtype_load(dtype t, const void *p, ptrdiff_t i)
{
    const char *at = (const char *)p + i * (ptrdiff_t)dtype_size(t); // may be unaligned in a file
    uint16_t h;
    float f;
    double d;
    switch (t) {
    case DTYPE_F32: memcpy(&f, at, sizeof f); return f;
    case DTYPE_BF16: memcpy(&h, at, sizeof h); return bf16_to_f32(h);
    case DTYPE_F16: memcpy(&h, at, sizeof h); return f16_to_f32(h);
    case DTYPE_F64: memcpy(&d, at, sizeof d); return (float)d;
    default: return 0;
    }
}
#endif
