/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - files as the library reads them: mapped whole, or read whole when small. */
#ifndef PI0_FILE_H
#define PI0_FILE_H
#include "core/error.h"
#include <dirent.h>
#include <stdbool.h>

typedef struct file_map {
    const unsigned char *data; // NULL where size is 0
    size_t size;
} file_map;

// open a regular file for reading and tell its size; PI0_EIO
int pi0_file_open(int *fd, uint64_t *size, const char *path, pi0_error *err);
// read exactly size bytes from byte `at` on; PI0_EIO, also where the file ends before
int pi0_file_read_at(int fd, void *to, size_t size, uint64_t at, const char *path, pi0_error *err);

// map a regular file read-only; PI0_EIO
int pi0_file_map(file_map *map, const char *path, pi0_error *err);
void pi0_file_unmap(file_map *map);
// whole pages of bytes [at, at + size) leave this process's memory; they come back when read
void pi0_file_forget(const file_map *map, size_t at, size_t size);

// read a small file into *data (malloc'd, a NUL behind the last byte); more than `limit` bytes is
// an error. PI0_EIO, PI0_ENOMEM, PI0_EFORMAT (too large)
int pi0_file_read(char **data, size_t *size, const char *path, size_t limit, pi0_error *err);

// a regular file, or what cannot be told, as in a folder that must not be looked into: whoever
// opens it hears why, and nobody goes on as if it were not there
bool pi0_file_exists(const char *path);
bool pi0_is_directory(const char *path);
// the next entry of a folder that was opened; NULL: none is left, *status was not PI0_OK, or it is
// PI0_EIO now
const struct dirent *pi0_folder_next(DIR *d, const char *path, int *status, pi0_error *err);

// "dir/name" into a malloc'd string; NULL when out of memory
char *pi0_path_join(const char *dir, const char *name);
// what a file that lies in `dir` means by `path`: itself where it begins with '/', else "dir/path";
// malloc'd, NULL when out of memory
char *pi0_path_from(const char *dir, const char *path);
// the folder that a file lies in, "." where its path names none; malloc'd, NULL when out of memory
char *pi0_path_folder(const char *path);
#endif
