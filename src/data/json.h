/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - jansson with this library's rules: duplicate keys refused, depth and size bounded,
 * numbers checked against ranges, messages that name file and key. */
#ifndef PI0_JSON_H
#define PI0_JSON_H
#include "core/error.h"
#include <jansson.h>
#include <stdbool.h>

// parse an object; *root is the caller's (json_decref). PI0_EFORMAT names file, line and column;
// PI0_ENOMEM
int pi0_json_parse(json_t **root, const char *text, size_t size, const char *name, pi0_error *err);

// the same from a file
int pi0_json_read(json_t **root, const char *path, pi0_error *err);

// "an object", "a string" …, "missing" for NULL: what was found, for messages
const char *pi0_json_kind(const json_t *value);

// bytes of a key or name that a message has room for: at most 200, never part of a character
int pi0_json_clip(const char *text, size_t length);

// an optional integer in [min, max]: missing or null leaves *value as it is
int pi0_json_int(const json_t *object, const char *key, int min, int max, int *value,
                 const char *name, pi0_error *err);

// an optional string into text[size]: missing or null leaves it as it is; too long is an error
int pi0_json_string(const json_t *object, const char *key, char *text, size_t size,
                    const char *name, pi0_error *err);

// an optional boolean; missing or null leaves it as it is
int pi0_json_bool(const json_t *object, const char *key, bool *value, const char *name,
                  pi0_error *err);
#endif
