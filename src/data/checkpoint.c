/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c - one door to all kinds of checkpoint. */
#include "data/checkpoint.h"
#include <stdlib.h>

// a tensor's values in memory
typedef struct decoded {
    struct decoded *next;
    char *values;
    size_t bytes, room;
} decoded;

#define MAX_SPARES 3 // of a weight's parts, kept for the next one: new memory costs its clearing

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

static void free_list(decoded *list)
{
    for (decoded *d = list, *next; d; d = next) {
        next = d->next;
        free(d->values);
        free(d);
    }
}

void pi0_checkpoint_trim(checkpoint *cp)
{
    free_list(cp->spares);
    cp->spares = NULL;
}

void pi0_checkpoint_close(checkpoint *cp)
{
    free_list(cp->decoded);
    free_list(cp->spares);
    pi0_safetensors_close(&cp->st);
    if (cp->is_orbax) {
        pi0_orbax_map_free(&cp->map);
        pi0_orbax_close(&cp->orbax);
    }
    *cp = (checkpoint){ 0 };
}

bool pi0_is_checkpoint(const char *dir)
{
    return pi0_is_orbax(dir) || pi0_is_safetensors_folder(dir);
}

char *pi0_checkpoint_home(const char *path)
{
    if (pi0_is_orbax(path)) return pi0_orbax_home(path);
    return pi0_is_directory(path) ? strdup(path) : pi0_path_folder(path);
}

// a spare block of so many bytes and not much more, or a new one without memory; NULL: no memory
static decoded *take_block(checkpoint *cp, size_t bytes)
{
    for (decoded **d = &cp->spares; *d; d = &(*d)->next) {
        decoded *found = *d;
        if (found->room < bytes || found->room / 2 > bytes) continue;
        *d = found->next;
        return found;
    }
    return calloc(1, sizeof(decoded));
}

static int read_decoded(checkpoint *cp, const st_tensor *t, tensor_view *view, pi0_error *err)
{
    if (t->pick < 0)
        return pi0_fail(err, PI0_EFORMAT, "array %s is no tensor of the model", t->name);
    decoded *d = take_block(cp, t->bytes);
    if (!d) return pi0_fail(err, PI0_ENOMEM, "no memory to read a checkpoint");
    void *values = d->values;
    size_t room = d->room;
    const int status =
        pi0_orbax_read(view, &values, &room, &cp->orbax, &cp->map.picks[t->pick], err);
    *d = (decoded){ cp->decoded, values,
                    status ? 0 : (size_t)view->rows * (size_t)view->cols * dtype_size(view->type),
                    room };
    if (status) {
        free(values);
        free(d);
        return status;
    }
    cp->decoded = d;
    return PI0_OK;
}

// keep a block, and let the oldest go where there are too many
static void keep_spare(checkpoint *cp, decoded *d)
{
    int n = 1;
    d->next = cp->spares;
    cp->spares = d;
    while (d->next && n < MAX_SPARES) d = d->next, n++;
    free_list(d->next);
    d->next = NULL;
}

tensor_view pi0_checkpoint_view(const st_tensor *t)
{
    const int rows = t->n_dims > 1 ? (int)t->dims[0] : 1;
    const int cols = rows ? (int)(t->bytes / dtype_size(t->type)) / rows : 0;
    return (tensor_view){ t->data, rows, cols, cols, 1, t->type };
}

int pi0_checkpoint_read(checkpoint *cp, const st_tensor *t, tensor_view *view, pi0_error *err)
{
    if (cp->is_orbax) return read_decoded(cp, t, view, err);
    *view = pi0_checkpoint_view(t);
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
        keep_spare(cp, old);
        return;
    }
}

size_t pi0_checkpoint_held(const checkpoint *cp)
{
    size_t n = 0;
    for (const decoded *d = cp->decoded; d; d = d->next) n += d->bytes;
    return n;
}
