/* SPDX-License-Identifier: Apache-2.0 */
/* feature_stats.h - how LeRobot's normalizer_processor and unnormalizer_processor treat one
 * feature: the mode from the step's settings, the statistics from its state file. */
#ifndef PI0_FEATURE_STATS_H
#define PI0_FEATURE_STATS_H
#include "policy/processors.h"
#include "policy/steps.h"

/* The norm of `feature` ("observation.state", "action") with n values; type: its FeatureType where
 * the step does not list it ("ACTION"), or NULL: it must be listed. *path (malloc'd, NULL where
 * the mode needs none) becomes the state file's. PI0_EFORMAT, PI0_EIO, PI0_EUNSUPPORTED (mode),
 * PI0_ENOMEM. Source: lerobot src/lerobot/processor/normalize_processor.py. */
int pi0_feature_norm(norm *out, char **path, const char *dir, const processor *step,
                     const char *feature, const char *type, int n, const char *file,
                     pi0_error *err);

// PI0_EUNSUPPORTED where the step would change pictures
int pi0_feature_check_pictures(const processor *step, const char *file, pi0_error *err);
#endif
