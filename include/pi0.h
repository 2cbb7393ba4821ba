/* SPDX-License-Identifier: Apache-2.0 */
/* pi0.h - run a pi0 or pi0.5 policy: camera images, a sentence and joint state in, a chunk of
 * motor actions out.
 *
 *     pi0_options  opt;
 *     pi0_model   *m = NULL;
 *     pi0_session *s = NULL;
 *     pi0_error    e;
 *     pi0_default_options(&opt);
 *     if (pi0_load(&m, "checkpoints/pi0_base", &opt, &e))         die(e.message);
 *     if (pi0_session_create(&s, m, &opt, &e))                    die(e.message);
 *     if (pi0_infer(s, &inputs, NULL, actions, n_actions, &e))    die(e.message);
 *     pi0_session_free(s);
 *     pi0_free(m);
 *
 * A model never changes once it is loaded: any number of threads may share it. A session is one
 * timeline: use it from one thread at a time (pi0_cancel alone may come from another).
 *
 * Every function that can fail returns PI0_OK (0) or one of the negative codes below, and, where
 * the caller passes a pi0_error, says in one line what was wrong, where, what was expected and
 * what was found. On failure outputs are left untouched. The library prints nothing, reads no
 * environment variable, never exits and has no global state. */
#ifndef PI0_H
#define PI0_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PI0_API __attribute__((visibility("default")))
#else
#define PI0_API
#endif

/* ---- status ------------------------------------------------------------------------------ */

enum {
    PI0_OK = 0,
    PI0_EINVAL = -1,       /* an argument or an input does not fit the model */
    PI0_ENOMEM = -2,       /* out of memory */
    PI0_EIO = -3,          /* a file could not be opened, mapped, read or written */
    PI0_EFORMAT = -4,      /* a file is not what it says it is */
    PI0_EUNSUPPORTED = -5, /* a known kind of model or feature that this library does not run */
    PI0_EDEVICE = -6,      /* the backend, instruction set or precision asked for is not there */
    PI0_ECANCELED = -7,    /* pi0_cancel() was called */
    PI0_ENUMERIC = -8      /* the network's output is not finite: no action is returned */
};

/* Filled on failure where the caller passes one; NULL is allowed everywhere. */
typedef struct pi0_error {
    int code;           /* one of the codes above */
    char message[1020]; /* UTF-8, one line, always terminated */
} pi0_error;

/* Version of the library as "major.minor.patch"; a constant string. */
PI0_API const char *pi0_version(void);
/* Name of a status code, as "PI0_EINVAL"; a constant string, never NULL. */
PI0_API const char *pi0_status_name(int status);

/* ---- options ----------------------------------------------------------------------------- */

/* Levels of pi0_log_fn: what was chosen; what may be worse than it should be. */
enum { PI0_LOG_INFO = 0, PI0_LOG_WARNING = 1 };

/* Called on the thread that called the library; `message` lives for the call only. */
typedef void (*pi0_log_fn)(void *user, int level, const char *message);

/* Fill with pi0_default_options(), then change what you need. Strings are copied. */
typedef struct pi0_options {
    const char *backend;   /* "auto", "cpu" (accelerated), "reference" (plain C, f32) */
    const char *precision; /* "auto", "bf16", "f32": what the big matrix products read */
    const char *cpu_mask;  /* highest instruction set the cpu backend may use: NULL (all), "c",
                              "avx2", "avx512", "avx512bf16" */
    const char *tokenizer; /* SentencePiece model file, or a folder with tokenizer.model;
                              NULL: the checkpoint's own folder */
    int n_threads;         /* 0: one per physical core this process may run on */
    int num_steps;         /* denoising steps, 1..1024; 0: what the checkpoint says, else 10 */
    int horizon;           /* rows of an action chunk; 0: what the checkpoint says */
    int max_images;        /* cameras a session must hold; 0: those of the checkpoint */
    int max_tokens;        /* prompt tokens a session must hold; 0: those of the checkpoint */
    uint64_t seed;         /* of the noise that the library draws; default 0 */

    /* the robot (section "robot policy" below) */
    const char *config; /* an openpi config by its name ("pi05_droid"; pi0_config_name() lists
                           them), or the path of a JSON file that describes a robot. NULL: a LeRobot
                           folder's own processors, a converted folder's own robot ("policy" of its
                           config.json); of other openpi folders the network alone */
    const char *lerobot_state_padding; /* "v0.4": pi0.5's prompt as LeRobot 0.4.0 to 0.4.4 made it,
                                          the state filled with zeros to max_state_dim. NULL: as
                                          later versions and openpi, the robot's values alone */
    int n_action_steps; /* rows of a chunk that pi0_next_action() hands out; 0: what the checkpoint
                           says (LeRobot's n_action_steps), else all */

    pi0_log_fn log; /* NULL: silence */
    void *log_user; /* handed to it */
} pi0_options;

