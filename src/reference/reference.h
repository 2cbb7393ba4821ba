/* SPDX-License-Identifier: Apache-2.0 */
/* reference.h - the backend that everything else is compared with: each operation as plainly as it
 * can be said, f32 values, double sums. It reads the weights where they are stored. */
#ifndef PI0_REFERENCE_H
#define PI0_REFERENCE_H
#include "ops/ops.h"

extern const struct ops pi0_reference_ops;
#endif
