/* SPDX-License-Identifier: Apache-2.0 */
/* tap.c - show a stage's output to whoever asked for it, and take back what was changed. */
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

static void show(run *r, mat m, bool may_change, const char *format, va_list args)
{
    const stage_tap *t = &r->tap;
    char name[64];
    assert((size_t)m.rows * (size_t)m.cols <= pi0_run_tap_floats(r));
    vsnprintf(name, sizeof name, format, args);
    r->b->ops->get(r->b, t->host, m);
    if (m.type == DTYPE_BF16) widen(t->host, (size_t)m.rows * (size_t)m.cols);
    if (t->fn) {
        t->fn(t->user, name, t->host, m.rows, m.cols);
    } else if (t->edit(t->user, name, t->host, m.rows, m.cols) && may_change) {
        const tensor_view edited = { t->host, m.rows, m.cols, m.cols, 1, DTYPE_F32 };
        r->b->ops->put(r->b, m, edited);
    }
}

void pi0_tap(run *r, mat m, const char *format, ...)
{
    va_list args;
    if (!r->tap.fn && !r->tap.edit) return;
    va_start(args, format);
    show(r, m, true, format, args);
    va_end(args);
}

void pi0_tap_table(run *r, mat m, const char *format, ...)
{
    va_list args;
    if (!r->tap.fn && !r->tap.edit) return;
    va_start(args, format);
    show(r, m, false, format, args);
    va_end(args);
}
