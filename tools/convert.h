/* SPDX-License-Identifier: Apache-2.0 */
/* convert.h - any checkpoint that can be read into one folder: model.safetensors, config.json and
 * what belongs to them. */
#ifndef PI0_TOOLS_CONVERT_H
#define PI0_TOOLS_CONVERT_H
#include "data/checkpoint.h"
#include "data/config.h"
#include "terminal.h"
#include <jansson.h>

typedef struct convert_job {
    const char *from, *to;
    const char *config;                        // NULL: what the checkpoint itself says
    const char *type;                          // "bf16", "f32"; NULL: as they are
    int horizon;                               // 0: what checkpoint or config say
    void (*progress)(void *user, double part); // NULL: silence
    bool (*stop)(void);                        // NULL: never
    void *user;
} convert_job;

typedef struct convert_result {
    int n_tensors;
    uint64_t bytes;   // of model.safetensors
    int horizon;      // 0: LeRobot's, in its own config
    char config[128]; // the robot; "" where there is none
} convert_result;

/* PI0_EIO (`to` is there already, no room, not writable), PI0_EINVAL (no horizon; a config that
 * does not go with the checkpoint), PI0_ECANCELED, and what opening it fails with. `to` is there
 * whole afterwards, or not at all. */
int pi0_convert(const convert_job *job, convert_result *result, notices *w, pi0_error *err);

/* ---- between the files of this part ---- */

// a conversion under way
typedef struct conversion {
    const convert_job *job;
    checkpoint cp;
    checkpoint_config config;
    char *home; // of the source
    char *to;   // without slashes behind it
    char *part; // the folder that is written, before it gets its name
    notices *w;
    pi0_error *err;
} conversion;

// the tensors that will be written, in the order in which they are read; malloc'd
int pi0_convert_list(st_tensor **list, int *n, uint64_t *bytes, conversion *c);
// part/model.safetensors
int pi0_convert_weights(const st_tensor *list, int n, uint64_t bytes, conversion *c);

// what lies beside the weights and belongs to them: statistics, tokenizer, LeRobot's processors
int pi0_convert_files(conversion *c);
// one file or folder (a folder with what is in it) of the source's home, where it is there
int pi0_convert_copy(conversion *c, const char *from, const char *to);
// the folder that was being written, and all in it
void pi0_convert_remove(const char *dir);

// part/config.json; info NULL: before the model was loaded, with what is known then
int pi0_convert_config(conversion *c, const pi0_info *model, const pi0_policy_info *info);
#endif
