/* SPDX-License-Identifier: Apache-2.0 */
/* prompt.c - from a sentence (and, in pi0.5, the state) to token ids.
 * Mirrors openpi src/openpi/models/tokenizer.py PaligemmaTokenizer.tokenize and LeRobot's
 * processor_pi0.py Pi0NewLineProcessor and processor_pi05.py
 * Pi05PrepareStateTokenizerProcessorStep. */
#include "policy/prompt.h"
#include <stdlib.h>
#include <string.h>

#define MAX_TAIL 8 // tokens of a line feed; one in Gemma's vocabulary

// the character that begins at p, not before `end`; returns its bytes, 0 where it is not UTF-8
static size_t decode(uint32_t *c, const unsigned char *p, const unsigned char *end)
{
    const size_t left = (size_t)(end - p);
    const size_t n = *p < 0x80   ? 1
                     : *p < 0xc2 ? 0
                     : *p < 0xe0 ? 2
                     : *p < 0xf0 ? 3
                     : *p < 0xf5 ? 4
                                 : 0;
    if (!n || n > left) return 0;
    uint32_t v = n == 1 ? *p : *p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        v = v << 6 | (p[i] & 0x3f);
    }
    // too long for its value, half of a surrogate pair, beyond Unicode
    if ((n == 3 && v < 0x800) || (n == 4 && v < 0x10000)) return 0;
    if ((v >= 0xd800 && v <= 0xdfff) || v > 0x10ffff) return 0;
    *c = v;
    return n;
}

// bytes in front of the first one that is not UTF-8
static size_t utf8_prefix(const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + size;
    uint32_t c;
    size_t at = 0;
    for (size_t n; at < size && (n = decode(&c, p + at, end)); at += n) {
    }
    return at;
}

bool pi0_utf8_valid(const char *text, size_t size)
{
    return utf8_prefix(text, size) == size;
}

// what Python's str.isspace() is true for
static bool is_space(uint32_t c)
{
    if (c <= 0x20) return c == 0x20 || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f);
    if (c >= 0x2000 && c <= 0x200a) return true;
    return c == 0x85 || c == 0xa0 || c == 0x1680 || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

void pi0_prompt_clean(char *out, const char *prompt)
{
    const unsigned char *p = (const unsigned char *)prompt, *end = p + strlen(prompt);
    uint32_t c;
    size_t n;
    // white space in front
    while (p < end && (n = decode(&c, p, end)) && is_space(c)) p += n;
    // and behind: the last character is one to four bytes long
    for (bool space = true; space && p < end;) {
        space = false;
        for (n = 1; n <= 4 && n <= (size_t)(end - p) && !space; n++)
            if (decode(&c, end - n, end) == n && is_space(c)) {
                end -= n;
                space = true;
            }
    }
    for (; p < end; p++) *out++ = *p == '_' || *p == '\n' ? ' ' : (char)*p;
    *out = 0;
}

int pi0_prompt_state_bin(double x)
{
    if (x < -1) return -1;
    // the last edge is 127/128; NumPy sorts NaN behind every edge
    if (!(x < 127.0 / 128)) return 255;
    // x + 1 may be rounded up onto an edge; the edges themselves are exact
    const int k = (int)((x + 1) * 128);
    return x < -1 + k / 128.0 ? k - 1 : k;
}

// a bin's decimal text at `out`; returns its end
static char *put_bin(char *out, int bin)
{
    if (bin < 0) {
        *out++ = '-';
        bin = -bin;
    }
    if (bin >= 100) *out++ = (char)('0' + bin / 100);
    if (bin >= 10) *out++ = (char)('0' + bin / 10 % 10);
    *out++ = (char)('0' + bin % 10);
    return out;
}

static char *put_text(char *out, const char *text)
{
    const size_t n = strlen(text);
    memcpy(out, text, n);
    return out + n;
}

