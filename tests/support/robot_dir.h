/* SPDX-License-Identifier: Apache-2.0 */
/* robot_dir.h - a golden checkpoint in a temporary folder, with some of its files changed: links
 * to the files that stay as they are, copies of those that do not. */
#ifndef TEST_ROBOT_DIR_H
#define TEST_ROBOT_DIR_H
#include "support/tmpdir.h"

// "lerobot/lerobot_pi0": every file of it, folders too
tmpdir robot_dir_make(const char *name);

// all places of `from` in a text file become `to`; none is an error of the test
void robot_dir_replace(const tmpdir *dir, const char *file, const char *from, const char *to);

// the file is `text`, whatever it was
void robot_dir_write(const tmpdir *dir, const char *file, const char *text);

void robot_dir_remove(const tmpdir *dir, const char *file);
#endif
