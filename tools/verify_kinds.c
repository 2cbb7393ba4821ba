/* SPDX-License-Identifier: Apache-2.0 */
/* verify_kinds.c - THE tables of pi0 verify: the modules, and which stage is measured as which. */
#include "verify.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *const pi0_verify_mode_names[MODE_COUNT] = { "alone", "accumulated",
                                                        "reference against file",
                                                        "accelerated against file" };

// roundings to bf16: docs/NUMERICS.md counts them
const verify_kind_info pi0_verify_kinds[KIND_COUNT] = {
    [KIND_TIME] = { "common.time", "time embedding", PART_STEPS, 0 },
    [KIND_POSITIONS] = { "common.positions", "position ids, rotary table", PART_STEPS, 0 },
    [KIND_NOISE] = { "common.noise", "noise", PART_STEPS, 0 },
    [KIND_CONCATENATION] = { "common.concatenation", "concatenation", PART_PREFIX, 0 },
    [KIND_LENGTHS] = { "common.lengths", "lengths instead of masks", PART_ACTIONS, 0 },
    [KIND_PATCHES] = { "vision.patches", "SigLIP patch embedding", PART_VISION, 0 },
    [KIND_VISION_ATTENTION] = { "vision.attention", "SigLIP attention", PART_VISION, 30 },
    [KIND_VISION_MLP] = { "vision.mlp", "SigLIP MLP", PART_VISION, 5 },
    [KIND_VISION_BLOCK] = { "vision.block", "SigLIP block", PART_VISION, 35 },
    [KIND_PROJECTOR] = { "vision.projector", "projector", PART_VISION, 2 },
    [KIND_PREFIX_EMBEDDINGS] = { "prefix.embeddings", "prefix embedding", PART_PREFIX, 0 },
    [KIND_PREFIX_K] = { "prefix.k", "Gemma keys", PART_PREFIX, 3 },
    [KIND_PREFIX_V] = { "prefix.v", "Gemma values", PART_PREFIX, 3 },
    [KIND_PREFIX_ATTENTION] = { "prefix.attention", "Gemma attention", PART_PREFIX, 20 },
    [KIND_PREFIX_MLP] = { "prefix.mlp", "Gemma MLP", PART_PREFIX, 7 },
    [KIND_PREFIX_BLOCK] = { "prefix.block", "Gemma layer output", PART_PREFIX, 37 },
    [KIND_STATE] = { "state.embedding", "state projection", PART_STATE, 0 },
    [KIND_STATE_K] = { "state.k", "state token, keys", PART_STATE, 3 },
    [KIND_STATE_V] = { "state.v", "state token, values", PART_STATE, 3 },
    [KIND_STATE_ATTENTION] = { "state.attention", "state token, attention", PART_STATE, 20 },
    [KIND_STATE_MLP] = { "state.mlp", "state token, MLP", PART_STATE, 7 },
    [KIND_STATE_BLOCK] = { "state.block", "state token, block", PART_STATE, 37 },
    [KIND_TIME_MLP] = { "suffix.time", "suffix: time", PART_STEPS, 0 },
    [KIND_ACTION_IN] = { "suffix.actions", "suffix: actions", PART_STEPS, 0 },
    [KIND_SUFFIX] = { "suffix.fusion", "suffix: expert's input", PART_STEPS, 0 },
    [KIND_EXPERT_K] = { "expert.k", "expert keys", PART_STEPS, 3 },
    [KIND_EXPERT_V] = { "expert.v", "expert values", PART_STEPS, 3 },
    [KIND_EXPERT_ATTENTION] = { "expert.attention", "expert attention", PART_STEPS, 20 },
    [KIND_EXPERT_MLP] = { "expert.mlp", "expert MLP", PART_STEPS, 7 },
    [KIND_EXPERT_BLOCK] = { "expert.block", "expert block", PART_STEPS, 37 },
    [KIND_NORM] = { "denoise.norm", "final norm", PART_STEPS, 0 },
    [KIND_VELOCITY] = { "denoise.velocity", "velocity", PART_STEPS, 0 },
    [KIND_STEP] = { "denoise.step", "denoise step", PART_STEPS, 0 },
    [KIND_X] = { "denoise.x", "actions between steps", PART_STEPS, 0 },
    [KIND_ACTIONS] = { "actions", "final actions", PART_ACTIONS, 0 },
    [KIND_ROBOT] = { "robot", "robot actions", PART_ACTIONS, 0 },
    [KIND_ROBOT_ACTION] = { "robot.action", "robot action", PART_ACTIONS, 0 },
};

/* ---- from a stage's name ---- */

enum { VALUE = 0, ADDED = 1, TABLE = 2, INNER = 4 };

// '#' stands for a number; letters say which: i image, l layer, s step
typedef struct stage_rule {
    const char *pattern, *numbers;
    enum verify_kind kind, block;
    int how;
    const char *stream; // '#': the image
    const char *ending; // of the row's name
} stage_rule;

