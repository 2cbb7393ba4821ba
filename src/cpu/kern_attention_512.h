/* SPDX-License-Identifier: Apache-2.0 */
/* kern_attention_512.h - the tiles of kern_attention_body.h for 32 registers of 16 lanes. */
#define NV 4
#define MR 6
#define MR_HALF 5
#define TILES_OF(X, nv) X(1, nv) X(2, nv) X(4, nv)
#define LOGIT_TILES(X) \
    TILES_OF(X, 1) TILES_OF(X, 2) TILES_OF(X, 3) TILES_OF(X, 4) X(6, 1) X(6, 2) X(6, 3) X(6, 4)
#define HALF_TILES(X) \
    TILES_OF(X, 0)    \
    TILES_OF(X, 1)    \
    TILES_OF(X, 2) TILES_OF(X, 3) TILES_OF(X, 4) X(5, 0) X(5, 1) X(5, 2) X(5, 3) X(5, 4)

// f32 products of AVX-512 serve the set with bf16 instructions too
extern const attention_kernel pi0_attention_f32_avx512;
