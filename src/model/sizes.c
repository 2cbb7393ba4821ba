/* SPDX-License-Identifier: Apache-2.0 */
/* sizes.c - what a checkpoint is, told by its tensors: pi0 or pi0.5, the sizes of the stacks; and
 * the check of every tensor against the table. */
#include "model/weights.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_SIZE (1 << 20) // of any dimension but the vocabulary: far above any published model
#define MAX_LAYERS 512

int pi0_warn(warning_list *w, pi0_error *err, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char **grown = realloc(w->text, ((size_t)w->n + 1) * sizeof *grown);
    if (!grown) return pi0_fail(err, PI0_ENOMEM, "no memory for a warning");
    w->text = grown;
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (!copy) return pi0_fail(err, PI0_ENOMEM, "no memory for a warning");
    memcpy(copy, text, size);
    w->text[w->n++] = copy;
    return PI0_OK;
}

void pi0_warnings_free(warning_list *w)
{
    for (int i = 0; i < w->n; i++) free(w->text[i]);
    free(w->text);
    *w = (warning_list){ NULL, 0 };
}

/* ---- names ---- */

static bool starts_with(const char *text, const char *start)
{
    return !strncmp(text, start, strlen(start));
}

// LeRobot renames these where they stand without "model." (modeling_pi0.py, modeling_pi05.py
// _fix_pytorch_state_dict_keys): checkpoints that were converted as the other model
static bool lerobot_alias(char out[TENSOR_NAME_SIZE], const tensor_source *s, const char *name)
{
    const char *from = s->pi05 ? "time_mlp_" : "action_time_mlp_";
    const char *to = s->pi05 ? "action_time_mlp_" : "time_mlp_";
    if (!s->lerobot || !starts_with(name, from)) return false;
    snprintf(out, TENSOR_NAME_SIZE, "%s%s", to, name + strlen(from));
    return true;
}

// the keys under which a tensor may stand: with "model.", without, under LeRobot's older name
static int find_all(const tensor_source *s, const char *name, const st_tensor *found[3])
{
    char alias[TENSOR_NAME_SIZE];
    int n = pi0_safetensors_find_both(&s->cp->st, name, found);
    if (lerobot_alias(alias, s, name) && (found[n] = pi0_safetensors_find(&s->cp->st, alias))) n++;
    return n;
}

static const st_tensor *find_name(const tensor_source *s, const char *name)
{
    const st_tensor *found[3];
    return find_all(s, name, found) ? found[0] : NULL;
}

const st_tensor *pi0_source_find(const tensor_source *source, enum tensor_id id, int layer)
{
    char name[TENSOR_NAME_SIZE];
    const st_tensor *t = NULL;
    // the embedding is tied: files keep one of two names, and where both are, embed_tokens counts
    if (id == T_TOKENS) t = find_name(source, EMBED_TOKENS_NAME);
    return t ? t : find_name(source, pi0_tensor_name(name, id, layer));
}

/* ---- sizes ---- */

// dimension d of a tensor that must be there
static int dim_of(int *value, const tensor_source *s, enum tensor_id id, int d, pi0_error *err)
{
    char name[TENSOR_NAME_SIZE], shape[128];
    const st_tensor *t = pi0_source_find(s, id, 0);
    if (!t)
        return pi0_fail(err, PI0_EFORMAT,
                        "tensor %s is missing: this is no checkpoint of pi0 or pi0.5 in openpi's "
                        "PyTorch or in LeRobot's layout, or it is incomplete",
                        pi0_tensor_name(name, id, 0));
    const int64_t limit = id == T_TOKENS ? INT32_MAX / 2 : MAX_SIZE;
    if (d >= t->n_dims || t->dims[d] < 1 || t->dims[d] > limit)
        return pi0_fail(err, PI0_EFORMAT, "tensor %s has shape %s, which no model has", t->name,
                        pi0_st_shape(shape, sizeof shape, t));
    *value = (int)t->dims[d];
    return PI0_OK;
}

