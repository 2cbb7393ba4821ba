/* SPDX-License-Identifier: Apache-2.0 */
/* verify_bounds.c - how far a module may be off, from the roundings that it makes, and the verdict.
 * docs/NUMERICS.md derives the numbers. */
#include "verify.h"
#include <math.h>
#include <stdio.h>

// root mean square of one rounding, relative to the values, whose digits are spread evenly over
// their logarithm: half a unit in the last place / sqrt(3) / sqrt(3 / (2 ln 2))
#define RMS_BF16 (0x1p-8 / 1.7320508 / 1.4710)
#define RMS_F32 (0x1p-24 / 1.7320508 / 1.4710)
#define SAFETY 4           // of a module alone
#define CAP_BF16 0.0447    // of what has accumulated: a correlation of 0.999
#define FLOOR_BF16 0.999   // of correlation
#define FLOOR_F32 0.999999 // the same in f32
#define OUTLIER 16         // no value is off by more bounds than this, of its size and the rms
#define OTHER_F32 20       // f32 roundings besides sums on the way through a module

// terms of the sums on the way through a module; logits count with the square of their spread
static double terms(const verify_terms *t, enum verify_kind kind)
{
    const pi0_stack_info *v = &t->vision, *l = &t->language, *e = &t->expert;
    switch (kind) {
    case KIND_PATCHES: return t->patch;
    case KIND_VISION_ATTENTION: return 10.0 * v->width + 8.0 * v->head_dim;
    case KIND_VISION_MLP: return (double)v->width + v->mlp;
    case KIND_VISION_BLOCK: return 11.0 * v->width + 8.0 * v->head_dim + v->mlp;
    case KIND_PROJECTOR: return v->width;
    case KIND_PREFIX_K:
    case KIND_PREFIX_V: return l->width;
    case KIND_PREFIX_ATTENTION: return 5.0 * l->width + 12.0 * l->heads * l->head_dim;
    case KIND_PREFIX_MLP: return 2.0 * l->width + l->mlp;
    case KIND_PREFIX_BLOCK: return 9.0 * l->width + 12.0 * l->heads * l->head_dim + l->mlp;
    case KIND_STATE_K:
    case KIND_STATE_V:
    case KIND_EXPERT_K:
    case KIND_EXPERT_V: return 2.0 * e->width;
    case KIND_STATE_ATTENTION:
    case KIND_EXPERT_ATTENTION: return 6.0 * e->width + 12.0 * e->heads * e->head_dim;
    case KIND_STATE_MLP:
    case KIND_EXPERT_MLP: return 3.0 * e->width + e->mlp;
    case KIND_STATE_BLOCK:
    case KIND_EXPERT_BLOCK: return 11.0 * e->width + 12.0 * e->heads * e->head_dim + e->mlp;
    case KIND_STATE:
    case KIND_ACTION_IN: return 32;
    case KIND_TIME_MLP:
    case KIND_SUFFIX: return 2.0 * e->width;
    case KIND_NORM:
    case KIND_VELOCITY: return 2.0 * e->width;
    default: return 0;
    }
}

// what must be the same to the bit
static bool exact(enum verify_kind kind, enum verify_mode mode)
{
    return kind == KIND_NOISE || kind == KIND_CONCATENATION || kind == KIND_LENGTHS ||
           ((kind == KIND_TIME || kind == KIND_POSITIONS) && mode == MODE_ACCUMULATED);
}

// layers that lie before a module, of all that have run
static int depth(const verify_terms *t, const verify_row *row)
{
    const int layer = row->layer > 0 ? row->layer : 0, step = row->step > 0 ? row->step : 0;
    const int vision = t->vision.layers, language = t->language.layers, expert = t->expert.layers;
    switch (pi0_verify_kinds[row->kind].part) {
    case PART_VISION:
        if (row->kind == KIND_PROJECTOR) return vision;
        // an MLP has the attention of its own layer before it
        return layer + (row->kind == KIND_VISION_MLP);
    case PART_PREFIX:
        return row->kind == KIND_PREFIX_EMBEDDINGS || row->layer >= 0 ? vision + layer : 0;
    case PART_STATE: return row->kind == KIND_STATE ? 0 : vision + language + layer;
    case PART_STEPS:
        // time and noise know nothing of the picture, nor does the first step's input
        if (row->kind == KIND_TIME || row->kind == KIND_TIME_MLP || row->kind == KIND_NOISE)
            return 0;
        if (row->layer < 0 && step == 0 &&
            (row->kind == KIND_X || row->kind == KIND_ACTION_IN || row->kind == KIND_SUFFIX))
            return 0;
        return vision + language + step * expert + (row->layer >= 0 ? layer : expert);
    case PART_ACTIONS: break;
    }
    return vision + language + expert;
}

static double alone(const verify_terms *t, enum verify_kind kind, bool bf16)
{
    // a whole step is its layers, one after the other
    const int n = kind == KIND_STEP ? t->expert.layers : 1;
    const enum verify_kind k = kind == KIND_STEP ? KIND_EXPERT_BLOCK : kind;
    const double roundings = bf16 ? (double)n * pi0_verify_kinds[k].roundings : 0;
    const double others = n * (0.5 * terms(t, k) + OTHER_F32);
    const double b = SAFETY * sqrt(RMS_BF16 * RMS_BF16 * roundings + RMS_F32 * RMS_F32 * others);
    return bf16 && b > CAP_BF16 ? CAP_BF16 : b;
}

static double accumulated(const verify_terms *t, const verify_row *row, bool bf16)
{
    const int d = depth(t, row);
    const double own = alone(t, row->kind, bf16);
    if (!d) return own;
    // any of the layers before it may be the worst there is
    const double layer = alone(t, KIND_PREFIX_BLOCK, bf16);
    const double b = (own > layer ? own : layer) * sqrt(1.0 + d);
    return bf16 && b > CAP_BF16 ? CAP_BF16 : b;
}

double pi0_verify_bound(const verify_terms *t, const verify_row *row, double *floor)
{
    const bool bf16 = t->bf16 && row->mode != MODE_AGAINST_REFERENCE;
    *floor = bf16 ? FLOOR_BF16 : FLOOR_F32;
    if (exact(row->kind, row->mode)) return 0;
    if (row->kind == KIND_TIME) return 0x1p-24;
    // the angle's two roundings, times its size: at most the last position
    if (row->kind == KIND_POSITIONS) return row->rows * 0x1p-23;
    return row->mode == MODE_ALONE ? alone(t, row->kind, bf16) : accumulated(t, row, bf16);
}

void pi0_verify_judge(const verify_terms *t, verify_row *row, double extra)
{
    const likeness *is = &row->is;
    double floor;
    row->bound = pi0_verify_bound(t, row, &floor) + extra;
    row->why[0] = 0;
    // one action of a robot may stand nearly still: its correlation says little
    const bool judged = row->kind != KIND_ROBOT_ACTION && !isnan(is->pcc);
    if (!is->finite)
        snprintf(row->why, sizeof row->why, "not finite");
    else if (!(is->rel_l2 <= row->bound))
        snprintf(row->why, sizeof row->why, "relative L2 above its bound");
    else if (judged && is->pcc < floor)
        snprintf(row->why, sizeof row->why, "correlation below %g", floor);
    else if (!(is->outlier <= OUTLIER * row->bound))
        snprintf(row->why, sizeof row->why, "a single value is far off");
    row->pass = !row->why[0];
}
