/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_stats.h - normalisation statistics as they are on disk, openpi's or LeRobot's, read
 * without judging: a value that is not a number becomes NaN, a list that is missing stays away.
 * (The library's own readers refuse such files at the first fault; a report wants all of them.) */
#ifndef PI0_TOOLS_DOCTOR_STATS_H
#define PI0_TOOLS_DOCTOR_STATS_H
#include "pi0.h"
#include <jansson.h>
#include <stdbool.h>

#define STAT_MAX 256 // values of a list that are looked at

enum stat_id {
    STAT_MEAN,
    STAT_STD,
    STAT_Q01,
    STAT_Q99,
    STAT_MIN,
    STAT_MAX_VALUE,
    STAT_Q10,
    STAT_Q90,
    STAT_COUNT
};
extern const char *const pi0_stat_name[STAT_COUNT]; // "mean", "std" …

// which two lists a normalisation reads
enum stat_kind { KIND_NONE, KIND_MEAN_STD, KIND_QUANTILES, KIND_QUANTILE10, KIND_MIN_MAX };

typedef struct stat_list {
    int n; // -1: not there
    double v[STAT_MAX];
} stat_list;

// of one vector: the robot's state or its actions
typedef struct stat_vector {
    bool there;
    char name[128]; // its key in the file
    enum stat_kind kind;
    stat_list list[STAT_COUNT];
} stat_vector;

typedef struct stat_file {
    char *path;
    bool read; // else `error`
    pi0_error error;
    stat_vector state, actions;
} stat_file;

// ids below <dir>/assets that have a norm_stats.json; malloc'd
#define ASSETS_MAX 16
typedef struct doctor_assets {
    char *id[ASSETS_MAX];
    int n;
} doctor_assets;

void pi0_assets_list(doctor_assets *assets, const char *dir);
void pi0_assets_free(doctor_assets *assets);

// openpi's norm_stats.json; takes over `path` (malloc'd)
void pi0_stat_file_openpi(stat_file *f, char *path);
// a LeRobot state file; NULL for a vector that this step does not touch
void pi0_stat_file_lerobot(stat_file *f, char *path, const char *state, const char *actions);
void pi0_stat_file_free(stat_file *f);

// the two lists that a kind reads: lower (mean) and upper (std)
void pi0_stat_lists(enum stat_kind kind, enum stat_id *a, enum stat_id *b);
// LeRobot's "MEAN_STD", openpi's "zscore" …; KIND_NONE for IDENTITY and what is not known
enum stat_kind pi0_stat_kind(const char *name);
#endif
