/* SPDX-License-Identifier: Apache-2.0 */
/* configs.c - THE table of openpi's configs that run a pi0 or a pi0.5. A LoRA variant is the same
 * network. Values are normalised by z-score for pi0, by quantiles for pi0.5.
 * Source: openpi src/openpi/training/config.py _CONFIGS, training/misc/polaris_config.py. */
#include "policy/nearest.h"
#include "policy/robots.h"
#include <string.h>

// make_bool_mask(6, -1, 6, -1), (7, -1), (6, -1): joints relative to the state, grippers absolute
static const unsigned char arms_6_1_6_1[] = { 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0 };
static const unsigned char arm_7_1[] = { 1, 1, 1, 1, 1, 1, 1, 0 };
static const unsigned char arm_6_1[] = { 1, 1, 1, 1, 1, 1, 0 };

#define ALOHA &pi0_robot_aloha
#define DROID &pi0_robot_droid
#define LIBERO &pi0_robot_libero
#define CUBE "lerobot/aloha_sim_transfer_cube_human"
#define LIBERO_ID "physical-intelligence/libero"
#define RESET "{\"reset_pose\": [0, -1.5, 1.5, 0, 0, 0]}"
#define TUPPERWARE "open the tupperware and put the food on the plate"

enum { PI0 = 0, PI05 = 1, NO = 0, YES = 1 };

// clang-format off
static const named_config table[] = {
    // name, robot, model, horizon, most tokens, state in the prompt, relative, asset id, prompt,
    // metadata
    { "pi0_aloha",            ALOHA, PI0,  50,  48, NO,  arms_6_1_6_1, "trossen", NULL, RESET },
    { "pi05_aloha",           ALOHA, PI05, 50, 200, YES, arms_6_1_6_1, "trossen", NULL, RESET },
    { "pi0_aloha_towel",      ALOHA, PI0,  50,  48, NO,  arms_6_1_6_1, "trossen", "fold the towel",
      RESET },
    { "pi0_aloha_tupperware", ALOHA, PI0,  50,  48, NO,  arms_6_1_6_1, "trossen", TUPPERWARE,
      RESET },
    { "pi0_aloha_pen_uncap",  ALOHA, PI0,  50,  48, NO,  arms_6_1_6_1, "trossen", "uncap the pen",
      "{}" },
    { "pi05_aloha_pen_uncap", ALOHA, PI05, 50, 200, YES, arms_6_1_6_1, "trossen", "uncap the pen",
      "{}" },
    { "pi0_aloha_sim",        ALOHA, PI0,  50,  48, NO,  NULL,         CUBE, "Transfer cube",
      "{}" },

    { "pi0_droid",                      DROID, PI0,  10,  48, NO,  NULL,    "droid", NULL, "{}" },
    { "pi05_droid",                     DROID, PI05, 15, 200, YES, NULL,    "droid", NULL, "{}" },
    { "pi05_droid_finetune",            DROID, PI05, 16, 200, YES, NULL,    "droid", NULL, "{}" },
    { "pi05_full_droid_finetune",       DROID, PI05, 16, 200, YES, arm_7_1, "droid", NULL, "{}" },
    { "pi05_droid_jointpos_polaris",    DROID, PI05, 15, 200, YES, arm_7_1, "droid", NULL, "{}" },
    { "pi0_droid_jointpos_polaris",     DROID, PI0,  10, 100, NO,  arm_7_1, "droid", NULL, "{}" },
    { "pi0_droid_jointpos_100k_polaris", DROID, PI0, 10, 100, NO,  arm_7_1, "droid", NULL, "{}" },

    // pi05_libero: the state reaches the network neither in the prompt nor as a token
    { "pi0_libero",                  LIBERO, PI0,  50,  48, NO, arm_6_1, LIBERO_ID, NULL, "{}" },
    { "pi0_libero_low_mem_finetune", LIBERO, PI0,  50,  48, NO, arm_6_1, LIBERO_ID, NULL, "{}" },
    { "pi05_libero",                 LIBERO, PI05, 10, 200, NO, NULL,    LIBERO_ID, NULL, "{}" },
};

// openpi's other configs, and why not
#define FAST "a pi0-FAST model, which this library does not run"
#define FAKE "made for tests, without a robot"
static const struct { const char *name, *why; } refused[] = {
    { "pi0_fast_droid", FAST },
    { "pi0_fast_libero", FAST },
    { "pi0_fast_libero_low_mem_finetune", FAST },
    { "pi0_fast_full_droid_finetune", FAST },
    { "pi0_fast_droid_jointpos_polaris", FAST },
    { "paligemma_binning_droid", FAST },
    { "paligemma_binning_droid_jointpos", FAST },
    { "paligemma_fast_droid", FAST },
    { "paligemma_fast_specialist_droid", FAST },
    { "paligemma_vq_droid", FAST },
    { "paligemma_diffusion_droid", "a config that openpi itself cannot make" },
    { "debug", FAKE },
    { "debug_restore", FAKE },
    { "debug_pi05", FAKE },
};
// clang-format on

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

const named_config *pi0_named_config(int i)
{
    return i >= 0 && i < LENGTH(table) ? &table[i] : NULL;
}

int pi0_named_config_count(void)
{
    return LENGTH(table);
}

static void all_names(const char *name[LENGTH(table)])
{
    for (int i = 0; i < LENGTH(table); i++) name[i] = table[i].name;
}

const char *pi0_named_config_list(char *text, size_t size)
{
    const char *name[LENGTH(table)];
    all_names(name);
    return pi0_name_list(text, size, name, LENGTH(table));
}

int pi0_named_config_find(const named_config **out, const char *name, pi0_error *err)
{
    const char *known[LENGTH(table)];
    char list[600];
    for (int i = 0; i < LENGTH(table); i++)
        if (!strcmp(table[i].name, name)) {
            *out = &table[i];
            return PI0_OK;
        }
    for (int i = 0; i < LENGTH(refused); i++)
        if (!strcmp(refused[i].name, name))
            return pi0_fail(err, PI0_EUNSUPPORTED, "config \"%s\" is %s", name, refused[i].why);
    all_names(known);
    return pi0_fail(err, PI0_EINVAL,
                    "config \"%.*s\" is not known; the nearest is %s. Known: %s; or the path of a "
                    "JSON file that describes a robot",
                    pi0_json_clip(name, strlen(name)), name,
                    known[pi0_nearest(name, known, LENGTH(table))],
                    pi0_named_config_list(list, sizeof list));
}

const char *pi0_config_name(int i)
{
    const named_config *row = pi0_named_config(i);
    return row ? row->name : NULL;
}
