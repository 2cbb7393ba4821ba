/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h - the web pages of tools/web, put into the command by cmake/embed.cmake: one file each,
 * style sheet and scripts inside. A 0 stands behind the last byte. */
#ifndef PI0_TOOLS_PAGES_H
#define PI0_TOOLS_PAGES_H
#include "pi0.h"
#include <jansson.h>
#include <stddef.h>

extern const unsigned char pi0_page_live[], pi0_page_replay[], pi0_page_report[];
extern const size_t pi0_page_live_size, pi0_page_replay_size, pi0_page_report_size;

/* Write a page with these data in it, their reals with so many digits; whole or not at all. `data`
 * is taken over; NULL, what jansson gives without memory, is PI0_ENOMEM. Else PI0_EIO, PI0_EINVAL.
 */
int pi0_page_write(const char *path, const unsigned char *page, json_t *data, int digits,
                   pi0_error *err);
#endif
