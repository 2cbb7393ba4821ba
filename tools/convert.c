/* SPDX-License-Identifier: Apache-2.0 */
/* convert.c - a checkpoint into one folder: checked before, written under another name, loaded once
 * to see that it is whole, then given its name. */
#include "convert.h"
#include "data/norm_stats.h"
#include "st_write.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM (4u << 20) // beside the weights

/* ---- before ---- */

// what needs no long work to be seen: the wrong model, statistics that are not there
static int check_config(conversion *c)
{
    pi0_policy_info p;
    char name[TENSOR_NAME_SIZE];
    const st_tensor *found[2];
    const char *config = c->job->config;
    if (pi0_config_is_file(config)) return PI0_OK;
    int status = pi0_config_info(config, &p, c->err);
    if (status) return status;
    pi0_tensor_name(name, T_EX_NORM1_W, 0);
    const bool pi05 = pi0_safetensors_find_both(&c->cp.st, name, found) > 0;
    if (pi05 != p.pi05)
        return pi0_fail(c->err, PI0_EINVAL, "config \"%s\" is of %s, but %s is %s", config,
                        p.pi05 ? "pi0.5" : "pi0", c->job->from, pi05 ? "pi0.5" : "pi0");
    norm_stats *stats = malloc(sizeof *stats);
    char *path = NULL;
    status = stats ? pi0_norm_stats_find(stats, &path, c->home, p.asset_id, c->err)
                   : pi0_fail(c->err, PI0_ENOMEM, "no memory for statistics");
    if (!status) free(path);
    free(stats);
    return status;
}

static int check_job(conversion *c)
{
    const convert_job *job = c->job;
    const bool lerobot = c->config.layout == LAYOUT_LEROBOT;
    if (lerobot && (job->config || job->horizon))
        return pi0_fail(c->err, PI0_EINVAL,
                        "%s is a LeRobot checkpoint, which says robot and horizon itself: leave "
                        "--config and --horizon out",
                        job->from);
    if (job->horizon && c->config.horizon && job->horizon != c->config.horizon)
        return pi0_fail(c->err, PI0_EINVAL, "horizon %d was asked for, but config.json says %d",
                        job->horizon, c->config.horizon);
    if (!c->config.horizon && !job->config && !job->horizon && !c->config.policy)
        return pi0_fail(c->err, PI0_EINVAL,
                        "%s does not say how long an action chunk is: give --config NAME (pi0 "
                        "configs lists them) or --horizon N",
                        job->from);
    return job->config ? check_config(c) : PI0_OK;
}

// the folder that `to` will lie in has room
static int check_room(conversion *c, uint64_t bytes)
{
    char *folder = pi0_path_folder(c->to);
    const int status = folder ? pi0_check_room(folder, bytes + ROOM, c->err)
                              : pi0_fail(c->err, PI0_ENOMEM, "no memory for a path");
    free(folder);
    return status;
}

// "out/" and "out" are one folder
static char *trimmed(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    return strndup(path, n);
}

static int make_part(conversion *c)
{
    struct stat st;
    const size_t size = strlen(c->to) + 40;
    if (!lstat(c->to, &st))
        return pi0_fail(c->err, PI0_EIO, "%s: is there already; nothing is overwritten", c->to);
    if (!(c->part = malloc(size))) return pi0_fail(c->err, PI0_ENOMEM, "no memory for a path");
    snprintf(c->part, size, "%s.%ld.part", c->to, (long)getpid());
    if (!mkdir(c->part, 0777)) return PI0_OK;
    const int status = pi0_fail_errno(c->err, PI0_EIO, "%s: cannot make the folder", c->part);
    free(c->part);
    c->part = NULL;
    return status;
}

/* ---- afterwards ---- */

// what was written, by the backend that reads weights where they are
static int open_part(pi0_model **m, conversion *c)
{
    pi0_options opt;
    pi0_default_options(&opt);
    opt.backend = "reference";
    return pi0_load(m, c->part, &opt, c->err);
}

// the robot of what was written, where there is one; where LeRobot's processors came along but
// cannot be read it is no model without a robot
static int robot_of(conversion *c, const pi0_model *m, bool *robot, pi0_policy_info *p)
{
    pi0_error why;
    *robot = !pi0_model_policy(m, p, &why);
    if (*robot || why.code != PI0_EIO) return PI0_OK;
    char *path = pi0_path_join(c->part, "policy_preprocessor.json");
    const bool there = !path || pi0_file_exists(path);
    free(path);
    return there ? pi0_fail(c->err, why.code, "%s", why.message) : PI0_OK;
}

// load it; write out what it is
static int load_part(conversion *c, convert_result *r)
{
    pi0_model *m;
    pi0_info info;
    pi0_policy_info p;
    bool robot;
    int status = open_part(&m, c);
    if (status) return status;
    pi0_model_info(m, &info);
    r->horizon = info.horizon;
    status = robot_of(c, m, &robot, &p);
    if (robot) snprintf(r->config, sizeof r->config, "%s", p.config);
    if (!status && !info.horizon)
        status =
            pi0_fail(c->err, PI0_EINVAL,
                     "config \"%s\" does not say how long an action chunk is: give --horizon N",
                     c->job->config ? c->job->config : "config.json");
    if (!status) status = pi0_convert_config(c, &info, robot ? &p : NULL);
    pi0_free(m);
    return status;
}

// the config.json that was written out is read as well as it was written
static int check_part(conversion *c)
{
    pi0_model *m;
    // LeRobot's is the source's own, and has been read
    if (c->config.layout == LAYOUT_LEROBOT) return PI0_OK;
    const int status = open_part(&m, c);
    if (!status) pi0_free(m);
    return status;
}

/* ---- together ---- */

static int fill_part(conversion *c, convert_result *r)
{
    st_tensor *list = NULL;
    int status = pi0_convert_list(&list, &r->n_tensors, &r->bytes, c);
    if (!status) status = check_room(c, r->bytes);
    if (!status) status = make_part(c);
    if (!status) status = pi0_convert_files(c);
    if (!status) status = pi0_convert_config(c, NULL, NULL);
    if (!status) status = pi0_convert_weights(list, r->n_tensors, r->bytes, c);
    free(list);
    if (!status) status = load_part(c, r);
    if (!status) status = check_part(c);
    if (!status && rename(c->part, c->to))
        status = pi0_fail_errno(c->err, PI0_EIO, "%s: cannot rename to %s", c->part, c->to);
    return status;
}

int pi0_convert(const convert_job *job, convert_result *result, notices *w, pi0_error *err)
{
    conversion c = { .job = job, .w = w, .err = err };
    *result = (convert_result){ 0 };
    int status = pi0_checkpoint_open(&c.cp, job->from, err);
    if (status) return status;
    c.home = pi0_checkpoint_home(job->from);
    c.to = trimmed(job->to);
    if (!c.home || !c.to) status = pi0_fail(err, PI0_ENOMEM, "no memory for a path");
    if (!status) status = pi0_config_read(&c.config, c.home, err);
    if (!status) status = check_job(&c);
    if (!status && c.cp.map.lora_rank)
        pi0_notice(w,
                   "LoRA weights of rank up to %d are merged, with alpha / rank = 1 as in all of "
                   "openpi's configs",
                   c.cp.map.lora_rank);
    if (!status) status = fill_part(&c, result);
    if (status && c.part) pi0_convert_remove(c.part);
    pi0_checkpoint_close(&c.cp);
    free(c.home);
    free(c.to);
    free(c.part);
    return status;
}
