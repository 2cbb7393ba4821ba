/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_policy_json.c - the JSON that a robot's policy is made of. The first byte says which: n a
 * norm_stats.json; r a robot's file; l a LeRobot folder: its preprocessor, postprocessor and
 * config.json with a 0 byte between them. A policy that can be made is run. */
#include "data/norm_stats.h"
#include "fuzz/fuzz.h"
#include "policy/robots.h"
#include "support/st_blob.h"
#include "support/tmpdir.h"
#include <math.h>

enum { ROWS = 2, COLS = 32, COUNT_STATS = 8 };

// a failure says so, in a line
static void check_line(int status, const pi0_error *err)
{
    check_failure(status, err);
    must(!strchr(err->message, '\n'));
}

/* ---- statistics ---- */

static void fuzz_stats(const char *text, size_t size)
{
    static norm_stats stats;
    pi0_error err = { 0 };
    const int status = pi0_norm_stats_parse(&stats, text, size, "fuzz", &err);
    if (status) {
        check_line(status, &err);
        return;
    }
    const vector_stats *both[] = { &stats.state, &stats.actions };
    for (int k = 0; k < 2; k++) {
        must(both[k]->n >= 1 && both[k]->n <= NORM_STATS_MAX);
        for (int i = 0; i < both[k]->n; i++)
            must(isfinite(both[k]->mean[i]) && both[k]->std[i] >= 0);
    }
}

/* ---- what a policy says and does ---- */

static void check_info(const pi0_policy_info *p)
{
    int n = 0;
    must(p->config[0] && p->robot[0] && p->metadata[0] == '{');
    must(p->n_actions >= 1 && p->n_actions <= POLICY_MAX_VALUES);
    must(p->n_cameras <= POLICY_MAX_CAMERAS && p->n_states <= POLICY_MAX_STATES);
    for (int i = 0; i < p->n_cameras; i++) must(p->cameras[i].name != NULL);
    for (int i = 0; i < p->n_states; i++) n += p->states[i].size;
    must(n == p->state_dim && n >= 1 && n <= POLICY_MAX_VALUES);
    for (int i = 0; i < p->n_actions && p->action_names; i++) must(p->action_names[i] != NULL);
    for (int i = 0; i < p->n_actions && p->relative; i++) must(p->relative[i] <= 1);
}

// every step, over buffers of exactly the sizes that are promised
static void run_policy(const policy *p)
{
    const size_t n_state = (size_t)p->info.state_dim, n_actions = (size_t)p->info.n_actions;
    const size_t n_prompt = p->padded_state > p->info.state_dim ? (size_t)p->padded_state : n_state;
    float network[ROWS * COLS];
    step_data d = { .state = calloc(n_state, sizeof(double)),
                    .anchor = calloc(n_state, sizeof(double)),
                    .prompt = calloc(n_prompt, sizeof(double)),
                    .actions = calloc(ROWS * n_actions, sizeof(double)),
                    .network = network,
                    .network_cols = COLS,
                    .rows = ROWS };
    must(d.state && d.anchor && d.prompt && d.actions);
    for (int i = 0; i < ROWS * COLS; i++) network[i] = (float)i;
    pi0_policy_run(p, p->input, &d);
    must(d.n_prompt >= 0 && (size_t)d.n_prompt <= n_prompt);
    pi0_policy_run(p, p->output, &d);
    free(d.state);
    free(d.anchor);
    free(d.prompt);
    free(d.actions);
}

static void fuzz_robot(const char *text, size_t size)
{
    static policy_spec spec;
    pi0_policy_info info;
    pi0_error err = { 0 };
    const int status = pi0_spec_parse(&spec, text, size, "fuzz", &err);
    if (status) {
        check_line(status, &err);
        return;
    }
    pi0_spec_info(&info, &spec);
    check_info(&info);
    pi0_spec_free(&spec);
}

/* ---- a LeRobot folder ---- */

static tmpdir folder;

static void remove_folder(void)
{
    tmpdir_remove(&folder);
}

// statistics of three values of both features, in a file that every step may name
static void make_folder(void)
{
    static const char *const stats[] = { "mean", "std", "min", "max", "q01", "q99", "q10", "q90" };
    static const char *const feature[] = { "observation.state", "action" };
    static float data[2 * COUNT_STATS * 3];
    char header[2000];
    size_t at = 0;
    folder = tmpdir_make();
    atexit(remove_folder);
    for (int f = 0; f < 2; f++)
        for (int k = 0; k < COUNT_STATS; k++) {
            const int begin = (f * COUNT_STATS + k) * 12;
            at += (size_t)snprintf(header + at, sizeof header - at,
                                   "%c\"%s.%s\":{\"dtype\":\"F32\",\"shape\":[3],"
                                   "\"data_offsets\":[%d,%d]}",
                                   at ? ',' : '{', feature[f], stats[k], begin, begin + 12);
            for (int i = 0; i < 3; i++) data[begin / 4 + i] = (float)k;
        }
    snprintf(header + at, sizeof header - at, "}");
    const st_blob blob = st_blob_make(header, strlen(header), data, sizeof data);
    tmpdir_write(&folder, "s.safetensors", blob.bytes, blob.size);
    free(blob.bytes);
}

// the next part, up to a 0 byte, into a file; returns what is behind it
static const char *write_part(const char *name, const char *text, const char *end)
{
    const char *zero = text < end ? memchr(text, 0, (size_t)(end - text)) : NULL;
    const char *stop = zero ? zero : end;
    tmpdir_write(&folder, name, text, (size_t)(stop - text));
    return zero ? zero + 1 : end;
}

static void fuzz_lerobot(const char *text, size_t size)
{
    const char *end = text + size;
    static checkpoint_config config;
    pi0_error err = { 0 };
    policy *p = NULL;
    if (!folder.path[0]) make_folder();
    text = write_part("policy_preprocessor.json", text, end);
    text = write_part("policy_postprocessor.json", text, end);
    write_part("config.json", text, end);
    if (pi0_config_read(&config, folder.path, &err) || config.layout != LAYOUT_LEROBOT) return;
    const policy_request request = { .dir = folder.path,
                                     .state_padding = size & 1 ? "v0.4" : NULL,
                                     .checkpoint = &config,
                                     .pi05 = config.pi05 == 1,
                                     .state_dim = COLS,
                                     .action_dim = COLS };
    const int status = pi0_policy_load(&p, &request, &err);
    if (status) {
        check_line(status, &err);
        must(!p);
        return;
    }
    check_info(&p->info);
    run_policy(p);
    pi0_policy_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    const char *text = (const char *)data + 1;
    switch (data[0]) {
    case 'n': fuzz_stats(text, size - 1); break;
    case 'r': fuzz_robot(text, size - 1); break;
    case 'l': fuzz_lerobot(text, size - 1); break;
    default: break;
    }
    return 0;
}
