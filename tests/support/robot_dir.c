/* SPDX-License-Identifier: Apache-2.0 */
/* robot_dir.c - a golden checkpoint in a temporary folder, with some of its files changed. */
#include "support/robot_dir.h"

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (!f || !text) tmpdir_die("read", path);
    const size_t n = fread(text, 1, (1 << 20) - 1, f);
    if (n == (1 << 20) - 1 || ferror(f)) tmpdir_die("read whole", path);
    fclose(f);
    return text;
}

// links to files, folders of links
static void link_all(const char *from, const char *to)
{
    DIR *d = opendir(from);
    if (!d) tmpdir_die("open", from);
    for (struct dirent *e; (e = readdir(d));) {
        char a[TMPDIR_PATH], b[TMPDIR_PATH];
        struct stat st;
        if (e->d_name[0] == '.') continue;
        if (snprintf(a, sizeof a, "%s/%s", from, e->d_name) >= TMPDIR_PATH ||
            snprintf(b, sizeof b, "%s/%s", to, e->d_name) >= TMPDIR_PATH || stat(a, &st))
            tmpdir_die("name", from);
        if (!S_ISDIR(st.st_mode)) {
            if (symlink(a, b)) tmpdir_die("link", b);
            continue;
        }
        if (mkdir(b, 0700)) tmpdir_die("make", b);
        link_all(a, b);
    }
    closedir(d);
}

tmpdir robot_dir_make(const char *name)
{
    char from[TMPDIR_PATH];
    const tmpdir dir = tmpdir_make();
    if (snprintf(from, sizeof from, "%s/%s", PI0_TEST_DATA, name) >= TMPDIR_PATH)
        tmpdir_die("name", name);
    link_all(from, dir.path);
    return dir;
}

void robot_dir_write(const tmpdir *dir, const char *file, const char *text)
{
    tmpdir_unlink(dir, file);
    tmpdir_write_text(dir, file, text);
}

void robot_dir_remove(const tmpdir *dir, const char *file)
{
    tmpdir_unlink(dir, file);
}

void robot_dir_replace(const tmpdir *dir, const char *file, const char *from, const char *to)
{
    char path[TMPDIR_PATH], *text = read_text(tmpdir_path(path, dir, file)), *out;
    const size_t n = strlen(from), m = strlen(to);
    size_t at = 0, places = 0;
    for (const char *p = text; (p = strstr(p, from)); p += n) places++;
    if (!places) {
        fprintf(stderr, "%s has no: %s\n", path, from);
        abort();
    }
    if (!(out = calloc(1, strlen(text) + places * m + 1))) tmpdir_die("hold", path);
    for (const char *p = text; *p;) {
        const char *next = strstr(p, from), *end = next ? next : p + strlen(p);
        memcpy(out + at, p, (size_t)(end - p));
        at += (size_t)(end - p);
        if (next) memcpy(out + at, to, m), at += m;
        p = next ? next + n : end;
    }
    robot_dir_write(dir, file, out);
    free(out);
    free(text);
}
