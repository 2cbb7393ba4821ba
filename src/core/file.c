/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - mapping and reading files. */
#include "core/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int pi0_file_open(int *fd, uint64_t *size, const char *path, pi0_error *err)
{
    struct stat st;
    const int f = open(path, O_RDONLY | O_CLOEXEC);
    if (f < 0) return pi0_fail_errno(err, PI0_EIO, "%s: cannot open", path);
    if (fstat(f, &st)) {
        pi0_fail_errno(err, PI0_EIO, "%s: cannot stat", path);
        close(f);
        return PI0_EIO;
    }
    if (!S_ISREG(st.st_mode)) {
        close(f);
        return pi0_fail(err, PI0_EIO, "%s: not a regular file", path);
    }
    *fd = f;
    *size = (uint64_t)st.st_size;
    return PI0_OK;
}

int pi0_file_read_at(int fd, void *to, size_t size, uint64_t at, const char *path, pi0_error *err)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = pread(fd, (char *)to + done, size - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return pi0_fail_errno(err, PI0_EIO, "%s: cannot read", path);
        if (n == 0)
            return pi0_fail(err, PI0_EIO, "%s: ends at byte %llu, before byte %llu", path,
                            (unsigned long long)(at + done), (unsigned long long)(at + size));
        done += (size_t)n;
    }
    return PI0_OK;
}

int pi0_file_map(file_map *map, const char *path, pi0_error *err)
{
    int fd;
    uint64_t bytes;
    const int status = pi0_file_open(&fd, &bytes, path, err);
    if (status) return status;
    const size_t size = (size_t)bytes;
    void *p = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (p == MAP_FAILED) {
        pi0_fail_errno(err, PI0_EIO, "%s: cannot map %zu bytes", path, size);
        close(fd);
        return PI0_EIO;
    }
    close(fd);
    *map = (file_map){ p, size };
    return PI0_OK;
}

void pi0_file_unmap(file_map *map)
{
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (file_map){ NULL, 0 };
}

void pi0_file_forget(const file_map *map, size_t at, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t first = (at + page - 1) / page * page, last = (at + size) / page * page;
    // a mapping that is read-only and private loses nothing: the pages are the file's
    if (first < last) madvise((void *)(uintptr_t)(map->data + first), last - first, MADV_DONTNEED);
}

int pi0_file_read(char **data, size_t *size, const char *path, size_t limit, pi0_error *err)
{
    int fd;
    uint64_t bytes;
    int status = pi0_file_open(&fd, &bytes, path, err);
    if (status) return status;
    const size_t n = (size_t)bytes;
    char *p = NULL;
    if (n > limit)
        status = pi0_fail(err, PI0_EFORMAT, "%s: %zu bytes, more than the %zu that are allowed",
                          path, n, limit);
    else if (!(p = malloc(n + 1)))
        status = pi0_fail(err, PI0_ENOMEM, "%s: no memory for %zu bytes", path, n);
    else
        status = pi0_file_read_at(fd, p, n, 0, path, err);
    close(fd);
    if (status) {
        free(p);
        return status;
    }
    p[n] = 0;
    *data = p;
    *size = n;
    return PI0_OK;
}

bool pi0_file_exists(const char *path)
{
    struct stat st;
    if (!stat(path, &st)) return S_ISREG(st.st_mode);
    return errno != ENOENT && errno != ENOTDIR;
}

bool pi0_is_directory(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

const struct dirent *pi0_folder_next(DIR *d, const char *path, int *status, pi0_error *err)
{
    if (*status) return NULL;
    errno = 0;
    const struct dirent *e = readdir(d);
    if (!e && errno) *status = pi0_fail_errno(err, PI0_EIO, "%s: cannot list the folder", path);
    return e;
}

char *pi0_path_join(const char *dir, const char *name)
{
    const size_t nd = strlen(dir), size = nd + strlen(name) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s%s%s", dir, nd && dir[nd - 1] == '/' ? "" : "/", name);
    return path;
}

char *pi0_path_from(const char *dir, const char *path)
{
    return path[0] == '/' ? strdup(path) : pi0_path_join(dir, path);
}

char *pi0_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    const size_t n = !slash || slash == path ? 1 : (size_t)(slash - path);
    char *dir = malloc(n + 1);
    if (dir) snprintf(dir, n + 1, "%s", slash ? path : ".");
    return dir;
}
