/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_search.c - the folders in which openpi and Hugging Face keep PaliGemma's tokenizer.
 * Source: openpi src/openpi/shared/download.py get_cache_dir, maybe_download, and
 * src/openpi/models/tokenizer.py PaligemmaTokenizer; huggingface_hub src/huggingface_hub/
 * constants.py HF_HUB_CACHE. */
#include "tokenizer_search.h"
#include "data/checkpoint.h"
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// below openpi's cache: gs://big_vision/paligemma_tokenizer.model
#define IN_OPENPI "big_vision/paligemma_tokenizer.model"
// below Hugging Face's: one folder for each revision that was downloaded
#define IN_HUB "models--google--paligemma-3b-pt-224/snapshots/*/"

// "base/rest" into path; false: no base, or too long
__attribute__((format(printf, 2, 3))) static bool join(char path[4096], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(path, 4096, format, args);
    va_end(args);
    return n > 0 && n < 4096;
}

static void note(tokenizer_search *s, const char *place)
{
    const size_t at = strlen(s->looked);
    snprintf(s->looked + at, sizeof s->looked - at, "%s%s", at ? ", " : "", place);
}

// a variable that is set to something
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static void try_file(tokenizer_search *s, const char *path)
{
    if (s->found[0]) return;
    if (pi0_file_exists(path))
        snprintf(s->found, sizeof s->found, "%s", path);
    else
        note(s, path);
}

// Hugging Face's own form of a tokenizer
static void note_json(tokenizer_search *s, const char *path)
{
    if (!s->only_json[0] && pi0_file_exists(path))
        snprintf(s->only_json, sizeof s->only_json, "%s", path);
}

static void in_checkpoint(tokenizer_search *s, const char *model)
{
    char path[4096];
    char *dir = pi0_checkpoint_home(model);
    if (!dir) return;
    if (join(path, "%s/tokenizer.model", dir)) try_file(s, path);
    if (join(path, "%s/tokenizer/tokenizer.model", dir)) try_file(s, path);
    if (join(path, "%s/tokenizer.json", dir)) note_json(s, path);
    if (join(path, "%s/tokenizer/tokenizer.json", dir)) note_json(s, path);
    free(dir);
}

static void in_openpi(tokenizer_search *s)
{
    char path[4096];
    const char *data = variable("OPENPI_DATA_HOME"), *home = variable("HOME");
    if (data ? join(path, "%s/" IN_OPENPI, data)
             : home && join(path, "%s/.cache/openpi/" IN_OPENPI, home))
        try_file(s, path);
}

// the hub's cache folder into path
static bool hub_cache(char path[4096])
{
    const char *hub = variable("HF_HUB_CACHE"), *hf = variable("HF_HOME");
    const char *cache = variable("XDG_CACHE_HOME"), *home = variable("HOME");
    if (hub) return join(path, "%s", hub);
    if (hf) return join(path, "%s/hub", hf);
    if (cache) return join(path, "%s/huggingface/hub", cache);
    return home && join(path, "%s/.cache/huggingface/hub", home);
}

// the last of the revisions, whichever that is: the tokenizer is the same in all
static void in_hub(tokenizer_search *s)
{
    char hub[4096], pattern[4200];
    glob_t found = { .gl_pathc = 0 };
    if (s->found[0] || !hub_cache(hub)) return;
    snprintf(pattern, sizeof pattern, "%s/" IN_HUB "tokenizer.model", hub);
    if (!glob(pattern, 0, NULL, &found))
        try_file(s, found.gl_pathv[found.gl_pathc - 1]);
    else
        note(s, pattern);
    globfree(&found);
    snprintf(pattern, sizeof pattern, "%s/" IN_HUB "tokenizer.json", hub);
    if (!glob(pattern, 0, NULL, &found)) note_json(s, found.gl_pathv[0]);
    globfree(&found);
}

void pi0_tokenizer_search(tokenizer_search *s, const char *model)
{
    memset(s, 0, sizeof *s);
    in_checkpoint(s, model);
    in_openpi(s);
    in_hub(s);
}

int pi0_tokenizer_not_found(const tokenizer_search *s, pi0_error *err)
{
    const char *json = s->only_json[0] ? s->only_json : NULL;
    return pi0_fail(err, PI0_EIO,
                    "no tokenizer: looked for a SentencePiece model at %.*s.%s%.300s%s It is "
                    "published as gs://big_vision/paligemma_tokenizer.model and as tokenizer.model "
                    "of google/paligemma-3b-pt-224 on Hugging Face; give it as --tokenizer FILE",
                    440, s->looked, json ? " " : "", json ? json : "",
                    json ? " is no SentencePiece model." : "");
}
