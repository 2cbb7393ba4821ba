/* SPDX-License-Identifier: Apache-2.0 */
/* serve_key.c - see serve_key.h. */
#include "serve_key.h"
#include "fail.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_MAX 256 // a header is bounded too
#define SCHEME "Api-Key "

int pi0_serve_key_read(char **key, bool *open, const char *path, pi0_error *err)
{
    char *text;
    size_t size;
    struct stat about;
    const int status = pi0_file_read(&text, &size, path, 1 << 16, err);
    if (status) return status;
    size_t n = 0;
    while (n < size && text[n] != '\n' && text[n] != '\r') n++;
    const char *wrong = !n            ? "its first line is empty"
                        : n > KEY_MAX ? "its first line is too long"
                                      : NULL;
    for (size_t i = 0; i < n && !wrong; i++)
        if (text[i] <= ' ' || text[i] > '~') wrong = "blanks or characters that are not ASCII";
    if (wrong) {
        free(text);
        return pi0_fail(err, PI0_EFORMAT, "%s: %s; expected a key of 1 to %d printable characters",
                        path, wrong, KEY_MAX);
    }
    text[n] = 0;
    *key = text;
    *open = !stat(path, &about) && (about.st_mode & (S_IRGRP | S_IROTH));
    return PI0_OK;
}

bool pi0_serve_key_matches(const char *key, const char *authorization)
{
    const size_t scheme = strlen(SCHEME);
    if (strncmp(authorization, SCHEME, scheme)) return false;
    const char *shown = authorization + scheme;
    const size_t n = strlen(key), m = strlen(shown);
    // all of what was shown is looked at, whatever is found
    volatile unsigned char different = n != m;
    for (size_t i = 0; i < m; i++) different |= (unsigned char)(shown[i] ^ key[i % n]);
    return !different;
}
