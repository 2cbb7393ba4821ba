/* SPDX-License-Identifier: Apache-2.0 */
/* spm_check.c - a look at the framing of a SentencePiece model before libsentencepiece gets it.
 * The file is a protocol buffer: fields of a tag (number and wire type) and a value. This reader
 * is stricter than protobuf's, so that both see the same fields in whatever passes here. */
#include "data/spm_check.h"
#include <stdbool.h>

// field numbers of sentencepiece_model.proto
enum { MODEL_PIECES = 1, MODEL_NORMALIZER = 3, MODEL_DENORMALIZER = 5, SPEC_CHARSMAP = 2 };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

typedef struct field {
    uint32_t number, wire;
    const unsigned char *data; // WIRE_BYTES only
    size_t size;
} field;

// at most `longest` bytes of a varint; a value that needs more than 64 bits loses them
static bool read_varint(const unsigned char **at, const unsigned char *end, int longest,
                        uint64_t *value)
{
    uint64_t v = 0;
    for (int i = 0; i < longest && *at < end; i++) {
        const unsigned char c = *(*at)++;
        v |= (uint64_t)(c & 127) << 7 * i;
        if (c < 128) {
            *value = v;
            return true;
        }
    }
    return false;
}

// the field that begins at *at, which moves behind it
static bool read_field(const unsigned char **at, const unsigned char *end, field *f)
{
    uint64_t tag, size;
    if (!read_varint(at, end, 5, &tag) || tag > UINT32_MAX || tag >> 3 == 0) return false;
    *f = (field){ .number = (uint32_t)tag >> 3, .wire = tag & 7 };
    switch (f->wire) {
    case WIRE_VARINT: return read_varint(at, end, 10, &size);
    case WIRE_64: size = 8; break;
    case WIRE_32: size = 4; break;
    case WIRE_BYTES:
        if (!read_varint(at, end, 5, &size)) return false;
        break;
    // groups are of no use in a model
    default: return false;
    }
    if (size > (size_t)(end - *at)) return false;
    f->data = *at;
    f->size = (size_t)size;
    *at += f->size;
    return true;
}

static uint32_t read_u32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A table of character replacements: the size of a double-array trie, the trie, and the texts that
 * its leaves point to. libsentencepiece walks it without looking at its bounds: from a unit it goes
 * to (its own index ^ its offset ^ the next byte of the prompt), for a leaf to (index ^ offset). */
static bool charsmap_fits(const unsigned char *p, size_t size)
{
    if (size < 4) return false;
    const size_t trie = read_u32(p);
    if (trie == 0 || trie % 4 || trie >= size - 4) return false;
    const unsigned char *units = p + 4;
    const size_t n = trie / 4, texts = size - 4 - trie;
    if (p[size - 1]) return false;
    for (size_t i = 0; i < n; i++) {
        const uint32_t unit = read_u32(units + 4 * i);
        // the top bit marks a value: the walk never stands on one, but it starts on the first
        if (unit >> 31 && i > 0) continue;
        const size_t next = i ^ (size_t)(unit >> 10) << (unit >> 9 & 1 ? 8 : 0);
        if ((next | 255) >= n) return false;
        if (unit >> 8 & 1 && (read_u32(units + 4 * next) & 0x7fffffffu) >= texts) return false;
    }
    return true;
}

// a normaliser's specification: its framing and its table, where it has one
static bool spec_fits(const field *spec)
{
    const unsigned char *at = spec->data, *end = at + spec->size;
    field f;
    while (at < end) {
        if (!read_field(&at, end, &f)) return false;
        if (f.number != SPEC_CHARSMAP || f.wire != WIRE_BYTES || !f.size) continue;
        if (!charsmap_fits(f.data, f.size)) return false;
    }
    return true;
}

int pi0_spm_check(const void *data, size_t size, const char *path, pi0_error *err)
{
    const unsigned char *at = data, *end = at + size;
    size_t pieces = 0;
    field f;
    while (at < end) {
        if (!read_field(&at, end, &f))
            return pi0_fail(err, PI0_EFORMAT, "%s: not a SentencePiece model", path);
        if (f.wire != WIRE_BYTES) continue;
        if (f.number == MODEL_PIECES) pieces++;
        if ((f.number == MODEL_NORMALIZER || f.number == MODEL_DENORMALIZER) && !spec_fits(&f))
            return pi0_fail(err, PI0_EFORMAT, "%s: a SentencePiece model with a broken normalizer",
                            path);
    }
    if (!pieces)
        return pi0_fail(err, PI0_EFORMAT, "%s: a SentencePiece model without pieces", path);
    return PI0_OK;
}
