/* SPDX-License-Identifier: Apache-2.0 */
/* serve_record.c - see serve_record.h. */
#include "serve_record.h"
#include "data/npy.h"
#include "fail.h"
#include "output_file.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 4096

int pi0_serve_record_open(serve_record *r, const char *dir, pi0_error *err)
{
    *r = (serve_record){ dir, 1 };
    if (mkdir(dir, 0777) && errno != EEXIST)
        return pi0_fail_errno(err, PI0_EIO, "--record %s", dir);
    DIR *d = opendir(dir);
    if (!d) return pi0_fail_errno(err, PI0_EIO, "--record %s", dir);
    int status = PI0_OK;
    for (const struct dirent *e; (e = pi0_folder_next(d, dir, &status, err));) {
        unsigned long n;
        if (sscanf(e->d_name, "request_%lu", &n) == 1 && n >= r->next) r->next = n + 1;
    }
    closedir(d);
    if (status) return status;
    if (access(dir, W_OK | X_OK)) return pi0_fail_errno(err, PI0_EIO, "--record %s", dir);
    return PI0_OK;
}

static int write_file(const char *path, const void *data, size_t size, pi0_error *err)
{
    FILE *f;
    char part[OUTPUT_PATH];
    // another server records into this folder
    if (!access(path, F_OK))
        return pi0_fail(err, PI0_EIO, "%s: is there already; nothing is overwritten", path);
    int status = pi0_output_open(&f, part, path, err);
    if (status) return status;
    fwrite(data, 1, size, f); // closing it tells
    return pi0_output_close(f, part, path, PI0_OK, err);
}

int pi0_serve_record_write(serve_record *r, const void *request, size_t size, const double *actions,
                           int rows, int cols, pi0_error *err)
{
    char input[PATH_ROOM], output[PATH_ROOM];
    const int64_t dims[2] = { rows, cols };
    const int n = snprintf(input, sizeof input, "%s/request_%06lu.msgpack", r->dir, r->next);
    if (n < 0 || n >= PATH_ROOM) return pi0_fail(err, PI0_EIO, "--record: too long a path");
    snprintf(output, sizeof output, "%s/request_%06lu.npy", r->dir, r->next);
    r->next++;
    int status = write_file(input, request, size, err);
    if (status) return status;
    status = pi0_npy_write_f64(output, actions, 2, dims, err);
    if (status) remove(input);
    return status;
}
