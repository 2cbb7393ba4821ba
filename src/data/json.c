/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - jansson with this library's rules; see json.h. */
#include "data/json.h"
#include "core/file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES 100000000u // as the header of a safetensors file

const char *pi0_json_kind(const json_t *value)
{
    if (!value) return "missing";
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a real number";
    case JSON_NULL: return "null";
    default: return "a boolean";
    }
}

int pi0_json_clip(const char *text, size_t length)
{
    size_t n = length;
    if (n <= 200) return (int)n;
    n = 200;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    return (int)n;
}

// the key that ends in front of `position` (behind its closing quote); *start: where it begins
static int key_before(const char *text, size_t position, const char **start)
{
    size_t end = position - 1, first;
    for (first = end; first > 0; first--)
        if (text[first - 1] == '"' && (first < 2 || text[first - 2] != '\\')) break;
    *start = text + first;
    return pi0_json_clip(*start, end - first);
}

static int syntax_error(const json_error_t *e, const char *text, size_t size, const char *name,
                        pi0_error *err)
{
    const size_t position = e->position > 0 ? (size_t)e->position : 0;
    if (json_error_code(e) == json_error_duplicate_key && position > 1 && position <= size) {
        const char *key;
        const int length = key_before(text, position, &key);
        return pi0_fail(err, PI0_EFORMAT, "%s: line %d, column %d: key \"%.*s\" is there twice",
                        name, e->line, e->column, length, key);
    }
    if (json_error_code(e) == json_error_invalid_utf8)
        return pi0_fail(err, PI0_EFORMAT, "%s: line %d, column %d: not UTF-8: %s", name, e->line,
                        e->column, e->text);
    // the text quotes the input and may end within a character
    char quoted[JSON_ERROR_TEXT_LENGTH];
    snprintf(quoted, sizeof quoted, "%s", e->text);
    for (char *c = quoted; *c; c++)
        if ((unsigned char)*c > '~') *c = '?';
    return pi0_fail(err, PI0_EFORMAT, "%s: line %d, column %d: not JSON: %s", name, e->line,
                    e->column, quoted);
}

int pi0_json_parse(json_t **root, const char *text, size_t size, const char *name, pi0_error *err)
{
    json_error_t e;
    if (size == 0) return pi0_fail(err, PI0_EFORMAT, "%s: empty, expected a JSON object", name);
    if (size > MAX_BYTES)
        return pi0_fail(err, PI0_EFORMAT, "%s: %zu bytes of JSON, at most %u are allowed", name,
                        size, MAX_BYTES);
    // jansson gives no code where malloc failed, and may go on with a character lost: ask errno
    errno = 0;
    json_t *parsed = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
    if (errno == ENOMEM || (!parsed && json_error_code(&e) == json_error_out_of_memory)) {
        json_decref(parsed);
        return pi0_fail(err, PI0_ENOMEM, "%s: no memory for its JSON", name);
    }
    if (!parsed) return syntax_error(&e, text, size, name, err);
    if (!json_is_object(parsed)) {
        json_decref(parsed);
        return pi0_fail(err, PI0_EFORMAT, "%s: expected a JSON object, found an array", name);
    }
    *root = parsed;
    return PI0_OK;
}

int pi0_json_read(json_t **root, const char *path, pi0_error *err)
{
    char *text;
    size_t size;
    int status = pi0_file_read(&text, &size, path, MAX_BYTES, err);
    if (status) return status;
    status = pi0_json_parse(root, text, size, path, err);
    free(text);
    return status;
}

int pi0_json_int(const json_t *object, const char *key, int min, int max, int *value,
                 const char *name, pi0_error *err)
{
    const json_t *v = json_object_get(object, key);
    if (!v || json_is_null(v)) return PI0_OK;
    if (!json_is_integer(v))
        return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\" is %s, expected an integer, %d..%d", name,
                        key, pi0_json_kind(v), min, max);
    const json_int_t i = json_integer_value(v);
    if (i < min || i > max)
        return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\" is %lld, expected %d..%d", name, key,
                        (long long)i, min, max);
    *value = (int)i;
    return PI0_OK;
}

int pi0_json_string(const json_t *object, const char *key, char *text, size_t size,
                    const char *name, pi0_error *err)
{
    const json_t *v = json_object_get(object, key);
    if (!v || json_is_null(v)) return PI0_OK;
    if (!json_is_string(v))
        return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\" is %s, expected a string", name, key,
                        pi0_json_kind(v));
    const size_t length = json_string_length(v);
    if (length >= size)
        return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\" has %zu bytes, at most %zu are allowed", name,
                        key, length, size - 1);
    memcpy(text, json_string_value(v), length + 1);
    return PI0_OK;
}

int pi0_json_bool(const json_t *object, const char *key, bool *value, const char *name,
                  pi0_error *err)
{
    const json_t *v = json_object_get(object, key);
    if (!v || json_is_null(v)) return PI0_OK;
    if (!json_is_boolean(v))
        return pi0_fail(err, PI0_EFORMAT, "%s: \"%s\" is %s, expected true or false", name, key,
                        pi0_json_kind(v));
    *value = json_is_true(v);
    return PI0_OK;
}
