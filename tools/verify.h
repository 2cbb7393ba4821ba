/* SPDX-License-Identifier: Apache-2.0 */
/* verify.h - the inside of pi0 verify: the accelerated flow beside the reference flow, module by
 * module, through the public taps and edits of two sessions.
 *
 * The reference runs once and its stages are kept. Then the accelerated flow runs
 *   accumulated  as it is: each stage has the errors of all before it
 *   parts        each stage replaced by the reference's after it was measured: modules alone
 *   blocks       only whole layers replaced: layers alone
 *   steps        only the actions between steps replaced: denoise steps alone
 * Each comparison is a row; a row has a bound and a verdict. */
#ifndef PI0_TOOLS_VERIFY_H
#define PI0_TOOLS_VERIFY_H
#include "fail.h"
#include "pi0.h"
#include <stdbool.h>

/* ---- numbers ---- */

// how far a is from b, both [n]
typedef struct likeness {
    double pcc;       // Pearson's correlation; NAN where b is constant and a is another
    double max_error; // largest |a - b|
    double rms_error;
    double rel_l2;  // |a - b| / |b|
    double outlier; // largest |a - b| / (|b| + rms of b)
    double rms;     // of b
    bool finite;    // all of a
} likeness;

// a0 and b0 (or NULL) are subtracted from a and b first: what a module added to its stream
likeness pi0_likeness(const float *a, const float *a0, const float *b, const float *b0, size_t n);
// of f64, which f32 would round: the first cols columns, rows are stride apart
likeness pi0_likeness_f64(const double *a, const double *b, int rows, int stride, int cols);

/* ---- modules ---- */

enum verify_kind {
    KIND_TIME,
    KIND_POSITIONS,
    KIND_NOISE,
    KIND_CONCATENATION,
    KIND_LENGTHS,
    KIND_PATCHES,
    KIND_VISION_ATTENTION,
    KIND_VISION_MLP,
    KIND_VISION_BLOCK,
    KIND_PROJECTOR,
    KIND_PREFIX_EMBEDDINGS,
    KIND_PREFIX_K,
    KIND_PREFIX_V,
    KIND_PREFIX_ATTENTION,
    KIND_PREFIX_MLP,
    KIND_PREFIX_BLOCK,
    KIND_STATE,
    KIND_STATE_K,
    KIND_STATE_V,
    KIND_STATE_ATTENTION,
    KIND_STATE_MLP,
    KIND_STATE_BLOCK,
    KIND_TIME_MLP,
    KIND_ACTION_IN,
    KIND_SUFFIX,
    KIND_EXPERT_K,
    KIND_EXPERT_V,
    KIND_EXPERT_ATTENTION,
    KIND_EXPERT_MLP,
    KIND_EXPERT_BLOCK,
    KIND_NORM,
    KIND_VELOCITY,
    KIND_STEP,
    KIND_X,
    KIND_ACTIONS,
    KIND_ROBOT,
    KIND_ROBOT_ACTION,
    KIND_COUNT,
    KIND_NONE = KIND_COUNT
};

// in the order in which an inference comes to them
enum verify_part { PART_VISION, PART_PREFIX, PART_STATE, PART_STEPS, PART_ACTIONS };

typedef struct verify_kind_info {
    const char *key;   // of --modules: "vision.attention"
    const char *title; // "SigLIP attention"
    enum verify_part part;
    int roundings; // to bf16 on the way through the module: docs/NUMERICS.md
} verify_kind_info;
extern const verify_kind_info pi0_verify_kinds[KIND_COUNT];

// what a stage's name says
typedef struct verify_stage {
    enum verify_kind kind;  // measured at this stage
    enum verify_kind block; // measured here as well: a whole layer ends; KIND_NONE
    enum verify_part part;
    bool added;      // kind: what was added to the stream since its last stage
    bool table;      // made with the session; edits do not reach it
    bool inner;      // inside of a layer
    char stream[16]; // the residual stream that it is the value of; "": of none
    char module[64]; // the row's name for kind
    int layer, step; // -1: none
} verify_stage;
// false: not known
bool pi0_verify_stage(verify_stage *s, const char *name);

enum verify_mode {
    MODE_ALONE,
    MODE_ACCUMULATED,
    MODE_AGAINST_REFERENCE,   // the reference flow against another runtime
    MODE_AGAINST_ACCELERATED, // the accelerated flow against it
    MODE_COUNT
};
extern const char *const pi0_verify_mode_names[MODE_COUNT];

typedef struct verify_row {
    char module[64];
    enum verify_kind kind;
    enum verify_mode mode;
    int layer, step; // -1: none
    int rows, cols;
    likeness is;
    double bound; // of rel_l2
    bool pass;
    char why[80]; // "" where it passed
} verify_row;

