/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - one run of the network: its buffers, and the stages in the order in which they run.
 *
 *   create   layout of the block, then what depends on positions and time steps alone (timecond)
 *   observe  vision: pixels -> image tokens; prefix: tokens -> keys and values of every layer
 *   denoise  num_steps times: suffix -> expert -> velocity -> a step of the actions
 *
 * Each stage reads what the stage before it left and writes its own. None looks at numbers. */
#ifndef PI0_RUN_H
#define PI0_RUN_H
#include "model/network.h"
#include <stdatomic.h>

// openpi accumulates t in f32; LeRobot rounds 1 - k/n
enum time_grid { TIME_OPENPI, TIME_LEROBOT };

typedef struct run_limits {
    int max_images, max_tokens, num_steps, horizon;
    enum time_grid grid;
} run_limits;

typedef struct stage_tap {
    pi0_tap_fn fn;    // NULL: none
    pi0_edit_fn edit; // NULL: none; at most one of the two is set
    void *user;
    float *host; // room for the largest stage, only while a tap is set
} stage_tap;

typedef struct run {
    const network *net;
    backend *b;
    run_limits limits;
    const atomic_int *cancel; // not 0: stop before the next layer
    stage_tap tap;
    int image_size, image_tokens; // a picture's side; tokens of one
    int n_positions;              // prefix, state token and horizon at most

    // in the backend's block, for as long as the run lives
    mat pixels;     // [max_images * 3 * size][size] f32, or the first quarter of it as u8
    mat tokens;     // i32 [1][max_tokens]
    mat state;      // [1][32]
    mat prefix;     // [max_prefix][D]: x of the language model
    mat keys;       // [layers * n_positions][head_dim]
    mat values;     // the same
    mat actions;    // [H][32]: x_t
    mat velocity;   // [H][32]
    mat rope;       // [n_positions][head_dim]: cosines, sines
    mat embedded;   // [num_steps][W]: sinusoidal time embedding
    mat cond;       // pi0.5: [num_steps][W]
    mat modulation; // pi0.5: [(2 * layers + 1) * num_steps][3W]
    mat time_bias;  // pi0: [num_steps][W]: what the time adds inside the action MLP

    float *times; // [num_steps] t of each step, in host memory
    float dt;
    int n_prefix; // P: positions that the prefix of this observation holds
} run;

// one observation on the host, sizes as the network takes them
typedef struct run_inputs {
    const tensor_view *image; // [n_images]: u8 [size][size * 3] or f32 [3 * size][size]
    int n_images;
    const int32_t *tokens;
    int n_tokens;
    const float *state; // [32]; pi0
} run_inputs;

/* Take the buffers from b->scratch (measuring or real) and compute what is constant. `host` is
 * room for pi0_run_host_floats() values on the host. The times live in `times` [num_steps]. */
void pi0_run_create(run *r, const network *net, backend *b, const run_limits *limits,
                    const atomic_int *cancel, float *times, float *host);
size_t pi0_run_host_floats(const network *net, const run_limits *limits);
size_t pi0_run_tap_floats(const run *r); // the largest stage that a tap can see

// PI0_ECANCELED, else PI0_OK
int pi0_run_vision(run *r, const run_inputs *in);
int pi0_run_prefix(run *r, const run_inputs *in);
void pi0_run_noise(run *r, const float *noise); // [H][32]: x at t = 1
int pi0_run_step(run *r, int step);
void pi0_run_actions(run *r, float *actions); // [H][32] to the host

/* ---- the stages ---- */

static inline bool run_canceled(const run *r)
{
    return r->cancel && atomic_load_explicit(r->cancel, memory_order_relaxed);
}

// siglip.c: pictures in r->pixels -> image tokens in the first rows of r->prefix
int pi0_siglip_run(run *r, int n_images, dtype pixel_type);

/* gemma.c: one layer for both stacks. */
typedef struct norm_modulation {
    mat scale, shift, gate; // shift and gate none where the norm is plain
} norm_modulation;
norm_modulation pi0_norm_plain(const gemma_norm *norm);
// where a layer runs, and what taps call it: "prefix.L03", "step2.expert.L03"
typedef struct layer_place {
    enum module stack;
    int step; // -1: of no step
    int layer, pos;
    bool kv_only; // nothing but its keys and values is needed
} layer_place;
// x [n][width] at positions pos … pos + n, reading and writing the cache of this layer
void pi0_gemma_layer(run *r, const gemma *g, layer_place at, mat x, norm_modulation attn,
                     norm_modulation ffn);
mat pi0_run_keys(const run *r, int layer, int first, int n);
mat pi0_run_values(const run *r, int layer, int first, int n);

// timecond.c: rotary table, time grid, time embedding and what follows from it
void pi0_timecond_layout(run *r);
void pi0_timecond_run(run *r, float *host);
norm_modulation pi0_timecond_norm(const run *r, const gemma_norm *norm, int index, int step);
void pi0_time_grid(float *times, float *dt, enum time_grid grid, int num_steps);
void pi0_time_embedding(float *to, float t, int width);

// suffix.c: x_t -> the expert's input; the state token
void pi0_suffix_actions(run *r, mat y, int step);
void pi0_suffix_state(run *r, mat y);

// tap.c: show a stage, and put it back where it was edited; show a table that outlives the call,
// in which nothing may change
__attribute__((format(printf, 3, 4))) void pi0_tap(run *r, mat m, const char *format, ...);
__attribute__((format(printf, 3, 4))) void pi0_tap_table(run *r, mat m, const char *format, ...);
#endif
