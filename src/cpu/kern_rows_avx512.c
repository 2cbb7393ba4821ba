/* SPDX-License-Identifier: Apache-2.0 */
/* kern_rows_avx512.c - norms, rotations and sums of rows with AVX-512. */
#include "cpu/kern_rows.h"
#if defined(__x86_64__)
#include "cpu/vec_avx512.h"

#include "cpu/kern_rows_body.h"

const struct row_kernels pi0_rows_avx512 = ROW_KERNELS("rows_avx512");
#endif