// one more than the highest layer number among keys like `pattern`, so that a hole is noticed
static int count_layers(const safetensors *st, const char *pattern)
{
    int n = 0, i;
    const char *number = strstr(pattern, "%d");
    const size_t head = (size_t)(number - pattern);
    for (int t = 0; t < st->n_tensors; t++) {
        const char *name = pi0_safetensors_bare_name(st->tensors[t].name);
        if (strncmp(name, pattern, head)) continue;
        char *end;
        const long value = strtol(name + head, &end, 10);
        if (end == name + head || *end != '.' || value < 0 || value >= MAX_LAYERS) continue;
        i = (int)value + 1;
        if (i > n) n = i;
    }
    return n;
}

static int tell_model(tensor_source *s, const checkpoint_config *config, pi0_error *err)
{
    char plain[TENSOR_NAME_SIZE], adaptive[TENSOR_NAME_SIZE];
    pi0_tensor_name(plain, T_EX_NORM1, 0);
    pi0_tensor_name(adaptive, T_EX_NORM1_W, 0);
    s->pi05 = find_name(s, adaptive) != NULL;
    if (!s->pi05 && !find_name(s, plain))
        return pi0_fail(err, PI0_EFORMAT,
                        "neither %s (pi0) nor %s (pi0.5) is there: this is no checkpoint of pi0 or "
                        "pi0.5 in openpi's PyTorch or in LeRobot's layout",
                        plain, adaptive);
    if (config->pi05 >= 0 && config->pi05 != s->pi05)
        return pi0_fail(err, PI0_EFORMAT,
                        "config.json says %s, but the tensors are those of %s (%s is %s)",
                        config->pi05 ? "pi0.5" : "pi0", s->pi05 ? "pi0.5" : "pi0", adaptive,
                        s->pi05 ? "there" : "not there");
    return PI0_OK;
}

static int measure(model_sizes *z, const tensor_source *s, pi0_error *err)
{
    static const struct {
        enum size_id size;
        enum tensor_id id;
        int dim;
    } from[] = {
        { SIZE_V, T_PATCH_W, 0 },     { SIZE_RGB, T_PATCH_W, 1 },
        { SIZE_PATCH, T_PATCH_W, 2 }, { SIZE_IMAGE, T_POSITIONS, 0 },
        { SIZE_V_MLP, T_V_FC1_W, 0 }, { SIZE_D, T_PROJECTOR_W, 0 },
        { SIZE_Q, T_LM_Q, 0 },        { SIZE_HEAD, T_LM_K, 0 },
        { SIZE_D_MLP, T_LM_GATE, 0 }, { SIZE_VOCABULARY, T_TOKENS, 0 },
        { SIZE_W, T_ACTION_IN_W, 0 }, { SIZE_ACTION, T_ACTION_IN_W, 1 },
        { SIZE_W_MLP, T_EX_GATE, 0 },
    };
    int status = PI0_OK;
    *z = (model_sizes){ .pi05 = s->pi05 };
    for (size_t i = 0; i < sizeof from / sizeof *from && !status; i++)
        status = dim_of(&z->size[from[i].size], s, from[i].id, from[i].dim, err);
    if (!status && !z->pi05) status = dim_of(&z->size[SIZE_STATE], s, T_STATE_W, 1, err);
    if (status) return status;
    z->size[SIZE_2W] = 2 * z->size[SIZE_W];
    z->size[SIZE_3W] = 3 * z->size[SIZE_W];
    z->v_layers = count_layers(&s->cp->st, pi0_tensor_table[T_V_FC1_W].name);
    z->layers = count_layers(&s->cp->st, pi0_tensor_table[T_LM_Q].name);
    const int expert = count_layers(&s->cp->st, pi0_tensor_table[T_EX_Q].name);
    if (expert != z->layers)
        return pi0_fail(err, PI0_EFORMAT,
                        "the language model has %d layers and the action expert %d; they share "
                        "keys and values layer by layer and must be as many",
                        z->layers, expert);
    return PI0_OK;
}

