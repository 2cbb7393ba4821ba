/* SPDX-License-Identifier: Apache-2.0 */
/* golden.h - the tensors of a golden case's expected.safetensors. What is not there fails the
 * test. */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H
#include "data/safetensors.h"

typedef struct golden {
    safetensors tensors;
    char dir[512]; // of the case
} golden;

// the cases of openpi and of LeRobot, NULL at the end: "openpi/pi0_droid" …
extern const char *const golden_openpi[8], *const golden_lerobot[5];

void golden_open(golden *g, const char *name);
void golden_close(golden *g);

const st_tensor *golden_find(const golden *g, const char *name);
// element i as a double, whatever the type
double golden_at(const st_tensor *t, int64_t i);
int64_t golden_count(const st_tensor *t);
#endif
