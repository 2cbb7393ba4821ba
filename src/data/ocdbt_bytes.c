/* SPDX-License-Identifier: Apache-2.0 */
/* ocdbt_bytes.c - frames, columns and tables of files of OCDBT. */
#include "data/ocdbt_bytes.h"
#include "data/crc32c.h"
#include "data/unzstd.h"
#include <stdlib.h>
#include <string.h>

#define HEADER 14 // magic, length, version and compression of a byte each
#define CRC 4

/* ---- numbers ---- */

uint64_t pi0_bytes_fixed(byte_reader *r, int n)
{
    uint64_t v = 0;
    const unsigned char *p = pi0_bytes_take(r, (uint64_t)n);
    for (int i = 0; p && i < n; i++) v |= (uint64_t)p[i] << 8 * i;
    return v;
}

uint64_t pi0_bytes_varint(byte_reader *r)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        const unsigned char b = *r->at++;
        if (shift == 63 && b > 1) break;
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) return v;
    }
    r->bad = true;
    return 0;
}

const unsigned char *pi0_bytes_take(byte_reader *r, uint64_t n)
{
    const unsigned char *p = r->at;
    if (n > (uint64_t)(r->end - r->at)) {
        r->bad = true;
        r->at = r->end;
        return NULL;
    }
    r->at += n;
    return p;
}

size_t pi0_bytes_count(byte_reader *r)
{
    const uint64_t n = pi0_bytes_varint(r);
    if (n <= (uint64_t)(r->end - r->at)) return (size_t)n;
    r->bad = true;
    return 0;
}

int pi0_bytes_bad(const byte_reader *r, const char *what, pi0_error *err)
{
    return pi0_fail(err, PI0_EFORMAT, "%s: %s: not as OCDBT writes it", r->name, what);
}

int pi0_bytes_no_memory(const byte_reader *r, pi0_error *err)
{
    return pi0_fail(err, PI0_ENOMEM, "%s: no memory to read it", r->name);
}

int pi0_bytes_column(uint64_t **column, byte_reader *r, size_t n, uint64_t max, pi0_error *err)
{
    *column = NULL;
    if (r->bad || n > (size_t)(r->end - r->at)) return pi0_bytes_bad(r, "a column", err);
    if (!n) return PI0_OK;
    uint64_t *c = malloc(n * sizeof *c);
    if (!c) return pi0_bytes_no_memory(r, err);
    for (size_t i = 0; i < n; i++) {
        c[i] = pi0_bytes_varint(r);
        if (c[i] > max) r->bad = true;
    }
    if (r->bad) {
        free(c);
        return pi0_bytes_bad(r, "a column", err);
    }
    *column = c;
    return PI0_OK;
}

/* ---- the table of files ---- */

// a path that stays below its folder: no "/" in front, no empty part, no "." or ".."
static bool is_inside(const char *path)
{
    for (const char *part = path;; part++) {
        const size_t n = strcspn(part, "/");
        if (!n || !strncmp(part, ".", n) || (n == 2 && !strncmp(part, "..", n))) return false;
        part += n;
        if (!*part) return true;
    }
}

// path i: `shared` bytes of the one before, then the suffix
static int read_path(ocdbt_file *files, size_t i, uint64_t shared, uint64_t suffix, uint64_t base,
                     byte_reader *r, pi0_error *err)
{
    ocdbt_file *f = &files[i];
    const unsigned char *text = pi0_bytes_take(r, suffix);
    const uint64_t length = shared + suffix;
    if (!text || length >= OCDBT_PATH_SIZE || base > length ||
        (shared && (!i || shared > strlen(files[i - 1].path))))
        return pi0_bytes_bad(r, "the table of data files", err);
    if (shared) memcpy(f->path, files[i - 1].path, (size_t)shared);
    memcpy(f->path + shared, text, (size_t)suffix);
    f->path[length] = 0;
    f->base = (size_t)base;
    // an empty one stands for the root of an empty version; whoever follows it refuses it
    if (!length || (strlen(f->path) == length && is_inside(f->path))) return PI0_OK;
    return pi0_fail(err, PI0_EFORMAT,
                    "%s: data file \"%s\": not the path of a file below the checkpoint's folder",
                    r->name, f->path);
}

