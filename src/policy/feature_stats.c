/* SPDX-License-Identifier: Apache-2.0 */
/* feature_stats.c - the statistics of LeRobot's normalising steps. LeRobot itself leaves a feature
 * as it is where its statistics are missing; here that is an error, for then the network's numbers
 * would go to the motors. Source: lerobot src/lerobot/processor/normalize_processor.py. */
#include "policy/feature_stats.h"
#include "core/file.h"
#include "data/safetensors.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// a mode, and the two statistics that it needs
typedef struct norm_mode {
    enum norm_kind kind;
    const char *a, *b;
} norm_mode;

static const norm_mode modes[] = {
    { NORM_MEAN_STD, "mean", "std" },
    { NORM_MIN_MAX, "min", "max" },
    { NORM_QUANTILES, "q01", "q99" },
    { NORM_QUANTILE10, "q10", "q90" },
};

/* ---- the step's settings ---- */

static int find_mode(const norm_mode **mode, const processor *step, const char *type,
                     const char *feature, const char *file, pi0_error *err)
{
    const json_t *value = json_object_get(json_object_get(step->config, "norm_map"), type);
    const char *text = json_string_value(value);
    *mode = NULL;
    if (!text)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: \"norm_map\" of %s says nothing about %s, the type of \"%s\"", file,
                        step->name, type, feature);
    if (!strcmp(text, "IDENTITY")) return PI0_OK;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(pi0_norm_name(modes[i].kind), text)) {
            *mode = &modes[i];
            return PI0_OK;
        }
    return pi0_fail(err, PI0_EUNSUPPORTED,
                    "%s: %s: mode \"%.*s\" of %s is not known; known are IDENTITY, MEAN_STD, "
                    "MIN_MAX, QUANTILES, QUANTILE10",
                    file, step->name, pi0_json_clip(text, strlen(text)), text, type);
}

// the feature's type as the step lists it; `type` where it need not
static int find_type(const char **type, const processor *step, const char *feature,
                     const char *file, pi0_error *err)
{
    const json_t *listed = json_object_get(json_object_get(step->config, "features"), feature);
    const char *text = json_string_value(json_object_get(listed, "type"));
    if (text && strlen(text) < 64) *type = text;
    if (*type) return PI0_OK;
    return pi0_fail(err, PI0_EFORMAT,
                    "%s: \"features\" of %s does not list \"%s\" and its type: it would not be "
                    "normalised",
                    file, step->name, feature);
}

// normalize_observation_keys, where it is there, lists the only ones that are normalised
static bool is_left_out(const processor *step, const char *feature)
{
    const json_t *keys = json_object_get(step->config, "normalize_observation_keys"), *key;
    size_t i;
    if (!json_is_array(keys) || !strcmp(feature, "action")) return false;
    json_array_foreach(keys, i, key)
    {
        if (json_is_string(key) && !strcmp(json_string_value(key), feature)) return false;
    }
    return true;
}

static int read_eps(norm *out, const processor *step, const char *file, pi0_error *err)
{
    const json_t *eps = json_object_get(step->config, "eps");
    out->eps = eps ? json_number_value(eps) : 1e-8;
    if ((!eps || json_is_number(eps)) && out->eps >= 0 && out->eps <= 1) return PI0_OK;
    return pi0_fail(err, PI0_EFORMAT, "%s: \"eps\" of %s is %s, expected a number from 0 to 1",
                    file, step->name, pi0_json_kind(eps));
}

int pi0_feature_check_pictures(const processor *step, const char *file, pi0_error *err)
{
    const json_t *mode = json_object_get(json_object_get(step->config, "norm_map"), "VISUAL");
    const char *text = json_string_value(mode);
    if (!mode || json_is_null(mode) || (text && !strcmp(text, "IDENTITY"))) return PI0_OK;
    return pi0_fail(err, PI0_EUNSUPPORTED,
                    "%s: %s normalises pictures (VISUAL: \"%.*s\"), which is not supported", file,
                    step->name, text ? pi0_json_clip(text, strlen(text)) : 0, text ? text : "");
}

