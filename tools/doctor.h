/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h - the inside of pi0 doctor: what was read, once, and the checks that look at it.
 *
 * doctor_read.c fills a `doctor` from the folder; what cannot be read stays empty and keeps its
 * error. Then every check of doctor_checks[] runs, whatever the ones before it found, and adds
 * findings. Nothing is written anywhere. */
#ifndef PI0_TOOLS_DOCTOR_H
#define PI0_TOOLS_DOCTOR_H
#include "data/checkpoint.h"
#include "data/config.h"
#include "data/tensors.h"
#include "data/tokenizer.h"
#include "doctor_findings.h"
#include "doctor_stats.h"
#include "pi0.h"
#include <jansson.h>
#include <stdbool.h>

typedef struct doctor_options {
    const char *dir, *config, *tokenizer, *observation, *state_padding;
    int memory; // MB that there are; 0: ask the machine
    bool json, verbose;
} doctor_options;

typedef struct finding {
    enum finding_id id;
    char *what;
} finding;

// the outcome of one check, for --verbose
typedef struct check_line {
    const char *name;
    int n_findings;
    char text[200]; // what was looked at; "" where nothing could be
} check_line;

#define DOCTOR_CHECKS_MAX 32

// a JSON file of the checkpoint
typedef struct doctor_json {
    char *path;
    json_t *root; // NULL: see `error`, or not there
    bool there;
    pi0_error error;
} doctor_json;

typedef struct doctor {
    const doctor_options *o;
    char *dir; // the folder, also where o->dir is the file itself

    // files
    checkpoint files;
    bool has_tensors;
    pi0_error tensors_error;
    checkpoint_config config;
    bool has_config; // else config_error
    pi0_error config_error;
    doctor_json config_json, pre, post; // config.json and LeRobot's two pipelines
    bool lerobot;
    int pi05; // 1, 0; -1: not told by anything
    doctor_assets assets;
    stat_file stats[2]; // openpi: [0]; LeRobot: of the preprocessor and of the postprocessor
    bool has_stats[2];  // it is known which file

    // what the library makes of them
    pi0_model *model; // with the robot's config, if it goes with it; NULL: model_error
    pi0_info info;
    pi0_error model_error;
    bool asked_policy; // there should be a policy: a config is given, or the folder is LeRobot's
    bool has_policy;   // else policy_error
    bool known_robot;  // `policy` is filled in, by the named config alone if need be
    pi0_policy_info policy;
    pi0_error policy_error;
    pi0_session *session;    // of the model with the robot's policy; NULL: session_error
    pi0_error session_error; // "" where there is no policy
    char *tokenizer_path;    // NULL: tokenizer_error says where it was looked for
    tokenizer *words;
    pi0_error tokenizer_error;

    // results
    finding *findings;
    int n_findings;
    bool out_of_memory; // a finding got lost
    check_line lines[DOCTOR_CHECKS_MAX];
    int n_lines;
} doctor;

// read everything; never fails, see above
void pi0_doctor_read(doctor *d, const doctor_options *o);
void pi0_doctor_free(doctor *d);

// add a finding; the text names file, key, dimension, expected and found
__attribute__((format(printf, 3, 4))) void pi0_found(doctor *d, enum finding_id id,
                                                     const char *format, ...);
// what the running check looked at and found in order
__attribute__((format(printf, 2, 3))) void pi0_looked(doctor *d, const char *format, ...);
// findings of these severities whose id begins with `family`, "" for all
int pi0_found_count(const doctor *d, enum severity severity, const char *family);

/* ---- the checks, in the order of the report ---- */

void pi0_check_files(doctor *d);      // doctor_tensors.c
void pi0_check_tensors(doctor *d);    // all there, each once, shapes that agree
void pi0_check_values(doctor *d);     // doctor_values.c: NaN, zeros, types
void pi0_check_config(doctor *d);     // doctor_config.c: config.json
void pi0_check_processors(doctor *d); // doctor_processors.c: LeRobot's pipelines
void pi0_check_robot(doctor *d);      // doctor_config.c: the named config against the checkpoint
void pi0_check_stats(doctor *d);      // doctor_stats_check.c: there, and as long as the robot
void pi0_check_stat_values(doctor *d);
void pi0_check_cameras(doctor *d);   // doctor_config.c
void pi0_check_tokenizer(doctor *d); // doctor_words.c
void pi0_check_prompt(doctor *d);
void pi0_check_model(doctor *d); // doctor_model.c: whatever the library itself says
void pi0_check_memory(doctor *d);
void pi0_check_observation(doctor *d); // doctor_observation.c: keys, and the library's word

/* ---- what several checks need ---- */

// a list for a message: "a, b, c and 12 more"
typedef struct text_list {
    char text[700];
    size_t used;
    int n, shown;
} text_list;
__attribute__((format(printf, 2, 3))) void pi0_list_add(text_list *list, const char *format, ...);
const char *pi0_list_text(text_list *list); // "" where nothing was added

// the file's name without the checkpoint's folder in front, for short messages
const char *pi0_doctor_short(const doctor *d, const char *path);

// the stored tensor of a table entry, under any of its names; *second: another one, or NULL
const st_tensor *pi0_doctor_tensor(const doctor *d, enum tensor_id id, int layer,
                                   const st_tensor **second);
// sizes as most tensors tell them; false: these are no tensors of such a model
bool pi0_doctor_sizes(const doctor *d, model_sizes *sizes);

// values of the robot's state and columns of its actions; 0: not known
int pi0_doctor_dim(const doctor *d, bool actions);
// "3", or "3 (observation/joint_position[3])", into text
const char *pi0_doctor_dim_name(const doctor *d, bool actions, int i, char text[160]);

// the session's model; NULL: there is no policy
const pi0_model *pi0_doctor_robot(const doctor *d);
// the step of a LeRobot pipeline with this registry_name, or NULL
const json_t *pi0_doctor_step(const doctor_json *pipeline, const char *registry_name);
#endif
