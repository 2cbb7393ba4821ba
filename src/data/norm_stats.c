/* SPDX-License-Identifier: Apache-2.0 */
/* norm_stats.c - openpi's norm_stats.json. Statistics decide what an arm does with the network's
 * numbers, so nothing is taken that openpi could not have written.
 * Source: openpi src/openpi/shared/normalize.py; src/openpi/training/checkpoints.py
 * load_norm_stats. */
#include "data/norm_stats.h"
#include "core/file.h"
#include "data/json.h"
#include "data/orbax.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "norm_stats.json"

/* ---- the file ---- */

// one list of numbers; *n is its length, or what it must be where it is not 0
static int read_list(double *out, int *n, const json_t *list, const char *what, const char *key,
                     const char *name, pi0_error *err)
{
    const size_t size = json_array_size(list);
    if (!json_is_array(list))
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: \"%s\" of \"%s\" is %s, expected an array of numbers", name, key, what,
                        pi0_json_kind(list));
    if (size < 1 || size > NORM_STATS_MAX)
        return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\" of \"%s\" has %zu values, expected 1 to %d",
                        name, key, what, size, NORM_STATS_MAX);
    if (*n && size != (size_t)*n)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: \"%s\" of \"%s\" has %zu values, but \"mean\" has %d", name, key, what,
                        size, *n);
    *n = (int)size;
    for (int i = 0; i < *n; i++) {
        const json_t *v = json_array_get(list, (size_t)i);
        out[i] = json_number_value(v);
        if (!json_is_number(v) || !isfinite(out[i]))
            return pi0_fail(err, PI0_EFORMAT,
                            "%s: value %d of \"%s\" of \"%s\" is %s, expected a finite number",
                            name, i, key, what, pi0_json_kind(v));
    }
    return PI0_OK;
}

// both or none; openpi leaves them null where they were not computed
static int read_quantiles(vector_stats *s, const json_t *object, const char *what, const char *name,
                          pi0_error *err)
{
    const json_t *low = json_object_get(object, "q01"), *high = json_object_get(object, "q99");
    const bool has_low = low && !json_is_null(low), has_high = high && !json_is_null(high);
    s->quantiles = has_low || has_high;
    if (!s->quantiles) return PI0_OK;
    int status = read_list(s->q01, &s->n, low, what, "q01", name, err);
    if (!status) status = read_list(s->q99, &s->n, high, what, "q99", name, err);
    for (int i = 0; i < s->n && !status; i++)
        if (s->q01[i] > s->q99[i])
            status =
                pi0_fail(err, PI0_EFORMAT, "%s: \"%s\": q01[%d] is %g, above q99[%d], which is %g",
                         name, what, i, s->q01[i], i, s->q99[i]);
    return status;
}

static int read_vector(vector_stats *s, const json_t *all, const char *what, const char *name,
                       pi0_error *err)
{
    const json_t *object = json_object_get(all, what);
    s->n = 0;
    if (!json_is_object(object))
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: statistics of \"%s\" are %s, expected an object with mean and std",
                        name, what, pi0_json_kind(object));
    int status =
        read_list(s->mean, &s->n, json_object_get(object, "mean"), what, "mean", name, err);
    if (!status)
        status = read_list(s->std, &s->n, json_object_get(object, "std"), what, "std", name, err);
    for (int i = 0; i < s->n && !status; i++)
        if (s->std[i] < 0)
            status = pi0_fail(err, PI0_EFORMAT, "%s: \"%s\": std[%d] is %g, expected 0 or more",
                              name, what, i, s->std[i]);
    return status ? status : read_quantiles(s, object, what, name, err);
}

static int read_root(norm_stats *stats, json_t *root, const char *name, pi0_error *err)
{
    json_t *all = json_object_get(root, "norm_stats"), *value;
    const char *key;
    if (!json_is_object(all))
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: \"norm_stats\" is %s, expected an object with \"state\" and "
                        "\"actions\"",
                        name, pi0_json_kind(all));
    json_object_foreach(all, key, value)
    {
        if (strcmp(key, "state") && strcmp(key, "actions"))
            return pi0_fail(err, PI0_EFORMAT,
                            "%s: statistics of \"%.*s\"; a policy has those of \"state\" and "
                            "\"actions\" only, and openpi refuses others",
                            name, pi0_json_clip(key, strlen(key)), key);
    }
    const int status = read_vector(&stats->state, all, "state", name, err);
    return status ? status : read_vector(&stats->actions, all, "actions", name, err);
}

