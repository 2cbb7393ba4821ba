/* SPDX-License-Identifier: Apache-2.0 */
/* processors.h - LeRobot's policy_preprocessor.json and policy_postprocessor.json: which steps, in
 * which order, with which settings. Source: lerobot src/lerobot/processor/pipeline.py. */
#ifndef PI0_PROCESSORS_H
#define PI0_PROCESSORS_H
#include "core/error.h"
#include "data/json.h"

#define PIPELINE_MAX_STEPS 32

enum processor_kind {
    PROCESSOR_RENAME,
    PROCESSOR_TO_BATCH,
    PROCESSOR_NEW_LINE,
    PROCESSOR_TOKENIZER,
    PROCESSOR_DEVICE,
    PROCESSOR_RELATIVE,
    PROCESSOR_NORMALIZER,
    PROCESSOR_PREPARE_STATE,
    PROCESSOR_UNNORMALIZER,
    PROCESSOR_ABSOLUTE,
    PROCESSOR_COUNT
};

typedef struct processor {
    enum processor_kind kind;
    const char *name;       // its registry_name
    const json_t *config;   // an object with known keys only; NULL: none
    const char *state_file; // a name without folder; NULL: none
} processor;

typedef struct pipeline {
    json_t *root; // owner of all strings
    int n;
    processor steps[PIPELINE_MAX_STEPS];
} pipeline;

/* PI0_EUNSUPPORTED: a step, or a setting of one, that is not known, or a step in the wrong one of
 * the two files; the message names step and file. PI0_EFORMAT, PI0_EIO, PI0_ENOMEM.
 * post: policy_postprocessor.json. */
int pi0_pipeline_parse(pipeline *p, const char *json, size_t size, const char *name, bool post,
                       pi0_error *err);
int pi0_pipeline_read(pipeline *p, const char *path, bool post, pi0_error *err);
void pi0_pipeline_free(pipeline *p);

const processor *pi0_pipeline_find(const pipeline *p, enum processor_kind kind); // or NULL
#endif
