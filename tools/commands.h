/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - the subcommands, one file cmd_<name>.c each. */
#ifndef PI0_TOOLS_COMMANDS_H
#define PI0_TOOLS_COMMANDS_H
#include "options.h"

extern const command pi0_command_bench, pi0_command_client, pi0_command_configs,
    pi0_command_convert, pi0_command_demo, pi0_command_doctor, pi0_command_infer,
    pi0_command_inspect, pi0_command_serve, pi0_command_synth, pi0_command_verify;
#endif