// takes over `root`; the result is written whole or not at all
static int take_root(norm_stats *stats, json_t *root, const char *name, pi0_error *err)
{
    norm_stats *read = calloc(1, sizeof *read);
    const int status = read ? read_root(read, root, name, err)
                            : pi0_fail(err, PI0_ENOMEM, "%s: no memory for statistics", name);
    json_decref(root);
    if (!status) *stats = *read;
    free(read);
    return status;
}

int pi0_norm_stats_parse(norm_stats *stats, const char *json, size_t size, const char *name,
                         pi0_error *err)
{
    json_t *root;
    const int status = pi0_json_parse(&root, json, size, name, err);
    return status ? status : take_root(stats, root, name, err);
}

int pi0_norm_stats_read(norm_stats *stats, const char *path, pi0_error *err)
{
    json_t *root;
    const int status = pi0_json_read(&root, path, err);
    return status ? status : take_root(stats, root, path, err);
}

/* ---- the folder ---- */

#define MAX_ASSETS 32 // that a message may name
#define ID_SIZE 128

// ids of the statistics below <dir>/assets, for the message; what does not fit is left out
typedef struct asset_list {
    char id[MAX_ASSETS][ID_SIZE];
    int n;
} asset_list;

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

// an id may have slashes in it: "physical-intelligence/libero"
static void list_assets(asset_list *list, const char *folder, const char *id, int depth)
{
    char *file = pi0_path_join(folder, FILE_NAME);
    DIR *d = depth > 0 ? opendir(folder) : NULL;
    if (file && id[0] && pi0_file_exists(file) && list->n < MAX_ASSETS)
        snprintf(list->id[list->n++], ID_SIZE, "%s", id);
    free(file);
    for (struct dirent *e; d && (e = readdir(d));) {
        char inner_id[ID_SIZE];
        const int n =
            snprintf(inner_id, sizeof inner_id, "%s%s%s", id, id[0] ? "/" : "", e->d_name);
        if (e->d_name[0] == '.' || n >= ID_SIZE) continue;
        char *inner = pi0_path_join(folder, e->d_name);
        if (inner && pi0_is_directory(inner)) list_assets(list, inner, inner_id, depth - 1);
        free(inner);
    }
    if (d) closedir(d);
}

static const char *list_text(asset_list *list, char *text, size_t size)
{
    size_t at = 0;
    qsort(list->id, (size_t)list->n, sizeof list->id[0], by_name);
    for (int i = 0; i < list->n && at + ID_SIZE + 2 < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%s", i ? ", " : "", list->id[i]);
    return text;
}

static int not_there(const char *path, const char *assets, const char *asset_id, pi0_error *err)
{
    asset_list list = { .n = 0 };
    char text[400];
    list_assets(&list, assets, "", 4);
    if (!list.n)
        return pi0_fail(err, PI0_EIO,
                        "%s is not there, and no statistics are below %s: without them the "
                        "network's numbers have no meaning for a robot. Copy the folder "
                        "\"assets\" of the original checkpoint (its conversion to PyTorch leaves "
                        "it behind)",
                        path, assets);
    return pi0_fail(err, PI0_EIO,
                    "%s is not there: the config wants the statistics \"%s\"; there are: %s", path,
                    asset_id, list_text(&list, text, sizeof text));
}

char *pi0_assets_folder(const char *dir)
{
    char *inside = pi0_path_join(dir, "assets"), *beside = pi0_path_join(dir, "../assets");
    // without both names the wrong folder might be taken
    const bool both = inside && beside;
    if (both && !pi0_is_directory(inside) && pi0_is_directory(beside) && pi0_is_orbax(dir)) {
        free(inside);
        return beside;
    }
    free(beside);
    if (both) return inside;
    free(inside);
    return NULL;
}

int pi0_norm_stats_find(norm_stats *stats, char **path, const char *dir, const char *asset_id,
                        pi0_error *err)
{
    char *assets = pi0_assets_folder(dir);
    char *folder = assets ? pi0_path_join(assets, asset_id) : NULL;
    char *file = folder ? pi0_path_join(folder, FILE_NAME) : NULL;
    int status = PI0_OK;
    if (!file)
        status = pi0_fail(err, PI0_ENOMEM, "%s: no memory for a path", dir);
    else if (!pi0_file_exists(file))
        status = not_there(file, assets, asset_id, err);
    else
        status = pi0_norm_stats_read(stats, file, err);
    free(assets);
    free(folder);
    if (status) {
        free(file);
        return status;
    }
    *path = file;
    return PI0_OK;
}
