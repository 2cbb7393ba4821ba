/* SPDX-License-Identifier: Apache-2.0 */
/* norm_stats.h - openpi's norm_stats.json: mean, deviation and quantiles of a robot's state and
 * actions. Source: openpi src/openpi/shared/normalize.py NormStats, load. */
#ifndef PI0_NORM_STATS_H
#define PI0_NORM_STATS_H
#include "core/error.h"
#include <stdbool.h>

#define NORM_STATS_MAX 256 // values of one vector

// of one vector; f64 as openpi keeps them
typedef struct vector_stats {
    int n;
    bool quantiles; // q01 and q99 are there
    double mean[NORM_STATS_MAX], std[NORM_STATS_MAX];
    double q01[NORM_STATS_MAX], q99[NORM_STATS_MAX];
} vector_stats;

typedef struct norm_stats {
    vector_stats state, actions;
} norm_stats;

/* PI0_EFORMAT names file and key: not JSON, "state" or "actions" missing or with others beside
 * them, lists of different lengths or longer than NORM_STATS_MAX, a value that is not a finite
 * number, std below 0, q01 above q99. PI0_ENOMEM. */
int pi0_norm_stats_parse(norm_stats *stats, const char *json, size_t size, const char *name,
                         pi0_error *err);

// the same from a file; PI0_EIO too
int pi0_norm_stats_read(norm_stats *stats, const char *path, pi0_error *err);

/* The folder that statistics are looked for in: <dir>/assets, or, where an Orbax checkpoint has
 * none, <dir>/../assets. malloc'd; NULL: no memory. */
char *pi0_assets_folder(const char *dir);

/* Read <dir>/assets/<asset_id>/norm_stats.json; *path (malloc'd) becomes its name. Not there: an
 * error with that name and with the ids that are there. */
int pi0_norm_stats_find(norm_stats *stats, char **path, const char *dir, const char *asset_id,
                        pi0_error *err);
#endif
