/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_model.c - checks of pi0 doctor: what the library itself says of the checkpoint, where no
 * check has said it before; and the memory that running it takes. */
#include "doctor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// warnings of the library that a check tells with more detail
static bool is_told(const doctor *d, const char *warning)
{
    static const struct {
        const char *text;
        enum finding_id id;
    } told[] = {
        { "not part of", F_TENSOR_UNKNOWN },   { "rtc_config", F_CONFIG_RTC },
        { "_variant", F_CONFIG_VARIANT },      { "never moved", F_STATS_ZERO_STD },
        { "never moved", F_STATS_ZERO_RANGE },
    };
    // the policy's own error has its findings
    if (strstr(warning, "no robot policy")) return true;
    for (int i = 0; i < d->n_findings; i++)
        for (size_t k = 0; k < sizeof told / sizeof *told; k++)
            if (told[k].id == d->findings[i].id && strstr(warning, told[k].text)) return true;
    return false;
}

static void tell_warnings(doctor *d)
{
    const char *text;
    for (int i = 0; d->model && (text = pi0_model_warning(d->model, i)); i++)
        if (!is_told(d, text)) pi0_found(d, F_MODEL_WARNING, "%s", text);
}

void pi0_check_model(doctor *d)
{
    tell_warnings(d);
    // the reason is mostly known by now
    const bool explained = pi0_found_count(d, FOUND_ERROR, "") > 0;
    if (!d->model && !explained)
        pi0_found(d, F_MODEL_REFUSED, "%s", d->model_error.message);
    else if (d->asked_policy && !d->has_policy && !explained)
        pi0_found(d, F_ROBOT_REFUSED, "%s", d->policy_error.message);
    else if (d->has_policy && !d->session && !explained)
        pi0_found(d, F_ROBOT_REFUSED, "%s", d->session_error.message);
    if (d->model)
        pi0_looked(d, "loads: %s, %s layout%s", d->info.pi05 ? "pi0.5" : "pi0", d->info.layout,
                   d->has_policy ? ", with its robot" : "");
}

/* ---- memory ---- */

// MB that programs can have, 0: not known. A container may have less than the machine
static double available_mb(void)
{
    double mb = 0, limit;
    char line[256];
    FILE *f = fopen("/proc/meminfo", "r");
    for (unsigned long long kb; f && fgets(line, sizeof line, f);)
        if (sscanf(line, "MemAvailable: %llu kB", &kb) == 1) mb = (double)kb * 1.024e-3;
    if (f) fclose(f);
    if ((f = fopen("/sys/fs/cgroup/memory.max", "r"))) {
        if (fscanf(f, "%lf", &limit) == 1 && limit * 1e-6 < mb) mb = limit * 1e-6;
        fclose(f);
    }
    return mb;
}

void pi0_check_memory(doctor *d)
{
    pi0_plan plan = { .session_bytes = 0 };
    pi0_options opt;
    if (!d->model) return;
    pi0_default_options(&opt);
    if (!d->info.horizon)
        opt.horizon = d->known_robot && d->policy.horizon ? d->policy.horizon : 50;
    if (pi0_model_plan(d->model, &opt, d->info.n_cameras, d->info.max_tokens, &plan, NULL))
        plan.session_bytes = 0;
    // what is decoded lies beside the packed weights
    const double decoded = (double)d->info.decoded_bytes * 1e-6;
    const double weights = (double)d->info.parameters * 1e-6,
                 session = (double)plan.session_bytes * 1e-6;
    const double have = d->o->memory ? d->o->memory : available_mb(),
                 bf16 = 2 * weights + session + decoded;
    const double f32 = 4 * weights + session + decoded;
    char there[64] = "what is free here is not known";
    if (have > 0) snprintf(there, sizeof there, "there are %.0f MB", have);
    pi0_found(d, have > 0 && bf16 > have ? F_MEMORY_SHORT : F_MEMORY_NEED,
              "about %.0f MB with --precision bf16, %.0f MB with f32; %s", bf16, f32, there);
    pi0_looked(d, "session of %.1f MB", session);
}
