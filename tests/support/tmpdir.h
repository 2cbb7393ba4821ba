/* SPDX-License-Identifier: Apache-2.0 */
/* tmpdir.h - a temporary folder for a test: make, write files into it, remove. Needs no cmocka, so
 * fuzz targets may use it; what goes wrong here is no test's subject and ends the program. */
#ifndef TEST_TMPDIR_H
#define TEST_TMPDIR_H
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TMPDIR_PATH 512

typedef struct tmpdir {
    char path[32];
} tmpdir;

static inline void tmpdir_die(const char *what, const char *path)
{
    fprintf(stderr, "temporary folder: cannot %s ", what);
    perror(path);
    abort();
}

static inline tmpdir tmpdir_make(void)
{
    tmpdir dir = { "/tmp/pi0-test-XXXXXX" };
    if (!mkdtemp(dir.path)) tmpdir_die("make", dir.path);
    return dir;
}

// the path of a file in it; returns path
static inline const char *tmpdir_path(char path[TMPDIR_PATH], const tmpdir *dir, const char *name)
{
    if (snprintf(path, TMPDIR_PATH, "%s/%s", dir->path, name) >= TMPDIR_PATH)
        tmpdir_die("name", name);
    return path;
}

static inline void tmpdir_write(const tmpdir *dir, const char *name, const void *data, size_t size)
{
    char path[TMPDIR_PATH];
    FILE *f = fopen(tmpdir_path(path, dir, name), "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) tmpdir_die("write", path);
}

static inline void tmpdir_write_text(const tmpdir *dir, const char *name, const char *text)
{
    tmpdir_write(dir, name, text, strlen(text));
}

static inline void tmpdir_mkdir(const tmpdir *dir, const char *name)
{
    char path[TMPDIR_PATH];
    if (mkdir(tmpdir_path(path, dir, name), 0700)) tmpdir_die("make", path);
}

// a file that is there no longer is fine
static inline void tmpdir_unlink(const tmpdir *dir, const char *name)
{
    char path[TMPDIR_PATH];
    unlink(tmpdir_path(path, dir, name));
}

// entries of the folder itself
static inline int tmpdir_count(const tmpdir *dir)
{
    int n = 0;
    DIR *d = opendir(dir->path);
    if (!d) tmpdir_die("open", dir->path);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2; // "." and ".."
}

static inline void tmpdir_remove_path(const char *path)
{
    struct stat st;
    if (lstat(path, &st)) tmpdir_die("find", path);
    DIR *d = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        char inner[TMPDIR_PATH];
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, e->d_name) >= TMPDIR_PATH)
            tmpdir_die("name", path);
        tmpdir_remove_path(inner);
    }
    if (d) closedir(d);
    if (remove(path)) tmpdir_die("remove", path);
}

static inline void tmpdir_remove(const tmpdir *dir)
{
    tmpdir_remove_path(dir->path);
}
#endif
