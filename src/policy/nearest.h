/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.h - for messages: which known name did somebody mean? */
#ifndef PI0_NEAREST_H
#define PI0_NEAREST_H
#include <stddef.h>

// index of the name with the smallest edit distance to `name`, the first of equals; -1: none
int pi0_nearest(const char *name, const char *const *known, int n);

// "a, b, c" into text, always terminated, what does not fit left out; returns text
const char *pi0_name_list(char *text, size_t size, const char *const *names, int n);
#endif
