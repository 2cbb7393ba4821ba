/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - config.json of a checkpoint. openpi's has five fields, LeRobot's some fifty, of which
 * those are read that the network's arithmetic depends on; fields that are not known are let be. */
#include "data/config.h"
#include "core/file.h"
#include "data/json.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SIDE 4096 // pixels
#define ADAPTER_ADVICE                                                                            \
    "a PEFT adapter is not supported: merge it into its base model (peft: merge_and_unload) and " \
    "save the result"

// an integer of the file: 1..max into the int at `offset` of the struct
typedef struct int_field {
    const char *key;
    size_t offset;
    int max;
} int_field;

static const int_field openpi_ints[] = {
    { "action_horizon", offsetof(checkpoint_config, horizon), 4096 },
    { "action_dim", offsetof(checkpoint_config, action_dim), 4096 },
};

static const int_field lerobot_ints[] = {
    { "chunk_size", offsetof(checkpoint_config, horizon), 4096 },
    { "max_action_dim", offsetof(checkpoint_config, action_dim), 4096 },
    { "max_state_dim", offsetof(checkpoint_config, state_dim), 4096 },
    { "num_inference_steps", offsetof(checkpoint_config, num_steps), 1024 },
    { "tokenizer_max_length", offsetof(checkpoint_config, max_tokens), 65536 },
};

static const struct variant {
    const char *name;
    int width, depth, mlp;
} variants[] = {
    { "gemma_2b", 2048, 18, 16384 },
    { "gemma_300m", 1024, 18, 4096 },
    { "gemma_2b_lora", 2048, 18, 16384 },
    { "gemma_300m_lora", 1024, 18, 4096 },
    { "dummy", 64, 4, 128 },
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

bool pi0_config_variant(const char *name, int *width, int *depth, int *mlp)
{
    for (size_t i = 0; i < LENGTH(variants); i++) {
        if (strcmp(variants[i].name, name)) continue;
        *width = variants[i].width;
        *depth = variants[i].depth;
        *mlp = variants[i].mlp;
        return true;
    }
    return false;
}

static int read_ints(checkpoint_config *config, const json_t *root, const int_field *fields,
                     size_t n, const char *name, pi0_error *err)
{
    int status = PI0_OK;
    for (size_t i = 0; i < n && !status; i++)
        status = pi0_json_int(root, fields[i].key, 1, fields[i].max,
                              (int *)((char *)config + fields[i].offset), name, err);
    return status;
}

static int read_variants(checkpoint_config *config, const json_t *root, const char *name,
                         pi0_error *err)
{
    const int status = pi0_json_string(root, "paligemma_variant", config->vlm_variant,
                                       sizeof config->vlm_variant, name, err);
    if (status) return status;
    return pi0_json_string(root, "action_expert_variant", config->expert_variant,
                           sizeof config->expert_variant, name, err);
}

static void set_openpi_cameras(checkpoint_config *config)
{
    static const char *const camera[] = { "base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb" };
    config->n_cameras = (int)LENGTH(camera);
    for (size_t i = 0; i < LENGTH(camera); i++)
        snprintf(config->camera[i], CONFIG_NAME_SIZE, "%s", camera[i]);
}

static int read_openpi(checkpoint_config *config, const json_t *root, const char *name,
                       pi0_error *err)
{
    const json_t *pi05 = json_object_get(root, "pi05"), *policy = json_object_get(root, "policy");
    set_openpi_cameras(config);
    // pi0 convert writes the robot here
    config->policy = json_is_object(policy);
    if (policy && !config->policy)
        return pi0_fail(err, PI0_EFORMAT, "%s: \"policy\" is %s, expected an object", name,
                        pi0_json_kind(policy));
    // openpi itself does not write this flag; the tensors tell the models apart
    if (json_is_boolean(pi05)) config->pi05 = json_is_true(pi05);
    const int status = read_ints(config, root, openpi_ints, LENGTH(openpi_ints), name, err);
    return status ? status : read_variants(config, root, name, err);
}

static int read_type(checkpoint_config *config, const json_t *root, const char *name,
                     pi0_error *err)
{
    char type[CONFIG_NAME_SIZE] = "";
    const int status = pi0_json_string(root, "type", type, sizeof type, name, err);
    if (status) return status;
    if (strcmp(type, "pi0") && strcmp(type, "pi05"))
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "%s: policy type \"%s\" is not supported; supported are pi0 and pi05", name,
                        type);
    config->pi05 = !strcmp(type, "pi05");
    return PI0_OK;
}

