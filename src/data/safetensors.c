/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors.c - the tensors of a checkpoint: its file or its shards, and lookup by name. */
#include "data/safetensors.h"
#include "data/json.h"
#include "data/st_header.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"
#define KEY_PREFIX "model." // of LeRobot's keys
#define NAME_BYTES 255      // of a file

const char *pi0_st_shape(char *text, size_t size, const st_tensor *t)
{
    size_t at = 0;
    if (size) text[0] = 0;
    for (int i = 0; i <= t->n_dims && at < size; i++) {
        const int n = i < t->n_dims ? snprintf(text + at, size - at, "%s%lld", i ? "," : "[",
                                               (long long)t->dims[i])
                                    : snprintf(text + at, size - at, "%s", i ? "]" : "[]");
        at += (size_t)n;
    }
    return text;
}

static char *copy_text(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const st_tensor *)a)->name, ((const st_tensor *)b)->name);
}

// the file name of a path
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int sort_tensors(safetensors *st, pi0_error *err)
{
    if (st->n_tensors) qsort(st->tensors, (size_t)st->n_tensors, sizeof *st->tensors, by_name);
    for (int i = 1; i < st->n_tensors; i++) {
        const st_tensor *a = &st->tensors[i - 1], *b = &st->tensors[i];
        if (!strcmp(a->name, b->name))
            return pi0_st_fail(err, st->paths[a->file], a->name, "is also in %s",
                               base_name(st->paths[b->file]));
    }
    return PI0_OK;
}

static int reserve_files(safetensors *st, size_t n, const char *name, pi0_error *err)
{
    st->maps = calloc(n, sizeof *st->maps);
    st->paths = calloc(n, sizeof *st->paths);
    return st->maps && st->paths ? PI0_OK : pi0_st_no_memory(name, err);
}

// map a file (path: malloc'd, now st's; NULL: out of memory) and add its tensors
static int add_file(safetensors *st, char *path, pi0_error *err)
{
    if (!path) return pi0_st_no_memory("safetensors", err);
    const int i = st->n_files;
    st->paths[i] = path;
    int status = pi0_file_map(&st->maps[i], path, err);
    if (!status) status = pi0_st_add_tensors(st, st->maps[i].data, st->maps[i].size, path, err);
    st->n_files++;
    return status;
}

static int open_file(safetensors *st, const char *path, pi0_error *err)
{
    int status = reserve_files(st, 1, path, err);
    if (!status) status = add_file(st, copy_text(path), err);
    if (!status) status = sort_tensors(st, err);
    return status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// a name that could lead out of the folder is none
static bool is_plain_name(const char *name)
{
    return name && *name && *name != '.' && !strpbrk(name, "/\\") && strlen(name) <= NAME_BYTES;
}

// the names of the shards, each once, sorted; they belong to `map`
static int list_shards(const char ***shards, size_t *n_shards, json_t *map, const char *index,
                       pi0_error *err)
{
    const char *name;
    json_t *v;
    size_t n = 0, unique = 0;
    const char **list = calloc(json_object_size(map), sizeof *list);
    if (!list) return pi0_st_no_memory(index, err);
    json_object_foreach(map, name, v)
    {
        if (!is_plain_name(json_string_value(v))) {
            free(list);
            const char *found = json_is_string(v) ? json_string_value(v) : pi0_json_kind(v);
            return pi0_st_fail(err, index, name,
                               "\"%.*s\" is not the name of a file in the same folder",
                               pi0_json_clip(found, strlen(found)), found);
        }
        list[n++] = json_string_value(v);
    }
    qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++)
        if (!i || strcmp(list[i], list[unique - 1])) list[unique++] = list[i];
    *shards = list;
    *n_shards = unique;
    return PI0_OK;
}

// map every tensor of the index to its shard and back
static int check_index(const safetensors *st, json_t *map, const char *index, pi0_error *err)
{
    const char *name;
    json_t *v;
    json_object_foreach(map, name, v)
    {
        const st_tensor *t = pi0_safetensors_find(st, name);
        if (!t)
            return pi0_st_fail(err, index, name, "is not in %s, nor in another shard",
                               json_string_value(v));
        if (strcmp(base_name(st->paths[t->file]), json_string_value(v)))
            return pi0_st_fail(err, index, name, "is in %s, not in %s",
                               base_name(st->paths[t->file]), json_string_value(v));
    }
    for (int i = 0; i < st->n_tensors; i++) {
        const st_tensor *t = &st->tensors[i];
        if (!json_object_get(map, t->name))
            return pi0_st_fail(err, index, t->name, "is in %s, but not in \"weight_map\"",
                               base_name(st->paths[t->file]));
    }
    return PI0_OK;
}

