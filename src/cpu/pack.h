/* SPDX-License-Identifier: Apache-2.0 */
/* pack.h - weights from their stored form to the panels that kernels read. */
#ifndef PI0_PACK_H
#define PI0_PACK_H
#include "core/mat.h"

/* The packers of kern.h: columns [column, column + n) of a panel of nr columns from the n rows of
 * w, a view of any floating type and any strides; columns for which w has no row are zeros.
 * Layouts: f32 [k][nr]; bf16 [k / 2][nr][2], where an odd k is filled up with a zero, and values
 * are rounded to nearest even. */
void pi0_pack_f32(void *panel, int nr, int column, int n, const tensor_view *w);
void pi0_pack_bf16(void *panel, int nr, int column, int n, const tensor_view *w);

// a row of n bf16 values, zeros up to n_padded
void pi0_pack_row(void *to, const void *x, int n, int n_padded);
#endif
