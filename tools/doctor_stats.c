/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_stats.c - openpi's norm_stats.json and LeRobot's state files, read without judging. */
#include "doctor_stats.h"
#include "data/json.h"
#include "data/norm_stats.h"
#include "data/safetensors.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const pi0_stat_name[STAT_COUNT] = { "mean", "std", "q01", "q99",
                                                "min",  "max", "q10", "q90" };

void pi0_stat_lists(enum stat_kind kind, enum stat_id *a, enum stat_id *b)
{
    *a = STAT_MEAN;
    *b = STAT_STD;
    if (kind == KIND_QUANTILES) {
        *a = STAT_Q01;
        *b = STAT_Q99;
    } else if (kind == KIND_QUANTILE10) {
        *a = STAT_Q10;
        *b = STAT_Q90;
    } else if (kind == KIND_MIN_MAX) {
        *a = STAT_MIN;
        *b = STAT_MAX_VALUE;
    }
}

enum stat_kind pi0_stat_kind(const char *name)
{
    static const struct {
        const char *name;
        enum stat_kind kind;
    } kinds[] = {
        { "zscore", KIND_MEAN_STD },       { "quantile", KIND_QUANTILES },
        { "MEAN_STD", KIND_MEAN_STD },     { "QUANTILES", KIND_QUANTILES },
        { "QUANTILE10", KIND_QUANTILE10 }, { "MIN_MAX", KIND_MIN_MAX },
    };
    for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, name)) return kinds[i].kind;
    return KIND_NONE;
}

static void clear(stat_vector *v, const char *name)
{
    v->there = false;
    v->kind = KIND_NONE;
    snprintf(v->name, sizeof v->name, "%s", name ? name : "");
    for (int k = 0; k < STAT_COUNT; k++) v->list[k].n = -1;
}

/* ---- openpi ---- */

// Python writes NaN and Infinity, which are not JSON: null instead, outside of strings
static void blank_not_finite(char *text)
{
    static const char *const word[] = { "-Infinity", "Infinity", "NaN" };
    bool in_string = false;
    for (char *c = text; *c; c++) {
        if (in_string && *c == '\\' && c[1]) {
            c++;
            continue;
        }
        if (*c == '"') in_string = !in_string;
        for (int i = 0; i < 3 && !in_string; i++) {
            const size_t n = strlen(word[i]);
            if (strncmp(c, word[i], n)) continue;
            memset(c, ' ', n);
            // "null" is one longer than "NaN": an array of numbers has room for an empty string
            memcpy(c, n > 4 ? "null" : "\"\"", n > 4 ? 4 : 2);
        }
    }
}

static void read_list(stat_list *list, const json_t *array)
{
    const size_t n = json_array_size(array);
    if (!json_is_array(array)) return;
    list->n = n < STAT_MAX ? (int)n : STAT_MAX;
    for (int i = 0; i < list->n; i++) {
        const json_t *v = json_array_get(array, (size_t)i);
        list->v[i] = json_is_number(v) ? json_number_value(v) : NAN;
    }
}

static void read_object(stat_vector *v, const json_t *all)
{
    const json_t *object = json_object_get(all, v->name);
    v->there = json_is_object(object);
    for (int k = 0; k < STAT_COUNT && v->there; k++)
        read_list(&v->list[k], json_object_get(object, pi0_stat_name[k]));
}

static int read_openpi(stat_file *f)
{
    char *text;
    size_t size;
    json_t *root;
    int status = pi0_file_read(&text, &size, f->path, 1u << 26, &f->error);
    if (status) return status;
    blank_not_finite(text);
    status = pi0_json_parse(&root, text, size, f->path, &f->error);
    free(text);
    if (status) return status;
    const json_t *all = json_object_get(root, "norm_stats");
    if (json_is_object(all)) {
        read_object(&f->state, all);
        read_object(&f->actions, all);
    } else
        status = pi0_fail(&f->error, PI0_EFORMAT, "%s: \"norm_stats\" is %s, expected an object",
                          f->path, pi0_json_kind(all));
    json_decref(root);
    return status;
}

void pi0_stat_file_openpi(stat_file *f, char *path)
{
    f->path = path;
    clear(&f->state, "state");
    clear(&f->actions, "actions");
    f->read = !read_openpi(f);
}

/* ---- LeRobot ---- */

static void read_tensors(stat_vector *v, const safetensors *st)
{
    char key[200];
    for (int k = 0; k < STAT_COUNT; k++) {
        snprintf(key, sizeof key, "%s.%s", v->name, pi0_stat_name[k]);
        const st_tensor *t = pi0_safetensors_find(st, key);
        if (!t || (t->type != DTYPE_F32 && t->type != DTYPE_F64 && t->type != DTYPE_BF16)) continue;
        const size_t n = t->bytes / dtype_size(t->type);
        v->list[k].n = n < STAT_MAX ? (int)n : STAT_MAX;
        for (int i = 0; i < v->list[k].n; i++)
            v->list[k].v[i] = (double)dtype_load(t->type, t->data, i);
        v->there = true;
    }
}

void pi0_stat_file_lerobot(stat_file *f, char *path, const char *state, const char *actions)
{
    safetensors st;
    f->path = path;
    clear(&f->state, state);
    clear(&f->actions, actions);
    f->read = !pi0_safetensors_open(&st, path, &f->error);
    if (!f->read) return;
    if (state) read_tensors(&f->state, &st);
    if (actions) read_tensors(&f->actions, &st);
    pi0_safetensors_close(&st);
}

void pi0_stat_file_free(stat_file *f)
{
    free(f->path);
    f->path = NULL;
}

/* ---- openpi's assets ---- */

static void list_below(doctor_assets *assets, const char *folder, const char *id, int depth)
{
    char *file = pi0_path_join(folder, "norm_stats.json");
    if (file && id[0] && pi0_file_exists(file) && assets->n < ASSETS_MAX)
        if ((assets->id[assets->n] = strdup(id))) assets->n++;
    free(file);
    DIR *d = depth < 4 ? opendir(folder) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        char *below = pi0_path_join(folder, e->d_name);
        char *name = id[0] ? pi0_path_join(id, e->d_name) : strdup(e->d_name);
        if (below && name && pi0_is_directory(below)) list_below(assets, below, name, depth + 1);
        free(below);
        free(name);
    }
    if (d) closedir(d);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void pi0_assets_list(doctor_assets *assets, const char *dir)
{
    char *folder = pi0_assets_folder(dir);
    assets->n = 0;
    if (folder && pi0_is_directory(folder)) list_below(assets, folder, "", 0);
    free(folder);
    // the order of a folder is the disk's
    if (assets->n) qsort(assets->id, (size_t)assets->n, sizeof *assets->id, by_name);
}

void pi0_assets_free(doctor_assets *assets)
{
    for (int i = 0; i < assets->n; i++) free(assets->id[i]);
    assets->n = 0;
}
