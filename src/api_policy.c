/* SPDX-License-Identifier: Apache-2.0 */
/* api_policy.c - the public functions of the robot's side: an observation through the policy's
 * steps, the network, and back. Mirrors openpi src/openpi/policies/policy.py Policy.infer. */
#include "api.h"
#include "core/clock.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// warnings that a session gives once
enum { WARN_EXTRA = 1, WARN_FLOATS = 2, WARN_EMPTY = 4, WARN_CUT = 8 };

// what a session needs beside the network's buffers; made by the first observation
typedef struct acting {
    double *robot_state, *state, *anchor, *prompt; // [state_dim], prompt also with its zeros
    double *made, *chunk;                          // [horizon][n_actions]: of this call, the last
    float *network;                                // [horizon][action_dim]
    int32_t *tokens;                               // [max_tokens]
    uint8_t *rgb;  // [max_images][size][size][3]: resized as openpi does
    float *pixels; // [max_images][3][size][size]: as LeRobot does
    pi0_image images[POLICY_MAX_CAMERAS];
    const char *cameras[POLICY_MAX_CAMERAS];
    image_scratch converted, resized;
    int row, rows; // of the chunk that pi0_next_action() hands out
    unsigned warned;
    void *block; // owner of the buffers
} acting;

/* ---- memory ---- */

static void lay_out(acting *a, arena *m, const pi0_session *s)
{
    const policy *p = s->model->policy;
    const size_t side = (size_t)s->r.image_size, values = side * side * 3;
    const size_t images = (size_t)s->r.limits.max_images * values;
    const size_t state = (size_t)p->info.state_dim * sizeof(double);
    const size_t rows = (size_t)s->r.limits.horizon;
    const size_t actions = rows * (size_t)p->info.n_actions * sizeof(double);
    const size_t padded = (size_t)p->padded_state * sizeof(double);
    a->robot_state = arena_take(m, state);
    a->state = arena_take(m, state);
    a->anchor = arena_take(m, state);
    a->prompt = arena_take(m, state > padded ? state : padded);
    a->made = arena_take(m, actions);
    a->chunk = arena_take(m, actions);
    a->network = arena_take(m, rows * (size_t)s->r.actions.cols * sizeof(float));
    a->tokens = arena_take(m, (size_t)s->r.limits.max_tokens * sizeof(int32_t));
    a->rgb = arena_take(m, p->torch ? 0 : images);
    a->pixels = arena_take(m, p->torch ? images * sizeof(float) : 0);
}

void pi0_acting_free(struct acting *a)
{
    if (!a) return;
    pi0_image_scratch_free(&a->converted);
    pi0_image_scratch_free(&a->resized);
    free(a->block);
    free(a);
}

static int ready(pi0_session *s, pi0_error *err)
{
    arena m = { 0 };
    if (s->acting) return PI0_OK;
    acting *a = calloc(1, sizeof *a);
    if (!a) return pi0_fail(err, PI0_ENOMEM, "no memory for a robot's buffers");
    // measured first, then laid out
    lay_out(a, &m, s);
    const size_t bytes = m.used + ARENA_ALIGN;
    if (!(a->block = calloc(1, bytes))) {
        free(a);
        return pi0_fail(err, PI0_ENOMEM, "no memory for %zu bytes of a robot's buffers", bytes);
    }
    const size_t skip = (ARENA_ALIGN - (uintptr_t)a->block % ARENA_ALIGN) % ARENA_ALIGN;
    m = (arena){ .base = (char *)a->block + skip, .size = bytes - skip };
    lay_out(a, &m, s);
    s->acting = a;
    return PI0_OK;
}

// say it once
static bool first_time(acting *a, unsigned what)
{
    const bool first = !(a->warned & what);
    a->warned |= what;
    return first;
}

/* ---- input steps ---- */

static int no_policy(const pi0_model *m, pi0_error *err)
{
    return pi0_fail(err, m->no_policy.code, "%s", m->no_policy.message);
}

static int resize(pi0_session *s, int k, const pi0_image *image, pi0_error *err)
{
    acting *a = s->acting;
    const int size = s->r.image_size;
    const size_t values = (size_t)size * (size_t)size * 3;
    pi0_image plain;
    int status;
    if (s->model->policy->torch) {
        status = pi0_image_interleave(image, &plain, &a->converted, err);
        if (status) return status;
        return pi0_image_resize_torch(&plain, size, a->pixels + (size_t)k * values, &a->resized,
                                      err);
    }
    uint8_t *to = a->rgb + (size_t)k * values;
    status = pi0_image_to_rgb8(image, &plain, &a->converted, err);
    if (!status) status = pi0_image_resize_pillow(&plain, size, to, &a->resized, err);
    if (status) return status;
    a->images[k] = (pi0_image){ .camera = a->cameras[k], .rgb = to, .width = size, .height = size };
    if (image->format >= PI0_RGBF32_HWC && first_time(a, WARN_FLOATS))
        pi0_log(&s->model->log, PI0_LOG_WARNING,
                "image %s: f32 is cut to 8 bits, not rounded, as openpi does; 8-bit pictures lose "
                "nothing",
                image->camera ? image->camera : "(unnamed)");
    return PI0_OK;
}

