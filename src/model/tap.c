/* SPDX-License-Identifier: Apache-2.0 */
/* tap.c - show a stage's output to whoever asked for it. */
#include "model/run.h"
#include <stdarg.h>
#include <stdio.h>

// widen packed bf16 to f32 in place, from the last value to the first
static void widen(float *data, size_t n)
{
    const uint16_t *half = (const uint16_t *)(const void *)data;
    while (n--) {
        uint16_t h;
        memcpy(&h, half + n, sizeof h);
        data[n] = bf16_to_f32(h);
    }
}

void pi0_tap(run *r, mat m, const char *format, ...)
{
    char name[64];
    va_list args;
    if (!r->tap.fn) return;
    assert((size_t)m.rows * (size_t)m.cols <= pi0_run_tap_floats(r));
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    r->b->ops->get(r->b, r->tap.host, m);
    if (m.type == DTYPE_BF16) widen(r->tap.host, (size_t)m.rows * (size_t)m.cols);
    r->tap.fn(r->tap.user, name, r->tap.host, m.rows, m.cols);
}
