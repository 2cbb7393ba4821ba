/* SPDX-License-Identifier: Apache-2.0 */
/* kern_rows_avx2.c - norms, rotations and sums of rows with AVX2 and FMA. */
#include "cpu/kern_rows.h"
#if defined(__x86_64__)
#include "cpu/vec_avx2.h"

#include "cpu/kern_rows_body.h"

const struct row_kernels pi0_rows_avx2 = ROW_KERNELS("rows_avx2");
#endif
