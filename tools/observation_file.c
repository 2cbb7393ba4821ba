/* SPDX-License-Identifier: Apache-2.0 */
/* observation_file.c - an observation from a file: which kind of file it is, and the memory that
 * both kinds share. */
#include "observation_file.h"
#include "observation_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)1 << 30)
#define MAX_UNUSED_TOLD 8

/* ---- building ---- */

int pi0_observation_begin(observation_file *o, const char *file, pi0_error *err)
{
    *o = (observation_file){ .n_unused = 0 };
    pi0_image *images = pi0_observation_alloc(o, OBSERVATION_MAX_IMAGES * sizeof *images);
    pi0_state *states = pi0_observation_alloc(o, OBSERVATION_MAX_STATES * sizeof *states);
    o->in.images = images;
    o->in.states = states;
    if (images && states) return PI0_OK;
    pi0_observation_file_free(o);
    return pi0_fail(err, PI0_ENOMEM, "%s: no memory for an observation", file);
}

// remember what is to be freed
static bool keep(observation_file *o, void *memory)
{
    void **grown = realloc(o->memory, (o->n_memory + 1) * sizeof *grown);
    if (!grown) return false;
    o->memory = grown;
    o->memory[o->n_memory++] = memory;
    return true;
}

void *pi0_observation_alloc(observation_file *o, size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (memory && keep(o, memory)) return memory;
    free(memory);
    return NULL;
}

int pi0_observation_own(observation_file *o, void *memory, const place *p)
{
    if (keep(o, memory)) return PI0_OK;
    free(memory);
    return pi0_fail(p->err, PI0_ENOMEM, "%s: no memory for %s", p->file, p->key);
}

int pi0_observation_add_image(observation_file *o, const pi0_image *image, const place *p)
{
    if (o->in.n_images == OBSERVATION_MAX_IMAGES)
        return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: more than %d pictures", p->file, p->key,
                        OBSERVATION_MAX_IMAGES);
    // the array is this observation's own
    ((pi0_image *)(uintptr_t)o->in.images)[o->in.n_images++] = *image;
    return PI0_OK;
}

int pi0_observation_add_state(observation_file *o, const pi0_state *state, const place *p)
{
    if (o->in.n_states == OBSERVATION_MAX_STATES)
        return pi0_fail(p->err, PI0_EFORMAT, "%s: %s: more than %d states", p->file, p->key,
                        OBSERVATION_MAX_STATES);
    ((pi0_state *)(uintptr_t)o->in.states)[o->in.n_states++] = *state;
    return PI0_OK;
}

int pi0_observation_set_prompt(observation_file *o, const char *text, size_t size, const place *p)
{
    if (memchr(text, 0, size))
        return pi0_fail(p->err, PI0_EFORMAT, "%s: %s has a NUL character inside", p->file, p->key);
    if (o->in.prompt) {
        if (strlen(o->in.prompt) == size && !memcmp(o->in.prompt, text, size)) return PI0_OK;
        return pi0_fail(p->err, PI0_EFORMAT,
                        "%s: has both prompt and task, and they differ; expected one of them",
                        p->file);
    }
    char *copy = pi0_observation_alloc(o, size + 1);
    if (!copy) return pi0_fail(p->err, PI0_ENOMEM, "%s: no memory for %s", p->file, p->key);
    if (size) memcpy(copy, text, size);
    o->in.prompt = copy;
    return PI0_OK;
}

int pi0_observation_add_unused(observation_file *o, const char *key, const place *p)
{
    char *copy = pi0_observation_alloc(o, strlen(key) + 1);
    char **grown = realloc(o->unused, (size_t)(o->n_unused + 1) * sizeof *grown);
    if (grown) o->unused = grown;
    if (!copy || !grown) return pi0_fail(p->err, PI0_ENOMEM, "%s: no memory for keys", p->file);
    strcpy(copy, key);
    o->unused[o->n_unused++] = copy;
    return PI0_OK;
}

/* ---- reading ---- */

static bool ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path), m = strlen(end);
    return n > m && !strcmp(path + n - m, end);
}

static int read_json(observation_file *o, const char *path, pi0_error *err)
{
    char *text, *dir = pi0_path_folder(path);
    size_t size;
    if (!dir) return pi0_fail(err, PI0_ENOMEM, "%s: no memory for a path", path);
    int status = pi0_file_read(&text, &size, path, MAX_FILE_BYTES, err);
    if (!status) {
        status = pi0_observation_json(o, text, size, path, dir, pi0_image_read, err);
        free(text);
    }
    free(dir);
    return status;
}

static int read_msgpack(observation_file *o, const char *path, const pi0_policy_info *policy,
                        pi0_error *err)
{
    char *data;
    size_t size;
    int status = pi0_file_read(&data, &size, path, MAX_FILE_BYTES, err);
    if (status) return status;
    status = pi0_observation_msgpack(o, data, size, path, policy, err);
    if (status) {
        free(data);
        return status;
    }
    // pictures point into it
    status = pi0_observation_own(o, data, &(place){ path, "pictures", err });
    if (status) pi0_observation_file_free(o);
    return status;
}

char pi0_observation_file_kind(const char *path)
{
    return ends_with(path, ".msgpack") ? 'm' : ends_with(path, ".json") ? 'j' : 0;
}

static int unknown_kind(const char *path, pi0_error *err)
{
    if (!pi0_file_exists(path)) return pi0_fail(err, PI0_EIO, "%s: no such file", path);
    return pi0_fail(err, PI0_EINVAL,
                    "%s: an observation is a file FILE.msgpack or FILE.json, and this name ends "
                    "otherwise",
                    path);
}

int pi0_observation_file_read(observation_file *o, const char *path, const pi0_policy_info *policy,
                              pi0_error *err)
{
    const char kind = pi0_observation_file_kind(path);
    if (!kind) return unknown_kind(path, err);
    return kind == 'j' ? read_json(o, path, err) : read_msgpack(o, path, policy, err);
}

int pi0_observation_file_check(const char *path, pi0_error *err)
{
    observation_file o;
    char *data;
    size_t size;
    const char kind = pi0_observation_file_kind(path);
    if (!kind) return unknown_kind(path, err);
    // of arrays only a robot can say what is wrong with them
    int status = kind == 'j' ? read_json(&o, path, err)
                             : pi0_file_read(&data, &size, path, MAX_FILE_BYTES, err);
    if (status) return status;
    if (kind == 'j') {
        pi0_observation_file_free(&o);
        return PI0_OK;
    }
    status = pi0_msgpack_check(data, size, path, err);
    free(data);
    return status;
}

void pi0_observation_file_warn(const observation_file *o, const char *path, notices *w)
{
    const int told = o->n_unused < MAX_UNUSED_TOLD ? o->n_unused : MAX_UNUSED_TOLD;
    for (int i = 0; i < told; i++) pi0_notice(w, "%s: the key %s is not used", path, o->unused[i]);
    if (told < o->n_unused)
        pi0_notice(w, "%s: %d more keys are not used", path, o->n_unused - told);
}

void pi0_observation_file_free(observation_file *o)
{
    for (size_t i = 0; i < o->n_memory; i++) free(o->memory[i]);
    free(o->memory);
    free(o->unused);
    *o = (observation_file){ .n_unused = 0 };
}
