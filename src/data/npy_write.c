/* SPDX-License-Identifier: Apache-2.0 */
/* npy_write.c - writing NumPy's .npy files: actions for Python. A file is there whole or not at
 * all: it is written under another name beside its place, then renamed. */
#include "data/npy.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START 10       // bytes before the dictionary
#define HEADER_MAX 192 // magic, length, and the dictionary with NPY_MAX_DIMS long dimensions

// version 1.0, padded with spaces so that the elements begin at a multiple of 64; returns its size
static size_t make_header(char out[HEADER_MAX], const char *descr, int n_dims, const int64_t *dims)
{
    char *text = out + START;
    const size_t room = HEADER_MAX - START;
    size_t n =
        (size_t)snprintf(text, room, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < n_dims; i++)
        n += (size_t)snprintf(text + n, room - n, i + 1 < n_dims ? "%lld, " : "%lld",
                              (long long)dims[i]);
    n += (size_t)snprintf(text + n, room - n, n_dims == 1 ? ",), }" : "), }");

    // a line feed ends the padding
    const size_t size = (START + n + 1 + 63) / 64 * 64, length = size - START;
    assert(size <= HEADER_MAX);
    memset(text + n, ' ', length - n);
    text[length - 1] = '\n';
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = (char)(length & 255);
    out[9] = (char)(length >> 8);
    return size;
}

static int write_all(int fd, const void *data, size_t size, const char *path, pi0_error *err)
{
    const char *p = data;
    while (size) {
        const ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return pi0_fail_errno(err, PI0_EIO, "%s: cannot write", path);
        p += n;
        size -= (size_t)n;
    }
    return PI0_OK;
}

// a new file beside `path`; *temp is its name, malloc'd
static int open_temporary(int *fd, char **temp, const char *path, pi0_error *err)
{
    struct stat st;
    // renaming over a device or a pipe would remove it
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        return pi0_fail(err, PI0_EIO, "%s: not a regular file", path);
    const size_t size = strlen(path) + 40;
    char *name = malloc(size);
    if (!name) return pi0_fail(err, PI0_ENOMEM, "%s: no memory for its name", path);
    // another thread may be writing the same file: take the next name then
    *fd = -1;
    for (int k = 0; k < 100 && *fd < 0; k++) {
        snprintf(name, size, "%s.%ld.%d.tmp", path, (long)getpid(), k);
        *fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd < 0 && errno != EEXIST) break;
    }
    if (*fd < 0) {
        pi0_fail_errno(err, PI0_EIO, "%s: cannot create", name);
        free(name);
        return PI0_EIO;
    }
    *temp = name;
    return PI0_OK;
}

static int write_array(const char *path, const char *descr, const void *data, size_t item,
                       int n_dims, const int64_t *dims, pi0_error *err)
{
    char head[HEADER_MAX], *temp = NULL;
    size_t count = 1;
    int fd = -1;
    assert(n_dims >= 0 && n_dims <= NPY_MAX_DIMS);
    for (int i = 0; i < n_dims; i++) {
        assert(dims[i] >= 0);
        count *= (size_t)dims[i];
    }
    int status = open_temporary(&fd, &temp, path, err);
    if (status) return status;

    // the old file stays until the new one is whole
    status = write_all(fd, head, make_header(head, descr, n_dims, dims), path, err);
    if (!status) status = write_all(fd, data, count * item, path, err);
    if (close(fd) && !status) status = pi0_fail_errno(err, PI0_EIO, "%s: cannot write", path);
    if (!status && rename(temp, path))
        status = pi0_fail_errno(err, PI0_EIO, "%s: cannot replace", path);
    if (status) unlink(temp);
    free(temp);
    return status;
}

int pi0_npy_write_f32(const char *path, const float *data, int n_dims, const int64_t *dims,
                      pi0_error *err)
{
    return write_array(path, "<f4", data, sizeof *data, n_dims, dims, err);
}

int pi0_npy_write_f64(const char *path, const double *data, int n_dims, const int64_t *dims,
                      pi0_error *err)
{
    return write_array(path, "<f8", data, sizeof *data, n_dims, dims, err);
}
