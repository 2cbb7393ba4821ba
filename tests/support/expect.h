/* SPDX-License-Identifier: Apache-2.0 */
/* expect.h - cmocka with what it needs, and what tests of errors have in common. */
#ifndef TEST_EXPECT_H
#define TEST_EXPECT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pi0.h"
#include <stdio.h>
#include <string.h>

/* Called in main(): under ThreadSanitizer the program runs the tests whose names match; its others
 * take minutes there and have one thread. */
static inline void threads_are_in(const char *names)
{
#if defined(PI0_TEST_THREADS)
    cmocka_set_test_filter(names);
#else
    (void)names;
#endif
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

// a status, the code in the error, and a text that the message must contain
static inline void expect_error(int status, int expected, const pi0_error *err, const char *text)
{
    if (status != expected || err->code != expected)
        fail_msg("%s (error: %s), expected %s: %s", pi0_status_name(status),
                 pi0_status_name(err->code), pi0_status_name(expected), err->message);
    if (!strstr(err->message, text)) fail_msg("no '%s' in: %s", text, err->message);
}

// PI0_OK; otherwise the message is shown
static inline void expect_ok(int status, const pi0_error *err)
{
    if (status) fail_msg("%s: %s", pi0_status_name(status), err->message);
}

// memory that was filled with 0x5a before a call is as it was
static inline void expect_untouched(const void *data, size_t size)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++) assert_int_equal(p[i], 0x5a);
}
#endif
