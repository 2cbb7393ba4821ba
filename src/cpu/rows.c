/* SPDX-License-Identifier: Apache-2.0 */
/* rows.c - operations whose rows are independent: threads share the rows of y. */
#include "cpu/rows.h"
#include "cpu/kern.h"
#include "cpu/kern_rows.h"

typedef struct row_job row_job;
struct row_job {
    void (*row)(const row_job *j, int r); // computes row r of y
    const struct row_kernels *kernels;
    mat y, x, scale, shift;
    const weight *table;
    float a;
    int heads, patch;
    uint32_t pixel[256]; // bits of y's type
};

static void rows_thread(void *arg, int thread, int n_threads)
{
    const row_job *j = arg;
    int first, last;
    pool_share(j->y.rows, thread, n_threads, &first, &last);
    for (int r = first; r < last; r++) j->row(j, r);
}

static const struct row_kernels *kernels_of(const backend *b)
{
    return ((const cpu_impl *)b->impl)->kernels->rows;
}

const char *pi0_cpu_rows_kernel(const backend *b)
{
    return kernels_of(b)->name;
}

static void run(backend *b, row_job *j)
{
    j->kernels = kernels_of(b);
    // a row alone is not worth waking anyone
    if (j->y.rows == 1)
        j->row(j, 0);
    else
        pi0_pool_run(b->threads, rows_thread, j);
}

/* ---- norms ---- */

static void layernorm_row(const row_job *j, int r)
{
    j->kernels->layernorm(mat_row(j->y, r), j->y.type, mat_row(j->x, r), j->scale.p, j->shift.p,
                          j->x.cols);
}

void pi0_cpu_layernorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    assert(scale.type == DTYPE_F32 && shift.type == DTYPE_F32);
    run(b, &(row_job){ .row = layernorm_row, .y = y, .x = x, .scale = scale, .shift = shift });
}

static void rmsnorm_row(const row_job *j, int r)
{
    j->kernels->rmsnorm(mat_row(j->y, r), j->y.type, mat_row(j->x, r), j->scale.p, j->shift.p,
                        j->x.cols);
}

void pi0_cpu_rmsnorm(backend *b, mat y, mat x, mat scale, mat shift)
{
    assert(scale.type == DTYPE_F32 && shift.type == DTYPE_F32);
    run(b, &(row_job){ .row = rmsnorm_row, .y = y, .x = x, .scale = scale, .shift = shift });
}

/* ---- rotary position embedding ---- */

static void rope_row(const row_job *j, int r)
{
    j->kernels->rope(mat_row(j->y, r), j->y.type, mat_row(j->x, r), mat_row(j->scale, r),
                     j->scale.cols / 2, j->heads);
}

void pi0_cpu_rope(backend *b, mat y, mat x, mat table, int n_heads)
{
    run(b, &(row_job){ .row = rope_row, .y = y, .x = x, .scale = table, .heads = n_heads });
}

/* ---- the Euler step, and tables added to rows ---- */

static void axpy_row(const row_job *j, int r)
{
    j->kernels->axpy(mat_row(j->y, r), j->a, mat_row(j->x, r % j->x.rows), j->y.cols);
}

void pi0_cpu_axpy(backend *b, mat y, float a, mat x)
{
    run(b, &(row_job){ .row = axpy_row, .y = y, .x = x, .a = a });
}

/* ---- embedding rows, read where they are stored ---- */

// not any other type, a transposed table, or one that lies anyhow in its file
bool pi0_cpu_embed_direct(const weight *table)
{
    const tensor_view *t = &table->part[0];
    return (t->type == DTYPE_F32 || t->type == DTYPE_BF16) && t->col_stride == 1 &&
           (uintptr_t)t->data % dtype_size(t->type) == 0;
}

static void embed_row(const row_job *j, int r)
{
    const tensor_view *t = &j->table->part[0];
    const int32_t token = ((const int32_t *)j->x.p)[r];
    float *y = mat_row(j->y, r);
    assert(token >= 0 && token < t->rows);
    if (pi0_cpu_embed_direct(j->table)) {
        const char *row =
            (const char *)t->data + token * t->row_stride * (ptrdiff_t)dtype_size(t->type);
        j->kernels->scale(y, j->a, row, t->type, j->y.cols);
        return;
    }
    for (int i = 0; i < j->y.cols; i++) y[i] = j->a * tensor_view_at(*t, token, i);
}

void pi0_cpu_embed(backend *b, mat y, mat tokens, const weight *table, float scale)
{
    run(b, &(row_job){ .row = embed_row, .y = y, .x = tokens, .table = table, .a = scale });
}

/* ---- pictures ---- */

// a patch's pixels in the order (channel, row, column); the picture is n patches wide
static void patch_row_u8(const row_job *j, int r)
{
    const int n = j->x.cols / 3 / j->patch, patch = j->patch;
    const int top = r / n * patch, left = r % n * patch;
    char *y = mat_row(j->y, r);
    for (int c = 0; c < 3; c++)
        for (int ky = 0; ky < patch; ky++) {
            const uint8_t *p = (const uint8_t *)mat_row(j->x, top + ky) + left * 3 + c;
            const int at = (c * patch + ky) * patch;
            if (j->y.type == DTYPE_BF16)
                for (int kx = 0; kx < patch; kx++)
                    ((uint16_t *)y)[at + kx] = (uint16_t)j->pixel[p[kx * 3]];
            else
                for (int kx = 0; kx < patch; kx++) ((uint32_t *)y)[at + kx] = j->pixel[p[kx * 3]];
        }
}

static void patch_row_f32(const row_job *j, int r)
{
    const int size = j->x.cols, n = size / j->patch, patch = j->patch;
    const int top = r / n * patch, left = r % n * patch;
    char *y = mat_row(j->y, r);
    for (int c = 0; c < 3; c++)
        for (int ky = 0; ky < patch; ky++) {
            const float *p = (const float *)mat_row(j->x, c * size + top + ky) + left;
            const int at = (c * patch + ky) * patch;
            if (j->y.type == DTYPE_BF16)
                for (int kx = 0; kx < patch; kx++) ((uint16_t *)y)[at + kx] = f32_to_bf16(p[kx]);
            else
                memcpy((float *)y + at, p, (size_t)patch * sizeof *p);
        }
}

void pi0_cpu_patches(backend *b, mat y, mat image, int patch)
{
    row_job j = { .row = patch_row_f32, .y = y, .x = image, .patch = patch };
    if (image.type == DTYPE_U8) {
        j.row = patch_row_u8;
        // a byte's value in three f32 roundings: / 255, * 2, - 1
        for (int u = 0; u < 256; u++) {
            const float unit = (float)u / 255.0f, value = unit * 2.0f - 1.0f;
            j.pixel[u] = y.type == DTYPE_BF16 ? f32_to_bf16(value) : f32_bits(value);
        }
    }
    run(b, &j);
}
