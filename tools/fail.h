/* SPDX-License-Identifier: Apache-2.0 */
/* fail.h - errors and files of the command, told and read as the library tells and reads its own:
 * pi0_fail(), pi0_file_read() …, which come with the library's file formats. */
#ifndef PI0_TOOLS_FAIL_H
#define PI0_TOOLS_FAIL_H
#include "data/safetensors.h"
#endif