// what bounds depend on
typedef struct verify_terms {
    bool bf16;
    int patch; // values of a patch
    pi0_stack_info vision, language, expert;
} verify_terms;
// bound of rel_l2, by kind, mode and what lies before it; *floor: of pcc
double pi0_verify_bound(const verify_terms *t, const verify_row *row, double *floor);
// fill bound, pass and why from `is`; `extra` is added to the bound
void pi0_verify_judge(const verify_terms *t, verify_row *row, double extra);

/* ---- stages that are kept ---- */

typedef struct kept_stage {
    char name[64];
    int rows, cols;
    float *data;
    bool seen; // the other side had it, too
} kept_stage;

typedef struct stage_store {
    kept_stage *stage;
    int n, capacity, next; // next: where the last search ended
    bool failed;           // there was no memory
} stage_store;

void pi0_store_keep(stage_store *s, const char *name, const float *data, int rows, int cols);
kept_stage *pi0_store_find(stage_store *s, const char *name);
void pi0_store_free(stage_store *s);

/* ---- running ---- */

// one observation: the robot's or the network's inputs
typedef struct verify_inputs {
    const pi0_observation *obs; // NULL: `in` is meant
    const pi0_inputs *in;
    const float *noise; // [horizon][action_dim]; NULL: drawn from the sessions' seed
} verify_inputs;

typedef struct other_runtime other_runtime;

// what both flows made of one observation, for drawing
typedef struct verify_actions {
    int rows, cols;
    double *reference, *accelerated; // [rows][cols]; a robot's, else the network's own
} verify_actions;

typedef struct verify {
    verify_row *row;
    int n_rows, capacity;
    pi0_info info; // of the accelerated model
    verify_terms terms;
    const pi0_policy_info *policy; // NULL: no robot
    bool selected[KIND_COUNT];
    enum verify_part last;      // the last part that is wanted: nothing behind it has to run
    const other_runtime *other; // --against; NULL: none
    uint64_t seed;              // of the noise of the first observation; the next has the next one
    void (*progress)(void *user, double part);
    void *user;

    verify_actions actions; // of the first observation
    double reference_ms;    // of a chunk, of the first observation
    int n_images, n_tokens; // of the last observation
    int n_observations;
    bool failed; // there was no memory for a row
} verify;

/* Get ready for a model and the policy of its robot (NULL: none); modules: "vision,prefix.k" or
 * NULL for all. PI0_EINVAL names a module that is not known. */
int pi0_verify_init(verify *v, const pi0_model *accelerated, const pi0_policy_info *policy,
                    const char *modules, pi0_error *err);
void pi0_verify_free(verify *v);

/* Run one observation through both sessions and add its rows; of several the worst stays. Both
 * have the same horizon, steps and seed. Status of the library. */
int pi0_verify_run(verify *v, pi0_session *reference, pi0_session *accelerated,
                   const verify_inputs *in, pi0_error *err);
int pi0_verify_failures(const verify *v);

// whether a is nearer to its bound than b, or beyond it
bool pi0_verify_worse(const verify_row *a, const verify_row *b);
// a row measured: judged with `extra` on top of its bound, merged with one of its name and mode
void pi0_verify_add(verify *v, const verify_row *row, double extra);
// a row that cannot be measured
void pi0_verify_fail(verify *v, const verify_row *row, const char *why);

// one inference: the network's actions, and a robot's in its units (NULL: not wanted)
int pi0_verify_infer(const verify *v, pi0_session *s, const verify_inputs *in, float *actions,
                     double *robot, pi0_error *err);

/* Rows of what is not one module's. `own`: stages of the accelerated flow as it is. */
void pi0_verify_common(verify *v, stage_store *own, stage_store *reference, const float *noise);
// where the network was not run to its end
static inline bool pi0_verify_wants(const verify *v, enum verify_part part)
{
    return v->last >= part;
}
// what a longer observation before this one leaves behind changes nothing; actions and robot: room
// for what pi0_verify_infer() makes
int pi0_verify_lengths(verify *v, pi0_session *accelerated, const verify_inputs *in,
                       stage_store *own, float *actions, double *robot, pi0_error *err);
// a normalised value x is *centre + x * the result in the units of value i
double pi0_norm_scale(const pi0_policy_norm *n, int i, double *centre);
// robot actions in the robot's units; spread: rms of the network's own
void pi0_verify_robot(verify *v, const double *reference, const double *accelerated, int rows,
                      double spread);

/* ---- another runtime's tensors ---- */

/* Open a file of docs/VERIFY.md; the inputs of its inference point into it. PI0_EIO, PI0_EFORMAT.
 */
int pi0_other_open(other_runtime **o, const char *path, const pi0_model *model, pi0_error *err);
void pi0_other_free(other_runtime *o);
const verify_inputs *pi0_other_inputs(const other_runtime *o);
int pi0_other_horizon(const other_runtime *o);
/* Its values of a stage that is [rows][*cols] here, malloc'd; of the actions *cols may become less.
 * NULL: it has none, or (then *why is not NULL) of another shape. */
float *pi0_other_stage(const other_runtime *o, const char *name, int rows, int *cols,
                       const char **why);
#endif
