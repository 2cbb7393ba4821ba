/* SPDX-License-Identifier: Apache-2.0 */
/* io_watch.c - see io_watch.h. */
#include "support/io_watch.h"
#include "support/expect.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
void *__real_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset);
int __real_munmap(void *p, size_t size);
int __wrap_munmap(void *p, size_t size);
ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);
ssize_t __real_pread(int fd, void *to, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t size, off_t at);
ssize_t __real_write(int fd, const void *from, size_t size);
ssize_t __wrap_write(int fd, const void *from, size_t size);
ssize_t __real_pwrite(int fd, const void *from, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *from, size_t size, off_t at);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
struct dirent *__real_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d);
int __real_closedir(DIR *d);
int __wrap_closedir(DIR *d);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

static const char *const io_call_names[IO_CALLS] = { "open",  "fstat",   "stat",    "mmap",
                                                     "read",  "write",   "close",   "rename",
                                                     "mkdir", "opendir", "readdir", "fopen" };

/* ---- which call fails ---- */

enum { MAX_FDS = 1024, MAX_PATH = 4096 };

static enum io_call armed = IO_CALLS;
static enum io_fault fault;
static long until;         // 0: none
static char hit[MAX_PATH]; // the file of the call that failed
static struct {
    char *path; // NULL: none of ours
    bool written;
} fds[MAX_FDS];
static struct {
    DIR *d;
    char path[MAX_PATH];
} folders[16];
static int n_open, n_mapped, held;

static int code(enum io_call call)
{
    return call == IO_WRITE || call == IO_CLOSE || call == IO_MKDIR ? ENOSPC : EIO;
}

const char *io_watch_reason(enum io_call call)
{
    return strerror(code(call));
}

static bool ours(const char *path)
{
    return path && strncmp(path, "/proc/", 6) && strncmp(path, "/sys/", 5) &&
           strncmp(path, "/dev/", 5);
}

static const char *path_of(int fd)
{
    return fd >= 0 && fd < MAX_FDS ? fds[fd].path : NULL;
}

// whether it is this call; errno is set for those that fail
static bool now(enum io_call call, const char *path)
{
    // a name that cannot be looked at stays so; other calls fail once
    if (held) return false;
    const bool again = call == IO_STAT && armed == IO_STAT && *hit && path && !strcmp(hit, path);
    if (!again && (call != armed || !until || !ours(path) || --until)) return false;
    snprintf(hit, sizeof hit, "%s", path);
    errno = fault == IO_INTERRUPTED ? EINTR : code(call);
    return true;
}

/* ---- the calls ---- */

int __wrap_open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    const int mode = flags & O_CREAT ? va_arg(list, int) : 0;
    va_end(list);
    if (now(IO_OPEN, path)) return -1;
    const int fd = __real_open(path, flags, mode);
    if (fd < 0 || fd >= MAX_FDS || !ours(path)) return fd;
    fds[fd].path = strdup(path);
    fds[fd].written = (flags & O_ACCMODE) != O_RDONLY;
    n_open++;
    return fd;
}

int __wrap_fstat(int fd, struct stat *st)
{
    return now(IO_FSTAT, path_of(fd)) ? -1 : __real_fstat(fd, st);
}

int __wrap_stat(const char *path, struct stat *st)
{
    return now(IO_STAT, path) ? -1 : __real_stat(path, st);
}

void *__wrap_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset)
{
    if (now(IO_MMAP, path_of(fd))) return MAP_FAILED;
    void *p = __real_mmap(at, size, how, flags, fd, offset);
    n_mapped += p != MAP_FAILED;
    return p;
}

int __wrap_munmap(void *p, size_t size)
{
    n_mapped--;
    return __real_munmap(p, size);
}

// how much of it is read or written; -1: nothing, errno says why
static ssize_t part(enum io_call call, int fd, size_t size)
{
    if (!now(call, path_of(fd))) return (ssize_t)size;
    if (fault == IO_ENDS) return 0;
    return fault == IO_HALF ? (ssize_t)((size + 1) / 2) : -1;
}

ssize_t __wrap_read(int fd, void *to, size_t size)
{
    const ssize_t n = part(IO_READ, fd, size);
    return n <= 0 && size ? n : __real_read(fd, to, (size_t)n);
}

ssize_t __wrap_pread(int fd, void *to, size_t size, off_t at)
{
    const ssize_t n = part(IO_READ, fd, size);
    return n <= 0 && size ? n : __real_pread(fd, to, (size_t)n, at);
}

ssize_t __wrap_write(int fd, const void *from, size_t size)
{
    const ssize_t n = part(IO_WRITE, fd, size);
    return n <= 0 && size ? n : __real_write(fd, from, (size_t)n);
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t size, off_t at)
{
    const ssize_t n = part(IO_WRITE, fd, size);
    return n <= 0 && size ? n : __real_pwrite(fd, from, (size_t)n, at);
}

