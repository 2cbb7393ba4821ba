/* SPDX-License-Identifier: Apache-2.0 */
/* policy_text.h - a robot policy, shown to people and to programs. */
#ifndef PI0_TOOLS_POLICY_TEXT_H
#define PI0_TOOLS_POLICY_TEXT_H
#include "pi0.h"
#include <jansson.h>

/* Which actions are relative to the state, in runs, as openpi's make_bool_mask writes them:
 * "6,-1" is six that are, then one that is not; "-": none is. Returns text. */
const char *pi0_policy_mask_text(char text[128], const pi0_policy_info *p);

// what a config says without a checkpoint; NULL: no memory
json_t *pi0_policy_config_json(const pi0_policy_info *p);
// that, and what the policy of a loaded model has besides
json_t *pi0_policy_json(const pi0_policy_info *p);

// lines on stdout, each beginning with a name
void pi0_policy_print(const pi0_policy_info *p);
#endif
