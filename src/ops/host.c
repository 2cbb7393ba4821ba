/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - blocks in host memory, and transfers that are copies or conversions. */
#include "ops/host.h"
#include <stdlib.h>
#include <sys/mman.h>

// anonymous pages: zero until touched, so a block's unused end costs nothing; large ones may become
// huge pages, which spares the address translation of gigabytes of weights
int pi0_host_block_new(const backend *b, void **block, size_t bytes, pi0_error *err)
{
    (void)b;
    void *p =
        mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return pi0_fail(err, PI0_ENOMEM, "no memory for a block of %zu bytes", bytes);
    if (bytes >= (size_t)1 << 21) madvise(p, bytes, MADV_HUGEPAGE);
    *block = p;
    return PI0_OK;
}

void pi0_host_block_free(const backend *b, void *block, size_t bytes)
{
    (void)b;
    if (block) munmap(block, bytes ? bytes : 1);
}

void pi0_host_row_f32(float *to, tensor_view from, int row)
{
    for (int c = 0; c < from.cols; c++) to[c] = tensor_view_at(from, row, c);
}

static void put_row(void *to, dtype type, tensor_view from, int row)
{
    if (type == from.type && from.col_stride == 1) {
        const size_t size = dtype_size(type);
        memcpy(to, (const char *)from.data + row * from.row_stride * (ptrdiff_t)size,
               (size_t)from.cols * size);
        return;
    }
    assert(type == DTYPE_F32 || type == DTYPE_BF16);
    for (int c = 0; c < from.cols; c++) {
        const float f = tensor_view_at(from, row, c);
        if (type == DTYPE_F32)
            ((float *)to)[c] = f;
        else
            ((uint16_t *)to)[c] = f32_to_bf16(f);
    }
}

void pi0_host_put(backend *b, mat to, tensor_view from)
{
    (void)b;
    assert(to.rows == from.rows && to.cols == from.cols);
    for (int r = 0; r < to.rows; r++) put_row(mat_row(to, r), to.type, from, r);
}

void pi0_host_get(backend *b, void *to, mat from)
{
    (void)b;
    const size_t row = (size_t)from.cols * dtype_size(from.type);
    for (int r = 0; r < from.rows; r++) memcpy((char *)to + (size_t)r * row, mat_row(from, r), row);
}
