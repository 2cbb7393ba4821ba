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
    int code;
    char message[1020]; /* UTF-8, one line, always terminated */
} pi0_error;

/* Version of the library as "major.minor.patch". */
PI0_API const char *pi0_version(void);
/* Name of a status code, as "PI0_EINVAL". Never NULL. */
PI0_API const char *pi0_status_name(int status);

/* ---- options ----------------------------------------------------------------------------- */

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
    pi0_log_fn log;        /* NULL: silence */
    void *log_user;
} pi0_options;

PI0_API void pi0_default_options(pi0_options *opt);

/* ---- model ------------------------------------------------------------------------------- */

typedef struct pi0_model pi0_model;

/* Load a checkpoint as it was downloaded: a folder with model.safetensors (one file, or shards
 * with model.safetensors.index.json) and, where there is one, config.json; or a .safetensors
 * file itself. openpi's PyTorch layout and LeRobot's are both known; pi0 and pi0.5 are told apart
 * by their tensors. The file stays mapped while the model lives. `opt` NULL: the defaults.
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
    int layers, width, mlp, heads, head_dim;
} pi0_stack_info;

/* What a model is. Strings belong to the model. */
typedef struct pi0_info {
    int pi05;              /* 1: pi0.5, 0: pi0 */
    const char *layout;    /* "openpi" or "lerobot" */
    const char *time_grid; /* "openpi" (t accumulated in f32) or "lerobot" (f32(1 - k/n)) */
    int horizon;           /* 0: neither the config nor the options say */
    int action_dim;        /* columns of the network's actions and noise (32) */
    int state_dim;         /* values of the network's state; 0: pi0.5, which has no state token */
    int num_steps;
    int image_size;        /* pixels a side (224) */
    int image_tokens;      /* tokens a camera (256) */
    int max_tokens;        /* prompt tokens at most */
    int vocabulary;
    int n_cameras;
    pi0_stack_info vision, language, expert;
    int n_tensors;              /* in the files */
    int n_f32, n_bf16, n_f16;   /* tensors of each type among them */
    uint64_t parameters;        /* used by the network */
    uint64_t mapped_bytes;      /* size of the mapped files */
    uint64_t packed_bytes;      /* memory of the backend's own copy of the weights */
    const char *backend;        /* "cpu" or "reference": what "auto" chose */
    const char *isa;            /* instruction set of the kernels, as "avx512bf16" or "c" */
    const char *precision;      /* "bf16" or "f32" */
    int n_warnings;
} pi0_info;

PI0_API void pi0_model_info(const pi0_model *model, pi0_info *info);
/* Name of camera i, 0 <= i < n_cameras, in the network's order; else NULL. */
PI0_API const char *pi0_model_camera(const pi0_model *model, int i);
/* Warning i of the load, 0 <= i < n_warnings; else NULL. */
PI0_API const char *pi0_model_warning(const pi0_model *model, int i);

/* Work of one stage, from a run of the model on a backend that only counts. */
typedef struct pi0_cost {
    int calls;           /* operations handed to the backend */
    double flop;         /* 2 per multiply-add of matrix products and attention */
    double weight_bytes; /* packed weights read */
} pi0_cost;

/* What one chunk costs. */
typedef struct pi0_plan {
    pi0_cost vision, prefix, step; /* step: one of num_steps */
    pi0_cost total;
    uint64_t session_bytes; /* the one block that such a session takes */
    int puts, gets;         /* transfers host -> backend and back, in one inference */
} pi0_plan;

/* Count the work of a chunk with n_images cameras and n_tokens prompt tokens in a session made
 * with `opt`. Errors: as pi0_session_create(). */
PI0_API int pi0_model_plan(const pi0_model *model, const pi0_options *opt, int n_images,
                           int n_tokens, pi0_plan *plan, pi0_error *err);

/* ---- session ----------------------------------------------------------------------------- */

typedef struct pi0_session pi0_session;

/* Make a session: threads, one block of memory, everything that depends on the time steps alone.
 * The backend, its precision and instruction set are the model's; `opt` gives threads, steps,
 * horizon, limits and seed. The model must outlive the session.
 * Errors: PI0_EINVAL (horizon known neither to checkpoint nor options, or contradicting it),
 * PI0_ENOMEM. */
PI0_API int pi0_session_create(pi0_session **session, const pi0_model *model,
                               const pi0_options *opt, pi0_error *err);
PI0_API void pi0_session_free(pi0_session *session);

/* 8-bit RGB, rows from the top, `stride` bytes apart (0: 3*width). Borrowed for the call. */
typedef struct pi0_image {
    const char *camera; /* name as pi0_model_camera() gives it; NULL: the next camera in order */
    const uint8_t *rgb;
    int width, height;
    size_t stride;
} pi0_image;

