/* SPDX-License-Identifier: Apache-2.0 */
/* api_model.c - the public functions of a model: load, describe, free. */
#include "api.h"
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_STEPS 10
// openpi src/openpi/models/pi0_config.py max_token_len
#define MAX_TOKENS_PI0 48
#define MAX_TOKENS_PI05 200

const char *pi0_version(void)
{
    return PI0_VERSION;
}

void pi0_default_options(pi0_options *opt)
{
    *opt = (pi0_options){ .backend = "auto", .precision = "auto" };
}

/* ---- load ---- */

static int check_range(const char *what, int value, int max, pi0_error *err)
{
    if (value >= 0 && value <= max) return PI0_OK;
    return pi0_fail(err, PI0_EINVAL, "option %s is %d, expected 0 to %d", what, value, max);
}

int pi0_check_options(const pi0_options *opt, pi0_error *err)
{
    int status = check_range("n_threads", opt->n_threads, 1024, err);
    if (!status) status = check_range("num_steps", opt->num_steps, 1024, err);
    if (!status) status = check_range("horizon", opt->horizon, 4096, err);
    if (!status) status = check_range("max_images", opt->max_images, CONFIG_MAX_CAMERAS, err);
    if (!status) status = check_range("max_tokens", opt->max_tokens, 65536, err);
    if (!status) status = check_range("n_action_steps", opt->n_action_steps, 4096, err);
    return status;
}

// open dir/name if it is there; PI0_OK with m->words NULL if it is not
static int try_tokenizer(pi0_model *m, const char *dir, const char *name, pi0_error *err)
{
    char *path = pi0_path_join(dir, name);
    int status = PI0_OK;
    if (!path) return pi0_fail(err, PI0_ENOMEM, "no memory for a path");
    if (pi0_file_exists(path)) status = pi0_tokenizer_open(&m->words, path, err);
    free(path);
    return status;
}

static int find_tokenizer(pi0_model *m, const char *dir, const pi0_options *opt, pi0_error *err)
{
    const char *where = opt->tokenizer ? opt->tokenizer : dir;
    int status;
    if (opt->tokenizer && !pi0_is_directory(where))
        return pi0_tokenizer_open(&m->words, where, err);
    status = try_tokenizer(m, where, "tokenizer.model", err);
    if (!status && !m->words) status = try_tokenizer(m, where, "tokenizer/tokenizer.model", err);
    if (status || m->words) return status;
    if (opt->tokenizer)
        return pi0_fail(err, PI0_EIO, "%s: no tokenizer.model in this folder", where);
    m->searched = pi0_path_join(dir, "tokenizer.model");
    return m->searched ? PI0_OK : pi0_fail(err, PI0_ENOMEM, "no memory for a path");
}

static void set_limits(pi0_model *m, const pi0_options *opt)
{
    const checkpoint_config *c = &m->config;
    const pi0_policy_info *p = m->policy ? &m->policy->info : NULL;
    m->limits.horizon = c->horizon ? c->horizon : p && p->horizon ? p->horizon : opt->horizon;
    m->limits.num_steps = opt->num_steps ? opt->num_steps
                          : c->num_steps ? c->num_steps
                                         : DEFAULT_STEPS;
    m->limits.max_images = opt->max_images ? opt->max_images : c->n_cameras;
    m->limits.max_tokens = opt->max_tokens  ? opt->max_tokens
                           : p              ? p->max_tokens
                           : c->max_tokens  ? c->max_tokens
                           : m->source.pi05 ? MAX_TOKENS_PI05
                                            : MAX_TOKENS_PI0;
    const bool lerobot = p ? m->policy->lerobot_grid : c->layout == LAYOUT_LEROBOT;
    m->limits.grid = lerobot ? TIME_LEROBOT : TIME_OPENPI;
}

/* The robot's side. What was asked for and cannot be had is an error; where nothing was, the
 * network works without, and pi0_act() says why it does not. */