static int open_shards(safetensors *st, const char *dir, json_t *map, const char *index,
                       pi0_error *err)
{
    const char **shards = NULL;
    size_t n = 0;
    if (!json_is_object(map) || !json_object_size(map))
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: \"weight_map\" is %s, expected an object: tensor to file", index,
                        json_is_object(map) ? "empty" : pi0_json_kind(map));
    int status = list_shards(&shards, &n, map, index, err);
    if (status) return status;
    status = reserve_files(st, n, index, err);
    for (size_t i = 0; i < n && !status; i++)
        status = add_file(st, pi0_path_join(dir, shards[i]), err);
    if (!status) status = sort_tensors(st, err);
    if (!status) status = check_index(st, map, index, err);
    free(shards);
    return status;
}

static int open_index(safetensors *st, const char *dir, const char *index, pi0_error *err)
{
    json_t *root;
    int status = pi0_json_read(&root, index, err);
    if (status) return status;
    status = open_shards(st, dir, json_object_get(root, "weight_map"), index, err);
    json_decref(root);
    return status;
}

// a folder without a checkpoint that is known here: say what it is, if it is something else
static int nothing_found(const char *dir, pi0_error *err)
{
    char *adapter = pi0_path_join(dir, "adapter_model.safetensors");
    int status;
    if (!adapter)
        status = pi0_st_no_memory(dir, err);
    else if (pi0_file_exists(adapter))
        status = pi0_fail(err, PI0_EUNSUPPORTED,
                          "%s: adapter_model.safetensors is a PEFT adapter without its base "
                          "model: merge them (peft: merge_and_unload) and save the result",
                          dir);
    else
        status = pi0_fail(err, PI0_EIO,
                          "%s: neither " SINGLE_NAME ", " INDEX_NAME " nor a folder params/ "
                          "(openpi's JAX checkpoints) is there",
                          dir);
    free(adapter);
    return status;
}

bool pi0_is_safetensors_folder(const char *dir)
{
    char *single = pi0_path_join(dir, SINGLE_NAME), *index = pi0_path_join(dir, INDEX_NAME);
    const bool there = (single && pi0_file_exists(single)) || (index && pi0_file_exists(index));
    free(single);
    free(index);
    return there;
}

static int open_folder(safetensors *st, const char *dir, pi0_error *err)
{
    char *single = pi0_path_join(dir, SINGLE_NAME), *index = pi0_path_join(dir, INDEX_NAME);
    int status;
    if (!single || !index)
        status = pi0_st_no_memory(dir, err);
    else if (pi0_file_exists(single))
        status = open_file(st, single, err);
    else if (pi0_file_exists(index))
        status = open_index(st, dir, index, err);
    else
        status = nothing_found(dir, err);
    free(single);
    free(index);
    return status;
}

// hand a finished list over, or free what there is of it
static int finish(safetensors *st, safetensors *made, int status)
{
    if (status)
        pi0_safetensors_close(made);
    else
        *st = *made;
    return status;
}

int pi0_safetensors_open(safetensors *st, const char *path, pi0_error *err)
{
    safetensors s = { 0 };
    const int status =
        pi0_is_directory(path) ? open_folder(&s, path, err) : open_file(&s, path, err);
    return finish(st, &s, status);
}

int pi0_safetensors_parse(safetensors *st, const void *data, size_t size, const char *name,
                          pi0_error *err)
{
    safetensors s = { 0 };
    int status = reserve_files(&s, 1, name, err);
    if (status) return finish(st, &s, status);
    s.paths[0] = copy_text(name);
    status =
        s.paths[0] ? pi0_st_add_tensors(&s, data, size, name, err) : pi0_st_no_memory(name, err);
    s.n_files = 1; // with an empty map: the bytes are borrowed
    if (!status) status = sort_tensors(&s, err);
    return finish(st, &s, status);
}

void pi0_safetensors_close(safetensors *st)
{
    for (int i = 0; i < st->n_files; i++) {
        pi0_file_unmap(&st->maps[i]);
        free(st->paths[i]);
    }
    for (name_block *block = st->names, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(st->tensors);
    free(st->maps);
    free(st->paths);
    *st = (safetensors){ 0 };
}

void pi0_safetensors_forget(const safetensors *st, const void *data, size_t bytes)
{
    for (int i = 0; i < st->n_files; i++) {
        const unsigned char *start = st->maps[i].data, *at = data;
        if (!start || at < start || at + bytes > start + st->maps[i].size) continue;
        pi0_file_forget(&st->maps[i], (size_t)(at - start), bytes);
    }
}

const st_tensor *pi0_safetensors_find(const safetensors *st, const char *name)
{
    const st_tensor key = { .name = name };
    if (!st->n_tensors) return NULL;
    return bsearch(&key, st->tensors, (size_t)st->n_tensors, sizeof key, by_name);
}

int pi0_safetensors_find_both(const safetensors *st, const char *name, const st_tensor *found[2])
{
    char key[256];
    int n = 0;
    found[0] = found[1] = NULL;
    snprintf(key, sizeof key, KEY_PREFIX "%s", name);
    if ((found[n] = pi0_safetensors_find(st, key))) n++;
    if ((found[n] = pi0_safetensors_find(st, name))) n++;
    return n;
}

const char *pi0_safetensors_bare_name(const char *key)
{
    const size_t n = strlen(KEY_PREFIX);
    return strncmp(key, KEY_PREFIX, n) ? key : key + n;
}
