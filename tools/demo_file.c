/* SPDX-License-Identifier: Apache-2.0 */
/* demo_file.c - a file under another name, renamed when it is whole. */
#include "demo.h"
#include "fail.h"
#include <stdio.h>
#include <unistd.h>

int pi0_demo_file_open(FILE **file, char part[4096], const char *path, pi0_error *err)
{
    // renaming over a device or a pipe would remove it
    if (!access(path, F_OK) && !pi0_file_exists(path))
        return pi0_fail(err, PI0_EIO, "%s: not a regular file", path);
    if (snprintf(part, 4096, "%s.part", path) >= 4096)
        return pi0_fail(err, PI0_EINVAL, "%.60s...: the path is too long", path);
    *file = fopen(part, "w");
    return *file ? PI0_OK : pi0_fail_errno(err, PI0_EIO, "%s: cannot create", part);
}

int pi0_demo_file_close(FILE *file, const char *part, const char *path, int status, pi0_error *err)
{
    const bool bad = ferror(file);
    if ((fclose(file) || bad) && !status)
        status = pi0_fail_errno(err, PI0_EIO, "%s: cannot write", part);
    if (!status && rename(part, path))
        status = pi0_fail_errno(err, PI0_EIO, "%s: cannot rename to %s", part, path);
    if (status) remove(part);
    return status;
}
