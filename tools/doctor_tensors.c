/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_tensors.c - checks of pi0 doctor: the files of the checkpoint, and whether every tensor of
 * the model is in them, once, with shapes that agree. The library stops at the first fault; here
 * all of them are told, so the sizes come from the majority. */
#include "doctor.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

// LeRobot renames these where they stand without "model."
static const st_tensor *find_alias(const doctor *d, const char *name)
{
    static const char plain[] = "time_mlp_", action[] = "action_time_mlp_";
    char alias[TENSOR_NAME_SIZE];
    const bool is_action = !strncmp(name, action, sizeof action - 1);
    if (!d->lerobot || (!is_action && strncmp(name, plain, sizeof plain - 1))) return NULL;
    snprintf(alias, sizeof alias, "%s%s", is_action ? plain : action,
             name + (is_action ? sizeof action : sizeof plain) - 1);
    return pi0_safetensors_find(&d->files.st, alias);
}

const st_tensor *pi0_doctor_tensor(const doctor *d, enum tensor_id id, int layer,
                                   const st_tensor **second)
{
    const st_tensor *found[2];
    char name[TENSOR_NAME_SIZE];
    int n = 0;
    // of the two names of the token table this one counts
    if (id == T_TOKENS) n = pi0_safetensors_find_both(&d->files.st, EMBED_TOKENS_NAME, found);
    if (!n) n = pi0_safetensors_find_both(&d->files.st, pi0_tensor_name(name, id, layer), found);
    if (!n && (found[0] = find_alias(d, pi0_tensor_name(name, id, layer)))) n = 1;
    if (second) *second = n > 1 ? found[1] : NULL;
    return n ? found[0] : NULL;
}

/* ---- sizes ---- */

// one more than the highest layer number of a table entry
static int count_layers(const safetensors *st, enum tensor_id id)
{
    const char *pattern = pi0_tensor_table[id].name, *number = strstr(pattern, "%d");
    int n = 0;
    for (int t = 0; t < st->n_tensors && number; t++) {
        const char *name = pi0_safetensors_bare_name(st->tensors[t].name);
        const size_t head = (size_t)(number - pattern);
        char *end;
        if (strncmp(name, pattern, head)) continue;
        const long layer = strtol(name + head, &end, 10);
        if (end > name + head && !strcmp(end, number + 2) && layer >= n && layer < 512)
            n = (int)layer + 1;
    }
    return n;
}

static int more(int a, int b)
{
    return a > b ? a : b;
}

// what most tensors say of each size
#define VOTES_MAX 12
typedef struct votes {
    int64_t value[VOTES_MAX];
    int n[VOTES_MAX], used;
} votes;

static void vote(votes *v, int64_t value)
{
    int i = 0;
    while (i < v->used && v->value[i] != value) i++;
    if (i == VOTES_MAX) return;
    if (i == v->used) v->value[v->used++] = value;
    v->n[i]++;
}

static int winner(const votes *v)
{
    int best = 0;
    for (int i = 1; i < v->used; i++)
        if (v->n[i] > v->n[best]) best = i;
    return v->used && v->value[best] < INT32_MAX ? (int)v->value[best] : 0;
}

static void count_votes(const doctor *d, votes all[SIZE_COUNT], const model_sizes *sizes)
{
    for (int id = 0; id < T_COUNT; id++)
        for (int layer = 0; layer < pi0_tensor_count(sizes, id); layer++) {
            const enum size_id *dims = pi0_tensor_table[id].dims;
            const st_tensor *t = pi0_doctor_tensor(d, id, layer, NULL);
            for (int k = 0; t && k < 4 && k < t->n_dims && dims[k]; k++)
                vote(&all[dims[k]], t->dims[k]);
        }
}

// of pi0's own tensors and pi0.5's own, how many there are
static int count_own(const doctor *d, int models)
{
    int n = 0;
    for (int id = 0; id < T_COUNT; id++)
        n += pi0_tensor_table[id].models == models && pi0_doctor_tensor(d, id, 0, NULL);
    return n;
}