/* Fill *opt with the defaults: "auto", 0 and NULL mean what is said above. Nothing to free. */
PI0_API void pi0_default_options(pi0_options *opt);

/* ---- model ------------------------------------------------------------------------------- */

/* A loaded checkpoint: weights, robot, tokenizer. Constant: threads and sessions may share it. */
typedef struct pi0_model pi0_model;

/* Load a checkpoint as it was downloaded: a folder with model.safetensors (one file, or shards
 * with model.safetensors.index.json) and, where there is one, config.json; or a .safetensors
 * file itself; or one of openpi's JAX folders (params, in Orbax's format). openpi's PyTorch layout
 * and LeRobot's are both known; pi0 and pi0.5 are told apart by their tensors. The file stays
 * mapped while the model lives, and must not change. `opt` NULL: the defaults. On success *model is
 * the caller's, for pi0_free(); `path` and the strings of `opt` are copied. A robot's policy that
 * was asked for (option config) and cannot be made is an error. A LeRobot folder whose processors
 * cannot be used loads with a warning: pi0_act() has the error.
 *
 * Errors: PI0_EIO, PI0_EFORMAT (missing, mis-shaped, twice present tensor; malformed file),
 * PI0_EUNSUPPORTED (pi0-FAST, MEM memory, PEFT adapters), PI0_EDEVICE, PI0_ENOMEM, PI0_EINVAL.
 * Source: openpi src/openpi/policies/policy_config.py create_trained_policy;
 * lerobot src/lerobot/policies/pi0/modeling_pi0.py from_pretrained. */
PI0_API int pi0_load(pi0_model **model, const char *path, const pi0_options *opt, pi0_error *err);

/* Free a model; its sessions must have been freed before. NULL is allowed. */
PI0_API void pi0_free(pi0_model *model);

/* One transformer stack, as the tensors tell its size. */
typedef struct pi0_stack_info {
    int layers, width, mlp, heads, head_dim; /* widths: of x, of an MLP's middle, of a head */
} pi0_stack_info;

/* What a model is. Strings belong to the model. */
typedef struct pi0_info {
    int pi05;              /* 1: pi0.5, 0: pi0 */
    const char *layout;    /* "openpi" or "lerobot" */
    const char *time_grid; /* "openpi" (t accumulated in f32) or "lerobot" (f32(1 - k/n)) */
    int horizon;           /* 0: neither the config nor the options say */
    int action_dim;        /* columns of the network's actions and noise (32) */
    int state_dim;         /* values of the network's state; 0: pi0.5, which has no state token */
    int num_steps;         /* denoising steps: the checkpoint's, else 10 */
    int image_size;        /* pixels a side (224) */
    int image_tokens;      /* tokens a camera (256) */
    int max_tokens;        /* prompt tokens at most */
    int vocabulary;        /* rows of the token table */
    int n_cameras;         /* that the network knows: pi0_model_camera() */
    pi0_stack_info vision, language, expert; /* SigLIP, PaliGemma's Gemma, the action expert */
    int n_tensors;                           /* in the files */
    int n_f32, n_bf16, n_f16;                /* tensors of each type among them */
    uint64_t parameters;                     /* used by the network */
    uint64_t mapped_bytes;                   /* size of the mapped files */
    const char *format;                      /* "safetensors", or "orbax": openpi's JAX folders */
    uint64_t decoded_bytes; /* orbax: memory of the tensors that are read where they are, which
                               cannot be mapped: the token table; reference: all of them */
    uint64_t packed_bytes;  /* memory of the backend's own copy of the weights */
    const char *backend;    /* "cpu" or "reference": what "auto" chose */
    const char *isa;        /* instruction set of the kernels, as "avx512bf16" or "c" */
    const char *precision;  /* "bf16" or "f32" */
    int n_warnings;         /* of the load: pi0_model_warning() */
} pi0_info;

/* Fill *info. */
PI0_API void pi0_model_info(const pi0_model *model, pi0_info *info);
/* Name of camera i, 0 <= i < n_cameras, in the network's order; else NULL. The model's string.
 * Source: openpi src/openpi/models/model.py IMAGE_KEYS; LeRobot config.json input_features. */
