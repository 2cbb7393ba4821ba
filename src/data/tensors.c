/* SPDX-License-Identifier: Apache-2.0 */
/* tensors.c - the table of a checkpoint's tensors, and the sizes of known models. */
#include "data/tensors.h"
#include <stdio.h>

#define X_SPEC(id, group, models, init, name, ...) \
    [T_##id] = { name, __VA_ARGS__, GROUP_##group, IN_##models, INIT_##init },
const tensor_spec pi0_tensor_table[T_COUNT] = { TENSOR_TABLE(X_SPEC) };
#undef X_SPEC

const char *pi0_tensor_name(char text[TENSOR_NAME_SIZE], enum tensor_id id, int layer)
{
    const char *name = pi0_tensor_table[id].name, *at = strstr(name, "%d");
    if (!at)
        snprintf(text, TENSOR_NAME_SIZE, "%s", name);
    else
        snprintf(text, TENSOR_NAME_SIZE, "%.*s%d%s", (int)(at - name), name, layer, at + 2);
    return text;
}

int pi0_tensor_count(const model_sizes *sizes, enum tensor_id id)
{
    const tensor_spec *spec = &pi0_tensor_table[id];
    if (!(spec->models & (sizes->pi05 ? IN_PI05 : IN_PI0))) return 0;
    return spec->group == GROUP_VISION  ? sizes->v_layers
           : spec->group == GROUP_GEMMA ? sizes->layers
                                        : 1;
}

int pi0_sizes_image(const model_sizes *sizes)
{
    int grid = 1;
    while (grid * grid < sizes->size[SIZE_IMAGE]) grid++;
    return grid * sizes->size[SIZE_PATCH];
}

// the sizes that follow from others, and those that never differ
static void complete(model_sizes *s, bool pi05)
{
    s->pi05 = pi05;
    s->size[SIZE_NONE] = 0;
    s->size[SIZE_RGB] = 3;
    s->size[SIZE_PATCH] = 14;
    s->size[SIZE_IMAGE] = 256;
    s->size[SIZE_2W] = 2 * s->size[SIZE_W];
    s->size[SIZE_3W] = 3 * s->size[SIZE_W];
    s->size[SIZE_ACTION] = s->size[SIZE_STATE] = 32;
}

void pi0_sizes_published(model_sizes *sizes, bool pi05)
{
    *sizes = (model_sizes){ .v_layers = 27,
                            .layers = 18,
                            .size = { [SIZE_V] = 1152,
                                      [SIZE_V_MLP] = 4304,
                                      [SIZE_D] = 2048,
                                      [SIZE_D_MLP] = 16384,
                                      [SIZE_VOCABULARY] = 257152,
                                      [SIZE_Q] = 2048,
                                      [SIZE_HEAD] = 256,
                                      [SIZE_W] = 1024,
                                      [SIZE_W_MLP] = 4096 } };
    complete(sizes, pi05);
}

void pi0_sizes_tiny(model_sizes *sizes, bool pi05)
{
    *sizes = (model_sizes){ .v_layers = 2,
                            .layers = 3,
                            .size = { [SIZE_V] = 96,
                                      [SIZE_V_MLP] = 172,
                                      [SIZE_D] = 64,
                                      [SIZE_D_MLP] = 160,
                                      [SIZE_VOCABULARY] = 512,
                                      [SIZE_Q] = 128,
                                      [SIZE_HEAD] = 16,
                                      [SIZE_W] = 32,
                                      [SIZE_W_MLP] = 80 } };
    complete(sizes, pi05);
}
