/* SPDX-License-Identifier: Apache-2.0 */
/* kern_rows_c.c - norms, rotations and sums of rows in portable C. */
#include "cpu/vec_c.h"

#include "cpu/kern_rows_body.h"

const struct row_kernels pi0_rows_c = ROW_KERNELS("rows_c");
