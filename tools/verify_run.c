/* SPDX-License-Identifier: Apache-2.0 */
/* verify_run.c - one observation through both flows: the reference once, the accelerated flow as
 * it is, then with the reference's values between its parts, its layers, its steps. */
#include "terminal.h"
#include "verify.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum pass { PASS_ACCUMULATED, PASS_PARTS, PASS_BLOCKS, PASS_STEPS, N_PASSES };

// a residual stream: what its last stage was, here and in the reference
typedef struct stream {
    char name[16];
    float *own;
    size_t n;
    const kept_stage *reference;
} stream;

#define MAX_STREAMS 72 // one for each picture, and prefix, state, expert, x
typedef struct watch {
    verify *v;
    enum pass pass;
    stage_store *reference, *own; // own: where the accelerated flow's are kept, or NULL
    stream stream[MAX_STREAMS];
    int n_streams;
    int last_step;
    pi0_session *session;
    bool stopped; // all that is wanted was seen
    bool failed;  // no memory
} watch;

/* ---- streams ---- */

static stream *stream_of(watch *w, const char *name)
{
    for (int i = 0; i < w->n_streams; i++)
        if (!strcmp(w->stream[i].name, name)) return &w->stream[i];
    if (!*name || w->n_streams == MAX_STREAMS) return NULL;
    stream *s = &w->stream[w->n_streams++];
    *s = (stream){ .own = NULL };
    snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

// the stream is now `data` here (the reference's, where that takes its place)
static void stream_move(watch *w, stream *s, const kept_stage *ref, const float *data)
{
    const size_t n = (size_t)ref->rows * (size_t)ref->cols;
    if (s->n != n) {
        free(s->own);
        s->own = malloc(n * sizeof *s->own);
        s->n = s->own ? n : 0;
        w->failed |= !s->own;
    }
    if (s->own) memcpy(s->own, data, n * sizeof *s->own);
    s->reference = ref;
}

static void streams_free(watch *w)
{
    for (int i = 0; i < w->n_streams; i++) free(w->stream[i].own);
    w->n_streams = 0;
}

/* ---- measuring a stage ---- */

static enum verify_mode mode_of(const watch *w)
{
    return w->pass == PASS_ACCUMULATED ? MODE_ACCUMULATED : MODE_ALONE;
}

static verify_row row_of(enum verify_mode mode, const verify_stage *s, const kept_stage *ref,
                         enum verify_kind kind)
{
    verify_row row = { .kind = kind,
                       .mode = mode,
                       .layer = s->layer,
                       .step = s->step,
                       .rows = ref->rows,
                       .cols = ref->cols };
    if (kind == s->kind)
        snprintf(row.module, sizeof row.module, "%s", s->module);
    else
        snprintf(row.module, sizeof row.module, "%s", ref->name);
    return row;
}

// an f32 stream is rounded where something is added to it, which a small addition feels most
static double rounding_of_stream(const kept_stage *ref, likeness added)
{
    double squares = 0;
    const size_t n = (size_t)ref->rows * (size_t)ref->cols;
    for (size_t i = 0; i < n; i++) squares += (double)ref->data[i] * (double)ref->data[i];
    const double rms = sqrt(squares / (double)n);
    return added.rms > 0 ? 2 * 0x1p-24 * rms / added.rms : 0;
}

static void measure(watch *w, const verify_stage *s, const kept_stage *ref, const float *data,
                    enum verify_kind kind, bool added)
{
    verify_row row = row_of(mode_of(w), s, ref, kind);
    const size_t n = (size_t)ref->rows * (size_t)ref->cols;
    const stream *before = added ? stream_of(w, s->stream) : NULL;
    if (added && (!before || before->n != n)) return;
    if (kind == KIND_STEP) {
        // x before step k + 1 is what step k made
        row.step = s->step < 0 ? w->last_step : s->step - 1;
        snprintf(row.module, sizeof row.module, "step%d", row.step);
    }
    if (added)
        row.is = pi0_likeness(data, before->own, ref->data, before->reference->data, n);
    else
        row.is = pi0_likeness(data, NULL, ref->data, NULL, n);
    pi0_verify_add(w->v, &row, added ? rounding_of_stream(ref, row.is) : 0);
}

static void measure_all(watch *w, const verify_stage *s, const kept_stage *ref, const float *data)
{
    const bool time = s->kind == KIND_TIME || s->kind == KIND_POSITIONS; // pi0_verify_common()'s
    const bool step = s->block == KIND_STEP;
    switch (w->pass) {
    case PASS_ACCUMULATED:
        if (!time) measure(w, s, ref, data, s->kind, s->added);
        if (s->block != KIND_NONE && !step) measure(w, s, ref, data, s->block, false);
        break;
    case PASS_PARTS:
        // the noise has a row of its own, the last actions are no module's
        if (!time && s->kind != KIND_ACTIONS && !(s->kind == KIND_X && s->step == 0))
            measure(w, s, ref, data, s->kind, s->added);
        break;
    case PASS_BLOCKS:
        if (s->block != KIND_NONE && !step) measure(w, s, ref, data, s->block, false);
        break;
    default:
        if (step && s->step != 0) measure(w, s, ref, data, KIND_STEP, true);
    }
}

// whether the reference's value goes on in place of ours
static bool replaces(const watch *w, const verify_stage *s)
{
    if (s->table || s->kind == KIND_ACTIONS) return false;
    switch (w->pass) {
    case PASS_ACCUMULATED: return false;
    case PASS_PARTS: return true;
    case PASS_BLOCKS: return !s->inner;
    default: return s->part != PART_STEPS || s->kind == KIND_X;
    }
}

// past all that is wanted: the run may end
static bool stop_behind(const verify *v, const verify_stage *s, pi0_session *session, bool *stopped)
{
    if (pi0_verify_wants(v, s->part)) return false;
    pi0_cancel(session);
    return *stopped = true;
}

static int at_stage(void *user, const char *name, float *data, int rows, int cols)
{
    watch *w = user;
    verify_stage s;
    char why[100];
    if (!pi0_verify_stage(&s, name) || stop_behind(w->v, &s, w->session, &w->stopped)) return 0;
    if (w->own) pi0_store_keep(w->own, name, data, rows, cols);
    kept_stage *ref = pi0_store_find(w->reference, name);
    if (!ref) {
        const kept_stage here = { .rows = rows, .cols = cols };
        const verify_row row = row_of(mode_of(w), &s, &here, s.kind);
        pi0_verify_fail(w->v, &row, "the reference flow has no such stage");
        return 0;
    }
    ref->seen = true;
    if (ref->rows != rows || ref->cols != cols) {
        const verify_row row = row_of(mode_of(w), &s, ref, s.kind);
        snprintf(why, sizeof why, "shape [%d,%d] instead of [%d,%d]", rows, cols, ref->rows,
                 ref->cols);
        pi0_verify_fail(w->v, &row, why);
        return 0;
    }
    measure_all(w, &s, ref, data);
    const bool replace = replaces(w, &s);
    if (replace) memcpy(data, ref->data, (size_t)rows * (size_t)cols * sizeof *data);
    stream *t = stream_of(w, s.stream);
    if (t) stream_move(w, t, ref, data);
    return replace;
}

/* ---- one run of a session ---- */

// keeps the reference's stages, and tells how far it is
typedef struct keeper {
    verify *v;
    stage_store *store;
    pi0_session *session;
    double done, vision, prefix, step; // work: done, of a layer of each
    bool stopped;
} keeper;

static void keep(void *user, const char *name, const float *data, int rows, int cols)
{
    keeper *k = user;
    verify_stage s;
    if (!pi0_verify_stage(&s, name) || stop_behind(k->v, &s, k->session, &k->stopped)) return;
    pi0_store_keep(k->store, name, data, rows, cols);
    if (s.kind == KIND_PREFIX_V) k->done += k->prefix;
    if (s.block == KIND_VISION_BLOCK) k->done += k->vision;
    if (s.block == KIND_EXPERT_BLOCK) k->done += k->step;
    if (k->v->progress) k->v->progress(k->v->user, k->done < 1 ? k->done : 1);
}

// what part of the work each layer is, near enough for a percentage: two pictures
static void share_work(keeper *k, const pi0_info *i, const pi0_session_info *made)
{
    const double rows = 2.0 * i->image_tokens, width = i->vision.width;
    k->vision = rows * (4 * width + 2.0 * i->vision.mlp) * width;
    k->prefix = rows * (2.5 * i->language.width + 3.0 * i->language.mlp) * i->language.width;
    k->step = made->horizon * (5.0 * i->expert.width + 3.0 * i->expert.mlp) * i->expert.width;
    const double all =
        k->vision * i->vision.layers +
        (pi0_verify_wants(k->v, PART_PREFIX) ? k->prefix * i->language.layers : 0) +
        (pi0_verify_wants(k->v, PART_STEPS) ? k->step * i->expert.layers * made->num_steps : 0);
    k->vision /= 2 * all; // comes once for each picture
    k->prefix /= all;
    k->step /= all;
}

int pi0_verify_infer(const verify *v, pi0_session *s, const verify_inputs *in, float *actions,
                     double *robot, pi0_error *err)
{
    pi0_session_info made;
    pi0_session_get_info(s, &made);
    const size_t rows = (size_t)made.horizon;
    int status;
    // every run of this observation starts from the same noise
    pi0_session_seed(s, v->seed + (uint64_t)v->n_observations);
    pi0_interrupt_session(s);
    if (in->obs)
        status = pi0_act(s, in->obs, in->noise, robot, rows * (size_t)v->policy->n_actions, err);
    else
        status = pi0_infer(s, in->in, in->noise, actions, rows * (size_t)made.action_dim, err);
    pi0_interrupt_session(NULL);
    if (status && status != PI0_ECANCELED) return status;
    return pi0_interrupted() ? PI0_ECANCELED : status;
}

// ended by us rather than by the user
static int ended(int status, bool stopped)
{
    return status == PI0_ECANCELED && stopped && !pi0_interrupted() ? PI0_OK : status;
}

static int run_reference(verify *v, pi0_session *s, const verify_inputs *in, stage_store *store,
                         float *actions, double *robot, pi0_error *err)
{
    pi0_session_info made;
    pi0_timing t;
    keeper k = { .v = v, .store = store, .session = s };
    pi0_session_get_info(s, &made);
    share_work(&k, &v->info, &made);
    int status = pi0_session_set_tap(s, keep, &k, err);
    if (!status) status = pi0_verify_infer(v, s, in, actions, robot, err);
    status = ended(status, k.stopped);
    pi0_session_set_tap(s, NULL, NULL, NULL);
    pi0_session_timing(s, &t);
    if (!v->n_observations && !k.stopped) v->reference_ms = t.total_ms;
    if (!status && store->failed) status = pi0_fail(err, PI0_ENOMEM, "no memory for the stages");
    return status;
}

static int run_pass(watch *w, const verify_inputs *in, float *actions, double *robot,
                    pi0_error *err)
{
    pi0_session_info made;
    pi0_session *s = w->session;
    pi0_session_get_info(s, &made);
    w->last_step = made.num_steps - 1;
    int status = pi0_session_set_edit(s, at_stage, w, err);
    if (!status) status = pi0_verify_infer(w->v, s, in, actions, robot, err);
    status = ended(status, w->stopped);
    // the chunk of a module that went wrong need not be finite: its row says so
    if (status == PI0_ENUMERIC) status = PI0_OK;
    pi0_session_set_edit(s, NULL, NULL, NULL);
    streams_free(w);
    if (!status && (w->failed || (w->own && w->own->failed)))
        status = pi0_fail(err, PI0_ENOMEM, "no memory for the stages");
    return status;
}

/* ---- both flows ---- */

// stages that the reference came to and the accelerated flow did not
static void add_unseen(verify *v, const stage_store *reference)
{
    verify_stage s;
    for (int i = 0; i < reference->n; i++) {
        const kept_stage *k = &reference->stage[i];
        if (k->seen || !pi0_verify_stage(&s, k->name)) continue;
        const verify_row row = row_of(MODE_ACCUMULATED, &s, k, s.kind);
        pi0_verify_fail(v, &row, "the accelerated flow does not come to it");
    }
}

// the first columns of a stage against another runtime's
static likeness against(verify *v, const kept_stage *k, const float *theirs, int cols)
{
    const size_t n = (size_t)k->rows * (size_t)cols;
    float *ours = malloc(n * sizeof *ours);
    if (!ours) {
        v->failed = true;
        return (likeness){ .finite = false };
    }
    for (int r = 0; r < k->rows; r++)
        memcpy(ours + (size_t)r * (size_t)cols, k->data + (size_t)r * (size_t)k->cols,
               (size_t)cols * sizeof *ours);
    const likeness l = pi0_likeness(ours, NULL, theirs, NULL, n);
    free(ours);
    return l;
}

// a flow's stages against another runtime's
static void add_other(verify *v, const stage_store *store, enum verify_mode mode)
{
    verify_stage s;
    for (int i = 0; v->other && i < store->n; i++) {
        const kept_stage *k = &store->stage[i];
        const char *why = NULL;
        int cols = k->cols;
        float *theirs = pi0_other_stage(v->other, k->name, k->rows, &cols, &why);
        if ((!theirs && !why) || !pi0_verify_stage(&s, k->name)) continue;
        const bool block = s.block != KIND_NONE && s.block != KIND_STEP;
        verify_row row = row_of(mode, &s, k, block ? s.block : s.kind);
        row.cols = cols;
        snprintf(row.module, sizeof row.module, "%s", k->name);
        if (theirs) {
            row.is = against(v, k, theirs, cols);
            pi0_verify_add(v, &row, 0);
        } else {
            pi0_verify_fail(v, &row, why);
        }
        free(theirs);
    }
}

// what the runs of an observation leave
typedef struct outputs {
    stage_store reference, own;
    float *noise, *actions;             // [horizon][action_dim]
    double *robot[2], *spare;           // [horizon][n_actions]: reference, accelerated
    int horizon, action_dim, n_actions; // n_actions 0: no robot
} outputs;

static void outputs_free(outputs *o)
{
    pi0_store_free(&o->reference);
    pi0_store_free(&o->own);
    free(o->noise);
    free(o->actions);
    free(o->robot[0]);
    free(o->robot[1]);
    free(o->spare);
}

static int outputs_make(outputs *o, const verify *v, pi0_session *s, const verify_inputs *in,
                        pi0_error *err)
{
    pi0_session_info made;
    pi0_session_get_info(s, &made);
    *o = (outputs){ .horizon = made.horizon,
                    .action_dim = made.action_dim,
                    .n_actions = in->obs ? v->policy->n_actions : 0 };
    const size_t n = (size_t)made.horizon * (size_t)made.action_dim;
    const size_t robot = (size_t)made.horizon * (size_t)o->n_actions + 1;
    o->noise = malloc(n * sizeof *o->noise);
    o->actions = malloc(n * sizeof *o->actions);
    o->robot[0] = calloc(robot, sizeof **o->robot);
    o->robot[1] = calloc(robot, sizeof **o->robot);
    o->spare = calloc(robot, sizeof *o->spare);
    if (!o->noise || !o->actions || !o->robot[0] || !o->robot[1] || !o->spare)
        return pi0_fail(err, PI0_ENOMEM, "no memory for %zu actions", n);
    if (in->noise)
        memcpy(o->noise, in->noise, n * sizeof *o->noise);
    else
        pi0_noise(v->seed + (uint64_t)v->n_observations, 0, o->noise, n);
    return PI0_OK;
}

// the first observation's chunk, to be drawn
static int keep_actions(verify *v, outputs *o, pi0_error *err)
{
    verify_actions *a = &v->actions;
    const kept_stage *x = pi0_store_find(&o->reference, "actions"),
                     *y = pi0_store_find(&o->own, "actions");
    if (a->reference || !x || !y) return PI0_OK;
    a->rows = o->horizon;
    a->cols = o->n_actions ? o->n_actions : o->action_dim;
    const size_t n = (size_t)a->rows * (size_t)a->cols;
    a->reference = malloc(n * sizeof *a->reference);
    a->accelerated = malloc(n * sizeof *a->accelerated);
    if (!a->reference || !a->accelerated) return pi0_fail(err, PI0_ENOMEM, "no memory for actions");
    for (size_t i = 0; i < n; i++) {
        a->reference[i] = o->n_actions ? o->robot[0][i] : (double)x->data[i];
        a->accelerated[i] = o->n_actions ? o->robot[1][i] : (double)y->data[i];
    }
    return PI0_OK;
}

// rms of the network's actions that a robot has
static double spread_of(const kept_stage *actions, int n)
{
    double squares = 0;
    for (int r = 0; r < actions->rows; r++)
        for (int c = 0; c < n && c < actions->cols; c++) {
            const double x = actions->data[r * actions->cols + c];
            squares += x * x;
        }
    return sqrt(squares / actions->rows / n);
}

// what the prefix held: pictures, then the prompt
static void count_inputs(verify *v, stage_store *reference)
{
    const kept_stage *prefix = pi0_store_find(reference, "prefix.embeddings");
    char name[40];
    v->n_images = 0;
    do snprintf(name, sizeof name, "vision.%d.tokens", v->n_images);
    while (pi0_store_find(reference, name) && ++v->n_images);
    v->n_tokens = prefix ? prefix->rows - v->n_images * v->info.image_tokens : 0;
}

static int compare_ends(verify *v, pi0_session *accelerated, const verify_inputs *in, outputs *o,
                        pi0_error *err)
{
    const kept_stage *actions = pi0_store_find(&o->reference, "actions");
    count_inputs(v, &o->reference);
    add_unseen(v, &o->reference);
    pi0_verify_common(v, &o->own, &o->reference, o->noise);
    add_other(v, &o->reference, MODE_AGAINST_REFERENCE);
    add_other(v, &o->own, MODE_AGAINST_ACCELERATED);
    if (!actions) return PI0_OK;
    if (o->n_actions)
        pi0_verify_robot(v, o->robot[0], o->robot[1], o->horizon, spread_of(actions, o->n_actions));
    const int status = keep_actions(v, o, err);
    if (status) return status;
    return pi0_verify_lengths(v, accelerated, in, &o->own, o->actions, o->spare, err);
}

int pi0_verify_run(verify *v, pi0_session *reference, pi0_session *accelerated,
                   const verify_inputs *in, pi0_error *err)
{
    outputs o;
    int status = outputs_make(&o, v, accelerated, in, err);
    if (!status) status = run_reference(v, reference, in, &o.reference, o.actions, o.robot[0], err);
    for (int p = 0; p < N_PASSES && !status; p++) {
        const bool first = p == PASS_ACCUMULATED;
        watch w = { .v = v,
                    .pass = (enum pass)p,
                    .reference = &o.reference,
                    .own = first ? &o.own : NULL,
                    .session = accelerated };
        if (p == PASS_STEPS && !pi0_verify_wants(v, PART_STEPS)) break;
        status = run_pass(&w, in, o.actions, first ? o.robot[1] : o.spare, err);
    }
    if (!status) status = compare_ends(v, accelerated, in, &o, err);
    outputs_free(&o);
    if (!status && v->failed) status = pi0_fail(err, PI0_ENOMEM, "no memory for the table");
    v->n_observations++;
    return status;
}
