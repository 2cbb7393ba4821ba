/* SPDX-License-Identifier: Apache-2.0 */
/* gemm.h - the linear layers of the cpu backend: y = x W' with everything that follows it. */
#ifndef PI0_GEMM_H
#define PI0_GEMM_H
#include "cpu/kern.h"
#include "ops/ops.h"

// bytes of workspace (64-byte aligned) for `rows` rows through w
size_t pi0_gemm_work(const gemm_kernel *k, const weight *w, int rows, int n_threads);

// y: n mats as linear_parts() takes them; gate: of GEMM_ADD
void pi0_gemm(pool *threads, const gemm_kernel *k, const mat *y, int n, mat x, const weight *w,
              enum gemm_end_op op, mat gate, void *work);
#endif
