/* SPDX-License-Identifier: Apache-2.0 */
/* orbax.c - from a folder to the list of its arrays. */
#include "data/orbax.h"
#include "core/file.h"
#include "data/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS "params"
#define META "/.zarray"
#define VALUE "/value"
#define MAX_META 65536
#define PATH_BYTES 4096
#define MAX_ARRAYS 4096
#define STREAM_BUDGET (64u << 20) // bytes of all chunks that are being decoded

static int no_memory(pi0_error *err)
{
    return pi0_fail(err, PI0_ENOMEM, "no memory for a checkpoint's list of arrays");
}

/* ---- folders ---- */

// without memory of its own: whether a file is there must not depend on that
static bool join(char path[PATH_BYTES], const char *dir, const char *name)
{
    const int n = snprintf(path, PATH_BYTES, "%s/%s", dir, name);
    return n > 0 && n < PATH_BYTES;
}

static bool has_file(const char *dir, const char *name)
{
    char path[PATH_BYTES];
    return join(path, dir, name) && pi0_file_exists(path);
}

static bool has_folder(const char *dir, const char *name)
{
    char path[PATH_BYTES];
    return join(path, dir, name) && pi0_is_directory(path);
}

// a folder with arrays in it. Only OCDBT has a manifest; what Orbax wrote before has _METADATA or,
// still older, "checkpoint" beside the folders of the leaves
static bool has_arrays(const char *dir)
{
    return has_file(dir, "manifest.ocdbt") || has_file(dir, "_METADATA") ||
           has_file(dir, "_sharding") || has_file(dir, "checkpoint");
}

bool pi0_is_orbax(const char *path)
{
    if (!pi0_is_directory(path) || has_file(path, "model.safetensors")) return false;
    return has_folder(path, PARAMS) || has_arrays(path);
}

char *pi0_orbax_home(const char *path)
{
    if (!has_folder(path, PARAMS)) return pi0_path_join(path, "..");
    char *home = malloc(strlen(path) + 1);
    return home ? memcpy(home, path, strlen(path) + 1) : NULL;
}

static char *arrays_folder(const char *path)
{
    return pi0_path_join(path, has_folder(path, PARAMS) ? PARAMS : "");
}

/* ---- arrays ---- */

// "params.PaliGemma.img.head.bias" to "PaliGemma/img/head/bias"; NULL: no memory
static const char *tree_name(orbax *o, const char *key)
{
    static const char root[] = PARAMS ".";
    char *name = pi0_kv_keep(&o->kv, key, strlen(key));
    if (!name) return NULL;
    for (char *c = name; *c; c++)
        if (*c == '.') *c = '/';
    return strncmp(key, root, sizeof root - 1) ? name : name + sizeof root - 1;
}

static int add_array(orbax *o, const char *key, const kv_value *value, pi0_error *err)
{
    char name[1024], *json;
    size_t size;
    orbax_array *a = &o->arrays[o->n_arrays];
    const char *base = pi0_kv_keep(&o->kv, key, strlen(key) - strlen(META));
    snprintf(name, sizeof name, "%s: %s", o->folder, key);
    if (!base) return no_memory(err);
    int status = pi0_kv_read(&json, &size, &o->kv, name, value, MAX_META, err);
    if (status) return status;
    status = pi0_zarr_parse(&a->z, json, size, name, err);
    free(json);
    if (status) return status;
    a->z.key = base;
    a->name = tree_name(o, base);
    if (!a->name) return no_memory(err);
    o->n_arrays++;
    return pi0_zarr_check_chunks(&a->z, &o->kv, err);
}

// and does not begin there
static bool ends_with(const char *key, const char *end)
{
    const size_t n = strlen(key), m = strlen(end);
    return n > m && !strcmp(key + n - m, end);
}

static bool is_meta(const char *key)
{
    return ends_with(key, META);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const orbax_array *)a)->name, ((const orbax_array *)b)->name);
}

static int list_arrays(orbax *o, pi0_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < o->kv.n; i++) {
        n += is_meta(o->kv.entries[i].key);
        if (ends_with(o->kv.entries[i].key, "/zarr.json"))
            return pi0_fail(err, PI0_EUNSUPPORTED,
                            "%s: %s: zarr v3 arrays are not supported: save the checkpoint with "
                            "use_zarr3=False, as openpi does",
                            o->folder, o->kv.entries[i].key);
    }
    if (!n || n > MAX_ARRAYS)
        return pi0_fail(err, PI0_EFORMAT, "%s: %zu arrays, expected 1 to %d", o->folder, n,
                        MAX_ARRAYS);
    if (!(o->arrays = calloc(n, sizeof *o->arrays))) return no_memory(err);
    // reading the values adds to the store's memory, not to its entries
    for (size_t i = 0; i < o->kv.n; i++) {
        const kv_entry *e = &o->kv.entries[i];
        const int status = is_meta(e->key) ? add_array(o, e->key, &e->value, err) : PI0_OK;
        if (status) return status;
    }
    return PI0_OK;
}