PI0_API const char *pi0_model_camera(const pi0_model *model, int i);
/* Warning i of the load, 0 <= i < n_warnings; else NULL. The model's string. */
PI0_API const char *pi0_model_warning(const pi0_model *model, int i);

/* Work of one stage, from a run of the model on a backend that only counts. */
typedef struct pi0_cost {
    int calls;           /* operations handed to the backend */
    double flop;         /* 2 per multiply-add of matrix products and attention */
    double weight_bytes; /* packed weights read */
    double bytes;        /* weights, inputs and outputs of the operations, each counted once */
} pi0_cost;

/* What one chunk costs. */
typedef struct pi0_plan {
    pi0_cost vision, prefix, step; /* step: one of num_steps */
    pi0_cost total;                /* of the chunk, all steps */
    uint64_t session_bytes;        /* the one block that such a session takes */
    int puts, gets;                /* transfers host -> backend and back, in one inference */
} pi0_plan;

/* Count the work of a chunk with n_images cameras and n_tokens prompt tokens in a session made
 * with `opt` (NULL: the defaults) into *plan; nothing is computed. Errors: as
 * pi0_session_create(), PI0_EINVAL (more cameras or tokens than the session would hold). */
PI0_API int pi0_model_plan(const pi0_model *model, const pi0_options *opt, int n_images,
                           int n_tokens, pi0_plan *plan, pi0_error *err);

/* The operations of one kind in one part of the network that one function computes. */
typedef struct pi0_operation {
    const char *module; /* "vision", "prefix", "state" (pi0's state token), "suffix" (what enters
                           the expert), "expert", "time" (what depends on time alone: once a
                           session, the others once a chunk), "common" (transfers) */
    const char *op;     /* "linear", "linear_add", "attention", "layernorm", "rmsnorm", "rope",
                           "axpy", "embed", "patches", "put", "get" */
    const char *kernel; /* the accelerated kernel that computes them, as "gemm_bf16_avx512bf16";
                           NULL: plain C, */
    const char *reason; /* and why */
    pi0_cost cost;      /* of all of them together */
} pi0_operation;

/* Kinds of operations that a model has at most. */
#define PI0_MAX_OPERATIONS 96

/* How much of the network runs on accelerated kernels: all operations of a session's creation and
 * of a chunk with n_images cameras and n_tokens prompt tokens, grouped, from a run of the model on
 * a backend that counts and asks the model's own backend which kernel it would take. list: room for
 * `capacity` (PI0_MAX_OPERATIONS is enough); *n: how many. Strings belong to the library.
 * Errors: as pi0_session_create(), PI0_EINVAL (no room). */
PI0_API int pi0_model_operations(const pi0_model *model, const pi0_options *opt, int n_images,
                                 int n_tokens, pi0_operation *list, int capacity, int *n,
                                 pi0_error *err);

/* ---- session ----------------------------------------------------------------------------- */

/* One timeline: threads, memory, noise, the last observation. Of one thread at a time. */
typedef struct pi0_session pi0_session;

/* Make a session: threads, one block of memory, everything that depends on the time steps alone.
 * The backend, its precision and instruction set are the model's; `opt` gives threads, steps,
 * horizon, limits and seed (NULL: the defaults). On success *session is the caller's, for
 * pi0_session_free(); the model must outlive it.
 * Errors: PI0_EINVAL (horizon known neither to checkpoint nor options, or contradicting it; a
 * number out of range), PI0_ENOMEM (also where the system gives no more threads). */
PI0_API int pi0_session_create(pi0_session **session, const pi0_model *model,
                               const pi0_options *opt, pi0_error *err);
/* Free a session and end its threads. No call of it may run. NULL is allowed. */
PI0_API void pi0_session_free(pi0_session *session);

/* How a picture's numbers lie in memory: type, and whether a pixel's three colours lie together
 * (HWC) or each colour is a plane of its own (CHW). */
enum { PI0_RGB8_HWC = 0, PI0_RGB8_CHW = 1, PI0_RGBF32_HWC = 2, PI0_RGBF32_CHW = 3 };

/* RGB, rows from the top, `stride` bytes apart (0: without a gap); CHW: three planes of height *
 * stride bytes. 8-bit, or f32 in [0,1], which becomes what the checkpoint's own runtime makes of
 * it (openpi: 255*x cut to 8 bits; LeRobot: itself). Borrowed for the call. */
