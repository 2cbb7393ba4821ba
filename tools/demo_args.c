/* SPDX-License-Identifier: Apache-2.0 */
/* demo_args.c - what the options of pi0 demo mean, and where its policies lie. */
#include "demo.h"
#include "fail.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// the command's own folder; false: not known
static bool own_folder(char folder[PATH_MAX])
{
    const ssize_t n = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    if (n <= 0) return false;
    folder[n] = 0;
    char *slash = strrchr(folder, '/');
    if (!slash) return false;
    *slash = 0;
    return true;
}

// a path without what it has in common with this folder
static void shorten(char *path)
{
    char here[PATH_MAX];
    const size_t n = getcwd(here, sizeof here) ? strlen(here) : 0;
    if (n && !strncmp(path, here, n) && path[n] == '/')
        memmove(path, path + n + 1, strlen(path + n + 1) + 1);
}

int pi0_demo_find_model(char **path, const char *task, pi0_error *err)
{
    // from the folder of bin/pi0, of build/NAME/pi0, of a build folder; then from this folder
    static const char *const places[] = { "/../share/pi0/demo", "/../../demo", "/../demo" };
    char own[PATH_MAX], dir[PATH_MAX + 300], file[PATH_MAX + 400];
    const bool known = own_folder(own);
    for (int i = 0; i <= 3; i++) {
        if (i < 3 && !known) continue;
        if (i < 3)
            snprintf(dir, sizeof dir, "%s%s/%s", own, places[i], task);
        else
            snprintf(dir, sizeof dir, "demo/%s", task);
        snprintf(file, sizeof file, "%s/model.safetensors", dir);
        if (!pi0_file_exists(file)) continue;
        // without the dots
        char *whole = i < 3 ? realpath(dir, NULL) : strdup(dir);
        if (!whole) return pi0_fail(err, PI0_ENOMEM, "no memory for a path");
        shorten(whole);
        *path = whole;
        return PI0_OK;
    }
    return pi0_fail(err, PI0_EIO,
                    "the policy demo/%s was not found: neither installed beside the command "
                    "(../share/pi0/demo), nor in its source tree, nor in this folder; give one as "
                    "--model DIR",
                    task);
}

static int check(const command *self, demo_args *a)
{
    if (a->noise_text && !pi0_parse_double(a->noise_text, &a->noise_std))
        return pi0_usage_error(self, "--noise-std %s: expected a number", a->noise_text);
    if (a->noise_std < 0 || a->noise_std > 1)
        return pi0_usage_error(self, "--noise-std %s: expected a number from 0 to 1",
                               a->noise_text);
    if (a->prompt && strlen(a->prompt) >= DEMO_SENTENCE / 2)
        return pi0_usage_error(self, "--prompt: longer than %d bytes", DEMO_SENTENCE / 2 - 1);
    if (a->port >= 0 && (a->out || a->dump || a->json))
        return pi0_usage_error(self, "--serve shows no episodes: --out, --dump-scenes and --json "
                                     "contradict it");
    if (a->host && a->port < 0) return pi0_usage_error(self, "--host needs --serve PORT");
    return STATUS_OK;
}

int pi0_demo_args_finish(const command *self, demo_args *a)
{
    pi0_error err;
    const int status = check(self, a);
    if (status) return status;
    a->task = strcmp(a->task_name, "reach") ? SIM_TASK_PLACE : SIM_TASK_REACH;
    a->run.words = true;
    if (a->run.model) return STATUS_OK;
    // the policies that come with pi0 are so small that threads only wait for each other
    if (!a->run.threads && strcmp(a->run.backend, "reference")) a->run.threads = 1;
    const int missing = pi0_demo_find_model(&a->model, a->task_name, &err);
    a->run.model = a->model;
    return missing ? pi0_report(missing, &err) : STATUS_OK;
}
