/* SPDX-License-Identifier: Apache-2.0 */
/* prompt.h - from a sentence (and, in pi0.5, the state) to token ids.
 * Mirrors openpi src/openpi/models/tokenizer.py PaligemmaTokenizer.tokenize and LeRobot's
 * processor_pi0.py and processor_pi05.py. */
#ifndef PI0_PROMPT_H
#define PI0_PROMPT_H
#include "data/tokenizer.h"
#include <stdbool.h>
#include <stddef.h>

enum prompt_format {
    PROMPT_OPENPI,      // cleaned text, then "\n" encoded on its own
    PROMPT_LEROBOT_PI0, // the text as it is, "\n" appended if missing, encoded in one go
    PROMPT_PI05         // "Task: …, State: 1 2 3;\nAction: " (openpi and LeRobot alike)
};

/* Tokens of a prompt, bos first, cut at max_tokens (*cut tells; openpi and LeRobot cut too).
 * state [n_state] normalised, for PROMPT_PI05 only.
 * PI0_EINVAL: not UTF-8. PI0_EFORMAT: the tokenizer failed. PI0_ENOMEM. */
int pi0_prompt_tokens(const tokenizer *t, enum prompt_format format, const char *prompt,
                      const double *state, int n_state, int max_tokens, int32_t *ids, int *n_ids,
                      bool *cut, pi0_error *err);

// np.digitize(x, linspace(-1, 1, 257)[:-1]) - 1: -1 below -1, 255 from 127/128 on and for NaN
int pi0_prompt_state_bin(double x);

// strip Unicode white space at both ends, then '_' and '\n' become spaces; into out[strlen+1]
void pi0_prompt_clean(char *out, const char *prompt);

bool pi0_utf8_valid(const char *text, size_t size);
#endif
