/* SPDX-License-Identifier: Apache-2.0 */
/* alloc_watch.h - the allocator, watched: the linker sends the library's and the command's calls of
 * it here (CMake does that for whoever includes this header), where they are counted and where one
 * of them fails when it is told to. Calls of other libraries are not seen, but for those that
 * alloc_watch_jansson() adds. */
#ifndef TEST_ALLOC_WATCH_H
#define TEST_ALLOC_WATCH_H
#include "pi0.h"

// allocations so far, failed ones too
long alloc_watch_calls(void);
// blocks that are not freed, mappings too
long alloc_watch_live(void);
// call number n from now on fails, on whatever thread it comes; 0: none does
void alloc_watch_fail(long n);
// until it is called with 0, allocations are not counted and do not fail: what a test does around
// the call that it is about. Calls may be nested
void alloc_watch_hold(int hold);
// this thread is another's, as a test's own server: what it allocates and frees is not looked at
void alloc_watch_not_here(void);
// from now on jansson's allocations are ours as well, but for those that it cannot be without; with
// 0: no longer. While it has no block
void alloc_watch_jansson(int watched);

/* Let the first allocation of try() fail, then the second … until it succeeds; returns how many
 * there were. Each failure must be PI0_ENOMEM, say so, and leave no more blocks than there were.
 * try() looks at its outputs itself, and frees what it made. */
typedef int (*alloc_watch_try)(void *user, pi0_error *err);
int alloc_watch_fail_each(alloc_watch_try try, void *user);
// only the first, and each that comes `step` behind: where they are thousands of the same few
int alloc_watch_fail_every(int step, alloc_watch_try try, void *user);
#endif
