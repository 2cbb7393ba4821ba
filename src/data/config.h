/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - what the config.json of a checkpoint says, openpi's or LeRobot's. */
#ifndef PI0_CONFIG_H
#define PI0_CONFIG_H
#include "core/error.h"
#include <stdbool.h>

#define CONFIG_MAX_CAMERAS 16
#define CONFIG_NAME_SIZE 128

enum checkpoint_layout { LAYOUT_OPENPI, LAYOUT_LEROBOT };

typedef struct checkpoint_config {
    enum checkpoint_layout layout;      // LeRobot's if config.json has a "type", else openpi's
    bool found;                         // there is a config.json
    int pi05;                           // 1, 0; -1: the config does not say (openpi's never does)
    int horizon;                        // openpi action_horizon, LeRobot chunk_size; 0: not said
    int action_dim;                     // openpi action_dim, LeRobot max_action_dim; 0: not said
    int state_dim;                      // LeRobot max_state_dim; 0: not said
    int num_steps;                      // LeRobot num_inference_steps; 0: not said
    int max_tokens;                     // LeRobot tokenizer_max_length; 0: not said
    bool policy;                        // openpi's layout: a robot is described, "policy"
    char vlm_variant[CONFIG_NAME_SIZE]; // paligemma_variant; "" where not said
    char expert_variant[CONFIG_NAME_SIZE]; // action_expert_variant
    int image_size;                        // LeRobot image_resolution, square; 0: not said
    int n_cameras;                         // 0: not said; empty cameras of LeRobot left out
    char camera[CONFIG_MAX_CAMERAS][CONFIG_NAME_SIZE]; // in the network's order
    char warning[512];                                 // "" or one that the user should see
} checkpoint_config;

/* Read dir/config.json; without one: found = false, openpi's layout, nothing said, PI0_OK.
 * PI0_EFORMAT: malformed or out of range, names the key. PI0_EUNSUPPORTED: pi0_fast, MEM memory,
 * PEFT adapters (adapter_config.json, use_peft), other types. PI0_EIO: unreadable, or missing in a
 * folder of LeRobot's. PI0_ENOMEM. */
int pi0_config_read(checkpoint_config *config, const char *dir, pi0_error *err);

// the same from memory; `name` stands in messages
int pi0_config_parse(checkpoint_config *config, const char *json, size_t size, const char *name,
                     pi0_error *err);

/* Sizes that openpi's and LeRobot's variant names promise (gemma_2b: width 2048, depth 18, mlp
 * 16384 …); false: an unknown name. Source: openpi src/openpi/models/gemma.py get_config. */
bool pi0_config_variant(const char *name, int *width, int *depth, int *mlp);

// is a robot's config the path of a file, or a name
bool pi0_config_is_file(const char *config);
#endif
