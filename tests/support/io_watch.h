/* SPDX-License-Identifier: Apache-2.0 */
/* io_watch.h - the file system, watched: the linker sends the library's and the command's calls of
 * it here (CMake does that for whoever includes this header), where one of them fails, is
 * interrupted or does half of it when it is told to. Files of /proc, /sys and /dev are left alone.
 * What stdio writes is not seen: io_watch_room() ends the disk for it. */
#ifndef TEST_IO_WATCH_H
#define TEST_IO_WATCH_H
#include "pi0.h"
#include <stddef.h>

enum io_call {
    IO_OPEN, // for reading or writing
    IO_FSTAT,
    IO_STAT,  // of a name: is it there?
    IO_MMAP,  // of a file
    IO_READ,  // and pread
    IO_WRITE, // and pwrite
    IO_CLOSE, // of a file that was written
    IO_RENAME,
    IO_MKDIR,
    IO_OPENDIR,
    IO_READDIR,
    IO_FOPEN,
    IO_CALLS
};

enum io_fault {
    IO_FAILS,       // with the reason of io_watch_reason()
    IO_INTERRUPTED, // EINTR
    IO_HALF,        // less than was asked for, but at least a byte
    IO_ENDS         // 0 bytes read: the file has become shorter
};

// strerror() of what a call that fails fails with: EIO, ENOSPC for what writes
const char *io_watch_reason(enum io_call call);

/* Let the first such call of try() fail, then the second … until none was left to fail; returns how
 * many there were. A call that fails or ends must make try() return PI0_EIO with a message that has
 * the name of the file, or of the folder that it lies in, and the reason; one that is interrupted
 * or does half must change nothing. A name whose stat() fails, for all of try(), may do either.
 * After each, no file is open and nothing mapped that was not. */
typedef int (*io_try)(void *user, pi0_error *err);
int io_watch_fail_each(enum io_call call, enum io_fault fault, io_try try, void *user);
// only the first, and each that comes `step` behind: where they are thousands of the same few
int io_watch_fail_every(int step, enum io_call call, enum io_fault fault, io_try try, void *user);
// with calls of each kind, more than one of them in all; one line says how many there were of which
void io_watch_fail_kinds(int step, const char *what, io_try try, void *user);

// until it is called with 0, no call is counted or fails: what try() does around what it is about
void io_watch_hold(int hold);

// no file grows beyond so many bytes from now on, whoever writes it; (size_t)-1: any may
void io_watch_room(size_t bytes);
#endif
