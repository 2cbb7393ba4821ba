/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_words.c - checks of pi0 doctor: the tokenizer against the embedding table, and how much
 * room the prompt leaves. */
#include "doctor.h"
#include "doctor_probe.h"
#include <stdio.h>
#include <string.h>

#define PALIGEMMA_ROWS 257152 // of its embedding table
#define PALIGEMMA_BOS 2
#define PALIGEMMA_NEWLINE 108
#define SPARE_ROWS 2048 // image and location tokens that a tokenizer may lack
#define LITTLE_ROOM 24  // tokens of a sentence of some fifteen words

static void check_vocabulary(doctor *d)
{
    const int pieces = pi0_tokenizer_vocabulary(d->words), rows = d->info.vocabulary;
    if (!d->model) return;
    if (pieces > rows)
        pi0_found(d, F_TOKENIZER_LARGER, "%s has %d pieces, the embedding table %d rows",
                  d->tokenizer_path, pieces, rows);
    else if (pieces < rows - SPARE_ROWS)
        pi0_found(d, F_TOKENIZER_SMALLER, "%s has %d pieces, the embedding table %d rows",
                  d->tokenizer_path, pieces, rows);
}

static void check_newline(doctor *d)
{
    int32_t id[8] = { 0 };
    int n = 0;
    const bool encoded = !pi0_tokenizer_encode(d->words, "\n", 1, id, 8, &n, NULL);
    const bool published = d->model && d->info.vocabulary == PALIGEMMA_ROWS;
    if (!encoded || n != 1)
        pi0_found(d, F_TOKENIZER_NEWLINE, "%s makes %d tokens of a line feed, expected 1",
                  d->tokenizer_path, n);
    else if (published && id[0] != PALIGEMMA_NEWLINE)
        pi0_found(d, F_TOKENIZER_NEWLINE, "%s: a line feed has the id %d, PaliGemma's is %d",
                  d->tokenizer_path, (int)id[0], PALIGEMMA_NEWLINE);
}

void pi0_check_tokenizer(doctor *d)
{
    // a folder that is none has no sentences either
    if (!d->words && !d->o->tokenizer && pi0_found_count(d, FOUND_ERROR, "checkpoint.missing"))
        return;
    if (!d->words) {
        pi0_found(d, d->tokenizer_path ? F_TOKENIZER_FILE : F_TOKENIZER_MISSING, "%s",
                  d->tokenizer_error.message);
        return;
    }
    const int bos = pi0_tokenizer_bos(d->words);
    check_vocabulary(d);
    if (bos != PALIGEMMA_BOS)
        pi0_found(d, F_TOKENIZER_BOS,
                  "%s: the beginning of a text has the id %d, PaliGemma's is %d", d->tokenizer_path,
                  bos, PALIGEMMA_BOS);
    check_newline(d);
    pi0_looked(d, "%s, %d pieces", d->tokenizer_path, pi0_tokenizer_vocabulary(d->words));
}

// tokens of pi0.5's prompt without a sentence, with every value as long as can be
static int longest_state(const doctor *d)
{
    char text[8 * STAT_MAX + 64];
    const bool padded = d->lerobot && d->o->state_padding;
    const int n = d->policy.state_dim, all = padded && n < 32 ? 32 : n;
    int32_t ids[1];
    int tokens = 0;
    size_t at = (size_t)snprintf(text, sizeof text, "Task: , State:");
    for (int i = 0; i < all && at + 32 < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, " %s", i < n ? "255" : "128");
    at += (size_t)snprintf(text + at, sizeof text - at, ";\nAction: ");
    if (pi0_tokenizer_encode(d->words, text, at, ids, 1, &tokens, NULL)) return 0;
    return tokens + 1; // and the first one
}

void pi0_check_prompt(doctor *d)
{
    const int most = d->policy.max_tokens;
    probe p;
    if (!d->known_robot || !d->words) return;
    pi0_looked(d, "%d tokens at most", most);
    if (d->policy.state_in_prompt) {
        const int state = longest_state(d), room = most - state;
        pi0_looked(d, "%d tokens at most, %d of them for the state", most, state);
        if (room < LITTLE_ROOM)
            pi0_found(d, F_PROMPT_ROOM,
                      "%d tokens at most, up to %d for a state of %d values: %d left", most, state,
                      d->policy.state_dim, room);
    }
    if (!d->policy.default_prompt || pi0_probe(d, &p, NULL, NULL)) return;
    if (p.made.prompt_cut)
        pi0_found(d, F_PROMPT_DEFAULT, "the default prompt \"%.200s\" has more than %d tokens",
                  d->policy.default_prompt, most);
}