static int load_policy(pi0_model *m, const char *dir, const model_sizes *sizes,
                       const pi0_options *opt, pi0_error *err)
{
    const policy_request request = {
        .dir = dir,
        .config = opt->config,
        .state_padding = opt->lerobot_state_padding,
        .horizon = opt->horizon,
        .n_action_steps = opt->n_action_steps,
        .checkpoint = &m->config,
        .pi05 = sizes->pi05,
        .state_dim = sizes->size[SIZE_STATE],
        .action_dim = sizes->size[SIZE_ACTION],
    };
    int status = pi0_policy_load(&m->policy, &request, &m->no_policy);
    const bool asked =
        opt->config || m->config.policy || opt->lerobot_state_padding || opt->n_action_steps;
    if (status == PI0_ENOMEM || (status && asked))
        return pi0_fail(err, status, "%s", m->no_policy.message);
    if (status)
        return m->config.layout == LAYOUT_LEROBOT
                   ? pi0_warn(&m->warnings, err, "no robot policy: %s", m->no_policy.message)
                   : PI0_OK;
    for (int i = 0; i < m->policy->n_warnings && !status; i++)
        status = pi0_warn(&m->warnings, err, "%s", m->policy->warning[i]);
    return status;
}

// a pool for the packing alone
static int pack_weights(pi0_model *m, const model_sizes *sizes, const pi0_options *opt,
                        pi0_error *err)
{
    backend b = m->backend.b;
    int status = pi0_pool_create(&b.threads, opt->n_threads, err);
    if (status) return status;
    status = pi0_weights_load(&m->net, &m->weights, sizes, &m->source, &b, err);
    pi0_pool_free(b.threads);
    return status;
}

// merged weights are not those that are stored: never in silence
static int warn_lora(pi0_model *m, pi0_error *err)
{
    const int rank = m->files.map.lora_rank;
    if (!rank) return PI0_OK;
    return pi0_warn(&m->warnings, err,
                    "LoRA weights of rank up to %d were merged, with alpha / rank = 1 as in all of "
                    "openpi's configs: the checkpoint does not store it",
                    rank);
}

static int load(pi0_model *m, const char *path, const char *dir, const pi0_options *opt,
                pi0_error *err)
{
    model_sizes sizes;
    int status = pi0_backend_choose(&m->backend, opt, err);
    if (!status) status = pi0_config_read(&m->config, dir, err);
    if (!status) status = pi0_checkpoint_open(&m->files, path, err);
    if (!status && m->config.warning[0])
        status = pi0_warn(&m->warnings, err, "%s", m->config.warning);
    if (!status)
        status = pi0_sizes_read(&sizes, &m->source, &m->files, &m->config, &m->warnings, err);
    if (!status) status = warn_lora(m, err);
    if (!status) status = load_policy(m, dir, &sizes, opt, err);
    if (!status) status = find_tokenizer(m, dir, opt, err);
    if (!status) status = pack_weights(m, &sizes, opt, err);
    return status;
}

int pi0_load(pi0_model **model, const char *path, const pi0_options *opt, pi0_error *err)
{
    pi0_options defaults;
    pi0_default_options(&defaults);
    if (!opt) opt = &defaults;
    if (!model || !path) return pi0_fail(err, PI0_EINVAL, "pi0_load: model or path is NULL");
    int status = pi0_check_options(opt, err);
    if (status) return status;
    pi0_model *m = calloc(1, sizeof *m);
    char *dir = pi0_checkpoint_home(path);
    if (!m || !dir) {
        free(m);
        free(dir);
        return pi0_fail(err, PI0_ENOMEM, "no memory for a model");
    }
    m->log = (logger){ opt->log, opt->log_user };
    status = load(m, path, dir, opt, err);
    free(dir);
    if (status) {
        pi0_free(m);
        return status;
    }
    set_limits(m, opt);
    for (int i = 0; i < m->warnings.n; i++)
        pi0_log(&m->log, PI0_LOG_WARNING, "%s", m->warnings.text[i]);
    *model = m;
    return PI0_OK;
}

void pi0_free(pi0_model *model)
{
    if (!model) return;
    pi0_weights_free(&model->weights, &model->backend.b);
    pi0_policy_free(model->policy);
    pi0_tokenizer_free(model->words);
    pi0_checkpoint_close(&model->files);
    pi0_warnings_free(&model->warnings);
    free(model->searched);
    free(model);
}

/* ---- describe ---- */

static void count_tensors(const pi0_model *m, pi0_info *info)
{
    const safetensors *st = &m->files.st;
    info->n_tensors = st->n_tensors;
    for (int i = 0; i < st->n_tensors; i++) {
        const dtype t = st->tensors[i].type;
        info->n_f32 += t == DTYPE_F32;
        info->n_bf16 += t == DTYPE_BF16;
        info->n_f16 += t == DTYPE_F16;
    }
    for (int i = 0; i < st->n_files; i++) info->mapped_bytes += st->maps[i].size;
}