typedef struct pi0_image {
    const char *camera; /* name as pi0_model_camera() gives it (in a pi0_observation: as the robot
                           calls it); NULL: the next camera in order */
    const void *rgb;    /* uint8_t or float: [height][width][3], or [3][height][width] */
    int width, height;  /* 1 to 65535 pixels */
    size_t stride;      /* bytes from row to row; 0: no gap */
    int format;         /* PI0_RGB8_HWC ... */
} pi0_image;

/* What enters the network. Absent cameras are left out: they cost nothing.
 * Pictures of another size than image_size are resized with padding as the checkpoint's own
 * runtime does it (openpi: Pillow's bilinear filter, bit for bit; LeRobot: torch's). */
typedef struct pi0_inputs {
    const pi0_image *images; /* the cameras that are present, each once */
    int n_images;            /* 1 to the session's max_images */
    const float *pixels;     /* instead of images: [n_images][3][image_size][image_size] in [-1,1],
                                RGB, in the network's order of cameras */
    const char *prompt;      /* UTF-8; needs a tokenizer */
    const int32_t *tokens;   /* instead of the prompt: its tokens, without padding */
    int n_tokens;            /* 1 to the session's max_tokens */
    const double *state;     /* [n_state], normalised; filled with zeros to state_dim. pi0: needed.
                                pi0.5: becomes part of the prompt (openpi's and LeRobot's format);
                                NULL: a prompt without state, as openpi's pi05_libero */
    int n_state;             /* 0 to state_dim; 0: no state */
} pi0_inputs;

/* Vision tower and prefix: everything that does not depend on the noise. The keys and values
 * stay in the session until the next call.
 * Errors: PI0_EINVAL, PI0_EFORMAT (tokenizer), PI0_ENOMEM, PI0_ECANCELED.
 * Source: openpi src/openpi/models_pytorch/pi0_pytorch.py embed_prefix, sample_actions. */
PI0_API int pi0_observe(pi0_session *session, const pi0_inputs *in, pi0_error *err);

/* Denoise one chunk for the last observation. May be called many times with other noise.
 * noise: [horizon][action_dim], or NULL: drawn from the session's seed, another one each time.
 * actions: [horizon][action_dim], written whole or not at all; n_actions: floats it has room for.
 * Errors: PI0_EINVAL (no observation yet, wrong size), PI0_ECANCELED, PI0_ENUMERIC.
 * Source: openpi pi0_pytorch.py sample_actions, denoise_step. */
PI0_API int pi0_denoise(pi0_session *session, const float *noise, float *actions, size_t n_actions,
                        pi0_error *err);

/* pi0_observe(), then pi0_denoise(), with their arguments, shapes and errors. `in` is borrowed for
 * the call; actions: [horizon][action_dim] f32, normalised, the caller's.
 * Source: openpi pi0_pytorch.py sample_actions;
 * lerobot src/lerobot/policies/pi0/modeling_pi0.py sample_actions. */
PI0_API int pi0_infer(pi0_session *session, const pi0_inputs *in, const float *noise,
                      float *actions, size_t n_actions, pi0_error *err);

/* Stop the call that runs in this session now: it returns PI0_ECANCELED before the next layer.
 * Safe from another thread and from a signal handler. Without a running call it does nothing. */
PI0_API void pi0_cancel(pi0_session *session);

/* Start the session's noise again from `seed`, as if it were new. */
PI0_API void pi0_session_seed(pi0_session *session, uint64_t seed);

/* What a session was made for. */
typedef struct pi0_session_info {
    int n_threads, num_steps, horizon; /* with the caller's thread; steps and rows of a chunk */
    int action_dim, max_images, max_tokens; /* columns of actions; cameras and tokens at most */
    uint64_t block_bytes;                   /* its one block of memory */
} pi0_session_info;
/* Fill *info. */
PI0_API void pi0_session_get_info(const pi0_session *session, pi0_session_info *info);

/* Wall time of the last observe and denoise, in milliseconds. */
typedef struct pi0_timing {
    double inputs_ms;  /* images resized, prompt tokenised */
    double vision_ms;  /* the vision tower and its projector, all cameras */
    double prefix_ms;  /* the language model over image tokens and prompt */
    double denoise_ms; /* all steps */
    double total_ms;   /* of these together */
} pi0_timing;
/* Fill *timing; zeros before the first call. */
PI0_API void pi0_session_timing(const pi0_session *session, pi0_timing *timing);

