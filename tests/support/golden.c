/* SPDX-License-Identifier: Apache-2.0 */
/* golden.c - the tensors of a golden case. */
#include "support/golden.h"
#include "support/expect.h"

const char *const golden_openpi[8] = { "openpi/pi0_aloha_sim", "openpi/pi0_droid",
                                       "openpi/pi0_libero",    "openpi/pi05_aloha",
                                       "openpi/pi05_droid",    "openpi/pi05_full_droid_finetune",
                                       "openpi/pi05_libero",   NULL };
const char *const golden_lerobot[5] = { "lerobot/lerobot_pi0", "lerobot/lerobot_pi05",
                                        "lerobot/lerobot_pi05_meanstd",
                                        "lerobot/lerobot_pi0_relative", NULL };

void golden_open(golden *g, const char *name)
{
    char path[600];
    pi0_error e;
    snprintf(g->dir, sizeof g->dir, "%s/%s", PI0_TEST_DATA, name);
    snprintf(path, sizeof path, "%s/expected.safetensors", g->dir);
    expect_ok(pi0_safetensors_open(&g->tensors, path, &e), &e);
}

void golden_close(golden *g)
{
    pi0_safetensors_close(&g->tensors);
}

const st_tensor *golden_find(const golden *g, const char *name)
{
    const st_tensor *t = pi0_safetensors_find(&g->tensors, name);
    if (!t) fail_msg("%s: no tensor %s", g->dir, name);
    return t;
}

int64_t golden_count(const st_tensor *t)
{
    return (int64_t)(t->bytes / dtype_size(t->type));
}

double golden_at(const st_tensor *t, int64_t i)
{
    assert_true(i >= 0 && i < golden_count(t));
    const char *at = (const char *)t->data + (size_t)i * dtype_size(t->type);
    double d;
    int64_t n;
    int32_t k;
    switch (t->type) {
    case DTYPE_F64: memcpy(&d, at, sizeof d); return d;
    case DTYPE_I64: memcpy(&n, at, sizeof n); return (double)n;
    case DTYPE_I32: memcpy(&k, at, sizeof k); return k;
    case DTYPE_U8:
    case DTYPE_BOOL: return *(const unsigned char *)at;
    case DTYPE_F32:
    case DTYPE_BF16:
    case DTYPE_F16: return dtype_load(t->type, t->data, (ptrdiff_t)i);
    default: fail_msg("%s: elements of type %s", t->name, dtype_name(t->type)); return 0;
    }
}