// relations that the network needs
static int check_relations(const model_sizes *z, pi0_error *err)
{
    const int *n = z->size;
    const int grid = pi0_sizes_image(z) / n[SIZE_PATCH];
    if (n[SIZE_RGB] != 3)
        return pi0_fail(err, PI0_EFORMAT, "the patch embedding reads %d colours, expected 3",
                        n[SIZE_RGB]);
    if (grid * grid != n[SIZE_IMAGE])
        return pi0_fail(err, PI0_EFORMAT, "%d image positions are no square", n[SIZE_IMAGE]);
    if (n[SIZE_V] % SIGLIP_HEADS)
        return pi0_fail(err, PI0_EFORMAT,
                        "the vision tower is %d wide, no multiple of its %d heads", n[SIZE_V],
                        SIGLIP_HEADS);
    if (n[SIZE_Q] % n[SIZE_HEAD] || n[SIZE_HEAD] % 2)
        return pi0_fail(err, PI0_EFORMAT,
                        "q_proj has %d rows and k_proj %d: expected a multiple of an even number",
                        n[SIZE_Q], n[SIZE_HEAD]);
    if (n[SIZE_W] % 2)
        return pi0_fail(err, PI0_EFORMAT, "the action expert is %d wide, expected an even number",
                        n[SIZE_W]);
    return PI0_OK;
}

/* ---- every tensor ---- */

static bool usable(dtype t)
{
    return t == DTYPE_F32 || t == DTYPE_BF16 || t == DTYPE_F16;
}

static void expected_shape(char *text, size_t size, const model_sizes *z, const tensor_spec *spec)
{
    size_t at = 0;
    for (int d = 0; d < 4 && spec->dims[d]; d++)
        at += (size_t)snprintf(text + at, size - at, "%c%d", d ? ',' : '[', z->size[spec->dims[d]]);
    snprintf(text + at, size - at, "]");
}

static bool shape_fits(const model_sizes *z, const tensor_spec *spec, const st_tensor *t)
{
    int n = 0;
    while (n < 4 && spec->dims[n]) n++;
    if (t->n_dims != n) return false;
    for (int d = 0; d < n; d++)
        if (t->dims[d] != z->size[spec->dims[d]]) return false;
    return true;
}

static int check_tensor(const model_sizes *z, const tensor_source *s, enum tensor_id id, int layer,
                        pi0_error *err)
{
    char name[TENSOR_NAME_SIZE], expected[80], shape[128];
    const st_tensor *found[3], *t = pi0_source_find(s, id, layer);
    pi0_tensor_name(name, id, layer);
    if (!t) return pi0_fail(err, PI0_EFORMAT, "tensor %s is missing", name);
    if (find_all(s, id == T_TOKENS && find_name(s, EMBED_TOKENS_NAME) ? EMBED_TOKENS_NAME : name,
                 found) > 1)
        return pi0_fail(err, PI0_EFORMAT, "two tensors for one: %s and %s", found[0]->name,
                        found[1]->name);
    expected_shape(expected, sizeof expected, z, &pi0_tensor_table[id]);
    if (!shape_fits(z, &pi0_tensor_table[id], t))
        return pi0_fail(err, PI0_EFORMAT, "tensor %s has shape %s, expected %s", t->name,
                        pi0_st_shape(shape, sizeof shape, t), expected);
    if (!usable(t->type))
        return pi0_fail(err, PI0_EFORMAT, "tensor %s is %s, expected F32, BF16 or F16", t->name,
                        dtype_name(t->type));
    return PI0_OK;
}

static int check_tensors(const model_sizes *z, const tensor_source *s, pi0_error *err)
{
    for (int id = 0; id < T_COUNT; id++)
        for (int layer = 0; layer < pi0_tensor_count(z, id); layer++) {
            const int status = check_tensor(z, s, id, layer, err);
            if (status) return status;
        }
    return PI0_OK;
}

/* ---- tensors that the table doesn't know ---- */

// `name` is table entry `id` of some layer of this model
static bool is_entry(const model_sizes *z, enum tensor_id id, const char *name)
{
    const char *pattern = pi0_tensor_table[id].name, *number = strstr(pattern, "%d");
    if (!pi0_tensor_count(z, id)) return false;
    if (!number) return !strcmp(name, pattern);
    if (strncmp(name, pattern, (size_t)(number - pattern))) return false;
    const char *digits = name + (number - pattern);
    char *end;
    const long layer = strtol(digits, &end, 10);
    if (end == digits || digits[0] < '0' || digits[0] > '9' ||
        (digits[0] == '0' && end > digits + 1))
        return false;
    return layer < pi0_tensor_count(z, id) && !strcmp(end, number + 2);
}