// closed it is, whatever is said
int __wrap_close(int fd)
{
    const char *path = path_of(fd);
    const bool fails = path && fds[fd].written && now(IO_CLOSE, path);
    const int reason = errno, status = __real_close(fd);
    if (path) {
        free(fds[fd].path);
        fds[fd].path = NULL;
        n_open--;
    }
    if (!fails) return status;
    errno = reason;
    return -1;
}

int __wrap_rename(const char *from, const char *to)
{
    return now(IO_RENAME, to) ? -1 : __real_rename(from, to);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return now(IO_MKDIR, path) ? -1 : __real_mkdir(path, mode);
}

DIR *__wrap_opendir(const char *path)
{
    DIR *d = now(IO_OPENDIR, path) ? NULL : __real_opendir(path);
    for (size_t i = 0; d && ours(path) && i < COUNT(folders); i++) {
        if (folders[i].d) continue;
        folders[i].d = d;
        snprintf(folders[i].path, MAX_PATH, "%s", path);
        n_open++;
        break;
    }
    return d;
}

struct dirent *__wrap_readdir(DIR *d)
{
    for (size_t i = 0; i < COUNT(folders); i++)
        if (folders[i].d == d && now(IO_READDIR, folders[i].path)) return NULL;
    return __real_readdir(d);
}

int __wrap_closedir(DIR *d)
{
    for (size_t i = 0; i < COUNT(folders); i++) {
        if (folders[i].d != d) continue;
        folders[i].d = NULL;
        n_open--;
        break;
    }
    return __real_closedir(d);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return now(IO_FOPEN, path) ? NULL : __real_fopen(path, mode);
}

/* ---- what a test says ---- */

// the file's name without what is put behind it while it is written, or its folder's
static bool names(const char *message, const char *path)
{
    char text[MAX_PATH];
    snprintf(text, sizeof text, "%s", path);
    const char *slash = strrchr(text, '/');
    if (strstr(message, slash ? slash + 1 : text)) return true;
    if (!slash) return false;
    text[slash - text] = 0;
    return strstr(message, text) != NULL;
}

static void expect_told(enum io_call call, int n, int status, const pi0_error *err)
{
    const char *reason = fault == IO_ENDS ? "ends " : io_watch_reason(call);
    // what is found out another way is as good
    if (call == IO_STAT && (!status || names(err->message, hit))) return;
    if (status != PI0_EIO || err->code != PI0_EIO || !names(err->message, hit) ||
        !strstr(err->message, reason))
        fail_msg("%s %d, of %s: %s: %s (expected PI0_EIO and: %s)", io_call_names[call], n, hit,
                 pi0_status_name(status), status ? err->message : "nobody noticed", reason);
}

int io_watch_fail_each(enum io_call call, enum io_fault how, io_try try, void *user)
{
    return io_watch_fail_every(1, call, how, try, user);
}

int io_watch_fail_every(int step, enum io_call call, enum io_fault how, io_try try, void *user)
{
    for (int n = 1;; n += step) {
        pi0_error err = { 0 };
        const int opened = n_open, mapped = n_mapped;
        armed = call;
        fault = how;
        until = n;
        hit[0] = 0;
        const int status = try(user, &err);
        const bool came = !until;
        until = 0;
        armed = IO_CALLS;
        if (n_open != opened || n_mapped != mapped)
            fail_msg("%s %d, of %s: %d files more are open, %d mapped", io_call_names[call], n, hit,
                     n_open - opened, n_mapped - mapped);
        if (came && (how == IO_FAILS || how == IO_ENDS))
            expect_told(call, n, status, &err);
        else
            expect_ok(status, &err);
        if (!came) return (n - 1) / step;
        assert_true(n < 100000);
    }
}

void io_watch_fail_kinds(int step, const char *what, io_try try, void *user)
{
    int sum = 0;
    printf("  %s:", what);
    for (enum io_call call = 0; call < IO_CALLS; call++) {
        const int n = io_watch_fail_every(step, call, IO_FAILS, try, user);
        if (n) printf(" %s %d", io_call_names[call], n);
        fflush(stdout);
        sum += n;
    }
    printf("\n");
    assert_true(sum > 1);
}

void io_watch_hold(int hold)
{
    held += hold ? 1 : -1;
}

void io_watch_room(size_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &limit)) abort();
    limit.rlim_cur = bytes == (size_t)-1 ? limit.rlim_max : (rlim_t)bytes;
    if (setrlimit(RLIMIT_FSIZE, &limit)) abort();
}