/* ---- the state file ---- */

static int read_tensor(double *out, int n, const safetensors *st, const char *feature,
                       const char *stat, const char *mode, const char *path, pi0_error *err)
{
    char name[160], shape[96];
    snprintf(name, sizeof name, "%s.%s", feature, stat);
    const st_tensor *t = pi0_safetensors_find(st, name);
    if (!t)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: no \"%s\", which %s needs: \"%s\" would not be normalised. Compute "
                        "the data set's statistics again, or change the mode",
                        path, name, mode, feature);
    const bool floats = t->type == DTYPE_F32 || t->type == DTYPE_F64 || t->type == DTYPE_F16 ||
                        t->type == DTYPE_BF16;
    if (!floats || t->bytes != (size_t)n * dtype_size(t->type))
        return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\" is %s of %s, expected [%d] of F32", path,
                        name, pi0_st_shape(shape, sizeof shape, t), dtype_name(t->type), n);
    for (int i = 0; i < n; i++) {
        out[i] = dtype_load(t->type, t->data, i);
        if (!isfinite(out[i]))
            return pi0_fail(err, PI0_EFORMAT, "%s: value %d of \"%s\" is not finite", path, i,
                            name);
    }
    return PI0_OK;
}

static int check_values(const norm *s, const norm_mode *mode, const char *feature, const char *path,
                        pi0_error *err)
{
    for (int i = 0; i < s->n; i++) {
        if (s->kind == NORM_MEAN_STD && s->b[i] < 0)
            return pi0_fail(err, PI0_EFORMAT, "%s: \"%s.std\"[%d] is %g, expected 0 or more", path,
                            feature, i, s->b[i]);
        if (s->kind != NORM_MEAN_STD && s->a[i] > s->b[i])
            return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\": %s[%d] is %g, above %s[%d], %g", path,
                            feature, mode->a, i, s->a[i], mode->b, i, s->b[i]);
    }
    return PI0_OK;
}

static int read_stats(norm *out, const norm_mode *mode, const char *feature, int n,
                      const char *path, pi0_error *err)
{
    safetensors st;
    const char *name = pi0_norm_name(mode->kind);
    if (!pi0_file_exists(path))
        return pi0_fail(err, PI0_EIO,
                        "%s is not there: it has the statistics of \"%s\"; copy it from where the "
                        "model came from",
                        path, feature);
    int status = pi0_safetensors_open(&st, path, err);
    if (status) return status;
    out->kind = mode->kind;
    out->n = n;
    status = read_tensor(out->a, n, &st, feature, mode->a, name, path, err);
    if (!status) status = read_tensor(out->b, n, &st, feature, mode->b, name, path, err);
    pi0_safetensors_close(&st);
    return status ? status : check_values(out, mode, feature, path, err);
}

int pi0_feature_norm(norm *out, char **path, const char *dir, const processor *step,
                     const char *feature, const char *type, int n, const char *file, pi0_error *err)
{
    const norm_mode *mode;
    *out = (norm){ .kind = NORM_IDENTITY };
    *path = NULL;
    int status = find_type(&type, step, feature, file, err);
    if (!status) status = find_mode(&mode, step, type, feature, file, err);
    if (!status) status = read_eps(out, step, file, err);
    if (status || !mode || is_left_out(step, feature)) return status;
    if (!step->state_file)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: %s has no \"state_file\": there are no statistics of \"%s\"", file,
                        step->name, feature);
    char *joined = pi0_path_join(dir, step->state_file);
    if (!joined) return pi0_fail(err, PI0_ENOMEM, "%s: no memory for a path", dir);
    status = read_stats(out, mode, feature, n, joined, err);
    if (status) {
        free(joined);
        return status;
    }
    *path = joined;
    return PI0_OK;
}