static int take_images(pi0_session *s, const pi0_observation *obs, int *n, pi0_error *err)
{
    const policy *p = s->model->policy;
    int image[POLICY_MAX_CAMERAS], camera[POLICY_MAX_CAMERAS], found;
    int status = pi0_policy_take_cameras(p, obs, image, camera, &found, err);
    if (status) return status;
    if (found > s->r.limits.max_images)
        return pi0_fail(err, PI0_EINVAL, "%d pictures, but this session was made for %d", found,
                        s->r.limits.max_images);
    for (int k = 0; k < found && !status; k++) {
        // messages have the robot's name
        pi0_image named = obs->images[image[k]];
        named.camera = p->info.cameras[camera[k]].name;
        s->acting->cameras[k] = p->info.cameras[camera[k]].slot;
        status = resize(s, k, &named, err);
    }
    *n = found;
    return status;
}

static int take_prompt(pi0_session *s, const char *prompt, const step_data *d, int *n, bool *cut,
                       pi0_error *err)
{
    const policy *p = s->model->policy;
    const logger *log = &s->model->log;
    const int most =
        s->r.limits.max_tokens < p->info.max_tokens ? s->r.limits.max_tokens : p->info.max_tokens;
    if (!prompt)
        return pi0_fail(err, PI0_EINVAL,
                        "no prompt: the observation has none and config \"%s\" has no default",
                        p->info.config);
    const int status = pi0_model_tokens(s->model, p->prompt, prompt, d->n_prompt ? d->prompt : NULL,
                                        d->n_prompt, most, s->acting->tokens, n, cut, err);
    if (status) return status;
    if (!*prompt && first_time(s->acting, WARN_EMPTY))
        pi0_log(log, PI0_LOG_WARNING, "the prompt is empty: the policy does not know what to do");
    if (*cut && first_time(s->acting, WARN_CUT))
        pi0_log(log, PI0_LOG_WARNING,
                "the prompt is longer than %d tokens and was cut at its end%s", most,
                d->n_prompt ? ", where the state is" : "");
    return PI0_OK;
}

static void warn_extra(pi0_session *s, const pi0_observation *obs)
{
    const char *name = pi0_policy_extra(s->model->policy, obs);
    if (name && first_time(s->acting, WARN_EXTRA))
        pi0_log(&s->model->log, PI0_LOG_WARNING, "\"%.*s\" is not looked at by config \"%s\"",
                pi0_json_clip(name, strlen(name)), name, s->model->policy->info.config);
}

static step_data data_of(const pi0_session *s)
{
    const acting *a = s->acting;
    return (step_data){ .state = a->state,
                        .anchor = a->anchor,
                        .prompt = a->prompt,
                        .network = a->network,
                        .network_cols = s->r.actions.cols,
                        .actions = a->made,
                        .rows = s->r.limits.horizon };
}

// network.state is only a token of pi0's; pi0.5 reads it in the prompt, or nowhere
static pi0_policy_inputs describe(const pi0_session *s, int n_images, int n_tokens,
                                  const char *prompt, int n_prompt, bool cut)
{
    const policy *p = s->model->policy;
    const acting *a = s->acting;
    return (pi0_policy_inputs){
        .network = { .images = p->torch ? NULL : a->images,
                     .n_images = n_images,
                     .pixels = p->torch ? a->pixels : NULL,
                     .tokens = a->tokens,
                     .n_tokens = n_tokens,
                     .state = p->info.pi05 ? NULL : a->state,
                     .n_state = p->info.pi05 ? 0 : p->info.state_dim },
        .cameras = a->cameras,
        .state = a->state,
        .n_state = p->info.state_dim,
        .prompt = prompt,
        .prompt_has_state = n_prompt > 0,
        .prompt_cut = cut,
    };
}

static int prepare(pi0_session *s, const pi0_observation *obs, pi0_policy_inputs *in, step_data *d,
                   pi0_error *err)
{
    const policy *p = s->model->policy;
    int n_images = 0, n_tokens = 0;
    bool cut = false;
    if (!p) return no_policy(s->model, err);
    const char *prompt = obs->prompt ? obs->prompt : p->info.default_prompt;
    int status = ready(s, err);
    if (!status) status = take_images(s, obs, &n_images, err);
    if (!status) status = pi0_policy_take_state(p, obs, s->acting->robot_state, err);
    if (status) return status;
    *d = data_of(s);
    memcpy(d->state, s->acting->robot_state, (size_t)p->info.state_dim * sizeof *d->state);
    pi0_policy_run(p, p->input, d);
    if ((status = take_prompt(s, prompt, d, &n_tokens, &cut, err))) return status;
    warn_extra(s, obs);
    *in = describe(s, n_images, n_tokens, prompt, d->n_prompt, cut);
    return PI0_OK;
}