bool pi0_doctor_sizes(const doctor *d, model_sizes *sizes)
{
    votes all[SIZE_COUNT] = { { { 0 }, { 0 }, 0 } };
    const safetensors *st = &d->files.st;
    if (!d->has_tensors) return false;
    *sizes = (model_sizes){ .pi05 = count_own(d, IN_PI05) > count_own(d, IN_PI0) };
    for (int id = 0; id < T_COUNT; id++) {
        int *n = pi0_tensor_table[id].group == GROUP_VISION ? &sizes->v_layers : &sizes->layers;
        if (pi0_tensor_table[id].group != GROUP_ONCE) *n = more(*n, count_layers(st, id));
    }
    count_votes(d, all, sizes);
    for (int i = 0; i < SIZE_COUNT; i++) sizes->size[i] = winner(&all[i]);
    return sizes->size[SIZE_W] && sizes->size[SIZE_D] && sizes->size[SIZE_V];
}

/* ---- checks ---- */

// checkpoints one folder further down: the steps of a training run
static void list_below(const char *dir, text_list *list)
{
    struct dirent **entries;
    const int n = scandir(dir, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char *below = entries[i]->d_name[0] == '.' ? NULL : pi0_path_join(dir, entries[i]->d_name);
        if (below && pi0_is_directory(below) && pi0_is_checkpoint(below))
            pi0_list_add(list, "%.200s", below);
        free(below);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
}

// false: told why
static bool find_weights(doctor *d)
{
    const char *dir = d->o->dir;
    text_list below = { .n = 0 };
    if (!pi0_is_directory(dir) && !pi0_file_exists(dir)) {
        pi0_found(d, F_CHECKPOINT_MISSING, "%s: no such folder or file", dir);
        return false;
    }
    if (d->has_tensors) return true;
    const bool empty = pi0_is_directory(dir) && !pi0_is_checkpoint(dir);
    if (empty) list_below(dir, &below);
    pi0_found(d, empty ? F_CHECKPOINT_MISSING : F_TENSOR_FILE, "%s%s%s%s", d->tensors_error.message,
              below.n ? "; did you mean " : "", below.n ? pi0_list_text(&below) : "",
              below.n ? "?" : "");
    return false;
}

void pi0_check_files(doctor *d)
{
    char *optimizer = pi0_path_join(d->dir, "optimizer.pt");
    size_t bytes = 0;
    if (find_weights(d) && d->files.is_orbax)
        pi0_found(d, F_CHECKPOINT_JAX, "%s: %d arrays in %d data files", d->files.orbax.folder,
                  d->files.orbax.n_arrays, d->files.orbax.kv.n_paths);
    for (int i = 0; d->has_tensors && i < d->files.st.n_files; i++)
        bytes += d->files.st.maps[i].size;
    if (d->has_tensors && !d->files.is_orbax)
        pi0_looked(d, "%d tensors in %d file%s, %.1f MB", d->files.st.n_tensors,
                   d->files.st.n_files, d->files.st.n_files == 1 ? "" : "s", (double)bytes * 1e-6);
    if (optimizer && pi0_file_exists(optimizer))
        pi0_found(d, F_CHECKPOINT_OPTIMIZER, "optimizer.pt: the state of the training");
    free(optimizer);
}

static void shape_text(char text[80], const model_sizes *z, const enum size_id dims[4])
{
    size_t at = 0;
    for (int k = 0; k < 4 && dims[k]; k++)
        at += (size_t)snprintf(text + at, 80 - at, "%c%d", k ? ',' : '[', z->size[dims[k]]);
    snprintf(text + at, 80 - at, "]");
}

static bool shape_fits(const st_tensor *t, const model_sizes *z, const enum size_id dims[4])
{
    int n = 0;
    for (; n < 4 && dims[n]; n++)
        if (n >= t->n_dims || t->dims[n] != z->size[dims[n]]) return false;
    return t->n_dims == n;
}

typedef struct tensor_faults {
    text_list missing, twice, shape, type;
    int n;
} tensor_faults;

static void look_at(const doctor *d, const model_sizes *z, enum tensor_id id, int layer,
                    tensor_faults *f)
{
    const st_tensor *second, *t = pi0_doctor_tensor(d, id, layer, &second);
    char name[TENSOR_NAME_SIZE], is[128], expected[80];
    f->n++;
    if (!t) {
        pi0_list_add(&f->missing, "%s", pi0_tensor_name(name, id, layer));
        return;
    }
    if (second) pi0_list_add(&f->twice, "%.100s = %.100s", t->name, second->name);
    if (!shape_fits(t, z, pi0_tensor_table[id].dims)) {
        shape_text(expected, z, pi0_tensor_table[id].dims);
        pi0_list_add(&f->shape, "%.120s is %s, others say %s", t->name,
                     pi0_st_shape(is, sizeof is, t), expected);
    }
    if (t->type != DTYPE_F32 && t->type != DTYPE_BF16 && t->type != DTYPE_F16)
        pi0_list_add(&f->type, "%.120s is %s", t->name, dtype_name(t->type));
}

// `name` is an entry of the table for either model, or known not to be used
static bool is_known(const char *key)
{
    const char *name = pi0_safetensors_bare_name(key);
    if (!strcmp(name, EXPERT_HEAD_NAME) || !strcmp(name, EMBED_TOKENS_NAME)) return true;
    for (int id = 0; id < T_COUNT; id++) {
        const char *pattern = pi0_tensor_table[id].name, *number = strstr(pattern, "%d");
        if (!number && !strcmp(name, pattern)) return true;
        if (!number || strncmp(name, pattern, (size_t)(number - pattern))) continue;
        const char *digits = name + (number - pattern);
        const size_t n = strspn(digits, "0123456789");
        if (n && !strcmp(digits + n, number + 2)) return true;
    }
    return false;
}

static void check_unknown(doctor *d)
{
    text_list list = { .n = 0 };
    for (int i = 0; i < d->files.st.n_tensors; i++)
        if (!is_known(d->files.st.tensors[i].name))
            pi0_list_add(&list, "%.200s", d->files.st.tensors[i].name);
    if (list.n)
        pi0_found(d, F_TENSOR_UNKNOWN, "%d tensor%s that no model of this kind has: %s", list.n,
                  list.n == 1 ? "" : "s", pi0_list_text(&list));
}

void pi0_check_tensors(doctor *d)
{
    model_sizes z;
    tensor_faults f = { .n = 0 };
    if (!d->has_tensors) return;
    if (!pi0_doctor_sizes(d, &z)) {
        pi0_found(d, F_TENSOR_FOREIGN,
                  "none of the names is one of this model's; the first of %d is %.200s",
                  d->files.st.n_tensors,
                  d->files.st.n_tensors ? d->files.st.tensors[0].name : "none");
        return;
    }
    for (int id = 0; id < T_COUNT; id++)
        for (int layer = 0; layer < pi0_tensor_count(&z, id); layer++)
            look_at(d, &z, id, layer, &f);
    pi0_looked(d, "%s, all %d tensors, %d vision layers, %d language and expert layers",
               z.pi05 ? "pi0.5" : "pi0", f.n, z.v_layers, z.layers);
    if (f.missing.n)
        pi0_found(d, F_TENSOR_MISSING, "%d of %d tensors are missing: %s", f.missing.n, f.n,
                  pi0_list_text(&f.missing));
    if (f.twice.n) pi0_found(d, F_TENSOR_TWICE, "stored twice: %s", pi0_list_text(&f.twice));
    if (f.shape.n) pi0_found(d, F_TENSOR_SHAPE, "%s", pi0_list_text(&f.shape));
    if (f.type.n)
        pi0_found(d, F_TENSOR_TYPE, "%s; expected F32, BF16 or F16", pi0_list_text(&f.type));
    check_unknown(d);
}
