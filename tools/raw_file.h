/* SPDX-License-Identifier: Apache-2.0 */
/* raw_file.h - the network's inputs in one safetensors file (pi0 infer --raw):
 *
 *     images   U8  [n,224,224,3]   the pictures that are present, in the network's camera order
 *     pixels   F32 [n,3,224,224]   or these, already scaled to [-1,1]
 *     tokens   I64 [T]             the prompt's tokens, valid ones only
 *     state    F32 or F64 [<=32]   normalised; pi0.5 does not use it
 *     noise    F32 [H,32]          optional
 */
#ifndef PI0_TOOLS_RAW_FILE_H
#define PI0_TOOLS_RAW_FILE_H
#include "data/safetensors.h"
#include "terminal.h"

#define RAW_IMAGE_SIZE 224
#define RAW_MAX_STATE 32

typedef struct raw_file {
    safetensors st;        // owns what is only pointed to
    int n_images;          // cameras that are present
    const uint8_t *images; // [n_images][224][224][3], or NULL
    float *pixels;         // [n_images][3][224][224], malloc'd, or NULL
    int32_t *tokens;       // malloc'd
    int n_tokens;
    double state[RAW_MAX_STATE];
    int n_state;
    float *noise; // [noise_rows][noise_cols], malloc'd, or NULL
    int noise_rows, noise_cols;
} raw_file;

/* Read it all. Keys that are not known become a warning each; w NULL: they are passed over.
 * PI0_EIO, PI0_EFORMAT (names key, expected, found; NaN and infinity with their index),
 * PI0_ENOMEM. */
int pi0_raw_read(raw_file *raw, const char *path, notices *w, pi0_error *err);
void pi0_raw_free(raw_file *raw);

// the first element that is not finite as "[1,2,3]", for an array of these dimensions; NULL: none
const char *pi0_raw_not_finite(char text[96], const float *data, int n_dims, const int64_t *dims);
#endif
