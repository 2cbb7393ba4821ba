/* SPDX-License-Identifier: Apache-2.0 */
/* serve_key.h - the key that clients must show: "Authorization: Api-Key KEY". */
#ifndef PI0_TOOLS_SERVE_KEY_H
#define PI0_TOOLS_SERVE_KEY_H
#include "pi0.h"
#include <stdbool.h>

/* The first line of a file, from malloc; *open: others on this machine may read it too.
 * PI0_EIO, PI0_EFORMAT (empty, too long, characters that no header can have), PI0_ENOMEM */
int pi0_serve_key_read(char **key, bool *open, const char *path, pi0_error *err);
// whether a header "Api-Key KEY" has this key, in a time that does not tell how much of it is right
bool pi0_serve_key_matches(const char *key, const char *authorization);
#endif
