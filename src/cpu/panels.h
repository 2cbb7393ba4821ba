/* SPDX-License-Identifier: Apache-2.0 */
/* panels.h - the packed form of a weight: panel after panel, each part, or pair of gate and up, cut
 * into panels of its own, so that a panel's columns end in one matrix.
 *
 * Panels are whole but for a part's last. What these lack is shared, a quarter of a panel each:
 * with half a panel or less a kernel is not busy. */
#ifndef PI0_PANELS_H
#define PI0_PANELS_H
#include "cpu/kern.h"
#include "ops/ops.h"

// where a panel's columns are: `cols` of part `part` from column `col` on
typedef struct panel_place {
    int part, col, cols;
    int offset; // of the part's first column among all columns
} panel_place;

int pi0_panel_count(const gemm_kernel *k, const weight *w);
panel_place pi0_panel_place(const gemm_kernel *k, const weight *w, int panel);

size_t pi0_gemm_packed_size(const gemm_kernel *k, const weight *w);
void pi0_gemm_pack(pool *threads, const gemm_kernel *k, const weight *w);

// columns of y that one panel gives
static inline int panel_cols(const gemm_kernel *k, const weight *w)
{
    return w->kind == WEIGHT_GEGLU ? k->nr / 2 : k->nr;
}

// steps of a panel, and bytes of a step
static inline int panel_steps(const gemm_kernel *k, const weight *w)
{
    return (w->in + k->k_step - 1) / k->k_step;
}

static inline size_t step_bytes(const gemm_kernel *k)
{
    return (size_t)k->nr * (size_t)k->k_step * dtype_size(k->type);
}
#endif
