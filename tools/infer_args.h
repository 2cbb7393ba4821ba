/* SPDX-License-Identifier: Apache-2.0 */
/* infer_args.h - what `pi0 infer` was asked for, and its inputs read from files and arguments. */
#ifndef PI0_TOOLS_INFER_ARGS_H
#define PI0_TOOLS_INFER_ARGS_H
#include "image_file.h"
#include "observation_list.h"
#include "raw_file.h"
#include "run_options.h"

typedef struct infer_args {
    run_options run;
    // inputs
    const char *raw, *state, *prompt, *noise;
    option_list images; // CAMERA=FILE
    option_list observations;
    bool normalized; // --image and --state are the network's own
    // results
    const char *out, *plot, *compare, *trace;
    int columns; // of table and picture; 0: all
    bool json;
} infer_args;

typedef struct infer_inputs {
    pi0_inputs in;       // for the network; points into what is below
    pi0_observation obs; // the same pictures, state and prompt for a robot's policy
    pi0_state whole;     // its state
    observation_list files;
    pi0_image *images;
    image_file *pictures; // decoded
    char **cameras;
    int n_pictures;
    double state[RAW_MAX_STATE];
    raw_file raw;
    float *noise;    // [noise_count or 1][noise_rows][noise_cols], NULL: to be drawn
    int noise_count; // 0: one for all observations
    int noise_rows, noise_cols;
    const char *noise_name; // for messages
} infer_inputs;

// the arguments fit together: STATUS_OK, or a message was printed
int pi0_infer_args_check(const command *c, const infer_args *a);

// read all that is asked for; on failure nothing is left. PI0_OK or an error of the library's kind
int pi0_infer_inputs_read(infer_inputs *x, const infer_args *a, notices *w, pi0_error *err);
void pi0_infer_inputs_free(infer_inputs *x);

/* The horizon of the session from the model's (0: not known) and the noise's rows, and whether the
 * noise fits and is enough for `count` observations. PI0_EINVAL */
int pi0_infer_horizon(int *horizon, const infer_inputs *x, const pi0_info *info, int count,
                      pi0_error *err);
#endif