/* Called with each stage's output as [rows][cols] f32, which lives for the call only. Names, in the
 * order in which they come (<i>: picture, <k>: step, <nn>: layer):
 *
 *     vision.<i>.embeddings             patches and positions
 *     vision.<i>.L<nn>.attention        x after the attention's residual
 *     vision.<i>.L<nn>                  x after the layer
 *     vision.<i>.tokens                 the projector's output
 *     prefix.rope                       rotary table of the positions: cosines, sines (a table)
 *     prefix.embeddings                 image tokens, then the prompt's
 *     prefix.L<nn>.k, .v                as they stand in the cache, after rotation
 *     prefix.L<nn>.attention, .out      x after the attention, after the layer; not of the last one
 *     suffix.state                      pi0: the state token; state.L<nn>.k, .v, .attention, .out
 *     step<k>.x                         the actions so far; step0.x is the noise
 *     step<k>.time                      sinusoidal embedding of the step's time (a table)
 *     step<k>.time_bias                 pi0: the time's half of the action MLP (a table)
 *     suffix.cond, step<k>.cond         pi0.5: condition of the norms in step 0, k > 0 (a table)
 *     step<k>.action_in                 pi0: actions before the time is mixed in
 *     suffix.embeddings, step<k>.embeddings  the expert's input in step 0, in step k > 0
 *     suffix.rope                       as prefix.rope; once (a table)
 *     step<k>.expert.L<nn>.k, .v, .attention, and without an ending x after the layer
 *     step<k>.norm, step<k>.v           the last norm, the velocity
 *     actions                           the chunk
 *
 * A tap looks and changes nothing; it slows inference down. */
typedef void (*pi0_tap_fn)(void *user, const char *name, const float *data, int rows, int cols);
/* Set the session's tap, which is called with `user`; NULL takes it away. Errors: PI0_ENOMEM. */
PI0_API int pi0_session_set_tap(pi0_session *session, pi0_tap_fn tap, void *user, pi0_error *err);

/* The same with the right to change: where the callback returns other than 0, what it left in
 * `data` takes the stage's place before the next stage reads it, keys and values in the cache too,
 * rounded to the type that the backend keeps them in. What is called a table above was made with
 * the session, and stays what it is. So a stage can be run on another flow's values, alone. */
typedef int (*pi0_edit_fn)(void *user, const char *name, float *data, int rows, int cols);
/* Set the session's edit; NULL takes it away. A session has one tap or one edit: setting one takes
 * the other away. Errors: PI0_ENOMEM. */
PI0_API int pi0_session_set_edit(pi0_session *session, pi0_edit_fn edit, void *user,
                                 pi0_error *err);

/* ---- robot policy ------------------------------------------------------------------------ */

/* From what a robot measures to what it shall do: cameras under the robot's own names, state and
 * actions in its own units. Everything that openpi's Policy and LeRobot's processors do around the
 * network is done here, in the same order and in the same types.
 *
 *     opt.config = "pi05_droid";                     (a LeRobot folder needs none)
 *     pi0_load(&m, dir, &opt, &e); pi0_session_create(&s, m, &opt, &e);
 *     pi0_act(s, &observation, NULL, actions, n_actions, &e);
 *
 * openpi folder: the config is one of its named ones or a JSON file, statistics are read from
 * <folder>/assets/<asset id>/norm_stats.json. LeRobot folder: policy_preprocessor.json,
 * policy_postprocessor.json and their state files. Nothing that is missing is passed over. */

/* One vector of the robot's state, in the robot's units. Borrowed for the call. */
typedef struct pi0_state {
    const char *name;     /* the robot's: "state", "observation/joint_position" ...; NULL: all of
                             the robot's state in one vector, in the policy's order */
    const double *values; /* [n], finite */
    int n;                /* as many as the policy says */
} pi0_state;

/* What a robot sees, feels and was told, at one moment. Names are the robot's own:
 *   ALOHA   images cam_high, cam_left_wrist, cam_right_wrist, cam_low (not looked at); state
 *   DROID   observation/exterior_image_1_left, observation/wrist_image_left;
 *           observation/joint_position, observation/gripper_position
 *   LIBERO  observation/image, observation/wrist_image; observation/state
 *   LeRobot the keys of config.json, or those that its rename step renames; observation.state
 * and pi0_model_policy() tells them for any model. Pictures have any size. */
typedef struct pi0_observation {
    const pi0_image *images; /* [n_images], each camera once */
    int n_images;            /* of those that are present */
    const pi0_state *states; /* [n_states], each once */
    int n_states;            /* 1 where all of the state is one vector */
    const char *prompt;      /* UTF-8; NULL: the config's default prompt */
} pi0_observation;

