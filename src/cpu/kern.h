/* SPDX-License-Identifier: Apache-2.0 */
/* kern.h - the inner loops of the cpu backend: one table of kernels per instruction set.
 *
 * A kernel, the layout that it reads and the function that writes this layout are one struct, so
 * nobody can pair a kernel with another's layout. The tables are made from kern_list.h. */
#ifndef PI0_KERN_H
#define PI0_KERN_H
#include "core/cpu.h"
#include "core/mat.h"

/* ---- matrix products: c[rows][nr] = x[rows][k] panel[k][nr] ---- */

// what happens to a tile of sums on its way to memory
enum gemm_end_op {
    GEMM_STORE, // y = v + bias
    GEMM_GELU,  // y = gelu(v + bias)
    GEMM_SILU,  // y = silu(v + bias)
    GEMM_GEGLU, // y = gelu(v + bias) * (up + bias_up): the panel's first half is v, the second up
    GEMM_ADD    // y += gate * (v + bias)
};

// one tile's end; pointers are those of the tile's first row and column
typedef struct gemm_end {
    enum gemm_end_op op;
    const float *c;              // the sums, [mr][nr], unless it happens in registers
    const float *bias, *bias_up; // NULL: none
    const float *gate;           // NULL: 1
    void *y;
    size_t ld;      // of y, elements
    int rows, cols; // of y
    dtype type;     // of y: DTYPE_F32 or DTYPE_BF16
} gemm_end;

// one tile's sums. An element is summed in the order of k by one accumulator, whatever the tile's
// height and the blocks of k: its value depends on its row of x and its column of w alone.
typedef struct gemm_tile {
    float *c;             // [mr][nr], 64-byte aligned: the sums, unless they end in registers
    const gemm_end *end;  // what will become of them, with the tile's rows; or NULL
    const gemm_end *late; // what becomes of the tile before, whose sums are in memory (its c may be
                          // this one's): it ends by the way; or NULL
    const void *x;        // first row, as x_type, k padded to whole steps
    size_t x_stride;      // bytes from one row to the next
    const void *panel;    // packed weights, `steps` steps
    int rows, cols;       // 1..mr, 1..nr: so many sums are wanted, others may be left out
    int steps;            // groups of k_step values of k
    bool more;            // c already holds the sums over smaller k
    const void *x_next;   // rows that will be read next, at the same stride
    const char *ahead;    // memory that will be read later, so many cache lines of it for every 4
    int ahead_lines;      // steps (of whole 16). Both are only prefetched: any address will do
    const float *c_next;  // sums that will be wanted next, or NULL
} gemm_tile;

// whether a tile of nr columns ends in registers: a whole one without activation. Others leave
// their sums in c, and end while the next tile multiplies, or by the kernel's `end`
static inline bool gemm_ends_in_registers(const gemm_end *e, int nr)
{
    return e->cols == nr && (e->op == GEMM_STORE || e->op == GEMM_ADD);
}

#define GEMM_WIDE 64

// quarters of a panel of nr columns that a tile multiplies for so many columns: it may leave out
// half and, where panels are wide, a quarter
static inline int gemm_quarters(int nr, int cols)
{
    if (cols <= nr / 2) return 2;
    return nr >= GEMM_WIDE && cols <= nr / 4 * 3 ? 3 : 4;
}

typedef struct gemm_kernel {
    const char *name; // "gemm_bf16_avx512bf16"
    cpu_isa isa;
    dtype type;   // of x, and of the packed weights
    dtype x_type; // of x as the tile reads it; where it differs from type, x is converted first
    int mr, nr;   // rows of a tile, columns of a panel (a multiple of 16)
    int k_step;   // values of k that lie together in a panel: [k / k_step][nr][k_step]
    void (*tile)(const gemm_tile *t);
    void (*end)(const gemm_end *e); // of a tile whose sums are in memory
    // columns [column, column + n) of a panel from the n rows of w; zeros where w has fewer
    void (*pack)(void *panel, int nr, int column, int n, const tensor_view *w);
    // one row of x: n values of `type` to x_type, zeros up to n_padded
    void (*pack_x)(void *to, const void *x, int n, int n_padded);
    // rounds times mr * nr * k_step multiply-adds in registers alone: what the processor can do
    float (*peak)(int rounds);
} gemm_kernel;

/* ---- rows and attention: defined in kern_rows.h and kern_attention.h ---- */
struct row_kernels;
struct attention_kernels;

/* ---- one table per instruction set ---- */
typedef struct kernels {
    cpu_isa isa;
    const gemm_kernel *gemm_f32, *gemm_bf16;
    const struct row_kernels *rows;
    const struct attention_kernels *attention;
} kernels;

// what backend.impl of the cpu backend points to
typedef struct cpu_impl {
    const kernels *kernels;
} cpu_impl;

const kernels *pi0_kernels(cpu_isa isa); // isa: one that this build has
const cpu_impl *pi0_cpu_impl(cpu_isa isa);
#endif
