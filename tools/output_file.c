/* SPDX-License-Identifier: Apache-2.0 */
/* output_file.c - see output_file.h. */
#include "output_file.h"
#include "fail.h"
#include <errno.h>
#include <unistd.h>

int pi0_output_open(FILE **file, char part[OUTPUT_PATH], const char *path, pi0_error *err)
{
    // renaming over a device or a pipe would remove it
    if (!access(path, F_OK) && !pi0_file_exists(path))
        return pi0_fail(err, PI0_EIO, "%s: not a regular file", path);
    if (snprintf(part, OUTPUT_PATH, "%s.part", path) >= OUTPUT_PATH)
        return pi0_fail(err, PI0_EINVAL, "%.60s...: the path is too long", path);
    *file = fopen(part, "w");
    return *file ? PI0_OK : pi0_fail_errno(err, PI0_EIO, "%s: cannot write", part);
}

int pi0_output_close(FILE *file, const char *part, const char *path, int status, pi0_error *err)
{
    // the reason is that of the write that failed; where it failed long ago the disk is asked again
    errno = 0;
    bool bad = fflush(file) || ferror(file);
    if (bad && !errno && write(fileno(file), " ", 1) == 1) errno = EIO;
    if (bad && !status) status = pi0_fail_errno(err, PI0_EIO, "%s: cannot write", part);
    bad = fclose(file);
    if (bad && !status) status = pi0_fail_errno(err, PI0_EIO, "%s: cannot write", part);
    if (!status && rename(part, path))
        status = pi0_fail_errno(err, PI0_EIO, "%s: cannot rename to %s", part, path);
    if (status) remove(part);
    return status;
}

int pi0_output_json(const json_t *root, const char *path, size_t flags, pi0_error *err)
{
    FILE *file;
    char part[OUTPUT_PATH];
    int status = pi0_output_open(&file, part, path, err);
    if (status) return status;
    if (json_dumpf(root, file, flags) && !ferror(file))
        status = pi0_fail(err, PI0_ENOMEM, "%s: no memory to write it", path);
    return pi0_output_close(file, part, path, status, err);
}