// what would load and run, but not compute what was trained
static int refuse_features(const json_t *root, const char *name, pi0_error *err)
{
    static const struct {
        const char *key, *advice;
    } feature[] = {
        { "use_visual_memory", "MEM memory is not supported" },
        { "use_proprioceptive_memory", "MEM memory is not supported" },
        { "use_peft", ADAPTER_ADVICE },
    };
    for (size_t i = 0; i < LENGTH(feature); i++) {
        bool on = false;
        const int status = pi0_json_bool(root, feature[i].key, &on, name, err);
        if (status) return status;
        if (on)
            return pi0_fail(err, PI0_EUNSUPPORTED, "%s: \"%s\" is true: %s", name, feature[i].key,
                            feature[i].advice);
    }
    return PI0_OK;
}

// the periods of the time embedding are constants in openpi, and so in this library
static int check_periods(const json_t *root, const char *name, pi0_error *err)
{
    static const struct {
        const char *key;
        double value;
    } period[] = { { "min_period", 0.004 }, { "max_period", 4.0 } };
    for (size_t i = 0; i < LENGTH(period); i++) {
        const json_t *v = json_object_get(root, period[i].key);
        if (!v || json_is_null(v)) continue;
        if (!json_is_number(v))
            return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\" is %s, expected a number", name,
                            period[i].key, pi0_json_kind(v));
        if (json_number_value(v) != period[i].value)
            return pi0_fail(err, PI0_EUNSUPPORTED, "%s: \"%s\" is %g, only %g is supported", name,
                            period[i].key, json_number_value(v), period[i].value);
    }
    return PI0_OK;
}

static int read_resolution(checkpoint_config *config, const json_t *root, const char *name,
                           pi0_error *err)
{
    const json_t *v = json_object_get(root, "image_resolution");
    if (!v || json_is_null(v)) return PI0_OK;
    const json_t *height = json_array_get(v, 0), *width = json_array_get(v, 1);
    if (json_array_size(v) != 2 || !json_is_integer(height) || !json_is_integer(width))
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: \"image_resolution\" is %s, expected an array of two integers", name,
                        pi0_json_kind(v));
    const json_int_t h = json_integer_value(height), w = json_integer_value(width);
    if (h != w || h < 1 || h > MAX_SIDE)
        return pi0_fail(err, PI0_EFORMAT,
                        "%s: \"image_resolution\" is [%lld,%lld], expected two equal sides, 1..%d",
                        name, (long long)h, (long long)w, MAX_SIDE);
    config->image_size = (int)h;
    return PI0_OK;
}

// one of input_features; the empty cameras are never there, so they are none
static int read_feature(checkpoint_config *config, const char *key, const json_t *feature,
                        const char *name, pi0_error *err)
{
    static const char empty[] = "observation.images.empty_camera_";
    const char *type = json_string_value(json_object_get(feature, "type")), *wrong;
    const size_t length = strlen(key);
    if (type && (strcmp(type, "VISUAL") || !strncmp(key, empty, sizeof empty - 1))) return PI0_OK;
    if (!type)
        wrong = "has no \"type\"";
    else if (length >= CONFIG_NAME_SIZE)
        wrong = "is a name of more than 127 bytes";
    else if (config->n_cameras == CONFIG_MAX_CAMERAS)
        wrong = "is one camera more than the 16 that are allowed";
    else {
        memcpy(config->camera[config->n_cameras++], key, length + 1);
        return PI0_OK;
    }
    return pi0_fail(err, PI0_EFORMAT, "%s: \"input_features\": \"%.*s\" %s", name,
                    pi0_json_clip(key, length), key, wrong);
}
_Static_assert(CONFIG_NAME_SIZE == 128 && CONFIG_MAX_CAMERAS == 16, "read_feature's messages");

