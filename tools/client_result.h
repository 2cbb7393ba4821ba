/* SPDX-License-Identifier: Apache-2.0 */
/* client_result.h - what `pi0 client` shows: metadata, a table of actions, times; or JSON. */
#ifndef PI0_TOOLS_CLIENT_RESULT_H
#define PI0_TOOLS_CLIENT_RESULT_H
#include "client_ask.h"

// write --out and show the rest. PI0_EIO, PI0_ENOMEM
int pi0_client_show(const client_run *u, const client_args *a, pi0_error *err);
#endif