/* Observation in, one chunk of robot commands out: the input steps, pi0_observe(), pi0_denoise(),
 * the output steps.
 * noise: [horizon][action_dim] f32, or NULL: drawn from the session's seed, another each time.
 * actions: [horizon][policy's n_actions] in the robot's units, written whole or not at all;
 * n_actions: doubles it has room for. Actions that are relative to the state are made absolute
 * with the state of this observation. After the first call a session allocates nothing.
 * Errors: PI0_EINVAL (no config; missing, unknown or doubled camera or state; wrong number of
 * values; not finite; a picture of CHW order given as HWC; no prompt, not UTF-8), PI0_EFORMAT,
 * PI0_EUNSUPPORTED, PI0_EIO (the checkpoint's statistics or processors), PI0_ENOMEM,
 * PI0_ECANCELED, PI0_ENUMERIC. The session works on after each of them.
 * Source: openpi src/openpi/policies/policy.py Policy.infer;
 * lerobot src/lerobot/policies/pi0/modeling_pi0.py predict_action_chunk and the processors. */
PI0_API int pi0_act(pi0_session *session, const pi0_observation *obs, const float *noise,
                    double *actions, size_t n_actions, pi0_error *err);

/* The chunk of the last pi0_act(), row by row, as a control loop takes it: copy the next row into
 * action, [policy's n_actions] in the robot's units; n_actions: doubles it has room for.
 * Errors: PI0_EINVAL (none is left: call pi0_act() again; too little room).
 * Source: openpi packages/openpi-client/src/openpi_client/action_chunk_broker.py;
 * lerobot modeling_pi0.py select_action. */
PI0_API int pi0_next_action(pi0_session *session, double *action, size_t n_actions, pi0_error *err);
/* Rows that pi0_next_action() still has: 0 before the first pi0_act() and after the last row. */
PI0_API int pi0_actions_left(const pi0_session *session);
/* A new episode: forget the rows that are left. The noise goes on (pi0_session_seed()). */
PI0_API void pi0_session_reset(pi0_session *session);

/* What the input steps made of an observation. Memory is the session's, until its next call. */
typedef struct pi0_policy_inputs {
    pi0_inputs network;         /* as pi0_infer() of any session of such a model takes it: pictures
                                   of image_size (openpi) or pixels (LeRobot), tokens, and for pi0
                                   the state */
    const char *const *cameras; /* [network.n_images] the network's names of the present ones */
    const double *state;        /* [n_state] normalised, without the zeros behind it */
    int n_state;                /* the robot's values */
    const char *prompt;         /* the observation's or the default one, before it was cleaned */
    int prompt_has_state;       /* the state is part of the tokens */
    int prompt_cut; /* the prompt was longer than the policy allows: its end is missing */
} pi0_policy_inputs;

/* The input steps of pi0_act() alone; the network does not run. Errors: as pi0_act(). */
PI0_API int pi0_prepare(pi0_session *session, const pi0_observation *obs, pi0_policy_inputs *inputs,
                        pi0_error *err);

/* A camera of the robot. */
typedef struct pi0_policy_camera {
    const char *name; /* as the robot calls it */
    const char *slot; /* the network's name for it; NULL: accepted and not looked at */
    int required;     /* 0: may be missing (at least one camera must be there) */
} pi0_policy_camera;

/* A vector of the robot's state; the policy's state is all of them in order. */
typedef struct pi0_policy_state {
    const char *name; /* as the robot calls it */
    int size;         /* values */
} pi0_policy_state;

/* How values are normalised.
 * zscore (openpi) and MEAN_STD (LeRobot): a is the mean, b the standard deviation;
 * quantile, QUANTILES, QUANTILE10, MIN_MAX: a is the lower bound, b the upper; IDENTITY: n is 0. */
typedef struct pi0_policy_norm {
    const char *kind;    /* "zscore" ... */
    double eps;          /* added to the divisor, as the checkpoint's runtime does it */
    int n;               /* values */
    const double *a, *b; /* [n] */
} pi0_policy_norm;

/* Names of steps in a pi0_policy_info at most, with the NULL behind them. */
#define PI0_POLICY_MAX_STEPS 12

/* What a policy is. Strings and arrays belong to the model, or to the library for a named config.
 */
