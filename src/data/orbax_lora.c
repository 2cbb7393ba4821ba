/* SPDX-License-Identifier: Apache-2.0 */
/* orbax_lora.c - low-rank updates beside openpi's arrays: W + A B, as the network would add them.
 * Source: openpi src/openpi/models/lora.py Einsum, FeedForward._dot.
 *
 * lora_a has the array's shape with the rank as its last axis, lora_b with the rank as its last but
 * one. Of q, key and value each head has its own product. In attn_vec_einsum the rewritten
 * equations sum over the heads twice, so that every head's A meets the sum of all heads' B. The
 * factor alpha / rank is 1 in all of openpi's configs and is not stored. */
#include "data/orbax_map.h"
#include <stdio.h>
#include <stdlib.h>

#define MAX_RANK 4096

/* ---- where they are ---- */

// "…/w" has "…/lora_a" beside it, other arrays their own name with "_lora_a" behind
static const orbax_array *find_half(const orbax *o, const char *array, const char *half)
{
    char name[256];
    const size_t n = strlen(array);
    const bool einsum = n > 2 && !strcmp(array + n - 2, "/w");
    snprintf(name, sizeof name, "%.*s%slora_%s", (int)(einsum ? n - 1 : n), array,
             einsum ? "" : "_", half);
    return pi0_orbax_find(o, name);
}

// the array's shape but for one axis, which is the rank
static int check_half(const orbax_array *half, const orbax_array *base, int rank_axis, int64_t rank,
                      const orbax *o, pi0_error *err)
{
    bool fits = half->z.n_dims == base->z.n_dims && rank <= MAX_RANK;
    for (int d = 0; d < base->z.n_dims && fits; d++)
        fits = half->z.shape[d] == (d == rank_axis ? rank : base->z.shape[d]);
    if (fits) return PI0_OK;
    return pi0_fail(err, PI0_EFORMAT,
                    "%s: array %s does not fit %s: expected its shape with one rank of at most %d "
                    "in place of axis %d",
                    o->folder, half->name, base->name, MAX_RANK, rank_axis);
}

// a matrix of each layer of the two Gemma stacks, or one of each head: what can be merged
static bool has_product(const orbax_pick *pick)
{
    int64_t fixed[ZARR_MAX_DIMS];
    const orbax_row *row = pi0_orbax_row(pick->id);
    const int n_dims = pick->array->z.n_dims;
    return row->axes[0] == 'L' && n_dims - pi0_orbax_fixed(fixed, row, n_dims, 0) >= 2;
}

int pi0_orbax_find_lora(orbax_pick *pick, int *rank, const orbax *o, pi0_error *err)
{
    const orbax_array *base = pick->array;
    const int last = base->z.n_dims - 1;
    pick->lora_a = find_half(o, base->name, "a");
    pick->lora_b = find_half(o, base->name, "b");
    if (!pick->lora_a && !pick->lora_b) return PI0_OK;
    if (!has_product(pick))
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "%s: LoRA weights beside array %s, expected beside the matrices of the "
                        "language model's and the expert's layers alone",
                        o->folder, base->name);
    if (!pick->lora_a || !pick->lora_b)
        return pi0_fail(err, PI0_EFORMAT, "%s: only one of lora_a and lora_b is there for array %s",
                        o->folder, base->name);
    const int64_t r =
        pick->lora_a->z.n_dims > 0 ? pick->lora_a->z.shape[pick->lora_a->z.n_dims - 1] : 0;
    int status = check_half(pick->lora_a, base, last, r, o, err);
    if (!status) status = check_half(pick->lora_b, base, last - 1, r, o, err);
    if (!status && r > *rank) *rank = (int)r;
    return status;
}

/* ---- the product ---- */

static int no_memory(pi0_error *err)
{
    return pi0_fail(err, PI0_ENOMEM, "no memory to merge LoRA weights");
}