// LeRobot's cameras: the visual inputs, in the file's order
static int read_cameras(checkpoint_config *config, const json_t *root, const char *name,
                        pi0_error *err)
{
    json_t *features = json_object_get(root, "input_features"), *feature;
    const char *key;
    if (!features || json_is_null(features)) return PI0_OK;
    if (!json_is_object(features))
        return pi0_fail(err, PI0_EFORMAT, "%s: \"input_features\" is %s, expected an object", name,
                        pi0_json_kind(features));
    json_object_foreach(features, key, feature)
    {
        const int status = read_feature(config, key, feature, name, err);
        if (status) return status;
    }
    return PI0_OK;
}

static int read_lerobot(checkpoint_config *config, const json_t *root, const char *name,
                        pi0_error *err)
{
    const json_t *rtc = json_object_get(root, "rtc_config");
    config->layout = LAYOUT_LEROBOT;
    int status = read_type(config, root, name, err);
    if (!status) status = refuse_features(root, name, err);
    if (!status) status = check_periods(root, name, err);
    if (!status) status = read_ints(config, root, lerobot_ints, LENGTH(lerobot_ints), name, err);
    if (!status) status = read_variants(config, root, name, err);
    if (!status) status = read_resolution(config, root, name, err);
    if (!status) status = read_cameras(config, root, name, err);
    if (!status && rtc && !json_is_null(rtc))
        snprintf(config->warning, sizeof config->warning,
                 "config.json: \"rtc_config\" (real-time chunking) is not applied");
    return status;
}

// takes over `root`
static int read_root(checkpoint_config *config, json_t *root, const char *name, pi0_error *err)
{
    checkpoint_config c = { .found = true, .pi05 = -1 };
    const int status = json_object_get(root, "type") ? read_lerobot(&c, root, name, err)
                                                     : read_openpi(&c, root, name, err);
    json_decref(root);
    if (!status) *config = c;
    return status;
}

int pi0_config_parse(checkpoint_config *config, const char *json, size_t size, const char *name,
                     pi0_error *err)
{
    json_t *root;
    const int status = pi0_json_parse(&root, json, size, name, err);
    return status ? status : read_root(config, root, name, err);
}

static int read_file(checkpoint_config *config, const char *path, const char *processor,
                     pi0_error *err)
{
    json_t *root;
    // no config.json is what openpi's own training leaves behind; LeRobot's model would be run as
    // openpi's, with another prompt and other time steps
    if (!pi0_file_exists(path)) {
        if (pi0_file_exists(processor))
            return pi0_fail(err, PI0_EIO,
                            "%s is not there, but LeRobot's policy_preprocessor.json is: copy it "
                            "from where the model came from",
                            path);
        *config = (checkpoint_config){ .pi05 = -1 };
        set_openpi_cameras(config);
        return PI0_OK;
    }
    const int status = pi0_json_read(&root, path, err);
    return status ? status : read_root(config, root, path, err);
}

// a file of an adapter is there; what cannot be opened may be none
static int refuse_adapter(const char *path, pi0_error *err)
{
    int fd;
    uint64_t size;
    const int status = pi0_file_open(&fd, &size, path, err);
    if (status) return status;
    close(fd);
    return pi0_fail(err, PI0_EUNSUPPORTED, "%s: " ADAPTER_ADVICE, path);
}

int pi0_config_read(checkpoint_config *config, const char *dir, pi0_error *err)
{
    char *path = pi0_path_join(dir, "config.json"),
         *adapter = pi0_path_join(dir, "adapter_config.json"),
         *processor = pi0_path_join(dir, "policy_preprocessor.json");
    int status;
    if (!path || !adapter || !processor)
        status = pi0_fail(err, PI0_ENOMEM, "%s: no memory for its config", dir);
    else if (pi0_file_exists(adapter))
        status = refuse_adapter(adapter, err);
    else
        status = read_file(config, path, processor, err);
    free(path);
    free(adapter);
    free(processor);
    return status;
}

// a path is told by its slash or by its ending; names have neither
bool pi0_config_is_file(const char *config)
{
    const char *dot = strrchr(config, '.');
    return strchr(config, '/') || (dot && !strcmp(dot, ".json"));
}