void pi0_model_info(const pi0_model *model, pi0_info *info)
{
    const model_sizes *z = &model->net.sizes;
    const int *n = z->size;
    const int heads = model->net.n_heads, dim = model->net.head_dim;
    *info = (pi0_info){
        .pi05 = z->pi05,
        .layout = model->config.layout == LAYOUT_LEROBOT ? "lerobot" : "openpi",
        .time_grid = model->limits.grid == TIME_LEROBOT ? "lerobot" : "openpi",
        .horizon = model->limits.horizon,
        .action_dim = n[SIZE_ACTION],
        .state_dim = z->pi05 ? 0 : n[SIZE_STATE],
        .num_steps = model->limits.num_steps,
        .image_size = pi0_sizes_image(z),
        .image_tokens = n[SIZE_IMAGE],
        .max_tokens = model->limits.max_tokens,
        .vocabulary = n[SIZE_VOCABULARY],
        .n_cameras = model->config.n_cameras,
        .vision = { z->v_layers, n[SIZE_V], n[SIZE_V_MLP], SIGLIP_HEADS, n[SIZE_V] / SIGLIP_HEADS },
        .language = { z->layers, n[SIZE_D], n[SIZE_D_MLP], heads, dim },
        .expert = { z->layers, n[SIZE_W], n[SIZE_W_MLP], heads, dim },
        .parameters = model->weights.parameters,
        .packed_bytes = model->weights.bytes,
        .format = model->files.is_orbax ? "orbax" : "safetensors",
        .decoded_bytes = pi0_checkpoint_held(&model->files),
        .backend = model->backend.b.ops->name,
        .isa = model->backend.isa,
        .precision = model->backend.precision,
        .n_warnings = model->warnings.n,
    };
    count_tensors(model, info);
}

const char *pi0_model_camera(const pi0_model *model, int i)
{
    return i >= 0 && i < model->config.n_cameras ? model->config.camera[i] : NULL;
}

const char *pi0_model_warning(const pi0_model *model, int i)
{
    return i >= 0 && i < model->warnings.n ? model->warnings.text[i] : NULL;
}

/* ---- prompt ---- */

static enum prompt_format format_of(const pi0_model *m)
{
    if (m->net.sizes.pi05) return PROMPT_PI05;
    return m->config.layout == LAYOUT_LEROBOT ? PROMPT_LEROBOT_PI0 : PROMPT_OPENPI;
}

int pi0_model_tokens(const pi0_model *m, enum prompt_format format, const char *prompt,
                     const double *state, int n_state, int max_tokens, int32_t *ids, int *n_ids,
                     bool *cut, pi0_error *err)
{
    if (!m->words)
        return pi0_fail(err, PI0_EINVAL,
                        "a prompt needs a tokenizer and %s is not there: give PaliGemma's "
                        "SentencePiece model (tokenizer.model of google/paligemma-3b-pt-224, or "
                        "paligemma_tokenizer.model of openpi's cache) as option tokenizer",
                        m->searched);
    return pi0_prompt_tokens(m->words, format, prompt, state, n_state, max_tokens, ids, n_ids, cut,
                             err);
}

int pi0_network_tokens(const pi0_model *m, const char *prompt, const double *state, int n_state,
                       int max_tokens, int32_t *ids, int *n_ids, pi0_error *err)
{
    bool cut;
    const int status = pi0_model_tokens(m, format_of(m), prompt, state, n_state, max_tokens, ids,
                                        n_ids, &cut, err);
    if (!status && cut)
        pi0_log(&m->log, PI0_LOG_WARNING,
                "the prompt is longer than %d tokens and was cut at its end", max_tokens);
    return status;
}

int pi0_tokenize(const pi0_model *model, const char *prompt, const double *state, int n_state,
                 int32_t *ids, int capacity, int *n_ids, pi0_error *err)
{
    int n;
    if (!model || !prompt || !ids || !n_ids)
        return pi0_fail(err, PI0_EINVAL, "pi0_tokenize: model, prompt, ids or n_ids is NULL");
    if (capacity < model->limits.max_tokens)
        return pi0_fail(err, PI0_EINVAL, "room for %d tokens, expected max_tokens, %d", capacity,
                        model->limits.max_tokens);
    const int status =
        pi0_network_tokens(model, prompt, state, n_state, model->limits.max_tokens, ids, &n, err);
    if (!status) *n_ids = n;
    return status;
}
