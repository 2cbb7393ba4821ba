/* SPDX-License-Identifier: Apache-2.0 */
/* orbax_read.c - one tensor from its slice of an array, and the update that LoRA adds to it. */
#include "data/orbax_map.h"
#include <stdlib.h>

/* A tensor's values as they are read: [cols][rows], as JAX stores matrices ([in][out]), or
 * [rows][cols] where the array's last axis is part of the columns. */
typedef struct layout {
    int n_fixed;
    int64_t fixed[ZARR_MAX_DIMS];
    ptrdiff_t stride[ZARR_MAX_DIMS]; // of the axes behind the fixed ones
    int rows, cols;
    bool transposed;
} layout;

// letters of the tensor in the order in which they are laid out
static void order_letters(char order[16], const char *tensor, bool transposed)
{
    const size_t rows = strcspn(tensor, ",");
    size_t n = 0;
    for (const char *c = tensor + (transposed ? rows : 0); *c; c++)
        if (*c != ',') order[n++] = *c;
    for (size_t i = 0; transposed && i < rows; i++) order[n++] = tensor[i];
    order[n] = 0;
}

static layout lay_out(const orbax_row *row, const orbax_array *a, int layer)
{
    layout l = { .rows = 1, .cols = 1 };
    char order[16];
    const size_t n_rows = strcspn(row->tensor, ",");
    const int n = a->z.n_dims;
    // what is picked stands in front
    l.n_fixed = pi0_orbax_fixed(l.fixed, row, n, layer);
    const char last = row->axes[n - 1];
    const bool vector = !row->tensor[n_rows];
    l.transposed = !vector && memchr(row->tensor, last, n_rows);
    order_letters(order, row->tensor, l.transposed);
    // strides from the last letter on
    ptrdiff_t stride = 1;
    for (size_t i = strlen(order); i-- > 0;) {
        const int axis = (int)(strchr(row->axes, order[i]) - row->axes);
        l.stride[axis - l.n_fixed] = stride;
        stride *= (ptrdiff_t)a->z.shape[axis];
        if (!vector && memchr(row->tensor, order[i], n_rows))
            l.rows *= (int)a->z.shape[axis];
        else
            l.cols *= (int)a->z.shape[axis];
    }
    assert(l.stride[n - 1 - l.n_fixed] == 1);
    return l;
}

// memory of so many bytes; what there is stays where it is large enough
static int reserve(void **owner, size_t *room, size_t bytes, const orbax *o, const orbax_array *a,
                   pi0_error *err)
{
    if (*owner && *room >= bytes) return PI0_OK;
    free(*owner);
    // an allocation that is too large to be true is only ever touched as far as there is data
    *owner = malloc(bytes);
    *room = *owner ? bytes : 0;
    if (*owner) return PI0_OK;
    return pi0_fail(err, PI0_ENOMEM, "%s: no memory for %zu bytes of array %s", o->folder, bytes,
                    a->name);
}

// the values in f32 and the update on top
static int merge(void **owner, size_t *room, size_t n, const layout *l, const orbax *o,
                 const orbax_pick *pick, pi0_error *err)
{
    float *sum = pi0_orbax_widen(*owner, pick->array->z.type, n, err);
    *owner = sum;
    *room = sum ? n * sizeof *sum : 0;
    return sum ? pi0_orbax_add_lora(sum, l->rows, l->cols, o, pick, err) : PI0_ENOMEM;
}

int pi0_orbax_read(tensor_view *view, void **owner, size_t *room, const orbax *o,
                   const orbax_pick *pick, pi0_error *err)
{
    const orbax_array *a = pick->array;
    const layout l = lay_out(pi0_orbax_row(pick->id), a, pick->layer);
    const size_t n = (size_t)l.rows * (size_t)l.cols;
    int status = reserve(owner, room, n * dtype_size(a->z.type), o, a, err);
    if (!status)
        status = pi0_zarr_read(o->reader, &a->z, l.fixed, l.n_fixed, *owner, l.stride, err);
    if (!status && pick->lora_a) status = merge(owner, room, n, &l, o, pick, err);
    if (status) return status;
    *view = (tensor_view){ *owner,
                           l.rows,
                           l.cols,
                           l.transposed ? 1 : l.cols,
                           l.transposed ? l.rows : 1,
                           pick->lora_a ? DTYPE_F32 : a->z.type };
    return PI0_OK;
}