typedef struct pi0_policy_info {
    const char *config;               /* named config, "name" of a custom one, "lerobot" */
    const char *robot;                /* "ALOHA", "DROID", "LIBERO", "custom", "LeRobot" */
    int pi05;                         /* 1: pi0.5, 0: pi0 */
    int horizon;                      /* rows of a chunk */
    int max_tokens;                   /* of the prompt, at most */
    int n_action_steps;               /* rows that pi0_next_action() hands out of each chunk */
    int n_cameras;                    /* of the robot */
    const pi0_policy_camera *cameras; /* [n_cameras] */
    const char *image_axes; /* how the robot's own arrays lie: "CHW", "HWC" or "HWC or CHW" */
    int extra_allowed; /* names that are not listed are passed over with a warning, as openpi does
                          for DROID and LIBERO; 0: they are an error */
    int n_states;      /* vectors of the robot's state */
    const pi0_policy_state *states;  /* [n_states], in the policy's order */
    int state_dim;                   /* values of all states together */
    int n_actions;                   /* columns of pi0_act()'s actions */
    const char *const *action_names; /* [n_actions]; NULL: not known */
    const char *state_units;         /* in words; NULL: not known */
    const char *action_units;        /* in words; NULL: not known */
    const char *default_prompt;      /* NULL: none */
    const char *prompt_format;       /* "pi0" (the text), "pi05" (text and state), "lerobot_pi0" */
    int state_in_prompt;             /* 1: pi0.5 with its state in the sentence's tokens */
    const char *time_grid;           /* "openpi", "lerobot" */
    const char *resize;              /* "pillow", "torch" */
    const unsigned char *relative;   /* [n_actions] 1: to the state; NULL: none is */
    const char *asset_id;            /* NULL: not from <folder>/assets */
    const char *statistics;          /* the file they were read from; NULL: not read */
    const char *metadata;            /* openpi's policy metadata as a JSON object, "{}" */
    const char *input_steps[PI0_POLICY_MAX_STEPS];  /* names in order, then NULL */
    const char *output_steps[PI0_POLICY_MAX_STEPS]; /* the same, behind the network */
    pi0_policy_norm state_norm, action_norm;        /* n 0 before the statistics are read */
} pi0_policy_info;

/* The policy of a model into *info. Errors: why there is none, with the code that pi0_act() has: no
 * config for an openpi folder, LeRobot processors or statistics that are missing, malformed or that
 * this library does not know (PI0_EINVAL, PI0_EIO, PI0_EFORMAT, PI0_EUNSUPPORTED).
 * Source: openpi src/openpi/policies/policy_config.py create_trained_policy;
 * lerobot src/lerobot/policies/factory.py make_pre_post_processors. */
PI0_API int pi0_model_policy(const pi0_model *model, pi0_policy_info *info, pi0_error *err);

/* Name of openpi's config i, 0 <= i; NULL behind the last one. A constant string.
 * Source: openpi src/openpi/training/config.py _CONFIGS. */
PI0_API const char *pi0_config_name(int i);
/* What a named config says, without a checkpoint, into *info. Errors: PI0_EINVAL (an unknown name;
 * the message has the nearest one and the list), PI0_EUNSUPPORTED (openpi's, but of a kind that
 * this library does not run), PI0_ENOMEM. Source: openpi src/openpi/training/config.py get_config.
 */
PI0_API int pi0_config_info(const char *name, pi0_policy_info *info, pi0_error *err);

/* ---- the parts that robots' own code may need -------------------------------------------- */

/* Standard normal noise, the same bits on every machine: Philox4x32-10, key (low, high word of
 * seed), counter (block, 0, low, high word of `stream`); element i comes from word i%4 of block
 * i/4 as the normal quantile of (word + 0.5) / 2^32. A session's k-th chunk (from 0) is stream k.*/
PI0_API void pi0_noise(uint64_t seed, uint64_t stream, float *out, size_t n);

/* Resize to size x size with black padding, bit for bit as openpi does it with Pillow.
 * out: [size][size][3]. Errors: PI0_EINVAL, PI0_ENOMEM.
 * Source: openpi packages/openpi-client/src/openpi_client/image_tools.py resize_with_pad. */
PI0_API int pi0_resize_with_pad(const pi0_image *image, int size, uint8_t *out, pi0_error *err);

/* Tokens of a prompt exactly as the checkpoint's own runtime makes them: cleaned, with bos, cut
 * at max_tokens. state as in pi0_inputs. ids: room for `capacity`; *n_ids: how many.
 * Errors: PI0_EINVAL (no tokenizer, invalid UTF-8, no room), PI0_EFORMAT, PI0_ENOMEM.
 * Source: openpi src/openpi/models/tokenizer.py PaligemmaTokenizer.tokenize;
 * lerobot src/lerobot/policies/pi0/processor_pi0.py, pi05/processor_pi05.py. */
