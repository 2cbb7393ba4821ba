/* SPDX-License-Identifier: Apache-2.0 */
/* observation_list.c - the observations that the command line names, one by one or by folders. */
#include "observation_list.h"
#include "observation_file.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// takes `path`, which is from malloc; NULL: there was no memory for it
static int add(observation_list *list, char *path, pi0_error *err)
{
    char **grown = path ? realloc(list->path, (size_t)(list->n + 1) * sizeof *grown) : NULL;
    if (!grown) {
        free(path);
        return pi0_fail(err, PI0_ENOMEM, "no memory for a list of observations");
    }
    list->path = grown;
    list->path[list->n++] = path;
    return PI0_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_folder(observation_list *list, const char *dir, pi0_error *err)
{
    const int before = list->n;
    int status = PI0_OK;
    DIR *d = opendir(dir);
    if (!d) return pi0_fail_errno(err, PI0_EIO, "%s: cannot open", dir);
    for (const struct dirent *e; (e = pi0_folder_next(d, dir, &status, err));)
        if (e->d_name[0] != '.' && pi0_observation_file_kind(e->d_name))
            status = add(list, pi0_path_join(dir, e->d_name), err);
    closedir(d);
    if (!status && list->n == before)
        status = pi0_fail(err, PI0_EINVAL,
                          "%s: no observation in this folder, neither *.msgpack nor *.json", dir);
    if (!status)
        qsort(list->path + before, (size_t)(list->n - before), sizeof *list->path, by_name);
    return status;
}

static int fill(observation_list *list, const option_list *asked, pi0_error *err)
{
    int status = PI0_OK;
    for (int i = 0; i < asked->n && !status; i++) {
        const char *path = asked->item[i];
        const bool folder = pi0_is_directory(path);
        list->stacked |= folder || asked->n > 1;
        status = folder ? add_folder(list, path, err) : add(list, strdup(path), err);
    }
    for (int i = 0; i < list->n && !status; i++)
        status = pi0_observation_file_check(list->path[i], err);
    return status;
}

int pi0_observation_list_make(observation_list *list, const option_list *asked, pi0_error *err)
{
    *list = (observation_list){ .n = 0 };
    const int status = fill(list, asked, err);
    if (status) pi0_observation_list_free(list);
    return status;
}

void pi0_observation_list_free(observation_list *list)
{
    for (int i = 0; i < list->n; i++) free(list->path[i]);
    free(list->path);
    *list = (observation_list){ .n = 0 };
}

void pi0_observation_name_error(pi0_error *err, const char *path)
{
    char message[sizeof err->message];
    if (!strncmp(err->message, path, strlen(path))) return;
    snprintf(message, sizeof message, "%s", err->message);
    pi0_fail(err, err->code, "%.300s: %.*s", path, 700, message);
}
