/* SPDX-License-Identifier: Apache-2.0 */
/* weights.h - from a checkpoint's tensors to the network's weights. */
#ifndef PI0_WEIGHTS_H
#define PI0_WEIGHTS_H
#include "data/checkpoint.h"
#include "data/config.h"
#include "model/network.h"

// finds tensors by openpi's names, whichever layout the file has
typedef struct tensor_source {
    checkpoint *cp;
    bool lerobot; // apply LeRobot's remaps of keys without "model."
    bool pi05;
} tensor_source;

typedef struct warning_list {
    char **text;
    int n;
} warning_list;
__attribute__((format(printf, 3, 4))) int pi0_warn(warning_list *w, pi0_error *err,
                                                   const char *format, ...);
void pi0_warnings_free(warning_list *w);

/* Tell pi0 from pi0.5 and take the sizes from the tensors; check every tensor of the table (there,
 * once, right shape and type) and the config against them. Unknown tensors and variant names that
 * promise other sizes become warnings. PI0_EFORMAT names tensor, expected, found. */
int pi0_sizes_read(model_sizes *sizes, tensor_source *source, checkpoint *cp,
                   const checkpoint_config *config, warning_list *warnings, pi0_error *err);

// the tensor of the table, or NULL; twice present is an error of pi0_sizes_read
const st_tensor *pi0_source_find(const tensor_source *source, enum tensor_id id, int layer);

// the network's weights in one block of the backend
typedef struct weight_block {
    void *block;
    size_t bytes;
    uint64_t parameters; // values that the network uses
    siglip_layer *siglip_layers;
    gemma_layer *gemma_layers; // language, then expert
} weight_block;

/* Pack all weights for backend b. The tensors must outlive the network. PI0_ENOMEM, and what
 * pi0_checkpoint_read() fails with. */
int pi0_weights_load(network *net, weight_block *block, const model_sizes *sizes,
                     const tensor_source *source, backend *b, pi0_error *err);
void pi0_weights_free(weight_block *block, const backend *b);
#endif