float *pi0_orbax_widen(void *raw, dtype type, size_t n, pi0_error *err)
{
    float *to = malloc(n * sizeof *to);
    if (!to) no_memory(err);
    for (size_t i = 0; i < n && to; i++) to[i] = dtype_load(type, raw, (ptrdiff_t)i);
    free(raw);
    return to;
}

// a slice of an array behind its fixed axes, in its own order, as f32
static int read_half(float **values, const orbax *o, const orbax_array *a, const int64_t *fixed,
                     int n_fixed, pi0_error *err)
{
    ptrdiff_t stride[ZARR_MAX_DIMS];
    size_t n = 1;
    for (int d = a->z.n_dims - 1; d >= n_fixed; d--) {
        stride[d - n_fixed] = (ptrdiff_t)n;
        n *= (size_t)a->z.shape[d];
    }
    void *raw = malloc(n * dtype_size(a->z.type));
    if (!raw) return no_memory(err);
    const int status = pi0_zarr_read(o->reader, &a->z, fixed, n_fixed, raw, stride, err);
    if (status) {
        free(raw);
        return status;
    }
    *values = pi0_orbax_widen(raw, a->z.type, n, err);
    return *values ? PI0_OK : PI0_ENOMEM;
}

// to[x][y] += sum over l of a[x][l] b[l][y]; rows of `to` are ld apart; row: room for n_y
static void add_product(float *to, size_t ld, const float *a, const float *b, int n_x, int rank,
                        int n_y, float *row)
{
    for (int x = 0; x < n_x; x++) {
        memset(row, 0, (size_t)n_y * sizeof *row);
        for (int l = 0; l < rank; l++)
            for (int y = 0; y < n_y; y++)
                row[y] += a[(size_t)x * (size_t)rank + (size_t)l] *
                          b[(size_t)l * (size_t)n_y + (size_t)y];
        for (int y = 0; y < n_y; y++) to[(size_t)x * ld + (size_t)y] += row[y];
    }
}

// b[0] becomes the sum of all heads' b
static void sum_heads(float *b, int heads, size_t n)
{
    for (int h = 1; h < heads; h++)
        for (size_t i = 0; i < n; i++) b[i] += b[(size_t)h * n + i];
}

int pi0_orbax_add_lora(float *to, int rows, int cols, const orbax *o, const orbax_pick *pick,
                       pi0_error *err)
{
    const int64_t *shape = pick->array->z.shape;
    const int last = pick->array->z.n_dims - 1, rank = (int)pick->lora_a->z.shape[last];
    int64_t fixed[ZARR_MAX_DIMS];
    const int n_fixed = pi0_orbax_fixed(fixed, pi0_orbax_row(pick->id), last + 1, pick->layer);
    float *a = NULL, *b = NULL, *row = malloc((size_t)shape[last] * sizeof *row);
    int status = row ? read_half(&a, o, pick->lora_a, fixed, n_fixed, err) : no_memory(err);
    if (!status) status = read_half(&b, o, pick->lora_b, fixed, n_fixed, err);
    const int n_x = (int)shape[last - 1], n_y = (int)shape[last];
    const int heads = last - n_fixed == 2 ? (int)shape[n_fixed] : 1;
    const size_t of_a = (size_t)n_x * (size_t)rank, of_b = (size_t)rank * (size_t)n_y;
    if (!status && heads > 1 && cols == heads * n_x && rows == n_y) {
        // attn_vec_einsum: heads are part of what goes in
        sum_heads(b, heads, of_b);
        add_product(to, (size_t)n_y, a, b, heads * n_x, rank, n_y, row);
    } else {
        for (int h = 0; h < heads && !status; h++)
            add_product(to + (size_t)h * (size_t)n_y, (size_t)rows, a + (size_t)h * of_a,
                        b + (size_t)h * of_b, n_x, rank, n_y, row);
    }
    free(a);
    free(b);
    free(row);
    return status;
}