PI0_API int pi0_tokenize(const pi0_model *model, const char *prompt, const double *state,
                         int n_state, int32_t *ids, int capacity, int *n_ids, pi0_error *err);

/* ---- measurement ------------------------------------------------------------------------- */

/* Floating-point operations per second, into *flops, that the instruction of the model's big matrix
 * products reaches on the session's threads, in registers alone, measured now for about `ms`
 * milliseconds: what a chunk's time can be compared with. Errors: PI0_EDEVICE (reference backend),
 * PI0_EINVAL. */
PI0_API int pi0_measure_peak(pi0_session *session, double ms, double *flops, pi0_error *err);

/* Bytes per second, into *bytes_per_second, that the session's threads read from this machine's
 * memory, each its part of a block larger than any cache (256 MiB, taken for the call), measured
 * now for about `ms` milliseconds. Errors: PI0_EINVAL, PI0_ENOMEM. */
PI0_API int pi0_measure_bandwidth(pi0_session *session, double ms, double *bytes_per_second,
                                  pi0_error *err);

/* A trace: what a session did when. */
enum {
    PI0_TRACE_STAGE = 0, /* "inputs", "vision", "prefix", "denoise", "policy inputs", "policy
                            outputs": as pi0_timing has them */
    PI0_TRACE_OP = 1,    /* an operation, as the calling thread saw it: from its call to its end */
    PI0_TRACE_SHARE = 2  /* another thread's share of the operation written before it: from its
                            first start to its last end. None where the others had no part in it */
};

/* Strings belong to the library. */
typedef struct pi0_trace_event {
    int kind;                /* PI0_TRACE_STAGE ... */
    int thread;              /* 0: the calling thread */
    const char *name;        /* a stage's; an operation's as in pi0_operation */
    const char *weight;      /* which weight it reads: "qkv", "gate_up" ...; NULL: none */
    const char *module;      /* as in pi0_operation; NULL: a stage */
    const char *kernel;      /* NULL: plain C, or a stage */
    int step, layer;         /* denoising step and layer; -1: in none */
    int rows, cols, inner;   /* products: rows, outputs, inputs; attention: query rows, heads *
                                head_dim, keys; other operations: rows and columns written, 0 */
    double start_ms, end_ms; /* since pi0_session_trace_start() */
    double busy_ms; /* of the time, inside the operation's work: the rest is waiting for the other
                       threads to begin or to end (waiting in the middle counts as work) */
    double flop, weight_bytes, bytes; /* as in pi0_cost; of a share 0: the operation has them */
} pi0_trace_event;

/* Write down what this session does from now on: into `events`, the caller's, [capacity], in the
 * order in which things end. Results stay the same bits, nothing is allocated while it runs. For
 * each chunk there must be room for (calls + puts + gets of its pi0_plan) * threads + 6 events.
 * While no trace runs it costs nothing. Errors: PI0_EINVAL (one runs already), PI0_ENOMEM. */
PI0_API int pi0_session_trace_start(pi0_session *session, pi0_trace_event *events, size_t capacity,
                                    pi0_error *err);
/* End it; returns how many events were written. lost: how many found no room; NULL is allowed.
 * Without a trace: 0. pi0_session_free() ends it too. */
PI0_API size_t pi0_session_trace_stop(pi0_session *session, size_t *lost);

/* One kind of matrix product of the network, with the conversion of its input and its ending. */
typedef struct pi0_product {
    const char *name;  /* "prefix gate up, geglu" */
    int rows, out, in; /* y[rows][out] = x[rows][in] w[out][in]' */
    int calls;         /* in one chunk */
    double ms;         /* of one: the fastest pass over all layers, divided by their number */
    double flop;       /* of one */
} pi0_product;

/* How many kinds of products there are. */
PI0_API int pi0_product_count(void);
/* Measure number `index` of them, 0 <= index < pi0_product_count(), for a chunk of n_images cameras
 * and n_tokens prompt tokens, best of `reps`, into *product. Forgets the session's observation.
 * Errors: PI0_EINVAL (out of range; this model has no such product), PI0_ENOMEM. */
PI0_API int pi0_measure_product(pi0_session *session, int index, int n_images, int n_tokens,
                                int reps, pi0_product *product, pi0_error *err);

#ifdef __cplusplus
}
#endif
#endif
