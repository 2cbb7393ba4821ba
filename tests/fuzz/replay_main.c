/* SPDX-License-Identifier: Apache-2.0 */
/* replay_main.c - runs a fuzz target over files instead of libFuzzer: each argument is a file or
 * a folder of files. Used by the ordinary builds, so that the seeds stay tests everywhere. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void die(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    exit(1);
}

// read a file into a block of exactly its size, so that a sanitizer sees the first byte too far
static void run_file(const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &st)) die(path, "cannot open");
    const size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    if (!data) die(path, "out of memory");
    if (fread(data, 1, size, f) != size) die(path, "cannot read");
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int run_path(const char *path)
{
    char name[4096];
    struct stat st;
    int n = 0;
    if (stat(path, &st)) die(path, "not found");
    if (!S_ISDIR(st.st_mode)) {
        run_file(path);
        return 1;
    }
    // each entry of a folder, but not what begins with a dot
    DIR *dir = opendir(path);
    if (!dir) die(path, "cannot open");
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        if (snprintf(name, sizeof name, "%s/%s", path, e->d_name) >= (int)sizeof name)
            die(path, "name too long");
        n += run_path(name);
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++) n += run_path(argv[i]);
    printf("%d inputs\n", n);
    return n ? 0 : 1;
}