// "Task: open the drawer, State: 128 64 -1;\nAction: "
static void put_pi05(char *out, const char *prompt, const double *state, int n_state)
{
    out = put_text(out, "Task: ");
    pi0_prompt_clean(out, prompt);
    out += strlen(out);
    out = put_text(out, ", State: ");
    for (int i = 0; i < n_state; i++) {
        if (i) *out++ = ' ';
        out = put_bin(out, pi0_prompt_state_bin(state[i]));
    }
    out = put_text(out, ";\nAction: ");
    *out = 0;
}

// as it is, with a line feed at its end
static void put_lerobot_pi0(char *out, const char *prompt)
{
    char *end = put_text(out, prompt);
    if (end == out || end[-1] != '\n') *end++ = '\n';
    *end = 0;
}

// bos, the text, and for openpi's pi0 the line feed's own tokens
static int encode(const tokenizer *t, const char *text, bool line_feed, int max_tokens,
                  int32_t *ids, int *n_ids, bool *cut, pi0_error *err)
{
    int32_t tail[MAX_TAIL];
    int n = 0, n_tail = 0, status = PI0_OK;
    if (line_feed) status = pi0_tokenizer_encode(t, "\n", 1, tail, MAX_TAIL, &n_tail, err);
    if (status) return status;
    if (n_tail > MAX_TAIL)
        return pi0_fail(err, PI0_EFORMAT, "tokenizer: a line feed becomes %d tokens, expected 1",
                        n_tail);
    // nothing is written before all that can fail is done
    status = pi0_tokenizer_encode(t, text, strlen(text), ids + 1, max_tokens - 1, &n, err);
    if (status) return status;
    ids[0] = pi0_tokenizer_bos(t);
    for (int i = 0; i < n_tail && 1 + n + i < max_tokens; i++) ids[1 + n + i] = tail[i];
    const int total = 1 + n + n_tail;
    *n_ids = total < max_tokens ? total : max_tokens;
    *cut = total > max_tokens;
    return PI0_OK;
}

static int check(const tokenizer *t, const char *prompt, const double *state, int n_state,
                 int max_tokens, pi0_error *err)
{
    if (!prompt) return pi0_fail(err, PI0_EINVAL, "prompt: NULL, expected text");
    const size_t size = strlen(prompt), valid = utf8_prefix(prompt, size);
    if (valid < size)
        return pi0_fail(err, PI0_EINVAL, "prompt: not UTF-8 at byte %zu of %zu", valid, size);
    if (n_state < 0 || (n_state > 0 && !state))
        return pi0_fail(err, PI0_EINVAL, "prompt: %d values of state at %s address", n_state,
                        state ? "an" : "no");
    if (max_tokens < 1)
        return pi0_fail(err, PI0_EINVAL, "prompt: room for %d tokens, expected 1 or more",
                        max_tokens);
    if (pi0_tokenizer_bos(t) < 0)
        return pi0_fail(err, PI0_EFORMAT,
                        "tokenizer: it has no token for the beginning of a text "
                        "(<bos>); it is not PaliGemma's");
    return PI0_OK;
}

int pi0_prompt_tokens(const tokenizer *t, enum prompt_format format, const char *prompt,
                      const double *state, int n_state, int max_tokens, int32_t *ids, int *n_ids,
                      bool *cut, pi0_error *err)
{
    int status = check(t, prompt, state, n_state, max_tokens, err);
    if (status) return status;
    // without a state pi0.5 gets pi0's prompt
    if (format == PROMPT_PI05 && !state) format = PROMPT_OPENPI;

    // the words around it, "255 " for each value; usual prompts need no memory of their own
    const size_t room = strlen(prompt) + 4 * (size_t)n_state + 32;
    char on_stack[4096], *text = room <= sizeof on_stack ? on_stack : malloc(room);
    if (!text) return pi0_fail(err, PI0_ENOMEM, "prompt: no memory for %zu bytes", room);
    switch (format) {
    case PROMPT_OPENPI: pi0_prompt_clean(text, prompt); break;
    case PROMPT_LEROBOT_PI0: put_lerobot_pi0(text, prompt); break;
    case PROMPT_PI05: put_pi05(text, prompt, state, n_state); break;
    }
    status = encode(t, text, format == PROMPT_OPENPI, max_tokens, ids, n_ids, cut, err);
    if (text != on_stack) free(text);
    return status;
}