/* What enters the network. Absent cameras are left out: they cost nothing.
 * Pictures of another size than image_size are resized with padding as the checkpoint's own
 * runtime does it (openpi: Pillow's bilinear filter, bit for bit; LeRobot: torch's). */
typedef struct pi0_inputs {
    const pi0_image *images; /* the cameras that are present, each once */
    int n_images;
    const float *pixels;   /* instead of images: [n_images][3][image_size][image_size] in [-1,1],
                              RGB, in the network's order of cameras */
    const char *prompt;    /* UTF-8; needs a tokenizer */
    const int32_t *tokens; /* instead of the prompt: its tokens, without padding */
    int n_tokens;
    const double *state; /* [n_state], normalised; filled with zeros to state_dim. pi0: needed.
                            pi0.5: becomes part of the prompt (openpi's and LeRobot's format);
                            NULL: a prompt without state, as openpi's pi05_libero */
    int n_state;
} pi0_inputs;

/* Vision tower and prefix: everything that does not depend on the noise. The keys and values
 * stay in the session until the next call.
 * Errors: PI0_EINVAL, PI0_EFORMAT (tokenizer), PI0_ECANCELED.
 * Source: openpi src/openpi/models_pytorch/pi0_pytorch.py embed_prefix, sample_actions. */
PI0_API int pi0_observe(pi0_session *session, const pi0_inputs *in, pi0_error *err);

/* Denoise one chunk for the last observation. May be called many times with other noise.
 * noise: [horizon][action_dim], or NULL: drawn from the session's seed, another one each time.
 * actions: [horizon][action_dim], written whole or not at all; n_actions: floats it has room for.
 * Errors: PI0_EINVAL (no observation yet, wrong size), PI0_ECANCELED, PI0_ENUMERIC.
 * Source: openpi pi0_pytorch.py sample_actions, denoise_step. */
PI0_API int pi0_denoise(pi0_session *session, const float *noise, float *actions, size_t n_actions,
                        pi0_error *err);

/* pi0_observe(), then pi0_denoise(). */
PI0_API int pi0_infer(pi0_session *session, const pi0_inputs *in, const float *noise,
                      float *actions, size_t n_actions, pi0_error *err);

/* Stop the call that runs in this session now: it returns PI0_ECANCELED before the next layer.
 * Safe from another thread and from a signal handler. Without a running call it does nothing. */
PI0_API void pi0_cancel(pi0_session *session);

/* Start the session's noise again from `seed`, as if it were new. */
PI0_API void pi0_session_seed(pi0_session *session, uint64_t seed);

/* What a session was made for. */
typedef struct pi0_session_info {
    int n_threads, num_steps, horizon, action_dim, max_images, max_tokens;
    uint64_t block_bytes; /* its one block of memory */
} pi0_session_info;
PI0_API void pi0_session_get_info(const pi0_session *session, pi0_session_info *info);

/* Wall time of the last observe and denoise, in milliseconds. */
typedef struct pi0_timing {
    double inputs_ms; /* images resized, prompt tokenised */
    double vision_ms, prefix_ms;
    double denoise_ms; /* all steps */
    double total_ms;
} pi0_timing;
PI0_API void pi0_session_timing(const pi0_session *session, pi0_timing *timing);

/* Called with each stage's output as [rows][cols] f32, which lives for the call only. Names:
 * vision.<image>.embeddings, vision.<image>.L<nn>.attention (x after the attention's residual),
 * vision.<image>.L<nn>, vision.<image>.tokens, prefix.embeddings,
 * prefix.L<nn>.k, prefix.L<nn>.v, prefix.L<nn>.out, suffix.cond, suffix.embeddings,
 * suffix.state (pi0), step<k>.x, step<k>.v, step<k>.expert.L<nn>, actions. A tap looks and changes
 * nothing; it slows inference down. NULL takes it away. PI0_ENOMEM. */
typedef void (*pi0_tap_fn)(void *user, const char *name, const float *data, int rows, int cols);
PI0_API int pi0_session_set_tap(pi0_session *session, pi0_tap_fn tap, void *user, pi0_error *err);

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
 * Errors: PI0_EINVAL (no tokenizer, invalid UTF-8, no room), PI0_EFORMAT.
 * Source: openpi src/openpi/models/tokenizer.py PaligemmaTokenizer.tokenize;
 * lerobot src/lerobot/policies/pi0/processor_pi0.py, pi05/processor_pi05.py. */
PI0_API int pi0_tokenize(const pi0_model *model, const char *prompt, const double *state,
                         int n_state, int32_t *ids, int capacity, int *n_ids, pi0_error *err);

#ifdef __cplusplus
}
#endif
#endif
