/* SPDX-License-Identifier: Apache-2.0 */
/* api_list.h - the functions that a public header declares, so that a table of tests can be held
 * against them. */
#ifndef TEST_API_LIST_H
#define TEST_API_LIST_H

/* The test fails where include/<header> declares a function with PI0_API that is not among the n
 * names, or one of them is not declared there. */
void api_list_check(const char *header, const char *const *names, int n);
#endif
