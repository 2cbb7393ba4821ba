/* SPDX-License-Identifier: Apache-2.0 */
/* synth.h - write a checkpoint of random weights, as openpi's converter lays it out. */
#ifndef PI0_TOOLS_SYNTH_H
#define PI0_TOOLS_SYNTH_H
#include "data/tensors.h"

typedef struct synth_job {
    model_sizes sizes;
    dtype type; // DTYPE_BF16 or DTYPE_F32
    uint64_t seed;
    int horizon;
    bool published;     // sizes are the published ones: config.json names their variants
    bool force;         // overwrite
    int n_threads;      // at least 1
    bool (*stop)(void); // asked now and then; NULL: never
    void (*progress)(void *user, uint64_t done, uint64_t total); // bytes; NULL: silence
    void *user;
} synth_job;

/* Write dir/model.safetensors and dir/config.json; dir is made if it is missing. Written under
 * other names and renamed when whole; *bytes: size of the tensors' file.
 * PI0_EIO (not writable, there already, disk full), PI0_ENOMEM, PI0_ECANCELED (stop). */
int pi0_synth_write(const char *dir, const synth_job *job, uint64_t *bytes, pi0_error *err);
#endif