// openpi's restore_params: "value" goes where every leaf ends in it
static void strip_value(orbax *o)
{
    for (int i = 0; i < o->n_arrays; i++)
        if (!ends_with(o->arrays[i].name, VALUE)) return;
    for (int i = 0; i < o->n_arrays; i++) {
        char *name = (char *)(uintptr_t)o->arrays[i].name;
        name[strlen(name) - strlen(VALUE)] = 0;
    }
}

/* ---- _METADATA ---- */

// the key in the store of a leaf of the tree: its path, joined by dots
static int leaf_key(char key[1024], const json_t *leaf, const char *name, pi0_error *err)
{
    const json_t *path = json_object_get(leaf, "key_metadata"), *part;
    size_t i, at = 0;
    json_array_foreach(path, i, part)
    {
        const char *text = json_string_value(json_object_get(part, "key"));
        if (!text || at + strlen(text) + sizeof "." META >= 1024)
            return pi0_fail(err, PI0_EFORMAT, "%s: a path of the tree is not of strings", name);
        at += (size_t)snprintf(key + at, 1024 - at, "%s%s", i ? "." : "", text);
    }
    snprintf(key + at, 1024 - at, META);
    return PI0_OK;
}

// every array that the tree lists is there
static int check_tree(const orbax *o, const json_t *root, const char *name, pi0_error *err)
{
    json_t *tree = json_object_get(root, "tree_metadata"), *leaf;
    const char *label;
    if (json_is_true(json_object_get(root, "use_zarr3")))
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "%s: \"use_zarr3\" is true: zarr v3 arrays are not supported: save the "
                        "checkpoint with use_zarr3=False, as openpi does",
                        name);
    json_object_foreach(tree, label, leaf)
    {
        char key[1024] = "";
        const char *type = json_string_value(
            json_object_get(json_object_get(leaf, "value_metadata"), "value_type"));
        const int status = leaf_key(key, leaf, name, err);
        if (status) return status;
        if (type && !strcmp(type, "None")) continue;
        if (!pi0_kv_find(&o->kv, key))
            return pi0_fail(err, PI0_EFORMAT, "%s: array %s of the tree is not in %s", name, key,
                            o->folder);
    }
    return PI0_OK;
}

static int read_metadata(const orbax *o, pi0_error *err)
{
    json_t *root;
    char *path = pi0_path_join(o->folder, "_METADATA");
    if (!path) return no_memory(err);
    int status = PI0_OK;
    if (pi0_file_exists(path) && !(status = pi0_json_read(&root, path, err))) {
        status = check_tree(o, root, path, err);
        json_decref(root);
    }
    free(path);
    return status;
}

/* ---- together ---- */

static int open_folder(orbax *o, const char *path, pi0_error *err)
{
    if (!(o->folder = arrays_folder(path))) return no_memory(err);
    int status = pi0_kv_open(&o->kv, o->folder, err);
    if (!status) status = read_metadata(o, err);
    if (!status) status = list_arrays(o, err);
    if (!status) strip_value(o);
    if (!status) qsort(o->arrays, (size_t)o->n_arrays, sizeof *o->arrays, by_name);
    return status;
}

int pi0_orbax_open(orbax *o, const char *path, pi0_error *err)
{
    orbax made = { 0 };
    const int status = open_folder(&made, path, err);
    if (status) {
        pi0_orbax_close(&made);
        return status;
    }
    *o = made;
    // it keeps a pointer to the store: not before this stands where it will stay
    const int late = pi0_zarr_reader_new(&o->reader, &o->kv, STREAM_BUDGET, err);
    if (late) pi0_orbax_close(o);
    return late;
}

void pi0_orbax_close(orbax *o)
{
    pi0_zarr_reader_free(o->reader);
    pi0_kv_close(&o->kv);
    free(o->arrays);
    free(o->folder);
    *o = (orbax){ 0 };
}

const orbax_array *pi0_orbax_find(const orbax *o, const char *name)
{
    const orbax_array key = { .name = name };
    return o->n_arrays ? bsearch(&key, o->arrays, (size_t)o->n_arrays, sizeof key, by_name) : NULL;
}
