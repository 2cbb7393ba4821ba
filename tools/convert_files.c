/* SPDX-License-Identifier: Apache-2.0 */
/* convert_files.c - what lies beside a checkpoint's weights, copied as it is. */
#include "convert.h"
#include "data/norm_stats.h"
#include "st_write.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 8                // of folders: a link may lead in a circle
#define MAX_FILE ((size_t)1 << 30) // statistics and token models are smaller

static int no_memory(conversion *c)
{
    return pi0_fail(c->err, PI0_ENOMEM, "no memory for a path");
}

static int write_file(conversion *c, const char *path, const char *data, size_t size)
{
    int status = PI0_OK;
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return pi0_fail_errno(c->err, PI0_EIO, "%s: cannot create", path);
    if (pi0_write_at(fd, data, size, 0))
        status = pi0_fail_errno(c->err, PI0_EIO, "%s: write", path);
    if (close(fd) && !status) status = pi0_fail_errno(c->err, PI0_EIO, "%s: close", path);
    return status;
}

static int copy_file(conversion *c, const char *from, const char *to)
{
    char *data;
    size_t size;
    int status = pi0_file_read(&data, &size, from, MAX_FILE, c->err);
    if (status) return status;
    status = write_file(c, to, data, size);
    free(data);
    return status;
}

static int copy_any(conversion *c, const char *from, const char *to, int depth);

static int copy_folder(conversion *c, const char *from, const char *to, int depth)
{
    int status = PI0_OK;
    if (!depth)
        return pi0_fail(c->err, PI0_EIO, "%s: more than %d folders in each other", from, MAX_DEPTH);
    DIR *d = opendir(from);
    if (!d) return pi0_fail_errno(c->err, PI0_EIO, "%s: cannot open", from);
    if (mkdir(to, 0777)) status = pi0_fail_errno(c->err, PI0_EIO, "%s: cannot make", to);
    for (const struct dirent *e; (e = pi0_folder_next(d, from, &status, c->err));) {
        if (e->d_name[0] == '.') continue;
        char *source = pi0_path_join(from, e->d_name), *target = pi0_path_join(to, e->d_name);
        status = source && target ? copy_any(c, source, target, depth - 1) : no_memory(c);
        free(source);
        free(target);
    }
    closedir(d);
    return status;
}

static int copy_any(conversion *c, const char *from, const char *to, int depth)
{
    if (pi0_is_directory(from)) return copy_folder(c, from, to, depth);
    return pi0_file_exists(from) ? copy_file(c, from, to) : PI0_OK;
}

int pi0_convert_copy(conversion *c, const char *from, const char *to)
{
    char *target = pi0_path_join(c->part, to);
    const int status = target ? copy_any(c, from, target, MAX_DEPTH) : no_memory(c);
    free(target);
    return status;
}

// a file or folder of the source's own, under the same name
static int copy_own(conversion *c, const char *name)
{
    char *from = pi0_path_join(c->home, name);
    const int status = from ? pi0_convert_copy(c, from, name) : no_memory(c);
    free(from);
    return status;
}

// LeRobot's processors and their statistics: policy_*.json, policy_*.safetensors
static int copy_processors(conversion *c)
{
    int status = PI0_OK;
    DIR *d = opendir(c->home);
    if (!d) return pi0_fail_errno(c->err, PI0_EIO, "%s: cannot open", c->home);
    for (const struct dirent *e; (e = pi0_folder_next(d, c->home, &status, c->err));) {
        const char *dot = strrchr(e->d_name, '.');
        if (strncmp(e->d_name, "policy_", 7) || !dot) continue;
        if (!strcmp(dot, ".json") || !strcmp(dot, ".safetensors")) status = copy_own(c, e->d_name);
    }
    closedir(d);
    return status;
}

int pi0_convert_files(conversion *c)
{
    static const char *const names[] = { "tokenizer.model", "tokenizer", "tokenizer.json",
                                         "tokenizer_config.json" };
    int status = PI0_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++)
        status = copy_own(c, names[i]);
    if (!status && c->config.layout == LAYOUT_LEROBOT) {
        status = copy_processors(c);
        // it says all that its processors do not
        if (!status) status = copy_own(c, "config.json");
        return status;
    }
    char *assets = pi0_assets_folder(c->home);
    if (!status) status = assets ? pi0_convert_copy(c, assets, "assets") : no_memory(c);
    free(assets);
    return status;
}

void pi0_convert_remove(const char *dir)
{
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        char *path = pi0_path_join(dir, e->d_name);
        // there are no links in it: only files and folders are ever made
        if (path && pi0_is_directory(path))
            pi0_convert_remove(path);
        else if (path)
            unlink(path);
        free(path);
    }
    if (d) closedir(d);
    rmdir(dir);
}