#define NO KIND_NONE
static const stage_rule rules[] = {
    { "vision.#.embeddings", "i", KIND_PATCHES, NO, VALUE, "vision#", "" },
    { "vision.#.L#.attention", "il", KIND_VISION_ATTENTION, NO, ADDED | INNER, "vision#", "" },
    { "vision.#.L#", "il", KIND_VISION_MLP, KIND_VISION_BLOCK, ADDED, "vision#", ".mlp" },
    { "vision.#.tokens", "i", KIND_PROJECTOR, NO, VALUE, "", "" },
    { "prefix.rope", "", KIND_POSITIONS, NO, TABLE, "", "" },
    { "prefix.embeddings", "", KIND_PREFIX_EMBEDDINGS, NO, VALUE, "prefix", "" },
    { "prefix.L#.k", "l", KIND_PREFIX_K, NO, INNER, "", "" },
    { "prefix.L#.v", "l", KIND_PREFIX_V, NO, INNER, "", "" },
    { "prefix.L#.attention", "l", KIND_PREFIX_ATTENTION, NO, ADDED | INNER, "prefix", "" },
    { "prefix.L#.out", "l", KIND_PREFIX_MLP, KIND_PREFIX_BLOCK, ADDED, "prefix", ".mlp" },
    { "suffix.state", "", KIND_STATE, NO, VALUE, "state", "" },
    { "state.L#.k", "l", KIND_STATE_K, NO, INNER, "", "" },
    { "state.L#.v", "l", KIND_STATE_V, NO, INNER, "", "" },
    { "state.L#.attention", "l", KIND_STATE_ATTENTION, NO, ADDED | INNER, "state", "" },
    { "state.L#.out", "l", KIND_STATE_MLP, KIND_STATE_BLOCK, ADDED, "state", ".mlp" },
    { "step#.x", "s", KIND_X, KIND_STEP, VALUE, "x", "" },
    { "step#.time", "s", KIND_TIME, NO, TABLE, "", "" },
    { "step#.time_bias", "s", KIND_TIME_MLP, NO, TABLE, "", "" },
    { "suffix.cond", "", KIND_TIME_MLP, NO, TABLE, "", "" },
    { "step#.cond", "s", KIND_TIME_MLP, NO, TABLE, "", "" },
    { "step#.action_in", "s", KIND_ACTION_IN, NO, VALUE, "", "" },
    { "suffix.embeddings", "", KIND_SUFFIX, NO, VALUE, "expert", "" },
    { "step#.embeddings", "s", KIND_SUFFIX, NO, VALUE, "expert", "" },
    { "suffix.rope", "", KIND_POSITIONS, NO, TABLE, "", "" },
    { "step#.expert.L#.k", "sl", KIND_EXPERT_K, NO, INNER, "", "" },
    { "step#.expert.L#.v", "sl", KIND_EXPERT_V, NO, INNER, "", "" },
    { "step#.expert.L#.attention", "sl", KIND_EXPERT_ATTENTION, NO, ADDED | INNER, "expert", "" },
    { "step#.expert.L#", "sl", KIND_EXPERT_MLP, KIND_EXPERT_BLOCK, ADDED, "expert", ".mlp" },
    { "step#.norm", "s", KIND_NORM, NO, VALUE, "", "" },
    { "step#.v", "s", KIND_VELOCITY, NO, VALUE, "", "" },
    { "actions", "", KIND_ACTIONS, KIND_STEP, VALUE, "x", "" },
};

static bool matches(const char *pattern, const char *name, int number[2])
{
    int n = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (*name++ != *pattern) return false;
            continue;
        }
        if (!isdigit((unsigned char)*name)) return false;
        number[n] = 0;
        while (isdigit((unsigned char)*name)) number[n] = 10 * number[n] + (*name++ - '0');
        n++;
    }
    return !*name;
}

static void fill(verify_stage *s, const stage_rule *r, const char *name, const int number[2])
{
    *s = (verify_stage){ .kind = r->kind,
                         .block = r->block,
                         .part = pi0_verify_kinds[r->kind].part,
                         .added = r->how & ADDED,
                         .table = r->how & TABLE,
                         .inner = r->how & INNER,
                         .layer = -1,
                         .step = -1 };
    int image = -1;
    for (int i = 0; r->numbers[i]; i++)
        *(r->numbers[i] == 'i' ? &image : r->numbers[i] == 'l' ? &s->layer : &s->step) = number[i];
    // what has a step's name only from the second on; the prefix's positions are its own
    if (!strncmp(name, "suffix.", 7) && s->part == PART_STEPS) s->step = 0;
    if (!strncmp(name, "prefix.", 7)) s->part = PART_PREFIX;
    const int length = (int)strcspn(r->stream, "#");
    if (r->stream[length])
        snprintf(s->stream, sizeof s->stream, "%.*s%d", length, r->stream, image);
    else
        snprintf(s->stream, sizeof s->stream, "%s", r->stream);
    // "prefix.L03.out" is "prefix.L03.mlp" where the MLP alone is meant
    const size_t all = strlen(name);
    const bool out = *r->ending && all > 4 && !strcmp(name + all - 4, ".out");
    snprintf(s->module, sizeof s->module, "%.*s%s", (int)(out ? all - 4 : all), name, r->ending);
}

bool pi0_verify_stage(verify_stage *s, const char *name)
{
    int number[2] = { -1, -1 };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (matches(rules[i].pattern, name, number)) {
            fill(s, &rules[i], name, number);
            return true;
        }
    return false;
}
