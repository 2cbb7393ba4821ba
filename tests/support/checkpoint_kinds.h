/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_kinds.h - one small checkpoint of every kind that can be loaded, for tests of what
 * fails on the way. */
#ifndef TEST_CHECKPOINT_KINDS_H
#define TEST_CHECKPOINT_KINDS_H
#include "pi0.h"
#include "support/tmpdir.h"

enum {
    NAMED,     // openpi, a named config
    FILE_ONLY, // openpi, model.safetensors itself
    LEROBOT,
    SHARDS,    // two files and an index
    OWN_ROBOT, // a JSON file describes the robot
    IN_CONFIG, // config.json has the robot
    N_SAFETENSORS_KINDS,
    ORBAX = N_SAFETENSORS_KINDS,
    ORBAX_CHUNKS, // in bf16 and many chunks
    N_CHECKPOINT_KINDS
};

typedef struct checkpoint_kind {
    const char *name;         // in words
    char path[TMPDIR_PATH];   // what is loaded
    char config[TMPDIR_PATH]; // option config; "": none
} checkpoint_kind;

typedef struct checkpoint_kinds {
    checkpoint_kind kind[N_CHECKPOINT_KINDS];
    int n;                           // without libzstd those of Orbax are left out
    tmpdir shards, robot, converted; // made here, with links to the golden files
    char words[TMPDIR_PATH];         // option tokenizer of all of them
} checkpoint_kinds;

void checkpoint_kinds_make(checkpoint_kinds *k);
void checkpoint_kinds_remove(checkpoint_kinds *k);

// the options that kind i is loaded with; they point into k
pi0_options checkpoint_kinds_options(const checkpoint_kinds *k, int i);
#endif