static int read_paths(ocdbt_file *files, size_t n, byte_reader *r, pi0_error *err)
{
    uint64_t *shared = NULL, *suffix = NULL, *base = NULL;
    int status = pi0_bytes_column(&shared, r, n - 1, OCDBT_PATH_SIZE, err);
    if (!status) status = pi0_bytes_column(&suffix, r, n, OCDBT_PATH_SIZE, err);
    if (!status) status = pi0_bytes_column(&base, r, n, OCDBT_PATH_SIZE, err);
    for (size_t i = 0; i < n && !status; i++)
        status = read_path(files, i, i ? shared[i - 1] : 0, suffix[i], base[i], r, err);
    free(shared);
    free(suffix);
    free(base);
    return status;
}

int pi0_ocdbt_files(ocdbt_file **files, size_t *n_files, byte_reader *r, pi0_error *err)
{
    const size_t n = pi0_bytes_count(r);
    if (r->bad || n > 65536) return pi0_bytes_bad(r, "the table of data files", err);
    if (!n) return PI0_OK;
    ocdbt_file *list = calloc(n, sizeof *list);
    if (!list) return pi0_bytes_no_memory(r, err);
    const int status = read_paths(list, n, r, err);
    if (status) {
        free(list);
        return status;
    }
    *files = list;
    *n_files = n;
    return PI0_OK;
}

/* ---- the frame ---- */

static int check_frame(const unsigned char *data, size_t size, uint32_t magic, const char *name,
                       pi0_error *err)
{
    byte_reader r = { data, data + size, name, false };
    uint32_t found = 0;
    if (size < HEADER + CRC)
        return pi0_fail(err, PI0_EFORMAT, "%s: truncated: %zu bytes", name, size);
    for (int i = 0; i < 4; i++) found = found << 8 | (uint32_t)pi0_bytes_fixed(&r, 1);
    if (found != magic)
        return pi0_fail(err, PI0_EFORMAT, "%s: begins with %08x, expected %08x: not of OCDBT", name,
                        (unsigned)found, (unsigned)magic);
    const uint64_t length = pi0_bytes_fixed(&r, 8);
    if (length != size)
        return pi0_fail(err, PI0_EFORMAT, "%s: %zu bytes, but its header says %llu", name, size,
                        (unsigned long long)length);
    r.at = data + size - CRC;
    const uint32_t stored = (uint32_t)pi0_bytes_fixed(&r, CRC), is = pi0_crc32c(data, size - CRC);
    if (stored != is)
        return pi0_fail(err, PI0_EFORMAT, "%s: damaged: its checksum is %08x, the stored one %08x",
                        name, (unsigned)is, (unsigned)stored);
    return PI0_OK;
}

int pi0_ocdbt_body(unsigned char **body, size_t *body_size, const unsigned char *data, size_t size,
                   uint32_t magic, const char *name, pi0_error *err)
{
    const int status = check_frame(data, size, magic, name, err);
    if (status) return status;
    byte_reader r = { data + 12, data + size - CRC, name, false };
    const uint64_t version = pi0_bytes_varint(&r), compression = pi0_bytes_varint(&r);
    const size_t n = (size_t)(r.end - r.at);
    if (r.bad || version != 0 || compression > 1)
        return pi0_fail(err, PI0_EUNSUPPORTED,
                        "%s: version %llu, compression %llu: known are version 0, compression 0 "
                        "and 1",
                        name, (unsigned long long)version, (unsigned long long)compression);
    if (compression) return pi0_unzstd_whole(body, body_size, r.at, n, OCDBT_MAX_BODY, name, err);
    unsigned char *copy = malloc(n + 1);
    if (!copy) return pi0_bytes_no_memory(&r, err);
    *body = memcpy(copy, r.at, n);
    *body_size = n;
    return PI0_OK;
}
