/* SPDX-License-Identifier: Apache-2.0 */
/* observation_list.h - which observations a command is to run: files, and folders of files. */
#ifndef PI0_TOOLS_OBSERVATION_LIST_H
#define PI0_TOOLS_OBSERVATION_LIST_H
#include "fail.h"
#include "options.h"

typedef struct observation_list {
    char **path;
    int n;
    bool stacked; // asked for as several: results get an axis for them, even where there is one
} observation_list;

/* Files as they are, folders as their *.msgpack and *.json in the order of their names. Each file
 * is looked into, so that a damaged one is told before a model is loaded. PI0_EIO, PI0_EFORMAT,
 * PI0_EINVAL (a folder without observations), PI0_ENOMEM. */
int pi0_observation_list_make(observation_list *list, const option_list *asked, pi0_error *err);
void pi0_observation_list_free(observation_list *list);

// put the file's name before a message of the library, which does not know which one it was
void pi0_observation_name_error(pi0_error *err, const char *path);
#endif