// stored and known, but not read: the heads; and what LeRobot itself drops
static bool is_known_unused(const tensor_source *s, const char *key)
{
    const char *name = pi0_safetensors_bare_name(key);
    if (!strcmp(name, EXPERT_HEAD_NAME) || !strcmp(name, EMBED_TOKENS_NAME)) return true;
    if (!s->lerobot || !s->pi05 || name != key) return false;
    return starts_with(name, "state_proj.") ||
           (starts_with(name, EX_) && strstr(name, "norm.weight"));
}

static bool is_known(const model_sizes *z, const tensor_source *s, const char *key)
{
    const char *name = pi0_safetensors_bare_name(key);
    for (int id = 0; id < T_COUNT; id++) {
        char own[TENSOR_NAME_SIZE], alias[TENSOR_NAME_SIZE];
        if (is_entry(z, id, name)) return true;
        if (pi0_tensor_count(z, id) != 1 || name != key) continue;
        if (lerobot_alias(alias, s, pi0_tensor_name(own, id, 0)) && !strcmp(alias, key))
            return true;
    }
    return is_known_unused(s, key);
}

static int list_unknown(const model_sizes *z, const tensor_source *s, warning_list *warnings,
                        pi0_error *err)
{
    const int shown = 8;
    int n = 0, status = PI0_OK;
    for (int i = 0; i < s->cp->st.n_tensors && !status; i++) {
        if (is_known(z, s, s->cp->st.tensors[i].name)) continue;
        if (n++ < shown)
            status = pi0_warn(warnings, err, "tensor %s is not part of %s and is not used",
                              s->cp->st.tensors[i].name, z->pi05 ? "pi0.5" : "pi0");
    }
    if (!status && n > shown)
        status = pi0_warn(warnings, err, "%d more tensors are not part of the model", n - shown);
    return status;
}

/* ---- the config against the tensors ---- */

static int check_number(const char *what, int said, int is, pi0_error *err)
{
    if (!said || said == is) return PI0_OK;
    return pi0_fail(err, PI0_EFORMAT, "config.json says %s %d, the tensors say %d", what, said, is);
}

static int check_variant(const char *key, const char *name, int width, int depth, int mlp,
                         warning_list *warnings, pi0_error *err)
{
    int w, d, m;
    if (!name[0]) return PI0_OK;
    if (!pi0_config_variant(name, &w, &d, &m))
        return pi0_warn(warnings, err,
                        "config.json: %s \"%s\" is not known; the tensors' sizes count", key, name);
    if (w == width && d == depth && m == mlp) return PI0_OK;
    return pi0_warn(warnings, err,
                    "config.json: %s \"%s\" promises width %d, depth %d, mlp %d; the tensors have "
                    "%d, %d, %d, and they count",
                    key, name, w, d, m, width, depth, mlp);
}

static int check_config(const model_sizes *z, const checkpoint_config *c, warning_list *warnings,
                        pi0_error *err)
{
    const int *n = z->size;
    int status = check_number(c->layout == LAYOUT_LEROBOT ? "max_action_dim" : "action_dim",
                              c->action_dim, n[SIZE_ACTION], err);
    if (!status && !z->pi05)
        status = check_number("max_state_dim", c->state_dim, n[SIZE_STATE], err);
    if (!status) status = check_number("image_resolution", c->image_size, pi0_sizes_image(z), err);
    if (!status)
        status = check_variant("paligemma_variant", c->vlm_variant, n[SIZE_D], z->layers,
                               n[SIZE_D_MLP], warnings, err);
    if (!status)
        status = check_variant("action_expert_variant", c->expert_variant, n[SIZE_W], z->layers,
                               n[SIZE_W_MLP], warnings, err);
    return status;
}

int pi0_sizes_read(model_sizes *sizes, tensor_source *source, checkpoint *cp,
                   const checkpoint_config *config, warning_list *warnings, pi0_error *err)
{
    model_sizes z;
    tensor_source s = { cp, config->layout == LAYOUT_LEROBOT, config->pi05 == 1 };
    int status = tell_model(&s, config, err);
    if (!status) status = measure(&z, &s, err);
    if (!status) status = check_tensors(&z, &s, err);
    if (!status) status = check_relations(&z, err);
    if (!status) status = check_config(&z, config, warnings, err);
    if (!status) status = list_unknown(&z, &s, warnings, err);
    if (status) return status;
    *sizes = z;
    *source = s;
    return PI0_OK;
}