int pi0_prepare(pi0_session *session, const pi0_observation *obs, pi0_policy_inputs *inputs,
                pi0_error *err)
{
    step_data d;
    if (!session || !obs || !inputs)
        return pi0_fail(err, PI0_EINVAL, "pi0_prepare: session, obs or inputs is NULL");
    return prepare(session, obs, inputs, &d, err);
}

/* ---- a chunk ---- */

static int check_made(const acting *a, size_t n, int cols, pi0_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(a->made[i]))
            return pi0_fail(err, PI0_ENUMERIC,
                            "action row %zu, column %zu is not finite in the robot's units: the "
                            "checkpoint's statistics are out of range",
                            i / (size_t)cols, i % (size_t)cols);
    return PI0_OK;
}

// the chunk is there for pi0_next_action() and for the caller
static void hand_out(pi0_session *s, double *actions, size_t n)
{
    acting *a = s->acting;
    const int says = s->n_action_steps ? s->n_action_steps : s->model->policy->info.n_action_steps;
    const int horizon = s->r.limits.horizon;
    memcpy(a->chunk, a->made, n * sizeof *a->made);
    memcpy(actions, a->made, n * sizeof *actions);
    a->row = 0;
    a->rows = says > 0 && says < horizon ? says : horizon;
}

int pi0_act(pi0_session *session, const pi0_observation *obs, const float *noise, double *actions,
            size_t n_actions, pi0_error *err)
{
    pi0_session *s = session;
    pi0_policy_inputs in;
    step_data d;
    if (!s || !obs) return pi0_fail(err, PI0_EINVAL, "pi0_act: session or obs is NULL");
    const policy *p = s->model->policy;
    if (!p) return no_policy(s->model, err);
    const int rows = s->r.limits.horizon, cols = p->info.n_actions;
    const size_t n = (size_t)rows * (size_t)cols;
    if (!actions || n_actions < n)
        return pi0_fail(err, PI0_EINVAL, "room for %zu actions, expected %d x %d = %zu",
                        actions ? n_actions : 0, rows, cols, n);

    // in, through the network, out
    pi0_session_start(s);
    const double start = clock_ms();
    int status = prepare(s, obs, &in, &d, err);
    if (status) return status;
    const double prepared = clock_ms() - start;
    pi0_profile_stage(&s->b, "policy inputs", start, start + prepared);
    status = pi0_session_infer(s, &in.network, noise, s->acting->network,
                               (size_t)rows * (size_t)s->r.actions.cols, err);
    if (status) return status;
    const double made = clock_ms();
    pi0_policy_run(p, p->output, &d);
    pi0_profile_stage(&s->b, "policy outputs", made, clock_ms());
    if ((status = check_made(s->acting, n, cols, err))) return status;
    hand_out(s, actions, n);
    s->timing.inputs_ms += prepared;
    s->timing.total_ms += prepared;
    return PI0_OK;
}

int pi0_next_action(pi0_session *session, double *action, size_t n_actions, pi0_error *err)
{
    if (!session || !action)
        return pi0_fail(err, PI0_EINVAL, "pi0_next_action: session or action is NULL");
    acting *a = session->acting;
    if (!a || a->row == a->rows)
        return pi0_fail(err, PI0_EINVAL, "no action is left: call pi0_act() for the next chunk");
    const size_t n = (size_t)session->model->policy->info.n_actions;
    if (n_actions < n)
        return pi0_fail(err, PI0_EINVAL, "room for %zu values, but an action has %zu", n_actions,
                        n);
    memcpy(action, a->chunk + (size_t)a->row * n, n * sizeof *action);
    a->row++;
    return PI0_OK;
}

int pi0_actions_left(const pi0_session *session)
{
    return session && session->acting ? session->acting->rows - session->acting->row : 0;
}

void pi0_session_reset(pi0_session *session)
{
    if (session && session->acting) session->acting->row = session->acting->rows = 0;
}

/* ---- describe ---- */

int pi0_model_policy(const pi0_model *model, pi0_policy_info *info, pi0_error *err)
{
    if (!model || !info)
        return pi0_fail(err, PI0_EINVAL, "pi0_model_policy: model or info is NULL");
    if (!model->policy) return no_policy(model, err);
    *info = model->policy->info;
    return PI0_OK;
}
