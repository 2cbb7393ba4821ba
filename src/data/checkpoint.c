/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c - one door to all kinds of checkpoint. */
#include "data/checkpoint.h"
#include <stdlib.h>

// a tensor's values in memory
typedef struct decoded {
    struct decoded *next;
    char *values;
    size_t bytes;
} decoded;

static int open_orbax(checkpoint *cp, const char *path, pi0_error *err)
{
    int status = pi0_orbax_open(&cp->orbax, path, err);
    if (status) return status;
    cp->is_orbax = true;
    status = pi0_orbax_map(&cp->map, &cp->st, &cp->orbax, err);
    if (status) pi0_checkpoint_close(cp);
    return status;
}

int pi0_checkpoint_open(checkpoint *cp, const char *path, pi0_error *err)
{
    *cp = (checkpoint){ 0 };
    return pi0_is_orbax(path) ? open_orbax(cp, path, err)
                              : pi0_safetensors_open(&cp->st, path, err);
}

void pi0_checkpoint_close(checkpoint *cp)
{
    for (decoded *d = cp->decoded, *next; d; d = next) {
        next = d->next;
        free(d->values);
        free(d);
    }
    pi0_safetensors_close(&cp->st);
    if (cp->is_orbax) {
        pi0_orbax_map_free(&cp->map);
        pi0_orbax_close(&cp->orbax);
    }
    *cp = (checkpoint){ 0 };
}

char *pi0_checkpoint_home(const char *path)
{
    if (pi0_is_orbax(path)) return pi0_orbax_home(path);
    // a folder, or the one that a file lies in
    const char *slash = strrchr(path, '/');
    size_t n = strlen(path);
    if (!pi0_is_directory(path)) n = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    char *dir = malloc(n + 2);
    if (!dir) return NULL;
    memcpy(dir, n ? path : ".", n ? n : 1);
    dir[n ? n : 1] = 0;
    return dir;
}

static int read_decoded(checkpoint *cp, const st_tensor *t, tensor_view *view, pi0_error *err)
{
    void *values;
    if (t->pick < 0)
        return pi0_fail(err, PI0_EFORMAT, "array %s is no tensor of the model", t->name);
    decoded *d = malloc(sizeof *d);
    if (!d) return pi0_fail(err, PI0_ENOMEM, "no memory to read a checkpoint");
    const int status = pi0_orbax_read(view, &values, &cp->orbax, &cp->map.picks[t->pick], err);
    if (status) {
        free(d);
        return status;
    }
    *d = (decoded){ cp->decoded, values,
                    (size_t)view->rows * (size_t)view->cols * dtype_size(view->type) };
    cp->decoded = d;
    return PI0_OK;
}

int pi0_checkpoint_read(checkpoint *cp, const st_tensor *t, tensor_view *view, pi0_error *err)
{
    if (cp->is_orbax) return read_decoded(cp, t, view, err);
    const int rows = t->n_dims > 1 ? (int)t->dims[0] : 1;
    const int cols = rows ? (int)(t->bytes / dtype_size(t->type)) / rows : 0;
    *view = (tensor_view){ t->data, rows, cols, cols, 1, t->type };
    return PI0_OK;
}

void pi0_checkpoint_forget(checkpoint *cp, const tensor_view *view)
{
    if (!cp->is_orbax) {
        const ptrdiff_t values = (view->rows - 1) * view->row_stride + view->cols;
        pi0_safetensors_forget(&cp->st, view->data, (size_t)values * dtype_size(view->type));
        return;
    }
    const char *at = view->data;
    for (decoded **d = &cp->decoded; *d; d = &(*d)->next) {
        if (at < (*d)->values || at >= (*d)->values + (*d)->bytes) continue;
        decoded *old = *d;
        *d = old->next;
        free(old->values);
        free(old);
        return;
    }
}

size_t pi0_checkpoint_held(const checkpoint *cp)
{
    size_t n = 0;
    for (const decoded *d = cp->decoded; d; d = d->next) n += d->bytes;
    return n;
}
