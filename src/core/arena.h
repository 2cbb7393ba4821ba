/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - one block, handed out front to back. With base NULL it only measures, so the same
 * layout code first sizes the block and then fills it. */
#ifndef PI0_ARENA_H
#define PI0_ARENA_H
#include "core/mat.h"

#define ARENA_ALIGN 64

typedef struct arena {
    char *base;
    size_t used, size, peak;
} arena;

static inline void *arena_take(arena *a, size_t bytes)
{
    const size_t at = (a->used + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1);
    a->used = at + bytes;
    if (a->used > a->peak) a->peak = a->used;
    if (!a->base) return NULL; // measuring
    assert(a->used <= a->size);
    return a->base + at;
}

static inline mat arena_mat(arena *a, int rows, int cols, dtype type)
{
    const mat m = mat_make(NULL, rows, cols, type);
    return mat_make(arena_take(a, mat_bytes(m)), rows, cols, type);
}

static inline size_t arena_mark(const arena *a)
{
    return a->used;
}

static inline void arena_rewind(arena *a, size_t mark)
{
    assert(mark <= a->used);
    a->used = mark;
}
#endif
